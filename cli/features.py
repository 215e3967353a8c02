"""`otcrisk features`: the features of every invoice as of its issue date, as Parquet files."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.workers import Each
    from receivables.partitions import PartitionedLedger


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "--ledger", required=True, metavar="L|FOLDER",
        help="path of a SQLite file, a PostgreSQL URL, or the folder of a partitioned ledger",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER",
        help="where to write; a run that was interrupted goes on there",
    )  # fmt: skip
    parser.add_argument(
        "--partitions", type=_positive, metavar="N",
        help="parts to cut a store's ledger into (default: one for 250,000 invoices)",
    )  # fmt: skip
    parser.add_argument("--processes", type=_positive, default=1, metavar="N", help="worker processes (default 1)")
    parser.add_argument("--engine", choices=("local", "dask"), default="local", help="who works (default local)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Partitions the ledger where it is a store, computes what is not there yet, and says what there is."""
    from cli.output import emit, progress, say
    from features import NAMES, VERSION
    from features.portfolio import build_portfolio

    _check(args)
    with _workers(args) as each:
        source = _source(args)
        made = build_portfolio(source, args.out, each=each, track=progress)
    say(f"{len(NAMES)} features of {made.rows:,} invoices in {made.partitions} files: {made.folder}", args)
    if made.kept:
        say(f"{made.kept} of the files were there from an earlier run", args)
    emit(
        {
            "rows": made.rows,
            "features": len(NAMES),
            "feature_set_version": VERSION,
            "folder": str(made.folder),
            "partitions": made.partitions,
            "kept": made.kept,
            "ledger": str(source.folder),
            "ledger_fingerprint": source.fingerprint,
        },
        args,
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    from receivables.errors import InputError

    if args.engine == "local" and args.scheduler:
        raise InputError("--scheduler goes with --engine dask")
    if args.engine == "dask" and args.processes > 1:
        raise InputError("--processes goes with --engine local; a Dask cluster has the workers that joined it")


def _workers(args: argparse.Namespace) -> AbstractContextManager[Each]:
    if args.engine == "dask":
        from features.cluster import dask_workers

        return dask_workers(args.scheduler)
    from features.workers import processes

    return processes(args.processes)


def _source(args: argparse.Namespace) -> PartitionedLedger:
    """The partitioned ledger itself, or the store's, which is partitioned into the output folder once."""
    from receivables.errors import InputError
    from receivables.partitions import PartitionedLedger

    folder = Path(args.ledger)
    if not folder.is_dir():
        return _partitioned(args)
    if args.partitions:
        raise InputError("--partitions goes with a store; this ledger is partitioned already")
    return PartitionedLedger.open(folder)


def _partitioned(args: argparse.Namespace) -> PartitionedLedger:
    from cli.output import progress
    from receivables.errors import InputError
    from receivables.partitions import PartitionedLedger, partitions_for, write_partitions
    from receivables.store import open_store

    # readers of the output as one data set pass over names with an underscore
    folder = args.out / "_ledger"
    with open_store(args.ledger) as store:
        if not folder.is_dir():
            wanted = args.partitions or partitions_for(store.rows("invoices"))
            return write_partitions(store, folder, partitions=wanted, track=progress)
        found = PartitionedLedger.open(folder)
        if (found.source, found.sequence) != (store.address, store.sequence()):
            raise InputError(
                f"{folder}: holds load {found.sequence} of {found.source}, the ledger {store.address} is at load "
                f"{store.sequence()}; name a new folder or delete {args.out}"
            )
    if args.partitions not in (None, found.partitions):
        raise InputError(f"{folder}: has {found.partitions} partitions already; leave out --partitions")
    return found
