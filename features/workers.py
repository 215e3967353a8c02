"""Work on many parts: one after the other, or on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from receivables.errors import UnavailableError

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Applies a function of a module to every item and yields the results as they come, in any order."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
        """The results."""


def one_by_one(work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
    """The results, computed in this process.

    >>> list(one_by_one(abs, [-1, 2]))
    [1, 2]
    """
    return map(work, items)


@contextmanager
def processes(n: int) -> Iterator[Each]:
    """`n` processes, each with one thread; with one, everything happens in this process.

    Raises UnavailableError where a process is killed; what its fellows finished stays done.
    """
    if n <= 1:
        yield one_by_one
        return
    # spawned, not forked: Arrow and the database driver have threads and connections that a fork would break
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n, mp_context=context, initializer=_prepare) as pool:

        def each(work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
            futures = [pool.submit(work, item) for item in items]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool:
                raise UnavailableError(
                    "a worker process was killed (out of memory?); run the same command again: finished partitions "
                    "are kept. Fewer processes or more partitions need less memory"
                ) from None
            finally:
                for future in futures:
                    future.cancel()

        yield each


def _prepare() -> None:
    """Makes a fresh worker modest: one thread, leaves Ctrl-C to its parent, and does not outlive it."""
    import numba
    import pyarrow as pa

    numba.set_num_threads(1)
    pa.set_cpu_count(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
