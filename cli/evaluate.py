"""`otcrisk evaluate`: holds a file of scores against what happened, beside the customer's own late rate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluate import Figure
    from training.scores import Evaluation


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument("--scores", required=True, metavar="FILE", help="what `otcrisk score` wrote, .csv or .parquet")
    parser.add_argument(
        "--known-by",
        metavar="DATE",
        help="count only outcomes known by the end of this day (default: the last day that the ledger observes)",
    )
    parser.add_argument(
        "--event",
        metavar="NAME",
        help="event of conf/outcomes.toml that default_probability is held against (default: the champion's)",
    )


def run(args: argparse.Namespace) -> int:
    """Prints the figures and returns 0; raises NotEnoughDataError where no label has matured."""
    from pathlib import Path

    from cli.output import day, emit, say
    from receivables.outcomes import OutcomeConfig
    from receivables.store import open_store
    from training.dataset import cutoff_after, last_observed_day
    from training.scores import evaluate, read_scores

    scores = read_scores(Path(args.scores))
    with open_store(args.ledger) as store:
        ledger = store.read()
    known_by = day(args.known_by) if args.known_by else last_observed_day(ledger)
    config = OutcomeConfig.read()
    found = evaluate(ledger, scores, cutoff=cutoff_after(known_by), config=config, event=_event(args.event))
    say(_text(found, known_by), args)
    emit(
        {
            "known_by": str(known_by),
            "rows": len(scores),
            "excluded": found.excluded,
            "notes": found.notes,
            "figures": [figure.to_dict() for figure in found.figures],
        },
        args,
    )
    return 0


def _event(name: str | None) -> str | None:
    """The event asked for, else the champion's; None where there is no champion to tell."""
    from models.champion import load_champion
    from receivables.config import home
    from receivables.errors import ArtefactError

    if name is not None:
        return name
    try:
        return load_champion(home() / "champion").default.event.name
    except ArtefactError:
        return None


_SHORT = ("auc", "brier", "log_loss", "ece", "ece_by_chance", "slope", "mae", "coverage_80")


def _text(found: Evaluation, known_by: object) -> str:
    from cli.output import table

    excluded = [(target, reason, n) for target, reasons in found.excluded.items() for reason, n in reasons.items() if n]
    parts = [
        f"outcomes known by the end of {known_by}; in brackets 95 % intervals, customers resampled",
        table(_lines(found.figures), ("target", "slice", "n", "events", "metric", *_COLUMNS)),
        "",
        "not counted:",
        table(excluded, ("target", "reason", "rows")) if excluded else "nothing",
        *found.notes,
    ]
    return "\n".join(parts)


_COLUMNS = ("model [95 %]", "own late rate", "segment rate", "model - own late rate [95 %]")


def _lines(figures: Sequence[Figure]) -> list[tuple[object, ...]]:
    from training.evaluate import MINUS
    from training.fit import MODEL
    from training.scores import rule_of

    found = {(f.target, f.slice, f.predictor, f.metric): f for f in figures}
    lines: list[tuple[object, ...]] = []
    for (target, slice_, who, metric), f in found.items():
        if who != MODEL or metric not in _SHORT:
            continue
        own, segment = (found.get((target, slice_, rule, metric)) for rule in rule_of(target))
        gap = found.get((target, slice_, f"{MODEL}{MINUS}{rule_of(target)[0]}", metric))
        values = ("" if rule is None else f"{rule.value:.4f}" for rule in (own, segment))
        difference = "" if gap is None else f"{gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        model = f"{f.value:.4f} [{f.low:.4f}, {f.high:.4f}]"
        lines.append((target, slice_, f.rows, f.events, metric, model, *values, difference))
    return lines
