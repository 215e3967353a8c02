"""`otcrisk privacy export|erase|retention`: what a natural person may ask for, and what ends by itself."""

from __future__ import annotations

import argparse
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import emit, say

if TYPE_CHECKING:
    from receivables.decision_log import DecisionLog


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb: one sub-command per right."""
    does = parser.add_subparsers(dest="does", metavar="WHAT", required=True)
    export = does.add_parser("export", help="write what the decision log holds about a customer, as JSON and as a page")
    export.add_argument("--ledger", metavar="L", help="also what this ledger holds about the customer")
    export.add_argument("--out", type=Path, metavar="FOLDER", help="default OTCRISK_HOME/exports")
    erase = does.add_parser("erase", help="destroy the keys of a natural person's data; there is no way back")
    erase.add_argument("--reason", required=True, help="for example: request of the data subject, 2026-11-20")
    retention = does.add_parser("retention", help="destroy the keys of data that the policy does not keep any longer")
    retention.add_argument("--dry-run", action="store_true", help="say what would be destroyed; change nothing")
    for sub in (export, erase):
        sub.add_argument("customer", metavar="CUSTOMER", help="the payer, as orders name it")
    for sub in (export, erase, retention):
        sub.add_argument("--by", required=True, metavar="NAME", help="who does it; recorded in the control log")
        sub.add_argument("--log", metavar="FILE", help="the decision log (default: decisions.sqlite in OTCRISK_HOME)")
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Does it and says what was done; raises NotFoundError where there is no log or no such customer in it."""
    from receivables.config import home
    from receivables.decision_log import DecisionLog
    from receivables.errors import NotFoundError

    path = Path(args.log) if args.log else home() / "decisions.sqlite"
    if not path.exists():
        raise NotFoundError(f"{path}: no decision log; the service makes one with its first decision")
    log = DecisionLog(path)
    try:
        if args.does != "retention" and next(log.rows_of(args.customer), None) is None:
            raise NotFoundError(f"{path}: no decision about the customer {args.customer!r}")
        return {"export": _export, "erase": _erase, "retention": _retention}[args.does](args, log)
    finally:
        log.close()


def _export(args: argparse.Namespace, log: DecisionLog) -> int:
    import json

    from receivables.config import home
    from receivables.privacy import subject_export
    from reports import file_name, render, subject_figures, write

    document = subject_export(log, args.customer, actor=args.by, now=dt.datetime.now(dt.UTC))
    if args.ledger:
        document["ledger"] = _of_ledger(args.ledger, args.customer)
    stem = (args.out or home() / "exports") / f"subject-{file_name(args.customer)}"
    files = [
        write(json.dumps(document, indent=2, ensure_ascii=False, default=str), stem.with_suffix(".json")),
        write(render("subject.html", subject_figures(document)), stem.with_suffix(".html")),
    ]
    for file in files:
        file.chmod(0o600)
    say(f"{len(document['decisions'])} decisions, {document['erased_decisions']} erased ones", args)
    say("\n".join(map(str, files)), args)
    emit({"files": [str(file) for file in files], "decisions": len(document["decisions"])}, args)
    return 0


def _of_ledger(spec: str, customer: str) -> dict[str, Any]:
    """The customer's rows of every table, null where a value is not known."""
    from receivables.store import open_store

    with open_store(spec) as store:
        frames = store.read([customer]).frames
    return {
        name: frame.astype(object).where(frame.notna(), None).to_dict("records")
        for name, frame in frames.items()
        if name != "exchange_rates" and len(frame)
    }


def _erase(args: argparse.Namespace, log: DecisionLog) -> int:
    from receivables.privacy import erase

    found = erase(log, args.customer, actor=args.by, reason=args.reason, now=dt.datetime.now(dt.UTC))
    say(f"{found.decisions} decisions erased: {len(found.keys)} keys destroyed", args)
    if found.plain:
        say(f"{found.plain} decisions were not about a natural person and stay as they are", args)
    say("backups of the keys' file must go too: until then they bring the data back", args)
    emit({"decisions": found.decisions, "keys": [key.key_id for key in found.keys], "plain": found.plain}, args)
    return 0


def _retention(args: argparse.Namespace, log: DecisionLog) -> int:
    from receivables.config import conf_dir
    from receivables.policy import load_policy
    from receivables.privacy import apply_retention, expired

    now = dt.datetime.now(dt.UTC)
    keys = expired(log, load_policy(conf_dir() / "policy.toml"), now.date())
    if not args.dry_run:
        apply_retention(log, keys, actor=args.by, now=now)
    years = sorted(Counter((key.subject_type, key.year) for key in keys).items())
    for (subject, year), count in years:
        say(f"{subject}, decisions of {year}: {count} keys", args)
    say(f"{len(keys)} keys {'would be ' if args.dry_run else ''}destroyed", args)
    emit({"destroyed": 0 if args.dry_run else len(keys), "expired": len(keys)}, args)
    return 0
