"""Exact SHAP values of one row and of a portfolio beside LightGBM's `pred_contrib`, the shap package and `predict`.

One forest of 300 trees of 31 leaves on 40 columns, a tenth of the values null. Each figure is a ratio of CPU seconds
per row, taken in turn, and every answer is held against LightGBM's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from statistics import median
from typing import Final

import numpy as np

from benchmarks.measure import cost_of, cpu_seconds, forget_peak, peak_bytes, resident_bytes
from benchmarks.part import Bar, Part, Results, Sizes, number, say
from models.forest import Forest
from models.numbers import Floats

_COLUMNS: Final = 40
_LEARNT: Final = 20_000
_TREES: Final = 300
#: Rows that the slow ways are timed on, and rows of LightGBM's predict.
_FEW: Final = 1_000
_PREDICTED: Final = 50_000
_TURNS: Final = 3
#: The explanations may differ from LightGBM's by this.
_TOLERANCE: Final = 1e-9


def rows_of(n: int, seed: int) -> Floats:
    """(n, 40) rows: 30 columns of normal values, 10 of small whole numbers, a tenth null."""
    r = np.random.default_rng(seed)
    x = r.standard_normal((n, _COLUMNS))
    x[:, 30:] = np.round(3.0 * x[:, 30:])
    x[r.random(x.shape, dtype=np.float32) < 0.1] = np.nan
    return x


def learnt() -> Forest:
    """The forest that everyone explains."""
    import lightgbm

    x, r = rows_of(_LEARNT, 0), np.random.default_rng(1)
    known = np.nan_to_num(x)
    signal = known[:, 0] + known[:, 1] * known[:, 2] + np.sin(2 * known[:, 3]) + 0.5 * np.isnan(x[:, 4])
    y = signal + known[:, 5:] @ np.linspace(0.5, 0.1, 35) + r.standard_normal(len(x)) > 0.3
    params = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.05, "num_threads": 1, "verbosity": -1}
    return Forest.of_lightgbm(lightgbm.train(params, lightgbm.Dataset(x, y), _TREES).model_to_string())


def explain(sizes: Sizes) -> dict[str, float]:
    """The figures; raises AssertionError where an answer differs or a way other than ours has answered."""
    import lightgbm
    import shap

    forest = learnt()
    assert forest.explained_by == "quadrature", forest.explained_by
    booster = lightgbm.Booster(model_str=forest.text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap announces the shape of its answer
        explainer = shap.TreeExplainer(booster)
    x = rows_of(_FEW, 2)
    theirs = booster.predict(x, pred_contrib=True, num_threads=1)
    error = _error(forest, x, theirs)
    one = {
        "ours": lambda i: forest.shap(x[i : i + 1]),
        "pred_contrib": lambda i: booster.predict(x[i : i + 1], pred_contrib=True, num_threads=1),
        "shap": lambda i: explainer.shap_values(x[i : i + 1]),
    }
    row = _in_turn({name: _each(call, _FEW if name == "ours" else min(60, _FEW)) for name, call in one.items()})
    say(f"  one row: {row['ours'] * 1e6:.0f} µs of CPU")
    many, wide = rows_of(10 * _FEW, 3), rows_of(_PREDICTED, 4)
    bulk = _in_turn(
        {
            "ours": lambda: _per_row(lambda: forest.shap(many), len(many)),
            "pred_contrib": lambda: _per_row(lambda: booster.predict(x, pred_contrib=True, num_threads=1), _FEW),
            "shap": lambda: _per_row(lambda: explainer.shap_values(x), _FEW),
            "predict": lambda: _per_row(lambda: booster.predict(wide, raw_score=True, num_threads=1), _PREDICTED),
        }
    )
    return {
        "explain_row_us": row["ours"] * 1e6,
        "explain_row_vs_pred_contrib": row["pred_contrib"] / row["ours"],
        "explain_row_vs_shap": row["shap"] / row["ours"],
        "explain_bulk_vs_pred_contrib": bulk["pred_contrib"] / bulk["ours"],
        "explain_bulk_vs_shap": bulk["shap"] / bulk["ours"],
        "explain_bulk_vs_predict": bulk["ours"] / bulk["predict"],
        "explain_max_error": error,
        **_portfolio(forest, sizes.rows),
    }


def _portfolio(forest: Forest, rows: int) -> dict[str, float]:
    """All rows in one call: speed, and memory beyond rows and answer."""
    x = rows_of(rows, 5)
    before = resident_bytes()
    forget_peak()
    cost, (reference, values) = cost_of(lambda: forest.shap(x))
    extra = peak_bytes() - before - values.nbytes
    some = slice(0, min(rows, 20_000))
    gap = np.abs(reference + values[some].sum(axis=1) - forest.margin(x[some])).max()
    assert gap < _TOLERANCE, gap
    return {
        "explain_rows": rows,
        "explain_rows_per_second": rows / cost.cpu,
        "explain_extra_megabytes": max(extra, 0) / 1e6,
        "explain_additivity_error": float(gap),
    }


def _error(forest: Forest, x: Floats, theirs: Floats) -> float:
    """The largest difference to LightGBM's contributions, in one call and row by row."""
    reference, values = forest.shap(x)
    singly = np.concatenate([forest.shap(row[None, :])[1] for row in x[:200]])
    gaps = (values - theirs[:, :-1], singly - theirs[:200, :-1], reference - theirs[:, -1])
    error = max(float(np.abs(gap).max()) for gap in gaps)
    assert error < _TOLERANCE, error
    return error


def _in_turn(ways: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Median CPU seconds per row of each way, measured one after the other, several times."""
    for way in ways.values():
        way()
    turns = [{name: way() for name, way in ways.items()} for _ in range(_TURNS)]
    return {name: median(turn[name] for turn in turns) for name in ways}


def _each(call: Callable[[int], object], n: int) -> Callable[[], float]:
    def timed() -> float:
        begin = cpu_seconds()
        for i in range(n):
            call(i)
        return (cpu_seconds() - begin) / n

    return timed


def _per_row(call: Callable[[], object], n: int) -> float:
    begin = cpu_seconds()
    call()
    return (cpu_seconds() - begin) / n


def _table(results: Results) -> str:
    """Speed beside the others, as Markdown."""
    if "explain_rows" not in results:
        return ""
    lines = ["| SHAP values, 300 trees x 31 leaves x 40 columns | one row | many rows |", "|---|---|---|"]
    for name, way in (("pred_contrib", "LightGBM's `pred_contrib`"), ("shap", "shap's TreeExplainer")):
        row, bulk = (number(results[f"explain_{size}_vs_{name}"]) for size in ("row", "bulk"))
        lines.append(f"| CPU s of {way} over ours | {row} | {bulk} |")
    speed, rows = number(results["explain_rows_per_second"]), number(results["explain_rows"])
    lines.append(f"| ours | {number(results['explain_row_us'])} µs | {speed} rows per CPU s ({rows} rows) |")
    return "\n".join(lines)


PART: Final = Part(
    "explain",
    "exact SHAP values of one row and of many",
    explain,
    (
        Bar("explain_row_vs_pred_contrib", "one row: CPU s of LightGBM's `pred_contrib` over ours", "at least", 4.5),
        Bar("explain_bulk_vs_pred_contrib", "many rows: CPU s of `pred_contrib` over ours", "at least", 40),
        Bar("explain_bulk_vs_shap", "many rows: CPU s of shap's TreeExplainer over ours", "at least", 40),
        Bar("explain_bulk_vs_predict", "many rows: CPU s over those of LightGBM's own predict", "at most", 2),
        Bar("explain_max_error", "largest difference to `pred_contrib`, log-odds", "at most", 1e-12),
        Bar("explain_extra_megabytes", "{explain_rows} rows: memory beyond rows and answer, MB", "at most", 50),
    ),
    _table,
)
