"""The reference features side by side: every contender on the same invoices, held to the same answers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import floor, ours, pandas_peer, polars_peer, sql
from benchmarks.measure import Cost, median_cost
from benchmarks.reference import NAMES, differences
from benchmarks.synthetic import COLUMNS, Columns, customer_ids, history_of, orders_of
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


def _prepare_ours(columns: Columns) -> tuple[Any, ...]:
    ids = customer_ids(columns.customers)
    return columns, ids, orders_of(columns, ids), ours.priors()


def _run_ours(given: tuple[Any, ...]) -> Floats:
    """From the columns: the sort that compiles the history is part of the work, as it is of the peers'."""
    columns, ids, orders, priors = given
    return ours.reference(history_of(columns, ids), orders, priors)


def _run_sorted(given: tuple[Any, ...]) -> Floats:
    return ours.reference(*given)


def _prepare_sorted(columns: Columns) -> tuple[Any, ...]:
    columns, ids, orders, priors = _prepare_ours(columns)
    return history_of(columns, ids), orders, priors


OURS: Final = Contender("ours", _prepare_ours, _run_ours, np.asarray, 5)
#: The history is compiled already, as it is where several feature sets or moments are computed from it.
OURS_COMPILED: Final = Contender("ours_compiled", _prepare_sorted, _run_sorted, np.asarray, 5)


def measure(contender: Contender, columns: Columns, repetitions: int | None = None) -> tuple[Cost, Floats]:
    """Median cost after a warm-up on a few rows, and the answer."""
    contender.run(contender.prepare(Columns.make(_WARM_UP_ROWS, seed=0)))
    given = contender.prepare(columns)
    cost, answer = median_cost(lambda: contender.run(given), repetitions or contender.repetitions)
    return cost, contender.matrix(answer)


def contest(columns: Columns, repetitions: int | None, folder: Path, say: Callable[[str], None]) -> dict[str, Cost]:
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


def absent(measured: Sequence[str]) -> list[str]:
    """Why the contenders that were not measured were not."""
    return [f"{name}: not measured, {reason}" for name, reason in ABSENT.items() if name not in measured]
