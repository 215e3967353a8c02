"""How much popular leaks would have flattered a model of this ledger. Every figure but the first is WRONG on purpose.

The same small LightGBM is judged four times on the same orders, the last fifth. Honestly: split by time, features point
in time, labels matured at the split. Then as tutorials do it: rows split at random, and averages of each customer over
all rows, its future among them. The distance is a warning: a model that claims it has probably leaked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import INDEX
from models.boosting import grow
from models.inputs import inputs_for
from models.numbers import Floats, sigmoid
from receivables.outcomes import late_column
from training.dataset import LateData
from training.evaluate import MIN_OUTCOMES
from training.metrics import AUC, LOG_LOSS, Resampling, difference

HORIZONS: Final = (0, 15)
HONEST: Final = "honest: split by time, features as known then"
RANDOM: Final = "WRONG: rows split at random"
AVERAGES: Final = "WRONG: split by time, customer averages over all rows"
POPULAR: Final = "WRONG: rows split at random, customer averages over all rows"
#: Share of the matured orders, the last, that is judged; random folds leave out as many at a time.
_JUDGED: Final = 0.2
_FOLDS: Final = 5
#: Regularised, so that what differs is the leak and not the appetite of the model for it.
_PARAMS: Final[dict[str, Any]] = {
    "num_iterations": 120,
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "max_bin": 63,
}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rung:
    """One way to judge `rows` orders: AUC, log-loss, and the AUC beyond the honest one with its 95 % interval."""

    way: str
    target: str
    rows: int
    auc: float
    log_loss: float
    flattered: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def leakage_gap(data: LateData, *, margin_days: int, seed: int, horizons: Sequence[int] = HORIZONS) -> list[Rung]:
    """The ladder of each horizon that has outcomes enough; `data` holds every order as known at the end."""
    return [rung for k in horizons for rung in _ladder(data, k, margin_days, seed)]


def _ladder(data: LateData, horizon: int, margin_days: int, seed: int) -> list[Rung]:
    y = data.labels((horizon,), cutoff=data.known.cutoff, margin_days=margin_days)[:, 0]
    known, split = ~np.isnan(y), _split(data.orders.as_of, ~np.isnan(y))
    then = data.labels((horizon,), cutoff=split, margin_days=margin_days)[:, 0]
    judged = known & (data.orders.as_of >= split.to_datetime64())
    before = ~np.isnan(then) & ~(data.orders.as_of >= split.to_datetime64())
    if min(_rarer(then[before]), _rarer(y[judged])) < MIN_OUTCOMES:
        return []
    honest = data.x[:, [INDEX[name] for name in inputs_for("late")]]
    flattering = np.column_stack([honest, _averages(y, data.orders.customer_id)])
    by_time = [(then, before, judged)]
    fold = np.random.default_rng(seed).integers(0, _FOLDS, len(y))
    at_random = [(y, known & (fold != i), judged & (fold == i)) for i in range(_FOLDS)]
    ways = {HONEST: (honest, by_time), RANDOM: (honest, at_random), AVERAGES: (flattering, by_time),
            POPULAR: (flattering, at_random)}  # fmt: skip
    predicted = {way: _predicted(x, splits, seed)[judged] for way, (x, splits) in ways.items()}
    sample = Resampling.of(data.orders.customer_id[judged].astype(str), seed=seed)
    return [_rung(way, late_column(horizon), y[judged], p, predicted[HONEST], sample) for way, p in predicted.items()]


def _rung(way: str, target: str, y: Floats, p: Floats, honest: Floats, sample: Resampling) -> Rung:
    auc, loss = (float(metric.compute(y, p, np.ones(len(y)))) for metric in (AUC, LOG_LOSS))
    gap = difference(AUC, y, p, honest, sample)
    return Rung(way, target, len(y), auc, loss, gap.value, gap.low, gap.high)


def _split(as_of: npt.NDArray[np.datetime64], known: Mask) -> pd.Timestamp:
    """The midnight after which the last `_JUDGED` of the matured orders came."""
    days = np.sort(as_of[known].astype("datetime64[D]"))
    return pd.Timestamp(days[int(len(days) * (1 - _JUDGED))]) if len(days) else pd.Timestamp.max


def _averages(y: Floats, customer_id: npt.NDArray[np.object_]) -> Floats:
    """(n,) each customer's late rate over all rows, the row itself and later ones among them: the leak."""
    code = np.unique(customer_id.astype(str), return_inverse=True)[1]
    known = ~np.isnan(y)
    late, seen = (np.bincount(code[known], weights=w[known], minlength=code.max() + 1) for w in (y, np.ones(len(y))))
    with np.errstate(invalid="ignore"):
        return np.asarray((late / seen)[code])


def _predicted(x: Floats, splits: Sequence[tuple[Floats, Mask, Mask]], seed: int) -> Floats:
    """(n,) probabilities of the rows that the splits (labels, learnt from, asked about) ask about, else NaN."""
    p = np.full(len(x), np.nan)
    for labels, train, test in splits:
        y = labels[train]
        start = float(np.log(y.mean() / (1 - y.mean())))
        names = [f"x{i}" for i in range(x.shape[1])]
        forest = grow(
            x[train], y, names=names, monotone=[0] * len(names), params=_PARAMS, seeds=(seed,),
            start=np.full(len(y), start),
        )  # fmt: skip
        p[test] = sigmoid(forest.margin(x[test]) + start)
    return p


def _rarer(y: Floats) -> float:
    """Outcomes of the rarer kind."""
    return float(min(y.sum(), len(y) - y.sum()))
