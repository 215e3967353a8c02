"""The service signs checkpoints of its own decision log: every hour, and when it stops."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
from pathlib import Path
from typing import Final

from receivables import checkpoints
from receivables.config import home
from receivables.decision_log import DecisionLog
from receivables.errors import OtcRiskError
from receivables.signature import SIGNING, SIGNING_FILE, SigningKey, read_key, trusted_keys

#: Environment variable: folder of the checkpoints; one that the service's user cannot change is worth most.
FOLDER: Final = "OTCRISK_CHECKPOINTS"
#: Seconds between two checkpoints.
EVERY: Final = 3_600.0
_LOG: Final = logging.getLogger("otcrisk.serving")


def folder() -> Path:
    """Where checkpoints lie: what `FOLDER` names, else checkpoints/ in OTCRISK_HOME."""
    return Path(os.environ.get(FOLDER) or home() / "checkpoints")


class Checkpointing:
    """Writes a checkpoint whenever the log has grown since the last, until it is closed; nothing waits for it."""

    def __init__(self, log: DecisionLog, *, place: Path | None = None, every: float = EVERY) -> None:
        self._log, self._place, self._every = log, place or folder(), every
        self._newest, self._ended = log.head()[0], threading.Event()
        self._key = _key()
        self._writing = threading.Thread(target=self._write_now_and_then, name="otcrisk-checkpoints", daemon=True)
        self._writing.start()

    def close(self) -> None:
        """Writes the last one; the log must still be open."""
        self._ended.set()
        self._writing.join()

    def _write_now_and_then(self) -> None:
        while not self._ended.wait(self._every):
            self._write()
        self._write()

    def _write(self) -> None:
        if self._key is None:
            return
        try:
            head = self._log.head()
            if head[0] > self._newest:
                checkpoints.write(self._place, head, dt.datetime.now(dt.UTC), self._key)
                self._newest = head[0]
        except OtcRiskError as error:
            _LOG.error("no checkpoint of the decision log: %s", error)


def _key() -> SigningKey | None:
    """The installation's key; null on a machine that has none, or one that nobody would believe."""
    try:
        path = Path(os.environ.get(SIGNING) or home() / "keys" / SIGNING_FILE)
        key = read_key(path) if path.is_file() else None
        if key is not None and key.id in trusted_keys().keys:
            return key
        _LOG.warning("no checkpoints of the decision log: there is no signing key here that is trusted here")
    except (OtcRiskError, OSError) as error:
        _LOG.warning("no checkpoints of the decision log: %s", error)
    return None
