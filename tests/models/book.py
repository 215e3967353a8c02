"""A small order book with a known law of days late and known event probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models import GRID
from models.numbers import Floats, sigmoid

NAMES = (
    "late_over_0_rate",
    "late_over_30_rate",
    "due_weekday",
    "mean_days_late_90d",
    "overdue_ratio",
    "net_days",
    "not_used",
)
INPUTS = NAMES[:-1]
RAISES = {"late_over_0_rate": 1, "late_over_30_rate": 1, "mean_days_late_90d": 1, "overdue_ratio": 1}


@dataclass(frozen=True)
class Book:
    """Orders X, their days late around a true `centre`, the labels that had matured, and a customer event.

    `log_odds` are the event's true ones.
    """

    x: Floats
    centre: Floats
    days_late: Floats
    labels: Floats
    event: Floats
    log_odds: Floats


def make_book(n: int, seed: int) -> Book:
    r = np.random.default_rng(seed)
    rate, overdue = r.beta(2, 3, n), r.beta(1, 6, n)
    mean_late = np.where(r.random(n) < 0.15, np.nan, 25 * rate - 8 + r.normal(0, 4, n))
    x = np.column_stack(
        [rate, rate**3, r.integers(0, 5, n), mean_late, overdue, r.choice([14.0, 30.0, 60.0], n), r.normal(size=n)]
    )
    centre = 14 * rate + 20 * overdue - 8
    days_late = np.round(r.logistic(centre, 4, n))
    labels = (days_late[:, None] > np.array(GRID)).astype(float)
    observed = r.integers(-20, 120, n)
    labels[np.array(GRID)[None, :] > observed[:, None]] = np.nan
    log_odds = 3 * rate + 5 * overdue - 4.0
    return Book(x, centre, days_late, labels, (r.random(n) < sigmoid(log_odds)).astype(float), log_odds)
