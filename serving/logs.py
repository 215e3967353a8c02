"""Lines of log as JSON on standard error: what happened, where and when, never a value of a request.

Customers appear as a keyed digest at most. What a caller can choose (a request id) cannot break a line: it
is JSON text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import queue
import sys
from collections.abc import Mapping
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from typing import Any, Final, TextIO

#: Answered requests, a line each, at level INFO.
REQUESTS: Final = logging.getLogger("otcrisk.requests")
#: Names of loggers whose lines are ours to write.
_LOGGERS: Final = ("otcrisk", "uvicorn", "bentoml")
_ABOUT: Final = "about"


class JsonLines(logging.Formatter):
    """One line per record: moment, level, logger, message, and what the record is `about`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; a traceback is told as places only."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at.replace("+00:00", "Z"), "level": record.levelname, "logger": record.name}
        line["message"] = record.getMessage() if record.name.startswith("otcrisk") else _plain(record)
        line |= getattr(record, _ABOUT, {})
        return json.dumps(line, ensure_ascii=True, default=str)


class _Waiting(QueueHandler):
    """Leaves the line to another thread; a line too many is dropped, an order never waits for the disk of the log."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self.queue.put_nowait(record)


def start(level: str = "WARNING", stream: TextIO | None = None) -> QueueListener:
    """Sends what the service logs from `level` on to `stream` (standard error) as JSON; ends with `stop()`."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(10_000)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Waiting(waiting)], False
        logger.setLevel(level)
    listener = QueueListener(waiting, handler)
    listener.start()
    return listener


def told(request_id: str, route: str, method: str, status: int, seconds: float, about: Mapping[str, Any]) -> None:
    """Logs an answered request; `about` must hold no value of it."""
    what = {
        "request_id": request_id, "route": route, "method": method, "status": status,
        "ms": round(seconds * 1_000.0, 1), **about,
    }  # fmt: skip
    REQUESTS.info("answered", extra={_ABOUT: what})


def pseudonym(key: bytes, customer_id: str) -> str:
    """Tells lines about one customer from others, and to nobody without the key who it is."""
    return hmac.new(key, customer_id.encode(errors="replace"), hashlib.sha256).hexdigest()[:16]


def _plain(record: logging.LogRecord) -> str:
    """What a library says, without what it was given: its arguments may be anything."""
    return str(record.msg)
