"""Features of every invoice of a partitioned ledger, partition by partition, on as many workers as there are.

    part-00000.parquet     features of the invoices of partition 0, by customer, issue date and invoice
    _run/run.json          what this folder holds: feature set, ledger, partitions
    _run/counts/           how peers paid in each partition; only until that is added up
    _run/peers.parquet     how peers paid in all of them

Peers' rates span partitions, so there are two passes: count each partition's peers, add the counts up, then compute
features. Every file appears when it is complete, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from features.engine import build_features
from features.expression import Floats
from features.history import History, Ints
from features.landing import ROW_GROUP, drafted, features_schema, read_counts, write_counts, write_features
from features.memory import keep_memory
from features.orders import Orders
from features.peers import PeerCounts
from features.priors import Priors
from features.table import NAMES, VERSION
from features.workers import Each, one_by_one
from receivables.bulk import Track, untracked
from receivables.errors import ConflictError, InputError
from receivables.partitions import PartitionedLedger

#: Tables that say when invoices were settled.
_SETTLING: Final = ("customers", "invoices", "allocations", "credit_notes", "write_offs")
#: Files of counts that one worker adds up.
_ADDED_AT_ONCE: Final = 16
T = TypeVar("T")


@dataclass(frozen=True)
class Portfolio:
    """A folder of features: `rows` in `partitions` files, `kept` of which an earlier run had finished."""

    folder: Path
    rows: int
    partitions: int
    kept: int


@dataclass(frozen=True)
class Part:
    """One partition's share of the work: what a worker, here or on another machine, needs to know."""

    ledger: Path
    out: Path
    number: int
    version: str
    fingerprint: str

    @property
    def counts(self) -> Path:
        """Where its peer counts go."""
        return _counts_folder(self.out) / f"part-{self.number:05d}.parquet"

    @property
    def file(self) -> Path:
        """Where its features go."""
        return self.out / f"part-{self.number:05d}.parquet"


@dataclass(frozen=True)
class Sum:
    """Files of counts, and the file for what they come to."""

    files: tuple[Path, ...]
    into: Path


def build_portfolio(
    source: PartitionedLedger, out: Path, *, each: Each = one_by_one, track: Track = untracked
) -> Portfolio:
    """Every invoice as the order it came from, as of 00:00 UTC of its issue date: its features, written to `out`.

    Values do not depend on the number or order of partitions nor on the workers; files are the same to the byte for
    the same partitions. Raises InputError where `out` holds features of another ledger or feature set, ConflictError
    where another run is writing to it.
    """
    parts = [
        Part(source.folder.absolute(), out.absolute(), number, VERSION, source.fingerprint)
        for number in range(source.partitions)
    ]
    with _claimed(out, source):
        if not _peers_file(out).exists():
            _counts_folder(out).mkdir(exist_ok=True)
            uncounted = [part for part in parts if not part.counts.exists()]
            _work(each, count_part, uncounted, track, "counting peers")
            _add_up(each, out.absolute(), [part.counts for part in parts], track)
        shutil.rmtree(_counts_folder(out), ignore_errors=True)
        unbuilt = [part for part in parts if not part.file.exists()]
        _work(each, build_part, unbuilt, track, "features")
    return Portfolio(out, source.rows["invoices"], len(parts), len(parts) - len(unbuilt))


def _work(each: Each, work: Callable[[T], int], items: Sequence[T], track: Track, label: str) -> None:
    if items:
        for _ in track(each(work, items), label=label, total=len(items)):
            pass


def count_part(part: Part) -> int:
    """Writes one partition's peer counts; returns its number."""
    keep_memory()
    _check_version(part)
    ledger = _opened(part).read(part.number, _SETTLING)
    write_counts(part.counts, Priors.parts(History.of(ledger)))
    return part.number


def build_part(part: Part) -> int:
    """Writes one partition's features; returns its number."""
    keep_memory()
    _check_version(part)
    ledger = _opened(part).read(part.number)
    history, orders = History.of(ledger), Orders.of_invoices(ledger)
    codes = history.codes(orders.customer_id)
    by_customer = np.argsort(codes, kind="stable")
    blocks = _blocks(history, orders.take(by_customer), codes[by_customer], _priors(part.out))
    write_features(part.file, features_schema(part.fingerprint), blocks)
    return part.number


def _blocks(history: History, orders: Orders, codes: Ints, priors: Priors) -> Iterator[tuple[Orders, Floats]]:
    """Some orders at a time with their features, which hold until the next ones are asked for."""
    room = np.empty((min(ROW_GROUP, len(orders)), len(NAMES)))
    for start in range(0, len(orders), ROW_GROUP):
        rows = slice(start, start + ROW_GROUP)
        block = orders.take(rows)
        yield block, build_features(history, block, priors, codes=codes[rows], out=room[: len(block)])


def _check_version(part: Part) -> None:
    if part.version != VERSION:
        raise InputError(
            f"expected a worker with feature set {part.version}, this one computes {VERSION}: install the same "
            f"release of otc-risk on every worker"
        )


def _opened(part: Part) -> PartitionedLedger:
    source = PartitionedLedger.open(part.ledger)
    if source.fingerprint != part.fingerprint:
        raise InputError(f"ledger {part.ledger}: was replaced while features were computed; run again")
    return source


def _priors(out: Path) -> Priors:
    file = _peers_file(out)
    return _read_priors(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read_priors(file: Path, _written_ns: int) -> Priors:
    return Priors.merge([read_counts(file)])


def _add_up(each: Each, out: Path, files: Sequence[Path], track: Track) -> None:
    """Adds counts up in a tree, so that many partitions do not queue for one process."""
    level = 0
    while len(files) > _ADDED_AT_ONCE:
        level += 1
        sums = [
            Sum(tuple(files[i : i + _ADDED_AT_ONCE]), _counts_folder(out) / f"sum-{level}-{i:05d}.parquet")
            for i in range(0, len(files), _ADDED_AT_ONCE)
        ]
        _work(each, add_up, [one for one in sums if not one.into.exists()], track, "adding peers up")
        files = [one.into for one in sums]
    add_up(Sum(tuple(files), _peers_file(out)))


def add_up(what: Sum) -> int:
    """Writes the sum of some counts; returns how many they were."""
    total = PeerCounts.merge([])
    for file in what.files:  # two in memory at a time: with many segments they are large
        total = PeerCounts.merge([total, read_counts(file)])
    write_counts(what.into, total)
    return len(what.files)


def _counts_folder(out: Path) -> Path:
    return out / "_run" / "counts"


def _peers_file(out: Path) -> Path:
    return out / "_run" / "peers.parquet"


@contextmanager
def _claimed(out: Path, source: PartitionedLedger) -> Iterator[None]:
    """Holds the folder for this run and this ledger; the system lets go of it even if the run is killed."""
    # names with an underscore are passed over by whoever reads the folder as one data set
    (out / "_run").mkdir(parents=True, exist_ok=True)
    with (out / "_run" / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{out}: another run is writing features to this folder; wait for it") from None
        _check_content(out, source)
        for draft in [*out.glob(".*.draft"), *(out / "_run").rglob(".*.draft")]:
            draft.unlink(missing_ok=True)  # of a run that was killed
        yield


def _check_content(out: Path, source: PartitionedLedger) -> None:
    wanted = {"feature_set_version": VERSION, "ledger_fingerprint": source.fingerprint, "partitions": source.partitions}
    file = out / "_run" / "run.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    if found is None and not any(out.glob("part-*.parquet")):
        with drafted(file) as draft:
            draft.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    elif found != wanted:
        raise InputError(
            f"{out}: expected a new folder or an unfinished run of this ledger ({source.fingerprint[:12]}) with "
            f"feature set {VERSION}, found {found or 'files of another origin'}; name another folder or delete this one"
        )
