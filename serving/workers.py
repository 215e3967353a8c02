"""Several workers behind one socket: forked from a process that has loaded everything, watched, replaced when they die.

The parent loads packages, champion and policy, starts no thread and opens no file that a worker would share; so a new
worker is there in a fraction of a second. Each worker opens the decision log and the ledger for itself. SIGTERM stops
all of them, SIGHUP replaces them one after the other, each drained before it goes.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

#: Seconds between two looks at the workers.
_LOOK: Final = 0.02
#: A worker that dies younger than this is not replaced at once, so that a fault of all does not spin.
_YOUNG: Final = 1.0
#: Seconds between two looks of a worker at its parent.
_ORPHAN_LOOK: Final = 0.5
_READY: Final = b"r"


@dataclass
class _Worker:
    """A child process, the row that it counts in, when it was started, and the pipe on which it says it is ready."""

    process: int
    row: int
    started: float
    ready: int
    is_ready: bool = False
    ends: bool = False


@dataclass
class Supervisor:
    """Keeps `number` workers running; `work(row, ready)` is what one does until it ends, and says when it is ready."""

    number: int
    work: Callable[[int, Callable[[], None]], None]
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _stopping: bool = False
    _rolling: list[int] = field(default_factory=list)
    _not_before: float = 0.0

    def run(self) -> None:
        """Returns when all workers have ended after SIGTERM or SIGINT."""
        gc.collect()
        gc.freeze()  # what is loaded stays shared
        for number, handler in ((signal.SIGTERM, self._stop), (signal.SIGINT, self._stop), (signal.SIGHUP, self._roll)):
            signal.signal(number, handler)
        while not self._stopping or self._workers:
            self._bury()
            if not self._stopping:
                self._fill()
                self._go_on_rolling()
            time.sleep(_LOOK)

    def _fill(self) -> None:
        alive = sum(not worker.ends for worker in self._workers.values())
        while alive < self.number and time.monotonic() >= self._not_before:
            self._fork()
            alive += 1

    def _fork(self) -> _Worker:
        used = {worker.row for worker in self._workers.values()}
        row = next(row for row in range(2 * self.number + 1) if row not in used)
        reading, writing = os.pipe()
        parent, process = os.getpid(), os.fork()
        if not process:
            os.close(reading)
            _end_with(parent)
            _child(self.work, row, writing)
        os.close(writing)
        os.set_blocking(reading, False)
        made = _Worker(process, row, time.monotonic(), reading)
        self._workers[process] = made
        return made

    def _bury(self) -> None:
        """Takes dead workers off the list."""
        for worker in self._workers.values():
            if not worker.is_ready:
                try:
                    worker.is_ready = os.read(worker.ready, 1) == _READY
                except BlockingIOError:
                    continue
        for process in list(self._workers):
            gone, _ = os.waitpid(process, os.WNOHANG)
            if gone:
                worker = self._workers.pop(process)
                os.close(worker.ready)
                if not worker.ends and time.monotonic() - worker.started < _YOUNG:
                    self._not_before = time.monotonic() + _YOUNG

    def _go_on_rolling(self) -> None:
        """Ends the next of the old workers once there is a ready one in its place."""
        if not self._rolling:
            return
        old = self._workers.get(self._rolling[0])
        if old is None:
            self._rolling.pop(0)
        elif not old.ends:
            old.ends = True  # counts no longer: a new one is started beside it
        elif sum(worker.is_ready and not worker.ends for worker in self._workers.values()) >= self.number:
            os.kill(old.process, signal.SIGTERM)
            self._rolling.pop(0)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for worker in self._workers.values():
            worker.ends = True
            os.kill(worker.process, signal.SIGTERM)

    def _roll(self, number: int, frame: FrameType | None) -> None:
        self._rolling = [worker.process for worker in self._workers.values() if not worker.ends]


def _end_with(parent: int) -> None:
    """Stops this worker as SIGTERM would when its parent was killed: nobody would replace it, and it holds the port."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHAN_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _child(work: Callable[[int, Callable[[], None]], None], row: int, writing: int) -> None:
    """A worker from its first breath to its last; never returns."""
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)

        def ready() -> None:
            os.write(writing, _READY)

        work(row, ready)
        status = 0
    except BaseException as error:  # noqa: BLE001 - what is left of it is its exit code
        print(f"worker {row}: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # the parent's cleaning up is not ours


def run(number: int, listening: socket.socket, work: Callable[[socket.socket, int, Callable[[], None]], None]) -> None:
    """Runs `number` workers on one listening socket until they are stopped."""
    Supervisor(number, lambda row, ready: work(listening, row, ready)).run()
