"""How sure a probability is: a confidence belt around it, wider where history is thin.

Orders that the model had not learnt from are held against their outcomes: a straight line in log-odds, with its
uncertainty, says how often orders scored like this one were late (calibration belt, after Nattino, Finazzi and
Bertolini 2014, Statistics in Medicine 33; the line is Cox 1958). Customers, not invoices, are the sample, because a
customer's invoices share their fate. The belt speaks of all orders scored alike: it is no forecast of one customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.calibration import fit
from models.documents import of_document
from models.intervals import DEPTHS, depth_of
from models.numbers import Floats, sigmoid

#: Customers, and outcomes of either kind, needed at a depth of history to judge it apart from the others.
FEWEST: Final = 25


@dataclass(frozen=True)
class Line:
    """Log-odds of the outcome = intercept + slope x served log-odds, with the variances of both, over `customers`."""

    intercept: float
    slope: float
    intercept_variance: float
    slope_variance: float
    covariance: float
    customers: int


@dataclass(frozen=True)
class Belt:
    """One line per depth of history in `models.intervals.DEPTHS`; none where there were too few outcomes."""

    lines: tuple[Line, ...] = ()

    @classmethod
    def learn(cls, log_odds: Floats, outcome: Floats, settled: Floats, groups: npt.ArrayLike) -> Belt:
        """From served log-odds (n,) of rows that the model had not seen and their outcomes, NaN left out.

        `settled` (n,) is how many invoices each customer had settled by then, `groups` (n,) the customers.
        """
        known = ~np.isnan(outcome)
        m, y, depth = log_odds[known], outcome[known], depth_of(settled[known])
        code = np.asarray(groups)[known]
        whole = _line(m, y, code)
        if whole is None:
            return cls()
        parts = [depth == i for i in range(len(DEPTHS))]
        return cls(tuple(_line(m[part], y[part], code[part]) or _thinner(whole, code[part]) for part in parts))

    def between(self, log_odds: Floats, settled: Floats, level: float) -> tuple[Floats, Floats] | None:
        """(n,) bounds that hold the late rate of orders scored alike with confidence `level`, and the probability.

        None where nothing was found.
        """
        if not self.lines:
            return None
        a, b, va, vb, c, _ = self._figures[depth_of(settled)].T
        reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * np.sqrt(va + 2.0 * c * log_odds + vb * log_odds**2)
        middle = a + b * log_odds
        return sigmoid(np.minimum(middle - reach, log_odds)), sigmoid(np.maximum(middle + reach, log_odds))

    @cached_property
    def _figures(self) -> Floats:
        return np.array([list(asdict(line).values()) for line in self.lines])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"depths": list(DEPTHS), "lines": [asdict(line) for line in self.lines]}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Belt:
        """What `to_dict` gave; raises ArtefactError, KeyError, TypeError or ValueError on anything else."""
        lines = tuple(of_document(Line, entry, "belt") for entry in document["lines"])
        if tuple(document["depths"]) != DEPTHS or len(lines) not in (0, len(DEPTHS)):
            raise ValueError(f"belt: expected a line for each of the depths {DEPTHS}")
        for line in lines:
            spread = (line.intercept_variance, line.slope_variance)
            sound = min(spread) >= 0 and line.covariance**2 <= spread[0] * spread[1] * (1 + 1e-9)
            if not (np.isfinite(list(asdict(line).values())).all() and sound):
                raise ValueError("belt: expected finite lines whose variances are those of a distribution")
        return cls(lines)


def _thinner(line: Line, groups: npt.NDArray[Any]) -> Line:
    """The line of all, as uncertain as so few customers would leave it."""
    customers = max(len(np.unique(groups)), 1)
    times = line.customers / customers
    return replace(
        line,
        intercept_variance=times * line.intercept_variance,
        slope_variance=times * line.slope_variance,
        covariance=times * line.covariance,
        customers=customers,
    )


def _line(log_odds: Floats, outcome: Floats, groups: npt.NDArray[Any]) -> Line | None:
    """Maximum likelihood, with the covariance of whole customers (sandwich); None with too little to go by."""
    code = np.unique(groups, return_inverse=True)[1].ravel() if len(groups) else np.empty(0, np.int64)
    customers = len(np.unique(code))
    if customers < FEWEST or min(outcome.sum(), len(outcome) - outcome.sum()) < FEWEST:
        return None
    line = fit("affine", log_odds, outcome)
    design = np.column_stack([np.ones(len(log_odds)), log_odds])
    p = sigmoid(line.apply(log_odds))
    bread = np.linalg.inv((design * (p * (1.0 - p))[:, None]).T @ design + 1e-9 * np.eye(2))
    scores = np.column_stack([np.bincount(code, weights=column * (outcome - p)) for column in design.T])
    covariance = bread @ (scores.T @ scores) @ bread * customers / (customers - 1)
    return Line(
        line.intercept, line.slope, float(covariance[0, 0]), float(covariance[1, 1]), float(covariance[0, 1]), customers
    )
