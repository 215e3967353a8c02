"""`otcrisk tune`: searches settings of the payment-time model, and writes them for `otcrisk train --settings`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.tune import Found


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument(
        "--as-of", metavar="DATE", help="of the training run to come (default: the last day that the ledger observes)"
    )
    parser.add_argument("--minutes", type=float, help="stop after so many minutes (default 30 without --trials)")
    parser.add_argument("--trials", type=int, help="stop after so many trials, those of an interrupted search included")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed and --trials give the same result (default 1)"
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings to start from (TOML)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write (default settings.toml in OTCRISK_HOME)"
    )


def run(args: argparse.Namespace) -> int:
    """Searches, writes the best settings and returns 0; an interrupted search goes on when it is called again."""
    import sys

    from tqdm import tqdm

    from cli.output import day, emit, say
    from receivables.config import home
    from receivables.outcomes import OutcomeConfig
    from receivables.store import open_store
    from training.dataset import cutoff_after, last_observed_day
    from training.settings import settings_of, to_toml
    from training.trials import remarks, tracked
    from training.tune import Problem, Tried, search, with_parameters

    settings = settings_of(args.settings, seed=args.seed)
    with open_store(args.ledger) as store:
        ledger = store.read()
    cutoff = cutoff_after(day(args.as_of) if args.as_of else last_observed_day(ledger))
    margin = OutcomeConfig.read().maturity_margin_days
    problem = Problem.before_judgement(ledger, cutoff=cutoff, settings=settings, margin_days=margin)
    minutes = 30.0 if args.minutes is None and args.trials is None else args.minutes
    with (
        tracked(problem, home()) as (study, note),
        tqdm(total=args.trials, desc="tune", disable=not sys.stderr.isatty(), leave=False) as bar,
    ):

        def each(tried: Tried) -> None:
            note(tried)
            bar.n = tried.number
            bar.update()

        found = search(study, problem, trials=args.trials, seconds=minutes and minutes * 60, each=each)
    best = with_parameters(settings, found.best)
    out = args.out or home() / "settings.toml"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(to_toml(best, remarks(problem, found)), encoding="utf-8")
    say(_text(found, out), args)
    emit({"file": str(out), "best": dict(found.best), "loss": found.loss, "loss_before": found.loss_before,
          "trials": [vars(tried) for tried in found.trials]}, args)  # fmt: skip
    return 0


def _text(found: Found, out: Path) -> str:
    from cli.output import table

    complete = sorted((t for t in found.trials if t.loss is not None), key=lambda t: (t.loss or 0.0, t.number))[:10]
    names = list(found.best)
    lines = [(t.number, f"{t.loss:.5f}", *(f"{t.parameters[name]:.4g}" for name in names)) for t in complete]
    pruned = sum(t.loss is None for t in found.trials)
    return "\n".join(
        [
            table(lines, ("trial", "relative log-loss", *names)),
            "",
            f"{len(found.trials)} trials, {pruned} pruned; best {found.loss:.5f}, the settings as they were "
            f"{found.loss_before:.5f}",
            f"wrote {out}; train with: otcrisk train --settings {out}",
        ]
    )
