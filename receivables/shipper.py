"""Ships the decision log again and again, from a thread of its own that a hanging database holds up alone."""

from __future__ import annotations

import datetime as dt
import logging
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from receivables.errors import ConflictError, OtcRiskError
from receivables.files import write_once
from receivables.shipping import Shipped, ship

#: Environment variables: the address of the copy (it may hold a password), and the name of this node in it.
SHIP_TO: Final = "OTCRISK_SHIP_TO"
NODE: Final = "OTCRISK_NODE"
#: Seconds between two passes, and at most after failures.
EVERY: Final = 1.0
LONGEST: Final = 30.0
_NODE_FILE: Final = "node"
_LOG: Final = logging.getLogger("otcrisk.shipping")


def node_of(folder: Path) -> str:
    """The name of this node: what OTCRISK_NODE says, else one that was made for the decision log's folder."""
    named = os.environ.get(NODE)
    if named:
        return named
    write_once(folder / _NODE_FILE, f"node-{secrets.token_hex(8)}".encode())
    return (folder / _NODE_FILE).read_text(encoding="ascii")


class Shipper:
    """Copies what is new in the log `path` until it is closed; an order never waits for it."""

    def __init__(
        self,
        path: Path,
        url: str,
        *,
        every: float = EVERY,
        once: Callable[..., Shipped] = ship,
    ) -> None:
        self._path, self._url, self._every, self._once = path, url, every, once
        self._node = node_of(path.parent)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otcrisk-shipping", daemon=True)
        self._thread.start()

    def close(self, patience: float = 2.0) -> None:
        """Ends it; a thread that hangs on the database is left behind after `patience` seconds, it holds nothing."""
        self._ended.set()
        self._thread.join(patience)

    def _run(self) -> None:
        wait, is_down = self._every, False
        while not self._ended.wait(wait):
            try:
                self._once(self._path, self._url, self._node, now=dt.datetime.now(dt.UTC))
            except ConflictError as error:
                _LOG.error("shipping has stopped: %s", error)
                return
            except OtcRiskError as error:
                if not is_down:  # once, not with every pass
                    _LOG.error("decisions wait to be shipped: %s", error)
                wait, is_down = min(wait * 2, LONGEST), True
            else:
                if is_down:
                    _LOG.warning("shipping goes on")
                wait, is_down = self._every, False
