"""The integrated calibration index: how far predicted probabilities lie from the smoothed truth, without bins.

Mean |p - E(y | p)|, where E(y | p) is a local linear regression of the outcomes on the predictions with tricube weights
over the nearest three quarters of the rows (Austin and Steyerberg 2019, Statistics in Medicine 38). The regression is
solved at quantiles of p and interpolated between them, so that it can be repeated for every bootstrap replicate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.numbers import Floats
from training.metrics import Metric

_SPAN: Final = 0.75
_POINTS: Final = 40
#: A neighbourhood is at least this wide, so that a heap of equal predictions has one.
_NARROW: Final = 1e-6


def ici(y: Floats, p: Floats, w: Floats) -> Floats:
    """The index for outcomes y (n,), predictions p (n,) and weights w (n,) or (b, n); 0 = perfectly calibrated."""
    if len(p) < 2:
        return np.full(w.shape[:-1], np.nan)
    at = np.unique(np.quantile(p, np.linspace(0, 1, _POINTS)))
    kernel = _tricube(p, at)
    smooth = _smoothed(y, p, w, at, kernel)
    gap = np.abs(_interpolated(smooth, at, p) - p)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((w * gap).sum(-1) / w.sum(-1))


def _tricube(p: Floats, at: Floats) -> Floats:
    """(n, points) weights of rows around each point, by distance to the nearest share `_SPAN` of the rows."""
    distance = np.abs(p[:, None] - at)
    reach = np.maximum(np.quantile(distance, _SPAN, axis=0), _NARROW)
    return np.asarray(np.clip(1 - (distance / reach) ** 3, 0, None) ** 3)


def _smoothed(y: Floats, p: Floats, w: Floats, at: Floats, kernel: Floats) -> Floats:
    """(..., points) local linear estimates, held within 0 and 1."""
    away = p[:, None] - at
    s0, s1, s2 = (w @ (kernel * away**power) for power in (0, 1, 2))
    t0, t1 = (w @ (kernel * away**power * y[:, None]) for power in (0, 1))
    determinant = s0 * s2 - s1 * s1
    with np.errstate(divide="ignore", invalid="ignore"):
        line, level = (s2 * t0 - s1 * t1) / determinant, t0 / s0
    # where all neighbours have one prediction there is no line to draw, only a level
    return np.asarray(np.clip(np.where(determinant > 1e-12 * s0 * s0, line, level), 0, 1))


def _interpolated(values: Floats, at: Floats, p: Floats) -> Floats:
    """(..., n) values at p, linear between the points."""
    if len(at) == 1:
        return np.broadcast_to(values, (*values.shape[:-1], len(p)))
    left = np.clip(np.searchsorted(at, p, side="right") - 1, 0, len(at) - 2)
    share = (p - at[left]) / (at[left + 1] - at[left])
    return np.asarray(values[..., left] * (1 - share) + values[..., left + 1] * share)


ICI: Final = Metric("ici", "integrated calibration index", -1, ici)
