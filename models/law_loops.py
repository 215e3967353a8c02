"""The compiled loops of `models.law`: a law is small, and as arrays its steps cost more in calls than in arithmetic."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def rearranged(later, zero):
    """(n, g) probabilities as a survival that never rises: a running minimum right of place `zero`, a maximum left.

    What is not a number stays where it is.
    """
    made = later.copy()
    for i in range(made.shape[0]):
        for j in range(zero + 1, made.shape[1]):
            if made[i, j] > made[i, j - 1]:
                made[i, j] = made[i, j - 1]
        for j in range(zero - 1, -1, -1):
            if made[i, j] < made[i, j + 1]:
                made[i, j] = made[i, j + 1]
    return made


@njit(cache=True, nogil=True)
def on_days(survival, knots, shares):
    """(n, d) survival on d days: each lies a share of the way from the knot before it to the next.

    Knot 0 is where survival is still 1, the last one where it is 0; those between are the columns of `survival`.
    """
    n, last = survival.shape[0], survival.shape[1] + 1
    made = np.empty((n, len(knots)))
    for i in range(n):
        for d in range(len(knots)):
            k, share = knots[d], shares[d]
            lower = survival[i, k - 1] if k > 0 else 1.0
            upper = survival[i, k] if k + 1 < last else 0.0
            made[i, d] = upper if share == 1.0 else lower + share * (upper - lower)
    return made


@njit(cache=True, nogil=True)
def days_above(daily, levels):
    """(n,) how many of the days of each row lie above its level; `levels` has one for each row, or one for all."""
    made = np.zeros(len(daily), dtype=np.int64)
    for i in range(len(daily)):
        level = levels[i] if len(levels) > 1 else levels[0]
        for value in daily[i]:
            made[i] += value > level
    return made


@njit(cache=True, nogil=True)
def never_rises(survival):
    """Whether every row of (n, g) values lies between 0 and 1 and never rises; false for what is not a number."""
    for i in range(survival.shape[0]):
        if not (survival[i, 0] <= 1.0 and survival[i, -1] >= 0.0):
            return False
        for j in range(1, survival.shape[1]):
            if not survival[i, j] <= survival[i, j - 1]:
                return False
    return True
