"""The bars, and the figures of the last full run beside them, as docs/performance.md shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results.json"
PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures of benchmarks/results.json: begin -->", "<!-- figures: end -->"

Results = Mapping[str, float]


@dataclass(frozen=True)
class Bar:
    """A figure and what it is held to; names of other figures in braces stand for their values."""

    key: str
    meaning: str
    compare: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side of the bound."""
        return value >= self.bound if self.compare == "at least" else value <= self.bound


BARS: Final = (
    Bar("features_vs_duckdb_range", "times fewer CPU seconds than DuckDB's RANGE window frames", "at least", 150),
    Bar("features_vs_polars", "times fewer CPU seconds than Polars' cum_sum and join_asof", "at least", 15),
    Bar("features_vs_pandas", "times fewer CPU seconds than pandas' cumsum and merge_asof", "at least", 15),
    Bar("features_vs_floor", "CPU seconds over those of the floor (read, sort, write)", "at most", 8),
    Bar("features_vs_parquet_write", "CPU seconds over those of writing the answer to Parquet", "at most", 1),
    Bar(
        "features_rows_per_second_1m",
        "whole table, {table_rows_1m} invoices at once: rows per CPU second",
        "at least",
        1e6,
    ),
    Bar(
        "features_rows_per_second_10m",
        "whole table, {table_rows_10m} in partitions: rows per CPU second",
        "at least",
        1e6,
    ),
    Bar("features_peak_memory_vs_bar", "peak of memory over 3 x inputs + outputs", "at most", 1),
    Bar("online_p50_us_20", "one order, 20 past invoices: p50, µs", "at most", 50),
    Bar("online_p50_us_200", "one order, 200 past invoices: p50, µs", "at most", 50),
    Bar("online_p50_us_2000", "one order, 2,000 past invoices: p50, µs", "at most", 400),
    Bar("online_p99_over_p50_20", "one order, 20 past invoices: p99 over p50", "at most", 2),
    Bar("online_p99_over_p50_200", "one order, 200 past invoices: p99 over p50", "at most", 2),
    Bar("online_p99_over_p50_2000", "one order, 2,000 past invoices: p99 over p50", "at most", 2),
    Bar("apply_p50_us_200", "taking in one more fact, 200 past invoices: p50, µs", "at most", 20),
    Bar("apply_p50_us_2000", "taking in one more fact, 2,000 past invoices: p50, µs", "at most", 20),
    Bar("two_process_speedup", "two processes over one", "at least", 1.8),
    Bar("dask_vs_processes", "wall time of two Dask workers over two processes", "at most", 1.3),
)


def number(value: float) -> str:
    """Three significant digits, thousands separated.

    >>> number(1234567), number(0.01234), number(12.345)
    ('1,230,000', '0.0123', '12.3')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


class _Numbers(dict[str, str]):
    """The results as they are printed inside a meaning; "..." for what was not measured."""

    def __init__(self, results: Results) -> None:
        super().__init__({key: number(value) for key, value in results.items()})

    def __missing__(self, key: str) -> str:
        return "..."


def bars_table(results: Results) -> str:
    """Markdown: every bar with its figure, reached or not; what was not measured says so."""
    lines = ["| figure | bar | measured | |", "|---|---|---|---|"]
    for bar in BARS:
        value = results.get(bar.key)
        shown = number(value) if value is not None else "not measured"
        verdict = "" if value is None else "reached" if bar.is_met(value) else "**not reached**"
        meaning = bar.meaning.format_map(_Numbers(results))
        lines.append(f"| {meaning} (`{bar.key}`) | {bar.compare} {number(bar.bound)} | {shown} | {verdict} |")
    return "\n".join(lines)


#: Contenders as people know them.
CONTENDERS: Final = {
    "duckdb_range": "DuckDB, RANGE window frames",
    "polars_rolling": "Polars, rolling windows",
    "duckdb_asof": "DuckDB, running sums and ASOF joins",
    "pandas": "pandas, cumsum and merge_asof",
    "polars": "Polars, cum_sum and join_asof",
    "parquet_write": "writing the answer to Parquet",
    "ours": "this engine, from columns",
    "ours_compiled": "this engine, from a compiled history",
    "floor": "floor: read, sort, write",
}


def contest_table(results: Results) -> str:
    """Markdown: CPU and wall seconds of every contender."""
    rows, ours = results["contest_rows"], results["contest_ours_cpu_s"]
    head = f"| 25 features of {number(rows)} invoices | CPU s | wall s | invoices per CPU s | CPU s over ours |"
    lines = [head, "|---|---|---|---|---|"]
    for name, title in CONTENDERS.items():
        cpu, wall = (results[f"contest_{name}_{clock}_s"] for clock in ("cpu", "wall"))
        lines.append(f"| {title} | {number(cpu)} | {number(wall)} | {number(rows / cpu)} | {number(cpu / ours)} |")
    if "features_vs_featuretools" in results:
        few, speed = (number(results[f"featuretools_rows{name}"]) for name in ("", "_per_second"))
        ratio = number(results["features_vs_featuretools"])
        lines.append(
            f"| Featuretools, deep feature synthesis ({few} invoices; ratio by invoice) | | | {speed} | {ratio} |"
        )
    return "\n".join(lines)


def figures(results: Results) -> str:
    """Everything on the page that comes from the results."""
    cores = [f"{results[key]:.0f} {key}" for key in results if key.startswith("cores of ")]
    versions = ", ".join(key.removeprefix("with ") for key in results if key.startswith("with "))
    day = str(int(results["measured_on_yyyymmdd"]))
    where = f"Measured on {cores[0]}, {day[:4]}-{day[4:6]}-{day[6:]}, with {versions}."
    return "\n\n".join([where, bars_table(results), contest_table(results)])


def filled(page: str, results: Results) -> str:
    """The page with the figures between its marks; ValueError where a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name}: expected the marks {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{figures(results)}\n{END}{after}"


def read_results(path: Path = RESULTS) -> dict[str, float]:
    """The flat map of the last full run."""
    results: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return results


def write_page() -> None:
    """docs/performance.md with the figures of benchmarks/results.json."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")
