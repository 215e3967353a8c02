"""A logistic scorecard: the readable challenger, and the fallback where there are too few events for trees.

Each feature enters twice: its value, winsorised to the 1st and 99th percentile and standardised, and a flag for null.
Fitted with scikit-learn, stored as JSON, evaluated with numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.contributions import Contributions
from models.numbers import Floats, matrix, sigmoid
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
        strength: float = 0.1,
    ) -> Scorecard:
        """The scorecard of outcomes y (n,) 0/1; `strength` is scikit-learn's C (smaller = more regularised, L2).

        Raises NotEnoughDataError below `MIN_EVENTS` outcomes of either kind.
        """
        from sklearn.linear_model import LogisticRegression

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
        logistic = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200, tol=1e-8)
        logistic.fit(empty._design(rows), outcomes, sample_weight=None if weights is None else np.asarray(weights))
        weight, null_weight = np.split(logistic.coef_[0], 2)
        found = {"intercept": float(logistic.intercept_[0]), "weight": weight, "null_weight": null_weight}
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


def _moments(column: Floats) -> tuple[float, float, float, float]:
    known = column[~np.isnan(column)]
    if not len(known):
        return 0.0, 0.0, 0.0, 1.0
    low, high = np.quantile(known, [_TAIL, 1.0 - _TAIL])
    bounded = np.clip(known, low, high)
    return float(low), float(high), float(bounded.mean()), float(bounded.std()) or 1.0
