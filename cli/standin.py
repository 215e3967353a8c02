"""`otcrisk standin`: writes the signed table by which an ERP decides while the service is silent."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write it for the ERP")
    parser.add_argument("--champion", metavar="FOLDER", help="model folder (default: the champion)")


def run(args: argparse.Namespace) -> int:
    """Writes the table, keeps a copy by which advices are checked, and returns 0."""
    import datetime as dt

    from cli.output import emit, say
    from models.champion import load_champion
    from receivables import standin
    from receivables.config import conf_dir, home
    from receivables.currencies import Currencies
    from receivables.policy import load_policy
    from receivables.signature import signing_key
    from receivables.store import open_store
    from serving.rates import RateBook
    from serving.standin import table_of
    from serving.state import Tools, champion_folder

    champion = load_champion(Path(args.champion) if args.champion else champion_folder())
    tools = Tools(champion, load_policy(conf_dir() / "policy.toml"), RateBook(Currencies.read()))
    with open_store(args.ledger) as store:
        table = table_of(store.read(), tools, dt.datetime.now(dt.UTC))
    kept = standin.write(home() / "standin", table, signing_key())
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, out)
    say(f"{out}: {len(table.customers):,} customers, valid until {table.valid_until}", args)
    emit(
        {
            "table": str(out),
            "sha256": table.sha256,
            "customers": len(table.customers),
            "valid_until": table.valid_until,
        },
        args,
    )
    return 0
