"""A logistic scorecard: the readable challenger, and the fallback where there are too few events for trees.

Each feature enters twice: its value, winsorised to the 1st and 99th percentile and standardised, and a flag for null.
A feature with a declared direction never counts against it: where the likelihood would have it so, its weight is zero.
Fitted with scikit-learn, stored as JSON, evaluated with numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.contributions import Contributions
from models.numbers import Floats, log_loss, matrix, sigmoid
from receivables.errors import ArtefactError, InputError, NotEnoughDataError

#: Fewer outcomes of either kind than this, and not even a scorecard is fitted.
MIN_EVENTS: Final = 10
_TAIL: Final = 0.01


@dataclass(frozen=True)
class Scorecard:
    """log-odds = intercept + sum over features of weight * standardised value + null_weight * (is null - null_share).

    All arrays are (F,); a null value counts as the mean. `intercept` is thereby the log-odds of the average row.
    """

    names: tuple[str, ...]
    intercept: float
    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats
    weight: Floats
    null_share: Floats
    null_weight: Floats

    @classmethod
    def fit(
        cls,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        names: Sequence[str],
        weights: npt.ArrayLike | None = None,
        monotone: Mapping[str, int] | None = None,
        strength: float = 0.1,
    ) -> Scorecard:
        """The scorecard of outcomes y (n,) 0/1; `strength` is scikit-learn's C (smaller = more regularised, L2).

        `monotone` holds the direction of some of `names`: +1 where a higher value may only raise the risk, -1 lower it.
        Raises NotEnoughDataError below `MIN_EVENTS` outcomes of either kind.
        """
        rows, outcomes = matrix(x, len(names)), np.asarray(y, dtype=np.float64)
        if outcomes.shape != (len(rows),) or not np.isin(outcomes, (0.0, 1.0)).all():
            raise InputError(f"expected {len(rows)} outcomes 0 or 1")
        events = int(outcomes.sum())
        if min(events, len(outcomes) - events) < MIN_EVENTS:
            raise NotEnoughDataError(
                f"scorecard: expected at least {MIN_EVENTS} outcomes of either kind, got {events} events in "
                f"{len(outcomes)} rows; load a longer history or choose a weaker event"
            )
        empty = cls._of_columns(rows, names)
        signs = np.array([(monotone or {}).get(name, 0) for name in names])
        case = np.ones(len(outcomes)) if weights is None else np.asarray(weights, dtype=np.float64)
        coefficients = _logistic(empty._design(rows), outcomes, case, np.append(signs, 0 * signs), strength)
        weight, null_weight = np.split(coefficients[:-1], 2)
        found = {"intercept": float(coefficients[-1]), "weight": weight, "null_weight": null_weight}
        return cls(**{**{f.name: getattr(empty, f.name) for f in fields(cls)}, **found})

    @classmethod
    def _of_columns(cls, rows: Floats, names: Sequence[str]) -> Scorecard:
        """Bounds and moments of each column, all weights zero; a column without values stays at zero."""
        low, high, mean, deviation = np.array([_moments(column) for column in rows.T]).reshape(-1, 4).T
        zero = np.zeros(len(names))
        return cls(tuple(names), 0.0, low, high, mean, deviation, zero, np.isnan(rows).mean(axis=0), zero)

    def _design(self, rows: Floats) -> Floats:
        null = np.isnan(rows)
        standard = (np.clip(rows, self.low, self.high) - self.mean) / self.deviation
        return np.concatenate([np.where(null, 0.0, standard), null - self.null_share], axis=1)

    def shap(self, x: npt.ArrayLike, *, threads: int = 1) -> tuple[float, Floats]:
        """Reference log-odds (the average row) and (n, F) contributions; exact, for the model is linear."""
        value, null = np.split(self._design(matrix(x, len(self.names))), 2, axis=1)
        return self.intercept, value * self.weight + null * self.null_weight

    def margin(self, x: npt.ArrayLike, *, threads: int = 1) -> Floats:
        """(n,) log-odds."""
        reference, values = self.shap(x)
        return np.asarray(reference + np.ascontiguousarray(values).sum(axis=1))

    def explained(self, x: npt.ArrayLike) -> tuple[float, Floats, Floats]:
        """`shap` and `margin`."""
        return (*self.shap(x), self.margin(x))

    def probability(self, x: npt.ArrayLike) -> Floats:
        """(n,) probability of the event."""
        return sigmoid(self.margin(x))

    def contributions(self, x: npt.ArrayLike) -> Contributions:
        """The additive explanation."""
        reference, values = self.shap(x)
        return Contributions(self.names, reference, values, self.margin(x))

    def to_json(self) -> str:
        """The scorecard as JSON text; numbers survive the round trip to the last bit."""
        document = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in document.items()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Scorecard:
        """What `to_json` gave; raises ArtefactError on anything else."""
        try:
            document: dict[str, Any] = json.loads(text)
            names, intercept = tuple(map(str, document.pop("names"))), float(document.pop("intercept"))
            arrays = {key: np.array(value, dtype=np.float64) for key, value in document.items()}
            made = cls(names=names, intercept=intercept, **arrays)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"scorecard: {type(error).__name__}: {error}") from None
        numbers = [np.array([intercept]), *arrays.values()]
        if any(a.shape != (len(names),) for a in numbers[1:]) or not all(np.isfinite(a).all() for a in numbers):
            raise ArtefactError(f"scorecard: expected {len(names)} finite numbers per entry")
        if np.any(made.deviation <= 0):
            raise ArtefactError("scorecard: expected positive deviations")
        return made


def _logistic(design: Floats, outcomes: Floats, weights: Floats, signs: Floats, strength: float) -> Floats:
    """Coefficients and the intercept of least penalised deviance among those whose signs are not against `signs`."""
    from threadpoolctl import threadpool_limits

    # products this small are lost in the handing over between threads: up to 13 times slower beside other work
    with threadpool_limits(limits=1):
        return _fitted(design, outcomes, weights, signs, strength)


def _fitted(design: Floats, outcomes: Floats, weights: Floats, signs: Floats, strength: float) -> Floats:
    from scipy.optimize import minimize
    from sklearn.linear_model import LogisticRegression

    logistic = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200, tol=1e-8)
    logistic.fit(design, outcomes, sample_weight=weights)
    free = np.append(logistic.coef_[0], logistic.intercept_[0])
    if (free[:-1] * signs >= 0).all():
        return free

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = design @ theta[:-1] + theta[-1]
        pull = strength * weights * (sigmoid(margin) - outcomes)
        deviance = strength * float(weights @ log_loss(outcomes, margin))
        return deviance + 0.5 * float(theta[:-1] @ theta[:-1]), np.append(design.T @ pull + theta[:-1], pull.sum())

    low, high = np.where(signs > 0, 0.0, -np.inf), np.where(signs < 0, 0.0, np.inf)
    bounds = [*zip(low, high, strict=True), (-np.inf, np.inf)]
    start = np.append(np.clip(free[:-1], low, high), free[-1])
    options = {"maxiter": 5_000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-7}
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x)


def _moments(column: Floats) -> tuple[float, float, float, float]:
    known = column[~np.isnan(column)]
    if not len(known):
        return 0.0, 0.0, 0.0, 1.0
    low, high = np.quantile(known, [_TAIL, 1.0 - _TAIL])
    bounded = np.clip(known, low, high)
    return float(low), float(high), float(bounded.mean()), float(bounded.std()) or 1.0
