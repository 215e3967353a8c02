"""How often the payment dates that were answered held: found out beside the path, at the start and as the ledger grows.

The figure is as of the beginning of a day, so that orders of one day are all told the same, and an order for an earlier
moment is not told what came later.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from typing import Final

from receivables.errors import OtcRiskError
from receivables.matured import Coverage, observed_coverage
from serving.predict import INTERVAL
from serving.state import State

#: Seconds between two looks at the ledger, which is read only where it or the day has changed.
EVERY: Final = 600.0
_LOG: Final = logging.getLogger("otcrisk.serving")


def today() -> dt.date:
    """The day of the clock, UTC."""
    return dt.datetime.now(dt.UTC).date()


class CoverageWatch:
    """Keeps `state.coverage` from a thread of its own until it is closed; no order waits for it."""

    def __init__(self, state: State, *, every: float = EVERY, today: Callable[[], dt.date] = today) -> None:
        self._state, self._every, self._today = state, every, today
        self._seen: tuple[int, dt.date] | None = None
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="otcrisk-coverage", daemon=True)
        self._watching.start()

    def close(self) -> None:
        """Ends the watch; a ledger that hangs is not waited for."""
        self._ended.set()
        self._watching.join(1.0)

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                self._look()
            except OtcRiskError as error:
                _LOG.warning("the coverage of payment dates stays as it was: %s", error)
            except Exception as error:  # noqa: BLE001 - a figure beside the answers must not end the watch
                _LOG.error("the coverage of payment dates stays as it was: %s", type(error).__name__)
            self._ended.wait(self._every)

    def _look(self) -> None:
        store, day = self._state.payers.store, self._today()
        if store is None:
            return
        seen = store.sequence(), day
        if seen != self._seen:
            self._state.coverage = observed_coverage(self._state.log.path, store, day=day, level=INTERVAL)
            self._seen = seen


def told(coverage: Coverage | None, as_of: dt.datetime) -> float | None:
    """What an order of a moment may be told, to three decimals; null where the figure is of a later day."""
    if coverage is None or as_of.astimezone(dt.UTC).date() < coverage.day:
        return None
    return round(coverage.share, 3)
