"""Calls to what may hang: made on a few threads of their own, waited for briefly, and left behind, never cancelled.

Cancelling a call to a frozen database waits for that database. So whoever asks gives up waiting and goes on; the call
keeps its thread until the other side comes back. After a few calls in a row that were left behind or failed nobody asks
any more (the breaker is open) until a probe, or a call that was left behind, has come through. Each call that was left
behind or failed halves the patience of the next.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Final, TypeVar

from receivables.errors import UnavailableError

T = TypeVar("T")

#: Calls in a row that were left behind or failed before nobody asks any more.
FAILURES: Final = 3
#: Seconds between two probes, and how many may hang at once.
PROBE_EVERY: Final = 0.2
PROBES: Final = 4
#: Threads that calls may hold.
THREADS: Final = 8
_Work = tuple["Future[object]", Callable[[], object]]


class Pool:
    """A few daemon threads, started when there is work: one that hangs in a call keeps no process from ending."""

    def __init__(self, threads: int, name: str) -> None:
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._number, self._name, self._started = threads, name, 0
        self._starting = threading.Lock()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """What the call gives or raises, once a thread has got to it."""
        future: Future[T] = Future()
        self._start()
        self._waiting.put((future, call))  # type: ignore[arg-type]  # one queue for calls of every type
        return future

    def close(self) -> None:
        """Ends the threads as they become free; nobody waits for them."""
        for _ in range(self._started):
            self._waiting.put(None)

    def _start(self) -> None:
        """One more thread, until there are as many as there may be."""
        if self._started < self._number:
            with self._starting:
                if self._started < self._number:
                    threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
                    self._started += 1

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            future, call = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                future.set_exception(error)


class Breaker:
    """Asks for as long as that makes sense. `probe` is a small call that succeeds when the other side is back."""

    def __init__(
        self, probe: Callable[[], object], *, name: str = "otcrisk-ledger", every: float = PROBE_EVERY
    ) -> None:
        self._probe, self._name, self._every = probe, name, every
        self._pool = Pool(THREADS, name)
        self._lock = threading.Lock()
        self._failures, self._opened, self._probing = 0, 0, 0
        self._is_watched = False
        self._ended = threading.Event()
        self.is_open = False

    @property
    def opened(self) -> int:
        """How often it has opened."""
        return self._opened

    async def ask(self, call: Callable[[], T], patience: float) -> T | None:
        """What the call gives within `patience` seconds; null where it was left behind, failed, or was not made.

        Patience is halved for every call in a row before it that was left behind or failed.
        """
        if self.is_open:
            return None
        waiting = asyncio.wrap_future(self._submit(call))
        done, _ = await asyncio.wait({waiting}, timeout=self._shortened(patience))
        waiting.add_done_callback(_forgotten)
        return self._outcome(waiting.result if done else None)

    def ask_now(self, call: Callable[[], T], patience: float) -> T | None:
        """`ask` from a thread."""
        if self.is_open:
            return None
        waiting = self._submit(call)
        done, _ = wait({waiting}, timeout=self._shortened(patience))
        return self._outcome(waiting.result if done else None)

    def close(self) -> None:
        """Ends the threads; one that hangs is not waited for."""
        self._ended.set()
        self._pool.close()

    def _shortened(self, patience: float) -> float:
        return patience / (1 << self._failures)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        made = self._pool.submit(call)
        made.add_done_callback(self._came_back)
        return made

    def _outcome(self, result: Callable[[], T] | None) -> T | None:
        if result is None:
            self._failed()
            return None
        try:
            return result()
        except UnavailableError:
            self._failed()
            return None

    def _came_back(self, future: Future[T]) -> None:
        """A call that was left behind long ago may be the first to hear that the other side is back."""
        if not future.cancelled() and future.exception() is None:
            with self._lock:
                self._failures, self.is_open = 0, False

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self.is_open or self._failures < FAILURES:
                return
            self.is_open = True
            self._opened += 1
            if self._is_watched:
                return
            self._is_watched = True
        threading.Thread(target=self._watch, name=f"{self._name}-watch", daemon=True).start()

    def _watch(self) -> None:
        """Sends probes, each on a thread of its own, until one has come through."""
        while not self._ended.wait(self._every):
            with self._lock:
                if not self.is_open:
                    self._is_watched = False
                    return
                if self._probing >= PROBES:
                    continue
                self._probing += 1
            threading.Thread(target=self._try, name=f"{self._name}-probe", daemon=True).start()

    def _try(self) -> None:
        is_back = False
        with suppress(Exception):  # whatever it is, the other side is not back
            self._probe()
            is_back = True
        with self._lock:
            self._probing -= 1
            if is_back:
                self._failures, self.is_open = 0, False


def _forgotten(waiting: asyncio.Future[T]) -> None:
    """Looks at the failure of a call that nobody waits for, so that the loop does not report it."""
    if not waiting.cancelled():
        waiting.exception()
