"""What a model's figures rest on: one feature moved at a time, a feature taken away, and a base rate that changes.

The first two use the newest vintage and the orders that it scored; the third needs predictions and outcomes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from features import FEATURES, NAMES
from models.calibration import Calibration
from models.late import LateModel
from models.numbers import Floats, logit, sigmoid
from receivables.outcomes import late_column
from training.evaluate import MIN_OUTCOMES
from training.metrics import AUC, ECE, INTERCEPT, LOG_LOSS

#: Horizons whose probability is watched.
WATCHED: Final = (0, 5, 30)
#: Features that are moved: those with the largest mean absolute contribution to late over 0.
MOVED: Final = 12
#: Orders that are looked at; contributions are the costly part.
SAMPLE: Final = 1500
#: What the number of events is multiplied by.
FACTORS: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
_LOW, _HIGH = 0.1, 0.9


@dataclass(frozen=True)
class Shift:
    """One feature for all orders at its 10 % and 90 % quantile: mean P(late over k) there; and at its median: AUC."""

    feature: str
    meaning: str
    importance: float
    low: float
    high: float
    probability: dict[str, float]
    at_low: dict[str, float]
    at_high: dict[str, float]
    auc: float
    auc_without: float


def one_at_a_time(model: LateModel, x: Floats, y: Floats, *, seed: int = 0) -> list[dict[str, Any]]:
    """The `MOVED` most important features, each moved alone; `y` (n,) is late over 0, NaN where not matured.

    A feature that has no known value, or only one, is passed over. `importance` is in log-odds.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(x))[:SAMPLE])
    x, y = x[rows], y[rows]
    weight = np.abs(model.explain(x).values).mean(axis=0)
    base, auc = _means(model, x), _auc(model, x, y)
    found: list[dict[str, Any]] = []
    for place in np.argsort(-weight, kind="stable"):
        known = x[~np.isnan(x[:, place]), place]
        if len(found) == MOVED or weight[place] == 0:
            break
        if len(known) and known.min() < known.max():
            found.append(asdict(_shift(model, x, y, int(place), float(weight[place]), base, auc)))
    return found


def _shift(
    model: LateModel, x: Floats, y: Floats, place: int, weight: float, base: dict[str, float], auc: float
) -> Shift:
    known = x[~np.isnan(x[:, place]), place]
    low, middle, high = (float(v) for v in np.quantile(known, [_LOW, 0.5, _HIGH]))
    moved = [_with(x, place, value) for value in (low, high)]
    return Shift(
        feature=NAMES[place],
        meaning=FEATURES[place].meaning,
        importance=weight,
        low=low,
        high=high,
        probability=base,
        at_low=_means(model, moved[0]),
        at_high=_means(model, moved[1]),
        auc=auc,
        auc_without=_auc(model, _with(x, place, middle), y),
    )


def _with(x: Floats, place: int, value: float) -> Floats:
    made = x.copy()
    made[:, place] = value
    return made


def _means(model: LateModel, x: Floats) -> dict[str, float]:
    law = model.law(x)
    return {late_column(k): float(law.late_over(k).mean()) for k in WATCHED}


def _auc(model: LateModel, x: Floats, y: Floats) -> float:
    known = ~np.isnan(y)
    p = model.law(x[known]).late_over(0)
    return float(AUC.compute(y[known], p, np.ones(int(known.sum()))))


def base_rate_stress(y: Floats, p: Floats, target: str, *, factors: Sequence[float] = FACTORS) -> list[dict[str, Any]]:
    """How the figures of unchanged probabilities would read if events were `factor` times as frequent.

    Events are weighted, the mix of customers among events stays as it was. `log_loss_shifted` is what a calibration of
    the intercept alone, with perfect knowledge of the new rate, would bring.
    """
    made = []
    for factor in factors:
        share = factor * y.mean()
        if min(y.sum(), len(y) - y.sum()) < MIN_OUTCOMES or share >= 1:
            continue
        w = np.where(y == 1, share / y.mean(), (1 - share) / (1 - y.mean()))
        intercept = float(INTERCEPT.compute(y, p, w))
        bounded = np.clip(p, 1e-6, 1 - 1e-6)
        shifted = sigmoid(Calibration("intercept", intercept=intercept).apply(logit(bounded)))
        made.append(
            {
                "target": target,
                "factor": float(factor),
                "event_share": float(share),
                "mean_probability": float(w @ p / w.sum()),
                "log_loss": float(LOG_LOSS.compute(y, p, w)),
                "ece": float(ECE.compute(y, p, w)),
                "intercept": intercept,
                "log_loss_shifted": float(LOG_LOSS.compute(y, shifted, w)),
            }
        )
    return made


def agreement(new: Floats, old: Floats) -> dict[str, float]:
    """How far two vintages' probabilities of the same orders agree: rank correlation, and distance in probability."""
    ranks = [np.argsort(np.argsort(p, kind="stable"), kind="stable").astype(np.float64) for p in (new, old)]
    gap = np.abs(new - old)
    return {
        "orders": float(len(new)),
        "rank_correlation": _correlation(*ranks),
        "mean_distance": float(gap.mean()),
        "moved_by_10_points": float((gap > 0.1).mean()),
    }


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else float("nan")
