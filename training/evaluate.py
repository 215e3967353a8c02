"""Scores held against what happened: figures per horizon, slice and predictor, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.numbers import Floats
from training.metrics import (
    AUC,
    BRIER,
    COVERAGE,
    ECE,
    ECE_BY_CHANCE,
    LOG_LOSS,
    MAE,
    PROBABILITY,
    Estimate,
    Metric,
    Resampling,
    difference,
    ece_by_chance,
    estimate,
)

Mask = npt.NDArray[np.bool_]
#: Customers with fewer known settlements than this when they were scored are a cold start.
COLD: Final = 3
#: Fewer outcomes of either kind than this, and a slice is left out and said so.
MIN_OUTCOMES: Final = 10
#: Figures of every slice; the slice "all" has every metric.
SLICED: Final = (AUC, LOG_LOSS, BRIER)
ALL: Final = "all"
NO_LARGEST: Final = "without the largest customer"
NO_DOMINANT: Final = "without the customer with most events"
COLD_START: Final = "cold start"
#: Predictor name of a paired difference.
MINUS: Final = " - "


@dataclass(frozen=True)
class Judged:
    """Outcomes and predictions of n scored rows; per target, for example late over 5 days.

    `outcomes` are (n,) 1, 0 or NaN (not matured), `predictors` name -> target -> (n,). The first predictor is the one
    that is judged; the others are what it must beat.
    """

    customer_id: npt.NDArray[np.object_]
    settled_known: Floats
    outcomes: Mapping[str, Floats]
    predictors: Mapping[str, Mapping[str, Floats]]


@dataclass(frozen=True)
class Figure:
    """One metric of one predictor (or of the difference of two) on one slice of one target."""

    target: str
    slice: str
    predictor: str
    metric: str
    rows: int
    events: int
    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; null for what is not defined."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def judge(judged: Judged, *, replicates: int = 300, seed: int = 0) -> list[Figure]:
    """Every figure: all metrics on all rows, three on each slice, and the differences to the other predictors.

    A target or slice with fewer than `MIN_OUTCOMES` outcomes of either kind is left out.
    """
    return [
        figure
        for target, y in judged.outcomes.items()
        for name, rows in slices(judged.customer_id, judged.settled_known, y).items()
        for figure in _figures(judged, target, name, rows, replicates, seed)
    ]


def slices(customer_id: npt.NDArray[np.object_], settled_known: Floats, y: Floats) -> dict[str, Mask]:
    """Matured rows by slice: one customer may carry a figure, and new customers are the hard case."""
    matured = ~np.isnan(y)
    made = {ALL: matured}
    if matured.any():
        ids, code = np.unique(customer_id[matured].astype(str), return_inverse=True)
        largest = ids[np.bincount(code).argmax()]
        dominant = ids[np.bincount(code, weights=y[matured]).argmax()]
        made[NO_LARGEST] = matured & (customer_id != largest)
        made[NO_DOMINANT] = matured & (customer_id != dominant)
        made[COLD_START] = matured & (settled_known < COLD)
    return made


def _figures(judged: Judged, target: str, name: str, rows: Mask, replicates: int, seed: int) -> Iterator[Figure]:
    y = judged.outcomes[target][rows]
    if min(y.sum(), len(y) - y.sum()) < MIN_OUTCOMES:
        return
    sample = Resampling.of(judged.customer_id[rows].astype(str), replicates=replicates, seed=seed)
    predicted = {who: by_target[target][rows] for who, by_target in judged.predictors.items()}
    first, *others = predicted

    def figure(who: str, metric: str, found: Estimate) -> Figure:
        return Figure(target, name, who, metric, len(y), int(y.sum()), found.value, found.low, found.high)

    for metric in PROBABILITY if name == ALL else SLICED:
        for who, p in predicted.items():
            yield figure(who, metric.name, estimate(metric, y, p, sample))
        if metric is ECE:
            by_chance = ece_by_chance(predicted[first], replicates=replicates, seed=seed)
            yield figure(first, ECE_BY_CHANCE, by_chance)
        if metric.better:
            for other in others:
                found = difference(metric, y, predicted[first], predicted[other], sample)
                yield figure(f"{first}{MINUS}{other}", metric.name, found)


def judge_days(
    actual: Floats,
    predicted: Mapping[str, Floats],
    customer_id: npt.NDArray[np.object_],
    *,
    bounds: tuple[Floats, Floats] | None = None,
    replicates: int = 300,
) -> list[Figure]:
    """Mean absolute error in days of each predictor, and the first against the others; NaN in `actual` is left out.

    `bounds` are the first predictor's 80 % interval: with them also the share of outcomes that it held.
    """
    rows = ~np.isnan(actual)
    y, sample = actual[rows], Resampling.of(customer_id[rows].astype(str), replicates=replicates)

    def figure(who: str, found: Estimate, metric: Metric = MAE) -> Figure:
        return Figure("days_late", ALL, who, metric.name, len(y), len(y), found.value, found.low, found.high)

    first, *others = predicted
    made = [figure(who, estimate(MAE, y, p[rows], sample)) for who, p in predicted.items()]
    for other in others:
        found = difference(MAE, y, predicted[first][rows], predicted[other][rows], sample)
        made.append(figure(f"{first}{MINUS}{other}", found))
    if bounds is not None:
        low, high = (bound[rows] for bound in bounds)
        held = ((low <= y) & (y <= high)).astype(np.float64)
        made.append(figure(first, estimate(COVERAGE, held, held, sample), COVERAGE))
    return made


def by_group(
    groups: npt.NDArray[np.object_], y: Floats, p: Floats, metrics: Sequence[Metric] = SLICED
) -> dict[str, dict[str, float]]:
    """Per group (a month, a segment): rows, events, mean probability and metrics; groups with too few are left out."""
    made = {}
    matured = ~np.isnan(y)
    for group in sorted(set(groups[matured].tolist())):
        rows = matured & (groups == group)
        events = y[rows].sum()
        if min(events, rows.sum() - events) < MIN_OUTCOMES:
            continue
        figures = {metric.name: float(metric.compute(y[rows], p[rows], np.ones(rows.sum()))) for metric in metrics}
        made[str(group)] = {
            "rows": float(rows.sum()), "event_share": float(y[rows].mean()), "mean_probability": float(p[rows].mean()),
            **figures,
        }  # fmt: skip
    return made


def pick(figures: Sequence[Figure], target: str, predictor: str, metric: str, slice_: str = ALL) -> Figure | None:
    """The one figure asked for; None where it could not be computed."""
    wanted = (target, predictor, metric, slice_)
    return next((f for f in figures if (f.target, f.predictor, f.metric, f.slice) == wanted), None)
