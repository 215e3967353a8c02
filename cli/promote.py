"""`otcrisk promote`: judges a challenger by the gate, and signs it and puts it in the champion's place if it passes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli.main import REFUSED

if TYPE_CHECKING:
    from training.promote import Decision


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument(
        "--challenger", metavar="VERSION", help="registered version of the payment-time model (default: the challenger)"
    )
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="judge by outcomes known by the end of this day (default: the last day that the ledger observes)",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--approved-by", metavar="NAME", help="who approves; another than who trained the challenger")
    who.add_argument("--propose", action="store_true", help="if it passes, propose it to a second person with a key")
    who.add_argument("--change", metavar="ID", help="promote what a second person approved (see `otcrisk changes`)")
    parser.add_argument("--dry-run", action="store_true", help="judge and print only; change nothing")


def run(args: argparse.Namespace) -> int:
    """Prints every check; 0 if the challenger is now the champion (or would be, under --dry-run), else `REFUSED`."""
    from cli.output import day, emit, say
    from cli.proposal import Proposal
    from receivables.config import home
    from receivables.errors import ArtefactError
    from receivables.outcomes import OutcomeConfig
    from receivables.store import open_store
    from training.dataset import cutoff_after, last_observed_day
    from training.gate import Gate
    from training.promote import challenge, current_champion, decide, note, put_in_place, refused
    from training.registered import fetch

    gate, config, place = Gate.read(), OutcomeConfig.read(), home() / "champion"
    champion, why_none = current_champion(place)
    registered = fetch(args.challenger)
    with open_store(args.ledger) as store:
        ledger = store.read()
    cutoff = cutoff_after(day(args.as_of) if args.as_of else last_observed_day(ledger))
    proposal = Proposal.of(args, registered)
    people = {"approved_by": proposal.approved_by, "trained_by": registered.trained_by}
    try:
        challenger = challenge(ledger, registered, champion, cutoff=cutoff, config=config)
        decision = decide(challenger, champion, why_none, gate, approved_by=proposal.approved_by)
    except ArtefactError as error:
        decision = refused(str(error), **people)
    change_id = None
    if args.propose and decision.promoted and not args.dry_run:
        change_id = proposal.propose(decision)
    elif not args.dry_run and not args.propose:
        from models.registry import connect

        if decision.promoted:
            put_in_place(place, registered.found)
            proposal.record(decision)
        note(connect(), registered.run_id, decision, registered.versions)
    say(in_words(decision) if change_id is None else f"{in_words(decision)}\nproposed as {change_id}", args)
    document = {"versions": dict(registered.versions), "run_id": registered.run_id, **decision.to_dict()}
    emit(document | ({"change": change_id} if change_id else {}), args)
    return 0 if decision.promoted else REFUSED


def in_words(decision: Decision) -> str:
    """The checks as a table, and the decision."""
    from cli.output import table

    lines = [
        (check.verdict, check.name, "" if check.figure is None else f"{check.figure:.4g}", check.bound, check.detail)
        for check in decision.checks
    ]
    verdict = "promoted" if decision.promoted else "refused"
    return "\n".join(
        [table(lines, ("verdict", "check", "figure", "bound", "detail")), "", f"{verdict}: {decision.reason}"]
    )
