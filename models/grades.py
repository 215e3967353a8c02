"""The grades of the master scale held against what happened."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models.numbers import Floats
from models.scale import ScoreScale


@dataclass(frozen=True)
class GradeCheck:
    """One grade: its customers, their mean PD, their events, and what these say about the PD.

    `p_value` is the one-sided Jeffreys test: the probability that the true rate is at or below the mean PD given the
    outcomes, beta(events + 1/2, customers - events + 1/2) as of the ECB's validation reporting. Small: the PD is too
    low. `monotone` says that the event rate is not below that of the better grade before it.
    """

    rating: str
    customers: int
    events: int
    mean_pd: float
    rate: float
    p_value: float
    monotone: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def grade_check(scale: ScoreScale, p: Floats, outcomes: Floats) -> tuple[GradeCheck, ...]:
    """A line per grade that holds customers, best first; p (n,) PDs, outcomes (n,) 0/1, one row per customer.

    The test takes rows as independent: two snapshots of one customer would count one story twice.

    >>> import numpy as np
    >>> checks = grade_check(ScoreScale.load(), np.full(100, 0.03), np.repeat([1.0, 0.0], [8, 92]))
    >>> [(c.rating, c.customers, c.events, round(c.p_value, 4)) for c in checks]
    [('R06', 100, 8, 0.0059)]
    """
    from scipy.special import betainc  # here: serving holds this package and must start fast

    ratings, found, before = scale.ratings(p), [], 0.0
    for grade in scale.grades:
        inside = ratings == grade.rating
        if not inside.any():
            continue
        n, events = int(inside.sum()), int(outcomes[inside].sum())
        mean, rate = float(p[inside].mean()), events / n
        p_value = float(betainc(events + 0.5, n - events + 0.5, mean))
        found.append(GradeCheck(grade.rating, n, events, mean, rate, p_value, rate >= before))
        before = rate
    return tuple(found)
