"""`otcrisk seal`: makes Parquet partitions that a warehouse wrote a ledger that `otcrisk features` reads."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="holds part=00000/invoices.parquet and so on")
    parser.add_argument("--source", default="", metavar="TEXT", help="where the rows came from, for the manifest")


def run(args: argparse.Namespace) -> int:
    """Checks the partitions, writes their manifest, and says what they hold."""
    from cli.output import emit, progress, say
    from receivables.sealing import seal_partitions

    ledger = seal_partitions(args.folder, source=args.source, track=progress)
    rows = {name: count for name, count in ledger.rows.items() if count}
    say(f"{ledger.partitions} partitions, {rows.get('invoices', 0):,} invoices: {ledger.folder}", args)
    emit({"folder": str(ledger.folder), "partitions": ledger.partitions, "rows": rows,
          "ledger_fingerprint": ledger.fingerprint}, args)  # fmt: skip
    return 0
