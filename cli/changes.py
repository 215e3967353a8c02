"""`otcrisk changes`: policies and promotions that one person proposes and another approves, each with a key."""

from __future__ import annotations

import argparse
import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import emit, say, table

if TYPE_CHECKING:
    from receivables.control_log import ControlLog
    from receivables.four_eyes import Change, Person

#: Environment variable: the key of whoever runs the command; on the command line others would see it.
KEY = "OTCRISK_KEY"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    does = parser.add_subparsers(dest="does", metavar="WHAT", required=True)
    does.add_parser("list", help="every change and what became of it")
    propose = does.add_parser("propose-policy", help="propose a credit policy in the place of the one that counts")
    propose.add_argument("file", type=Path)
    show = does.add_parser("show", help="what a change would change")
    approve = does.add_parser("approve", help="approve it, as another person than who proposed it")
    reject = does.add_parser("reject", help="reject or withdraw it")
    apply = does.add_parser("apply", help="put an approved policy in place, where approving it could not")
    for sub in (show, approve, reject, apply):
        sub.add_argument("change_id", metavar="ID")
    for sub in (approve, reject):
        sub.add_argument("--reason", required=True)
    for sub in does.choices.values():
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Does it and prints the change; raises InputError without a live key of scope admin where one is needed."""
    from receivables.config import home
    from receivables.control_log import ControlLog

    home().mkdir(parents=True, exist_ok=True)
    with ControlLog(home() / "decisions.sqlite") as acts:
        if args.does == "list":
            return _list(acts, args)
        change = _done(acts, args)
        say("\n".join(_told(change)), args)
        emit({"change": _document(change)}, args)
        return 0


def person() -> Person:
    """Who runs the command, by the key in OTCRISK_KEY; raises InputError unless it is live and of scope admin."""
    from receivables.access_keys import AccessKeys
    from receivables.config import key_folder
    from receivables.four_eyes import Person

    key = AccessKeys(key_folder()).holder(os.environ.get(KEY, ""), "admin", dt.datetime.now(dt.UTC), named=KEY)
    return Person(key.key_id, key.name)


def _done(acts: ControlLog, args: argparse.Namespace) -> Change:
    from receivables import four_eyes
    from receivables.config import conf_dir
    from receivables.policy_change import apply_policy, propose_policy, require_applicable

    now, place = dt.datetime.now(dt.UTC), conf_dir() / "policy.toml"
    if args.does == "show":
        return four_eyes.get(acts, args.change_id)
    by = person()
    if args.does == "propose-policy":
        return propose_policy(acts, place, args.file.read_text(encoding="utf-8"), by=by, now=now)
    change = four_eyes.get(acts, args.change_id)
    is_policy = change.what == four_eyes.POLICY
    if args.does in ("approve", "reject"):
        approve = args.does == "approve"
        if approve and is_policy:
            require_applicable(change, place)
        sees = four_eyes.seal_of(acts, change.change_id)
        change = four_eyes.decide(
            acts, change.change_id, approve=approve, by=by, reason=args.reason, now=now, sees=sees
        )
    if is_policy and change.state == four_eyes.APPROVED:
        apply_policy(acts, change, place, by=by, now=now)
    return four_eyes.get(acts, args.change_id)


def _list(acts: ControlLog, args: argparse.Namespace) -> int:
    from receivables.four_eyes import changes

    found = changes(acts)
    rows = [
        (c.change_id, c.what, c.state, c.proposed_by.name, c.decided_by.name if c.decided_by else "") for c in found
    ]
    say(table(rows, ("id", "what", "state", "proposed by", "decided by")) if rows else "nothing was proposed", args)
    emit({"changes": [_document(change) for change in found]}, args)
    return 0


def _told(change: Change) -> list[str]:
    lines = [f"{change.change_id}: {change.what}, {change.state}, proposed by {change.proposed_by.name}"]
    lines += [f"  {d['where']}: {d['before']} -> {d['after']}" for d in change.content.get("differences", ())]
    lines += [f"  {c['verdict']}: {c['name']}" for c in change.content.get("checks", ())]
    if change.decided_by:
        lines.append(f"  decided by {change.decided_by.name}: {change.reason}")
    return lines


def _document(change: Change) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(change)
