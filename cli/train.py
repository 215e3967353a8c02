"""`otcrisk train`: learns both models from a ledger as it was known on a day, and registers them."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.evaluate import Figure
    from training.run import Trained


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="use only what was known by the end of this day (default: the last day that the ledger observes)",
    )
    parser.add_argument("--name", default="train", help="name of the run in MLflow (default train)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed and ledger give the same models (default 1)")
    parser.add_argument(
        "--promote",
        action="store_true",
        help="replace the champion if this model passes the gate (see `otcrisk promote`); the first needs no asking",
    )
    parser.add_argument("--approved-by", metavar="NAME", help="who approves the promotion; another than who trains")
    parser.add_argument("--trained-by", metavar="NAME", help="who trains (default: the account that runs this)")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="settings of the run (TOML), as `otcrisk tune` writes"
    )
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 2), help="fits at the same time")


def run(args: argparse.Namespace) -> int:
    """Trains, prints the figures beside the rule's, and returns 0."""
    import datetime as dt
    import sys

    from tqdm import tqdm

    from cli.output import day, emit, say
    from cli.proposal import require_key
    from receivables.config import home
    from receivables.outcomes import OutcomeConfig
    from receivables.store import open_store
    from training.dataset import cutoff_after, last_observed_day
    from training.run import STEPS, train
    from training.settings import settings_of

    require_key(args.approved_by)  # before hours of training, not after them
    with open_store(args.ledger) as store:
        ledger = store.read()
    as_of = day(args.as_of) if args.as_of else last_observed_day(ledger)
    settings = settings_of(args.settings, seed=args.seed, threads=args.threads)
    with tqdm(total=STEPS, desc="train", disable=not sys.stderr.isatty(), leave=False) as bar:

        def tick(done: str) -> None:
            bar.set_description(f"train: {done}")
            bar.update()

        made = train(
            ledger,
            cutoff=cutoff_after(as_of),
            folder=home(),
            trained_at=dt.datetime.now(dt.UTC),
            settings=settings,
            config=OutcomeConfig.read(),
            name=args.name,
            promote=args.promote,
            approved_by=args.approved_by,
            trained_by=args.trained_by or _account(),
            tick=tick,
        )
    say(_text(made, as_of), args)
    emit(_document(made, as_of), args)
    return 0


def _account() -> str | None:
    """The name of the account that runs this; null where the system has none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _text(made: Trained, as_of: object) -> str:
    from cli.output import table

    rows, event = made.rows, made.event
    verdict = "champion" if made.verdict.promoted else "challenger"
    versions = ", ".join(f"{name} version {version}" for name, version in made.versions.items())
    return "\n".join(
        [
            f"known by the end of {as_of}: {rows['invoices']:,} invoices, {rows['matured_invoices']:,} with a matured "
            f"outcome; {rows['snapshots']:,} customer snapshots, {rows['events']:,} with the event",
            f"event learnt: {event.label} ({event.name}: {event.days_past_due} days past due, write-off or insolvency "
            f"within {event.horizon_days} days)",
            "",
            f"payment time, {made.how['late']}",
            table(_lines(made.figures, "own late rate", "late_over"), _HEADER),
            "",
            *_days(made.figures),
            *_reasons(made.figures, "late_over_0"),
            "",
            f"{made.event.label}, {made.how['default']}",
            table(_lines(made.figures, "worst days past due", made.event.name), _HEADER),
            *_reasons(made.figures, made.event.name),
            *_beside(made),
            "",
            f"{verdict}: {made.verdict.reason}",
            f"registered {versions} (run {made.run_id}); champion folder {made.champion}",
        ]
    )


def _beside(made: Trained) -> list[str]:
    from cli.output import table

    if made.beside is None:
        return []
    lines = _lines(made.figures, "worst days past due", made.beside.name)
    within = f"the same within {made.beside.horizon_days} days, {made.how['beside']}"
    return ["", within, table(lines, _HEADER)]


_HEADER = ("target", "slice", "n", "events", "metric", "model [95 %]", "rule", "model - rule [95 %]")
_METRICS = ("auc", "log_loss", "brier", "ece", "slope")


def _lines(figures: tuple[Figure, ...], rule: str, prefix: str) -> list[tuple[object, ...]]:
    """Model, one-feature rule and paired difference, all rows and cold start."""
    from training.evaluate import MINUS
    from training.fit import MODEL

    found = {(f.target, f.slice, f.predictor, f.metric): f for f in figures}
    lines: list[tuple[object, ...]] = []
    for (target, slice_, who, metric), f in found.items():
        if who == MODEL and metric in _METRICS and target.startswith(prefix):
            beside = found.get((target, slice_, rule, metric))
            gap = found.get((target, slice_, f"{MODEL}{MINUS}{rule}", metric))
            lines.append((target, slice_, f.rows, f.events, metric, _interval(f), _value(beside), _interval(gap, "+")))
    return lines


def _value(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:.4f}"


def _interval(figure: Figure | None, sign: str = "") -> str:
    return "" if figure is None else f"{figure.value:{sign}.4f} [{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"


def _days(figures: tuple[Figure, ...]) -> list[str]:
    errors = [f"{f.predictor} {f.value:.2f}" for f in figures if f.metric == "mae" and " - " not in f.predictor]
    covered = [f"{f.value:.1%} of {f.rows:,}" for f in figures if f.metric == "coverage_80"]
    return [f"days late, mean absolute error: {', '.join(errors)}; within the 80 % interval: {', '.join(covered)}"]


def _reasons(figures: tuple[Figure, ...], target: str) -> list[str]:
    from training.reason_figures import BEFORE, FAITHFUL, NAMED, STABLE

    words = {
        FAITHFUL: "faithful",
        FAITHFUL + BEFORE: "of all by size alone",
        STABLE: "given again by models of other customers",
        NAMED: "of the sizes of all are theirs",
    }
    found = {f.metric: f for f in figures if f.target == target and f.metric in words}
    shares = ", ".join(f"{found[metric].value:.0%} {said}" for metric, said in words.items() if metric in found)
    return [f"of {found[FAITHFUL].events:,} reasons published: {shares}"] if found else []


def _document(made: Trained, as_of: object) -> dict[str, Any]:
    return {
        "as_of": str(as_of),
        "cutoff": made.cutoff.isoformat(),
        "fingerprint": made.fingerprint,
        "event": {"name": made.event.name, "label": made.event.label},
        "rows": dict(made.rows),
        "how": dict(made.how),
        "figures": [figure.to_dict() for figure in made.figures],
        "verdict": made.verdict.to_dict(),
        "versions": dict(made.versions),
        "run_id": made.run_id,
        "champion": str(made.champion),
    }
