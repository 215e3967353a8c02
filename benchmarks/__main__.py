"""Measures the feature engine beside its peers in one run: ratios, benchmarks/results.json, benchmarks/features.png.

    python -m benchmarks                                  # 1 and 10 million invoices; fills docs/performance.md
    python -m benchmarks --quick                          # small sizes, into var/benchmarks: does everything run?
    python -m benchmarks --rows 100000 --parts contest    # one part, into var/benchmarks

Every answer is held against the engine's in the same run; the run fails where one differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import ours, page, picture
from benchmarks.contest import FEATURETOOLS_ROWS, absent, contest, featuretools
from benchmarks.latency import SIZES, latency
from benchmarks.measure import Cost, machine
from benchmarks.scaling import scaling
from benchmarks.synthetic import Columns
from benchmarks.whole import memory, one_call, partitions

Results = dict[str, float]
_ROWS: Final = 1_000_000
_LARGE: Final = 10_000_000


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def run(args: argparse.Namespace, folder: Path) -> Results:
    """The parts that were asked for, as one flat map."""
    ours.warm_up()
    results: Results = machine()
    for part in args.parts:
        say(f"{part} ...")
        results |= PARTS[part](args, folder)
    return results


def _contest(args: argparse.Namespace, folder: Path) -> Results:
    costs = contest(Columns.make(args.rows), args.repetitions, folder, say)
    results: Results = {"contest_rows": args.rows, **_flat("contest", costs)}
    mine = costs["ours"].cpu
    for peer in ("duckdb_range", "duckdb_asof", "polars", "pandas"):
        results[f"features_vs_{peer}"] = costs[peer].cpu / mine
        results[f"features_vs_{peer}_wall"] = costs[peer].wall / costs["ours"].wall
    for other in ("floor", "parquet_write"):
        results[f"features_vs_{other}"] = mine / costs[other].cpu
        results[f"features_compiled_vs_{other}"] = costs["ours_compiled"].cpu / costs[other].cpu
    if args.featuretools:
        cost = featuretools(args.featuretools, folder)
        results |= {"featuretools_rows": FEATURETOOLS_ROWS, "featuretools_rows_per_second": 1 / cost.cpu}
        results["features_vs_featuretools"] = cost.cpu / (mine / args.rows)
    for line in absent(["featuretools"] if args.featuretools else []):
        say(line)
    return results


def _table(args: argparse.Namespace, _: Path) -> Results:
    costs = one_call(args.rows, args.repetitions or 3)
    large = partitions(args.large)
    return {
        "table_rows_1m": args.rows,
        "table_rows_10m": args.large,
        **_flat("table", {**costs, "partitions": large}),
        "features_rows_per_second_1m": args.rows / costs["one_call"].cpu,
        "features_rows_per_second_10m": args.large / large.cpu,
    }


def _memory(args: argparse.Namespace, _: Path) -> Results:
    return memory(args.rows)


def _online(args: argparse.Namespace, _: Path) -> Results:
    results: Results = {}
    for past in SIZES:
        results |= latency(past, args.calls)
    return results


def _scaling(args: argparse.Namespace, folder: Path) -> Results:
    return {"scaling_rows": args.large} | scaling(args.large, folder, say)


PARTS: Final[dict[str, Callable[[argparse.Namespace, Path], Results]]] = {
    "contest": _contest,
    "table": _table,
    "memory": _memory,
    "online": _online,
    "scaling": _scaling,
}


def _flat(prefix: str, costs: dict[str, Cost]) -> Results:
    return {f"{prefix}_{name}_{clock}_s": getattr(c, clock) for name, c in costs.items() for clock in ("cpu", "wall")}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=_ROWS, help="invoices of the contest and of the ..._1m figures")
    parser.add_argument("--large", type=int, default=_LARGE, help="of the ..._10m figures and of the scaling")
    parser.add_argument("--calls", type=int, default=2_000, help="orders timed one by one for each length of history")
    parser.add_argument("--repetitions", type=int, help="of each measurement; by default one to five, by its length")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--featuretools", type=Path, metavar="PYTHON", help="interpreter that has Featuretools")
    parser.add_argument("--quick", action="store_true", help="20,000 and 100,000 invoices, into var/benchmarks")
    parser.add_argument("--out", type=Path, help="folder of results.json and features.png (default: see above)")
    args = parser.parse_args(argv)
    if args.quick:
        args.rows, args.large, args.calls, args.repetitions = 20_000, 100_000, 200, 1
    complete = (args.rows, args.large, len(args.parts)) == (_ROWS, _LARGE, len(PARTS))
    args.out = args.out or (page.RESULTS.parent if complete else page.ROOT / "var" / "benchmarks")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, writes and prints; a run into benchmarks/ also fills docs/performance.md."""
    args = _arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        results = run(args, Path(folder))
    results_file = args.out / page.RESULTS.name
    results_file.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if {"contest", "online"} <= set(args.parts):
        picture.draw(results, args.out / "features.png")
    if results_file.resolve() == page.RESULTS:
        page.write_page()
    print(page.bars_table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
