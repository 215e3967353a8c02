"""Metrics of probabilities and of days, and their uncertainty when customers, not invoices, are the sample.

Every metric takes outcomes y (n,), predictions p (n,) and weights w, (n,) or (b, n), and returns () or (b,): one value
per row of weights. So a bootstrap replicate is nothing but another row of weights. A metric that is not defined for
the weights (one class only) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.numbers import sigmoid

Floats = npt.NDArray[np.float64]
Compute = Callable[[Floats, Floats, Floats], Floats]

#: Probabilities are kept this far from 0 and 1 where their logarithm is taken.
_EPS: Final = 1e-6
#: Name of the figure of `ece_by_chance`.
ECE_BY_CHANCE: Final = "ece_by_chance"
#: Bins of equal size for the expected calibration error.
_BINS: Final = 10


@dataclass(frozen=True)
class Metric:
    """One metric: which way is better (+1 higher, -1 lower, 0 nearest to `ideal`), and how it is computed."""

    name: str
    meaning: str
    better: int
    compute: Compute
    ideal: float = float("nan")


def auc(y: Floats, p: Floats, w: Floats) -> Floats:
    """Probability that a late invoice is ranked above an on-time one, ties counting half (Hanley and McNeil 1982).

    >>> round(float(auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.ones(4))), 4)
    0.75
    """
    late, in_time = _ranked(y, p, w)
    below = np.cumsum(in_time, axis=-1) - in_time
    return _ratio((late * (below + in_time / 2)).sum(-1), late.sum(-1) * in_time.sum(-1))


def ks(y: Floats, p: Floats, w: Floats) -> Floats:
    """Largest distance between the distributions of p of the two classes (Kolmogorov-Smirnov), 0 to 1."""
    late, in_time = _ranked(y, p, w)
    shares = [_ratio(np.cumsum(part, axis=-1), part.sum(-1, keepdims=True)) for part in (late, in_time)]
    return np.asarray(np.abs(shares[0] - shares[1]).max(-1))


def brier(y: Floats, p: Floats, w: Floats) -> Floats:
    """Mean squared distance between probability and outcome (Brier 1950)."""
    return _mean((p - y) ** 2, w)


def log_loss(y: Floats, p: Floats, w: Floats) -> Floats:
    """Mean negative log likelihood, in nats."""
    q = np.clip(p, _EPS, 1 - _EPS)
    return _mean(-np.log(np.where(y > 0.5, q, 1 - q)), w)


def ece(y: Floats, p: Floats, w: Floats) -> Floats:
    """Expected calibration error: mean distance between mean probability and event share in ten bins of equal size."""
    gap = np.abs(w @ (_member(p) * (p - y)[:, None]))
    return _ratio(gap.sum(-1), w.sum(-1))


def calibration_slope(y: Floats, p: Floats, w: Floats) -> Floats:
    """Slope of the outcome's log-odds on the predicted log-odds; below 1 = too extreme (Cox 1958)."""
    return _cox(y, p, w)[..., 1]


def calibration_intercept(y: Floats, p: Floats, w: Floats) -> Floats:
    """Intercept in log-odds with the slope held at 1; above 0 = probabilities too low on the whole."""
    z, shift = _logit(p), np.zeros(w.shape[:-1])
    for _ in range(_NEWTON_STEPS):
        q = sigmoid(z + shift[..., None])
        step = np.clip(_ratio((w * (y - q)).sum(-1), (w * q * (1 - q)).sum(-1)), -2, 2)
        shift = shift + step
        if not np.any(np.abs(step) > _CONVERGED):
            break
    return shift


def lift(y: Floats, p: Floats, w: Floats) -> Floats:
    """Event share among the tenth with the highest p over the event share of all."""
    top = np.zeros(len(p))
    top[np.argsort(-p, kind="stable")[: max(len(p) // 10, 1)]] = 1.0
    return _ratio(_mean(y, w * top), _mean(y, w))


def absolute_error(y: Floats, p: Floats, w: Floats) -> Floats:
    """Mean absolute distance, in the unit of y."""
    return _mean(np.abs(y - p), w)


def share(y: Floats, p: Floats, w: Floats) -> Floats:
    """Mean of y, whatever p: for y that says of each row whether it holds."""
    return _mean(y, w)


def pinball(level: float) -> Compute:
    """The loss that the quantile at `level` minimises (Koenker and Bassett 1978), in the unit of y."""

    def compute(y: Floats, p: Floats, w: Floats) -> Floats:
        return _mean(np.maximum(level * (y - p), (level - 1) * (y - p)), w)

    return compute


def coverage(y: Floats, low: Floats, high: Floats, w: Floats) -> Floats:
    """Share of outcomes within [low, high]."""
    return _mean(((low <= y) & (y <= high)).astype(np.float64), w)


AUC: Final = Metric("auc", "area under the ROC curve", +1, auc)
LOG_LOSS: Final = Metric("log_loss", "mean negative log likelihood", -1, log_loss)
BRIER: Final = Metric("brier", "mean squared error of the probability", -1, brier)
ECE: Final = Metric("ece", "expected calibration error, ten bins", -1, ece)
SLOPE: Final = Metric("slope", "calibration slope", 0, calibration_slope, 1.0)
INTERCEPT: Final = Metric("intercept", "calibration in the large, log-odds", 0, calibration_intercept, 0.0)
KS: Final = Metric("ks", "Kolmogorov-Smirnov distance", +1, ks)
LIFT: Final = Metric("lift", "lift of the riskiest tenth", +1, lift)
MAE: Final = Metric("mae", "mean absolute error, days", -1, absolute_error)
COVERAGE: Final = Metric("coverage_80", "share of outcomes inside the 80 % interval", 0, share, 0.8)
PROBABILITY: Final = (AUC, LOG_LOSS, BRIER, ECE, SLOPE, INTERCEPT, KS, LIFT)
BY_NAME: Final = {metric.name: metric for metric in (*PROBABILITY, MAE, COVERAGE)}


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Resampling:
    """Bootstrap by cluster: whole customers are drawn with replacement, so that their invoices stay together.

    `code` (n,) numbers the cluster of each row, `drawn` (b, clusters) says how often each replicate drew each cluster.
    Ordinary intervals treat invoices of one customer as independent and are far too narrow.
    """

    code: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.int16]

    @classmethod
    def of(cls, clusters: npt.ArrayLike, *, replicates: int = 300, seed: int = 0) -> Resampling:
        """Replicates of rows that belong to `clusters` (n,); the same seed gives the same draws."""
        code = np.unique(np.asarray(clusters), return_inverse=True)[1].ravel()
        n = int(code.max()) + 1 if len(code) else 0
        rng = np.random.default_rng(seed)
        drawn = [
            np.bincount(rng.integers(0, n, n), minlength=n).astype(np.int16) for _ in range(replicates if n else 0)
        ]
        return cls(code, np.array(drawn, dtype=np.int16).reshape(-1, n))

    def replicate(self, compute: Callable[[Floats], Floats]) -> Floats:
        """(b,) values of `compute`, a function of weights (b, n) alone, in pieces that fit in memory."""
        size = max(1, 2_000_000 // max(len(self.code), 1))
        parts = [
            compute(self.drawn[start : start + size][:, self.code].astype(np.float64))
            for start in range(0, len(self.drawn), size)
        ]
        return np.concatenate(parts) if parts else np.empty(0)


def estimate(metric: Metric, y: Floats, p: Floats, sample: Resampling) -> Estimate:
    """The metric of all rows, with its percentile interval."""
    return _estimate(lambda w: metric.compute(y, p, w), len(y), sample)


def ece_by_chance(p: Floats, *, replicates: int = 300, seed: int = 0) -> Estimate:
    """What `ece` would be were every probability exactly right: its mean, and where 95 % of it would lie.

    Outcomes are drawn from the probabilities themselves (Broecker and Smith 2007, Weather and Forecasting 22(3)). They
    are drawn apart from one another; those of one customer go together, so real ones scatter more than this says.

    >>> p = np.full(3000, 0.3)
    >>> round(ece_by_chance(p).value, 3)
    0.021
    """
    if not len(p):
        return Estimate(*[float("nan")] * 3)
    member, rng = _member(p), np.random.default_rng(seed)
    drawn = [float(np.abs(((rng.random(len(p)) < p) - p) @ member).sum()) / len(p) for _ in range(replicates)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(np.mean(drawn)), float(low), float(high))


def difference(metric: Metric, y: Floats, p: Floats, q: Floats, sample: Resampling) -> Estimate:
    """metric(p) - metric(q) on the same rows and the same draws; below 0 p is better where lower is better."""
    return _estimate(lambda w: metric.compute(y, p, w) - metric.compute(y, q, w), len(y), sample)


def _estimate(compute: Callable[[Floats], Floats], n: int, sample: Resampling) -> Estimate:
    if n == 0:
        return Estimate(*[float("nan")] * 3)
    drawn = sample.replicate(compute)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return Estimate(float(compute(np.ones(n))), float(low), float(high))


def _member(p: Floats) -> Floats:
    """(n, bins) 1 where a row is in a bin, of ten of equal size by p."""
    bins = np.empty(len(p), dtype=np.int64)
    bins[np.argsort(p, kind="stable")] = np.arange(len(p)) * _BINS // max(len(p), 1)
    return np.asarray(bins[:, None] == np.arange(_BINS), dtype=np.float64)


_NEWTON_STEPS: Final = 20
#: A step in log-odds that no figure shows.
_CONVERGED: Final = 1e-11


def _cox(y: Floats, p: Floats, w: Floats) -> Floats:
    """(..., 2) intercept and slope of a logistic regression of y on logit(p), by Newton's method per row of weights."""
    z = _logit(p)
    theta = np.zeros((*w.shape[:-1], 2)) + np.array([0.0, 1.0])
    for _ in range(_NEWTON_STEPS):
        q = sigmoid(theta[..., :1] + theta[..., 1:] * z)
        error, spread = w * (y - q), w * q * (1 - q)
        g0, g1 = error.sum(-1), error @ z
        h0, h1, h2 = spread.sum(-1), spread @ z, spread @ (z * z)
        determinant = h0 * h2 - h1 * h1
        step = np.stack([_ratio(h2 * g0 - h1 * g1, determinant), _ratio(h0 * g1 - h1 * g0, determinant)], axis=-1)
        theta = theta + np.clip(step, -2, 2)
        if not np.any(np.abs(step) > _CONVERGED):
            break
    return np.asarray(theta)


def _logit(p: Floats) -> Floats:
    q = np.clip(p, _EPS, 1 - _EPS)
    return np.asarray(np.log(q) - np.log1p(-q))


def _ranked(y: Floats, p: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Weights of events and of others per distinct value of p, rising."""
    order = np.argsort(p, kind="stable")
    ranked = p[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    heavy = w[..., order]
    late = np.add.reduceat(heavy * y[order], starts, axis=-1)
    return late, np.add.reduceat(heavy, starts, axis=-1) - late


def _mean(values: Floats, w: Floats) -> Floats:
    return _ratio(w @ values, w.sum(-1))


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(over, under))
