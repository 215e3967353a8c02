"""Answers that hold until a file is written to: a look at its count of writes instead of a query."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

#: Answers that are kept; where there are more, all are asked for anew.
_MOST: Final = 4_096

_Answer = TypeVar("_Answer")


class Unchanged:
    """Keeps answers by question until `version` changes, which counts the writes of other connections. Thread-safe.

    SQLite's count is `PRAGMA data_version`, asked on a connection that never writes itself.
    """

    def __init__(self, version: Callable[[], int | None]) -> None:
        self._version_of, self._lock = version, threading.Lock()
        self._version: int | None = None
        self._answers: dict[Hashable, Any] = {}

    def get(self, question: Hashable, ask: Callable[[], _Answer]) -> _Answer:
        """What `ask` gave since the last write; a version of null keeps nothing."""
        with self._lock:
            version = self._version_of()  # before the answer: a write in between is seen the next time
            if version != self._version or len(self._answers) >= _MOST:
                self._answers, self._version = {}, version
            if version is not None:
                if question not in self._answers:
                    self._answers[question] = ask()
                answer: _Answer = self._answers[question]
                return answer
        return ask()  # of another machine: whoever hangs there must keep nobody else waiting
