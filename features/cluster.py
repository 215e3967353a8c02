"""The same work on the workers of a Dask cluster. They need this package and the folders under the same paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from features.workers import Each
from receivables.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

HOW_TO_START: Final = (
    "start a scheduler with `dask scheduler --host HOST` and, on each machine, `dask worker tcp://HOST:8786 "
    "--nthreads 1`, then name it: --scheduler tcp://HOST:8786"
)
_CONNECT_SECONDS: Final = 10


@contextmanager
def dask_workers(scheduler: str | None) -> Iterator[Each]:
    """The workers of the cluster at `scheduler`, an address such as tcp://host:8786.

    A part whose worker is lost goes to another. Raises InputError without an address, UnavailableError where Dask is
    not installed, nobody answers, there are no workers, or a part took several workers down with it.
    """
    with connected(scheduler) as client:

        def each(work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
            return _results(client, work, items)

        yield each


@contextmanager
def connected(scheduler: str | None) -> Iterator[Client]:
    """A client of the cluster; raises as `dask_workers` does."""
    if not scheduler:
        raise InputError(f"expected the address of a Dask scheduler; {HOW_TO_START}")
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError(
            "the engine dask needs the packages of the extra `cluster`: pip install 'otc-risk[cluster]'"
        ) from None
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # nobody there; no address
        raise UnavailableError(f"scheduler {scheduler}: cannot be reached: {error}; {HOW_TO_START}") from None
    with client:
        if not client.nthreads():
            raise UnavailableError(f"scheduler {scheduler}: has no workers; {HOW_TO_START}")
        yield client


def _results(client: Client, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    from distributed import KilledWorker, as_completed

    # not pure: a run that is repeated must look at the files again, not at what the cluster remembers
    futures = client.map(work, list(items), pure=False)
    try:
        for future in as_completed(futures, loop=client.loop):
            yield future.result()
    except KilledWorker as error:
        raise UnavailableError(
            f"several workers died over one partition (out of memory?): {error}; more partitions need less memory"
        ) from None
    finally:
        client.cancel(futures)
