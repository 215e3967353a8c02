"""`otcrisk ship`: copies the decision log to PostgreSQL, once or until it is stopped."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.output import emit, say


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--log", metavar="FILE", help="the decision log (default: decisions.sqlite in OTCRISK_HOME)")


def run(args: argparse.Namespace) -> int:
    """Copies what is new and says how much; raises InputError without OTCRISK_SHIP_TO, NotFoundError without a log."""
    import datetime as dt
    import os

    from receivables.config import home
    from receivables.errors import InputError, NotFoundError
    from receivables.shipper import SHIP_TO, node_of
    from receivables.shipping import ship

    path, url = Path(args.log) if args.log else home() / "decisions.sqlite", os.environ.get(SHIP_TO)
    if not url:
        raise InputError(f"{SHIP_TO}: expected the address of a database, such as postgresql://user@host/copy")
    if not path.exists():
        raise NotFoundError(f"{path}: no decision log; the service makes one with its first decision")
    node = node_of(path.parent)
    shipped = ship(path, url, node, now=dt.datetime.now(dt.UTC))
    counts = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in shipped.rows.items())
    say(f"node {node}: {counts or 'another process ships just now'}; {shipped.conflicts} conflicts", args)
    emit({"node": node, "rows": shipped.rows, "conflicts": shipped.conflicts}, args)
    return 0
