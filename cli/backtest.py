"""`otcrisk backtest`: retrains at each month on what was known then, scores the next, and judges with what came."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.backtest_figures import Cell
    from training.backtest_record import Record


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument("--from", required=True, dest="first", metavar="DATE", help="the first origin: train before it")
    parser.add_argument("--to", required=True, dest="last", metavar="DATE", help="no origin after this day")
    parser.add_argument("--every", default="month", choices=("week", "month", "quarter"), help="from origin to origin")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default OTCRISK_HOME/backtest; a run goes on there")
    parser.add_argument("--audit", action=argparse.BooleanOptionalAction, default=True, help="look for leaks (default)")
    parser.add_argument("--name", default="backtest", help="name of the run in MLflow (default backtest)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same figures (default 1)")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="settings of each training (TOML), as `otcrisk tune` writes",
    )
    parser.add_argument("--replicates", type=int, default=300, help="bootstrap draws per interval (default 300)")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 2), help="fits at the same time")


def run(args: argparse.Namespace) -> int:
    """Prints the table over time and the audit; 0, or 13 where the audit found a leak."""
    import sys

    from tqdm import tqdm

    from cli.main import LEAK
    from cli.output import day, emit, say
    from receivables.config import home
    from receivables.outcomes import OutcomeConfig
    from receivables.store import open_store
    from training import backtest_record, backtest_run
    from training.backtest import STEPS, spans
    from training.settings import settings_of

    splits = spans(day(args.first), day(args.last), args.every)
    settings = settings_of(args.settings, seed=args.seed, threads=args.threads)
    with open_store(args.ledger) as store:
        ledger = store.read()
    folder = args.out or home() / "backtest"
    total = STEPS * len(splits) + backtest_run.STEPS
    with tqdm(total=total, desc="backtest", disable=not sys.stderr.isatty(), leave=False) as bar:

        def tick(done: str) -> None:
            bar.set_description(f"backtest: {done}")
            bar.update()

        def told(origin: str, kept: bool) -> None:
            bar.write(f"{origin}: {'kept from an earlier run' if kept else 'training'}", file=sys.stderr)
            bar.update(STEPS if kept else 0)

        found = backtest_run.backtest(
            ledger,
            splits,
            root=folder,
            settings=settings,
            config=OutcomeConfig.read(),
            audit=args.audit,
            replicates=args.replicates,
            tick=tick,
            told=told,
        )
    record = backtest_record.write(found, folder)
    run_id = backtest_record.track(record, name=args.name, home=home())
    say(_text(record, run_id), args)
    emit({"folder": str(folder), "run_id": run_id, **_document(record)}, args)
    return LEAK if _leaks(record) else 0


def _leaks(record: Record) -> list[str]:
    checks = (record.about["audit"] or {}).get("checks", [])
    return [check["said"] for check in checks if check["verdict"] == "failed"]


_METRICS = ("auc", "log_loss", "ece", "slope", "mae", "coverage_80")
_HEADER = ("target", "orders issued from", "n", "events", "metric", "model [95 %]", "rule", "scorecard", "segment rate",
           "model - rule [95 %]")  # fmt: skip


def _text(record: Record, run_id: str) -> str:
    from cli.output import table

    about = record.about
    parts = [
        f"trained at {len(about['origins'])} origins, judged with outcomes known by the end of "
        f"{about['ledger']['known_by']}; in brackets 95 % intervals, customers resampled",
        table(_lines(record, "origin"), _HEADER),
        "",
        "all origins together, and without the customers that could carry them",
        table(_lines(record, "all"), _HEADER),
        "",
        *_audit(about),
        f"figures, pictures and predictions: {record.folder} (run {run_id})",
        "otcrisk report validation   writes them as a report",
    ]
    return "\n".join(parts)


def _lines(record: Record, by: str) -> list[tuple[object, ...]]:
    from training.backtest_figures import cells
    from training.evaluate import ALL, MINUS
    from training.fit import MODEL, SCORECARD
    from training.scores import SEGMENT_RATE, rule_of

    cell = {(c.group, c.slice, c.target, c.predictor, c.metric): c for c in cells(record.figures) if c.by == by}
    lines: list[tuple[object, ...]] = []
    for (group, slice_, target, who, metric), f in cell.items():
        if who != MODEL or metric not in _METRICS or (by == "origin" and slice_ != ALL):
            continue
        rule = rule_of(target)[0]
        gap = cell.get((group, slice_, target, f"{MODEL}{MINUS}{rule}", metric))
        beside = [cell.get((group, slice_, target, other, metric)) for other in (rule, SCORECARD, SEGMENT_RATE)]
        values = ("" if other is None else f"{other.value:.4f}" for other in beside)
        where = group if by == "origin" else slice_
        lines.append((target, where, f.rows, f.events, metric, _interval(f), *values, _interval(gap, "+")))
    return lines


def _interval(cell: Cell | None, sign: str = "") -> str:
    return "" if cell is None else f"{cell.value:{sign}.4f} [{cell.low:{sign}.4f}, {cell.high:{sign}.4f}]"


def _audit(about: Any) -> list[str]:
    from cli.output import table

    audit = about["audit"]
    if audit is None:
        return ["leak audit: not run (--no-audit)", ""]
    rungs = [
        (r["target"], r["way"], r["rows"], f"{r['auc']:.4f}", f"{r['log_loss']:.4f}",
         f"{r['flattered']:+.4f} [{r['low']:+.4f}, {r['high']:+.4f}]")
        for r in audit["leakage_gap"]
    ]  # fmt: skip
    return [
        "leak audit",
        *(f"  {check['verdict']}: {check['name']}; {check['said']}" for check in audit["checks"]),
        "",
        "WARNING, wrong on purpose: how much popular leaks would flatter a plain model on the same orders",
        table(rungs, ("target", "judged", "n", "AUC", "log-loss", "AUC beyond honest [95 %]")),
        "",
    ]


def _document(record: Record) -> dict[str, Any]:
    figures = record.figures.astype(object).where(record.figures.notna(), None)
    return {**record.about, "figures": figures.to_dict(orient="records")}
