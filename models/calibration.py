"""Calibration that keeps explanations additive: the served log-odds are slope * margin + intercept, nothing else.

The simplest map that is not clearly worse wins. Calibrating a well-regularised model out of habit makes it worse,
so each step away from identity must lower held-out log-loss by more than chance would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.contributions import Contributions
from models.documents import of_document
from models.numbers import Floats, Ints, log_loss, sigmoid
from receivables.errors import ArtefactError

#: Fewer outcomes of either kind than this, and the map is not tried.
MIN_EVENTS: Final = {"intercept": 25, "affine": 100}
#: One-sided 95 % point of the normal distribution.
_Z: Final = 1.645
_FOLDS: Final = 5


@dataclass(frozen=True)
class Calibration:
    """An affine map of log-odds: `kind` is identity, intercept or affine; `gain` the held-out log-loss it saved.

    >>> Calibration("affine", slope=0.5, intercept=-1.0).apply(np.array([2.0])).tolist()
    [0.0]
    """

    kind: str = "identity"
    slope: float = 1.0
    intercept: float = 0.0
    gain: float = 0.0
    outcomes: int = 0
    events: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope > 0):
            raise ArtefactError(f"calibration: expected a positive slope and a finite intercept, got {self}")

    def apply(self, margin: Floats) -> Floats:
        """Calibrated log-odds, same shape; identity returns the same bits."""
        return np.asarray(self.slope * margin + self.intercept)

    def explain(self, names: tuple[str, ...], reference: float, values: Floats, margin: Floats) -> Contributions:
        """Contributions to the calibrated log-odds: parts times slope, the intercept joins the reference."""
        return Contributions(names, self.slope * reference + self.intercept, self.slope * values, self.apply(margin))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any) -> Calibration:
        """What `to_dict` gave; raises ArtefactError on anything else."""
        return of_document(cls, document, "calibration")


def choose(margin: npt.ArrayLike, outcome: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Calibration:
    """The calibration that held-out evidence supports, identity in doubt.

    `margin` (n,) log-odds of rows that the model has not seen, `outcome` (n,) 0/1, `groups` (n,) customers: folds
    and the standard error go by customer, because one customer's invoices share their fate. A candidate replaces a
    simpler one when its cross-fitted log-loss is lower by more than 1.645 standard errors.
    """
    m, y = np.asarray(margin, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    code = np.arange(len(y)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    best, loss = Calibration(outcomes=len(y), events=int(y.sum())), log_loss(y, m)
    for kind, fewest in MIN_EVENTS.items():
        if min(y.sum(), len(y) - y.sum()) < fewest or len(np.unique(code)) < 2 * _FOLDS:
            continue
        candidate = _cross_fitted(kind, m, y, code)
        saved, error = _mean_by_group(loss - candidate, code)
        full = fit(kind, m, y)
        if saved > _Z * error and full.slope > 0:
            gain = best.gain + saved
            best, loss = replace(full, gain=gain, outcomes=best.outcomes, events=best.events), candidate
    return best


def fit(kind: str, margin: Floats, outcome: Floats) -> Calibration:
    """Maximum likelihood of `kind` by Newton's method (Platt 1999; Cox 1958 for slope and intercept)."""
    free = np.array([kind == "affine", True])
    theta = np.array([1.0, 0.0])
    design = np.column_stack([margin, np.ones(len(margin))])[:, free]
    for _ in range(50):
        p = sigmoid(theta[0] * margin + theta[1])
        gradient = design.T @ (outcome - p)
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + 1e-9 * np.eye(free.sum())
        step = np.linalg.solve(curvature, gradient)
        # a long step means that the outcomes are separated: no finite optimum to run after
        theta[free] += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    slope, intercept = float(theta[0]), float(theta[1])
    return Calibration(kind, max(slope, 1e-6), intercept)


def _cross_fitted(kind: str, margin: Floats, outcome: Floats, code: Ints) -> Floats:
    loss = np.empty(len(outcome))
    for held_out in _folds(code):
        fitted = fit(kind, margin[~held_out], outcome[~held_out])
        loss[held_out] = log_loss(outcome[held_out], fitted.apply(margin[held_out]))
    return loss


def _folds(code: Ints) -> Iterator[npt.NDArray[np.bool_]]:
    fold = np.random.default_rng(0).permutation(code.max() + 1) % _FOLDS
    for i in range(_FOLDS):
        yield fold[code] == i


def _mean_by_group(difference: Floats, code: Ints) -> tuple[float, float]:
    """Mean and its cluster-robust standard error."""
    mean = float(difference.mean())
    sums = np.bincount(code, weights=difference - mean)
    return mean, float(np.sqrt((sums**2).sum()) / len(difference))
