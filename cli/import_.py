"""`otcrisk import`: loads a receivables extract into a ledger and says what came in."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", metavar="FILE", help="CSV (also .csv.gz) or Parquet file, or a folder of them")
    parser.add_argument(
        "--mapping",
        required=True,
        metavar="NAME",
        help="name of a mapping in conf/mappings, or the path of a .toml file",
    )
    parser.add_argument(
        "--ledger", required=True, metavar="L", help="path of a SQLite file, or postgresql://user@host/database"
    )
    parser.add_argument(
        "--observed-until", metavar="DATE", help="last day that the source holds facts of (default: its latest fact)"
    )


def run(args: argparse.Namespace) -> int:
    """Imports, writes the reports, and returns 0, or `QUARANTINED` where rows were not loaded."""
    from pathlib import Path

    from cli.main import QUARANTINED
    from cli.output import day, emit, progress, say
    from receivables.config import home
    from receivables.importer import ImportConf, import_path
    from receivables.mapping import read_mapping
    from receivables.quality import document
    from receivables.quality_page import as_text, write_reports
    from receivables.quarantine import write_quarantine
    from receivables.store import open_store

    observed_until = day(args.observed_until) if args.observed_until else None
    name, mapping = read_mapping(args.mapping)
    conf = ImportConf.read()
    with open_store(args.ledger, create=True) as store:
        done = import_path(Path(args.file), mapping, name, store, conf, observed_until=observed_until, track=progress)
    paths = write_reports(home() / "reports", done.quality)
    quarantine = home() / "quarantine" / f"{done.quality.stem}.csv"
    quarantine.unlink(missing_ok=True)  # of an earlier import of the same file with another mapping
    if done.problems:
        write_quarantine(quarantine, done.problems)
        paths["quarantine"] = quarantine
    say(as_text(done.quality), args)
    say("\n".join(f"{kind}: {path}" for kind, path in paths.items()), args)
    emit({**document(done.quality), "files": {kind: str(path) for kind, path in paths.items()}}, args)
    return QUARANTINED if done.problems else 0
