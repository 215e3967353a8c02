"""Figures of a backtest: predictions joined with outcomes, judged whole and by origin, segment and history depth.

Every figure carries a 95 % interval from a bootstrap over customers. Largest and dominant customer are found once, on
all judged orders of a target, so that every group is shown without the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import Orders
from models.numbers import Floats
from receivables.outcomes import late_column
from training.backtest import PREDICTORS, QUANTILES, column, quantile_column
from training.dataset import Known, LateData
from training.evaluate import ALL, COLD_START, MIN_OUTCOMES, MINUS, SLICED, slices
from training.fit import HORIZONS, MODEL
from training.ici import ICI
from training.metrics import (
    COVERAGE,
    ECE,
    ECE_BY_CHANCE,
    INTERCEPT,
    MAE,
    PROBABILITY,
    Estimate,
    Metric,
    Resampling,
    ece_by_chance,
    pinball,
)
from training.scores import DUE_DATE, OWN_MEDIAN

Mask = npt.NDArray[np.bool_]
#: Predictor (or difference of two), metric, figure.
Judgement = tuple[str, str, Estimate]

#: How the judged orders are grouped.
WHOLE: Final = "all"
ORIGIN: Final = "origin"
SEGMENT: Final = "segment"
HISTORY: Final = "history"
#: Settlements known at the order, upper ends of the classes.
_DEPTHS: Final = ((0, "none"), (2, "1 to 2"), (9, "3 to 9"), (49, "10 to 49"), (np.inf, "50 and more"))
DAYS_LATE: Final = "days_late"
WIDTH: Final = Metric("width_80", "mean width of the 80 % interval, days", -1, lambda y, p, w: _mean(y, w))
_PINBALL: Final = tuple(
    Metric(f"pinball_{level * 100:.0f}", f"quantile loss at {level:.0%}, days", -1, pinball(level))
    for level in QUANTILES
)
#: Every metric of all orders and of an origin's; fewer where they are cut further.
FULL: Final = (*PROBABILITY, ICI)
_CUT: Final = (*SLICED, ECE, INTERCEPT)


@dataclass(frozen=True)
class Cell:
    """One figure: a metric of a predictor (or of the difference of two) for a target, on a slice of a group."""

    by: str
    group: str
    slice: str
    target: str
    predictor: str
    metric: str
    rows: int
    customers: int
    events: int
    value: float
    low: float
    high: float


def cells(frame: pd.DataFrame) -> list[Cell]:
    """The rows of `figures`."""
    return [Cell(**{str(name): value for name, value in row.items()}) for row in frame.to_dict(orient="records")]


def joined(known: Known, predictions: pd.DataFrame, *, margin_days: int) -> pd.DataFrame:
    """The predictions with `outcome/TARGET` (1, 0, NaN not matured) and `days_late` (NaN not to be told yet)."""
    everything = Orders.of_invoices(known.ledger)
    place = pd.Index(everything.ids).get_indexer(pd.Index(predictions["invoice_id"].to_numpy(dtype=object)))
    data = LateData(known, everything.take(place), np.empty((len(place), 0)))
    labels = data.labels(HORIZONS, cutoff=known.cutoff, margin_days=margin_days)
    outcomes = {column("outcome", late_column(k)): labels[:, j] for j, k in enumerate(HORIZONS)}
    return predictions.assign(**outcomes, **{DAYS_LATE: data.days_late(margin_days=margin_days)})


def outcome(frame: pd.DataFrame, target: str) -> Floats:
    """(n,) what happened."""
    return frame[column("outcome", target)].to_numpy(np.float64)


def depth(n_settled: Floats) -> npt.NDArray[np.object_]:
    """The class of history depth of each order.

    >>> depth(np.array([0.0, 2.0, 3.0, 80.0])).tolist()
    ['none', '1 to 2', '3 to 9', '50 and more']
    """
    names = np.array([name for _, name in _DEPTHS], dtype=object)
    found = names[np.searchsorted([end for end, _ in _DEPTHS], n_settled, side="left")]
    return np.asarray(found, dtype=object)


def figures(frame: pd.DataFrame, *, replicates: int = 300, seed: int = 0) -> pd.DataFrame:
    """Every figure as a row of `Cell`; groups with fewer than `MIN_OUTCOMES` outcomes of either kind are left out."""
    late = [cell for k in HORIZONS for cell in _late(frame, late_column(k), replicates, seed)]
    return pd.DataFrame([asdict(cell) for cell in (*late, *_days(frame, replicates, seed))])


def groups(frame: pd.DataFrame) -> Iterator[tuple[str, str, Mask]]:
    """All orders, and each origin, segment and class of history depth with its orders."""
    yield WHOLE, WHOLE, np.ones(len(frame), dtype=np.bool_)
    for by, values in (
        (ORIGIN, frame["origin"].to_numpy(object)),
        (SEGMENT, frame["segment"].to_numpy(object)),
        (HISTORY, depth(frame["n_settled"].to_numpy(np.float64))),
    ):
        for group in sorted(set(values.tolist())):
            yield by, str(group), values == group


def _late(frame: pd.DataFrame, target: str, replicates: int, seed: int) -> Iterator[Cell]:
    y, customer = outcome(frame, target), frame["customer_id"].to_numpy(object)
    cut = slices(customer, frame["n_settled"].to_numpy(np.float64), y)
    for by, group, members in groups(frame):
        for name, rows in cut.items():
            use = rows & members
            if (by == HISTORY and name == COLD_START) or min(y[use].sum(), (1 - y[use]).sum()) < MIN_OUTCOMES:
                continue
            metrics = SLICED if name != ALL else FULL if by in (WHOLE, ORIGIN) else _CUT
            predicted = {
                who: frame.loc[use, column(who, target)].to_numpy(np.float64)
                for who in PREDICTORS
                if column(who, target) in frame and frame.loc[use, column(who, target)].notna().all()
            }
            sample = Resampling.of(customer[use].astype(str), replicates=replicates, seed=seed)
            about = (by, group, name, target)
            counts = (int(use.sum()), len(set(customer[use].tolist())), int(y[use].sum()))
            for who, metric, found in _judged(y[use], predicted, metrics, sample):
                yield Cell(*about, who, metric, *counts, found.value, found.low, found.high)
            if metrics is FULL:
                chance = ece_by_chance(predicted[MODEL], replicates=replicates, seed=seed)
                yield Cell(*about, MODEL, ECE_BY_CHANCE, *counts, chance.value, chance.low, chance.high)


def _judged(
    y: Floats, predicted: Mapping[str, Floats], metrics: Sequence[Metric], sample: Resampling
) -> Iterator[Judgement]:
    """Each metric of each predictor, and the first predictor's difference to the others in the metrics of slices."""
    asked = [(who, metric, y, p) for metric in metrics for who, p in predicted.items()]
    gaps = [
        (f"{MODEL}{MINUS}{who}", (MODEL, metric.name), (who, metric.name))
        for metric in SLICED
        for who in predicted
        if who != MODEL
    ]
    return _measured(asked, gaps, sample)


def _measured(
    asked: Sequence[tuple[str, Metric, Floats, Floats]],
    gaps: Sequence[tuple[str, tuple[str, str], tuple[str, str]]],
    sample: Resampling,
) -> Iterator[Judgement]:
    """Each asked metric (of whom, on which y and p), then the named differences of two; all on the same draws."""

    def compute(w: Floats) -> Floats:
        return np.stack([metric.compute(y, p, w) for _, metric, y, p in asked], axis=-1)

    value, drawn = compute(np.ones(len(sample.code))), sample.replicate(compute)
    place = {(who, metric.name): i for i, (who, metric, _, _) in enumerate(asked)}
    for (who, name), i in place.items():
        yield who, name, _estimate(float(value[i]), drawn[:, i])
    for name, one, other in gaps:
        i, j = place[one], place[other]
        yield name, one[1], _estimate(float(value[i] - value[j]), drawn[:, i] - drawn[:, j])


def _estimate(value: float, drawn: Floats) -> Estimate:
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def _days(frame: pd.DataFrame, replicates: int, seed: int) -> Iterator[Cell]:
    """Errors in days of the median, of the customer's own median and of the due date; quantile loss and coverage."""
    actual, customer = frame[DAYS_LATE].to_numpy(np.float64), frame["customer_id"].to_numpy(object)
    late = (actual > 0).astype(np.float64)
    cut = slices(customer, frame["n_settled"].to_numpy(np.float64), np.where(np.isnan(actual), np.nan, late))
    for by, group, members in groups(frame):
        for name, rows in cut.items():
            use = rows & members
            if (by == HISTORY and name == COLD_START) or use.sum() < 2 * MIN_OUTCOMES:
                continue
            sample = Resampling.of(customer[use].astype(str), replicates=replicates, seed=seed)
            about = (by, group, name, DAYS_LATE)
            counts = (int(use.sum()), len(set(customer[use].tolist())), int(late[use].sum()))
            for who, metric, found in _judged_days(frame[use], actual[use], sample):
                yield Cell(*about, who, metric, *counts, found.value, found.low, found.high)


def _judged_days(frame: pd.DataFrame, actual: Floats, sample: Resampling) -> Iterator[Judgement]:
    by_level = [frame[quantile_column(level)].to_numpy(np.float64) for level in QUANTILES]
    low, middle, high = by_level
    others = {OWN_MEDIAN: frame[OWN_MEDIAN].to_numpy(np.float64), DUE_DATE: np.zeros(len(frame))}
    inside = ((low <= actual) & (actual <= high)).astype(np.float64)
    asked = [
        *((who, MAE, actual, p) for who, p in {MODEL: middle, **others}.items()),
        *((MODEL, metric, actual, p) for metric, p in zip(_PINBALL, by_level, strict=True)),
        (MODEL, COVERAGE, inside, inside),
        (MODEL, WIDTH, high - low, inside),
    ]
    return _measured(asked, [(f"{MODEL}{MINUS}{who}", (MODEL, MAE.name), (who, MAE.name)) for who in others], sample)


def _mean(values: Floats, w: Floats) -> Floats:
    return np.asarray((w @ values) / w.sum(-1))


def left_out(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By target and origin: orders scored, and how many of them had matured and counted."""
    made: dict[str, dict[str, Any]] = {}
    for target in (*(late_column(k) for k in HORIZONS), DAYS_LATE):
        known = ~np.isnan(frame[DAYS_LATE].to_numpy(np.float64) if target == DAYS_LATE else outcome(frame, target))
        made[target] = {
            str(origin): {"scored": len(rows), "matured": int(known[rows].sum())}
            for origin, rows in frame.groupby("origin").indices.items()
        }
    return made
