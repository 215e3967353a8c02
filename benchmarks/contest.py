"""The reference features side by side: every contender on the same invoices, held to the same answers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import floor, ours, pandas_peer, polars_peer, sql
from benchmarks.measure import Cost, flat, median_cost
from benchmarks.part import Bar, Part, Results, Sizes, number, say
from benchmarks.reference import NAMES, differences
from benchmarks.synthetic import (
    COLUMNS,
    Columns,
    customer_ids,
    history_of_sorted,
    orders_of,
    sorted_by_customer,
)
from features.expression import Floats
from receivables.errors import OtcRiskError

#: Invoices that Featuretools gets: it needs a CPU second for a handful.
FEATURETOOLS_ROWS: Final = 200
#: Peers that are measured on demand or not at all, and why.
ABSENT: Final = {
    "featuretools": "it needs pandas below 3; name an interpreter that has it with --featuretools",
    "getml": "it needs pandas 2.2",
}


class UnequalError(OtcRiskError):
    """A contender's answers are not the engine's."""


@dataclass(frozen=True)
class Contender:
    """`prepare` brings the columns into the form that it works on (not measured), `run` is measured, `matrix` turns
    its answer into rows x `reference.NAMES` in the order of the columns (not measured)."""

    name: str
    prepare: Callable[[Columns], Any]
    run: Callable[[Any], Any]
    matrix: Callable[[Any], Floats]
    repetitions: int


PEERS: Final = (
    Contender("pandas", pandas_peer.frame_of, pandas_peer.as_of, pandas_peer.matrix, 3),
    Contender("polars", polars_peer.frame_of, polars_peer.as_of, polars_peer.matrix, 3),
    Contender("polars_rolling", polars_peer.frame_of, polars_peer.rolling, polars_peer.matrix, 1),
    Contender("duckdb_asof", sql.connect, partial(sql.answer, query=sql.ASOF), sql.matrix, 3),
    Contender("duckdb_range", sql.connect, partial(sql.answer, query=sql.RANGE), sql.matrix, 1),
)
_WARM_UP_ROWS: Final = 500


def _prepare_ours(columns: Columns) -> tuple[Columns, Any]:
    return columns, customer_ids(columns.customers)


def _run_ours(given: tuple[Columns, Any]) -> tuple[Floats, Any]:
    """From the columns: the sort that compiles the history is part of the work, as it is of the peers'. The answer
    comes by customer, with the rows, as DuckDB's and Polars' comes in an order of theirs."""
    columns, ids = given
    rows, by_customer = sorted_by_customer(columns)
    history, orders = history_of_sorted(by_customer, ids), orders_of(by_customer, ids)
    return ours.reference(history, orders, ours.priors(), by_customer.customer), rows


def _as_given(answer: tuple[Floats, Any]) -> Floats:
    matrix, rows = answer
    out = np.empty_like(matrix)
    out[rows] = matrix
    return out


def _prepare_sorted(columns: Columns) -> tuple[Any, ...]:
    ids = customer_ids(columns.customers)
    rows, by_customer = sorted_by_customer(columns)
    return rows, history_of_sorted(by_customer, ids), orders_of(by_customer, ids), by_customer.customer


def _run_sorted(given: tuple[Any, ...]) -> tuple[Floats, Any]:
    rows, history, orders, codes = given
    return ours.reference(history, orders, ours.priors(), codes), rows


OURS: Final = Contender("ours", _prepare_ours, _run_ours, _as_given, 5)
#: The history is compiled already, as it is where several feature sets or moments are computed from it.
OURS_COMPILED: Final = Contender("ours_compiled", _prepare_sorted, _run_sorted, _as_given, 5)


def measure(contender: Contender, columns: Columns, repetitions: int | None = None) -> tuple[Cost, Floats]:
    """Median cost after a warm-up on a few rows, and the answer."""
    contender.run(contender.prepare(Columns.make(_WARM_UP_ROWS, seed=0)))
    given = contender.prepare(columns)
    cost, answer = median_cost(lambda: contender.run(given), repetitions or contender.repetitions)
    return cost, contender.matrix(answer)


def contest(columns: Columns, repetitions: int | None, folder: Path) -> dict[str, Cost]:
    """Costs by name: ours, the floor, writing the answer, each peer.

    Raises UnequalError where an answer differs from the engine's.
    """
    costs: dict[str, Cost] = {}
    costs[OURS.name], expected = measure(OURS, columns, repetitions)
    costs[OURS_COMPILED.name], answer = measure(OURS_COMPILED, columns, repetitions)
    _demand_equal(OURS_COMPILED.name, answer, expected)
    costs["floor"], _ = median_cost(lambda: floor.floor(columns), repetitions or 5)
    file = folder / "reference.parquet"
    costs["parquet_write"], _ = median_cost(lambda: floor.write_parquet(expected, file), repetitions or 3)
    file.unlink()
    for peer in PEERS:
        costs[peer.name], answer = measure(peer, columns, repetitions and min(repetitions, peer.repetitions))
        _demand_equal(peer.name, answer, expected)
        say(f"{peer.name}: identical answers, {costs[peer.name].cpu:.2f} CPU s, ours {costs['ours'].cpu:.3f}")
    return costs


def _demand_equal(name: str, answer: Floats, expected: Floats) -> None:
    found = differences(answer, expected)
    if found:
        raise UnequalError("\n  ".join([f"{name}: {len(found)} features differ from the engine's", *found]))


def featuretools(python: Path, folder: Path) -> Cost:
    """The cost of one invoice in Featuretools, under another interpreter.

    Raises UnequalError where its answers differ from the engine's.
    """
    columns = Columns.make(FEATURETOOLS_ROWS)
    given, made = folder / "given.npz", folder / "made.npz"
    np.savez(given, **{name: getattr(columns, name) for name in COLUMNS})
    script = [str(python), "-W", "ignore", "-m", "benchmarks.featuretools_peer", str(given), str(made)]
    subprocess.run(script, check=True, cwd=Path(__file__).parent.parent)
    with np.load(made) as answers:
        _, expected = measure(OURS, columns, 1)
        _demand_equal("featuretools", np.column_stack([answers[name] for name in NAMES]), expected)
        return Cost(float(answers["cpu"]) / len(columns), float(answers["wall"]) / len(columns))


def _figures(sizes: Sizes) -> dict[str, float]:
    costs = contest(Columns.make(sizes.rows), sizes.repetitions, sizes.folder)
    found: dict[str, float] = {"contest_rows": sizes.rows, **flat("contest", costs)}
    mine = costs["ours"].cpu
    for peer in ("duckdb_range", "duckdb_asof", "polars", "pandas"):
        found[f"features_vs_{peer}"] = costs[peer].cpu / mine
        found[f"features_vs_{peer}_wall"] = costs[peer].wall / costs["ours"].wall
    for other in ("floor", "parquet_write"):
        found[f"features_vs_{other}"] = mine / costs[other].cpu
        found[f"features_compiled_vs_{other}"] = costs["ours_compiled"].cpu / costs[other].cpu
    if sizes.featuretools:
        cost = featuretools(sizes.featuretools, sizes.folder)
        found |= {"featuretools_rows": FEATURETOOLS_ROWS, "featuretools_rows_per_second": 1 / cost.cpu}
        found["features_vs_featuretools"] = cost.cpu / (mine / sizes.rows)
    for name, reason in ABSENT.items():
        if f"{name}_rows" not in found:
            say(f"{name}: not measured, {reason}")
    return found


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
    """Markdown: CPU and wall seconds of every contender; "" where they were not measured."""
    if "contest_rows" not in results:
        return ""
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


PART: Final = Part(
    "contest",
    "25 features of the table, the same for every contender",
    _figures,
    (
        Bar("features_vs_duckdb_range", "times fewer CPU seconds than DuckDB's RANGE window frames", "at least", 150),
        Bar("features_vs_polars", "times fewer CPU seconds than Polars' cum_sum and join_asof", "at least", 15),
        Bar("features_vs_pandas", "times fewer CPU seconds than pandas' cumsum and merge_asof", "at least", 15),
        Bar("features_vs_floor", "CPU seconds over those of the floor (read, sort, write)", "at most", 8),
        Bar("features_vs_parquet_write", "CPU seconds over those of writing the answer to Parquet", "at most", 1),
    ),
    contest_table,
)
