"""The payment-time law: one distribution of days late per invoice, from which every figure about time is read.

Days late are whole days relative to the due date (negative = early). `survival[i, j]` = P(days late of i > grid[j]).
Between two grid days survival is linear in the day. Outside the grid it is linear too: it rises to 1 at
`EARLY_DAYS` before the first grid day and falls to 0 at `TAIL_DAYS` after the last. The tail is a stated
convention, not an estimate: it bounds the mean where the ledger says nothing beyond the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from models.law_loops import days_above, never_rises, on_days, rearranged
from models.numbers import Floats, Ints, sigmoid
from receivables.errors import InputError

#: Days late at which the law is learnt; closer together where invoices are paid.
GRID: Final = (-20, -10, -7, -5, -3, -1, 0, 1, 3, 5, 8, 15, 22, 30, 45, 60, 90)
EARLY_DAYS: Final = 10
TAIL_DAYS: Final = 90


@dataclass(frozen=True)
class PaymentLaw:
    """Survival of days late for n invoices on g grid days; rows never rise, so no two horizons contradict.

    >>> law = PaymentLaw.from_margins((-5, 0, 5), [[3.0, 0.2, -2.0]])
    >>> law.late_over(0).round(3).tolist(), law.quantile(0.5).tolist(), law.mean().round(1).tolist()
    ([0.55], [1], [6.1])
    """

    grid: tuple[int, ...]
    survival: Floats

    def __post_init__(self) -> None:
        if not _rises_over_0(self.grid):
            raise InputError(f"expected a grid of rising days that holds 0, got {self.grid}")
        s = self.survival
        if s.ndim != 2 or s.shape[1] != len(self.grid):
            raise InputError(f"expected survival of shape (n, {len(self.grid)}), got {s.shape}")
        if not never_rises(s):
            raise InputError("expected survival between 0 and 1 that never rises along the grid")

    @classmethod
    def from_margins(cls, grid: Sequence[int], margins: npt.ArrayLike) -> PaymentLaw:
        """The law nearest to (n, g) log-odds of being later than each grid day, leaving day 0 untouched.

        Rearranged outward from day 0: a running minimum to its right, a running maximum to its left. The probability
        that is explained (late over 0) is therefore the model's own, and every other one gives way to it.
        """
        s = sigmoid(np.asarray(margins, dtype=np.float64))
        if s.ndim != 2 or s.shape[1] != len(grid):
            raise InputError(f"expected margins of shape (n, {len(grid)}), got {s.shape}")
        zero = list(grid).index(0) if 0 in grid else 0
        return cls(tuple(grid), rearranged(s, zero))

    @property
    def days(self) -> Ints:
        """(d,) every whole day that the law speaks of, from certainly exceeded to certainly not."""
        return _days(self.grid)

    def daily(self) -> Floats:
        """(n, d) P(days late > day) for every day of `days`; equals `survival` exactly on grid days."""
        return self._daily

    def late_over(self, days: int) -> Floats:
        """(n,) P(days late > days).

        >>> PaymentLaw((0, 10), np.array([[0.5, 0.25]])).late_over(4).tolist()
        [0.4]
        """
        return np.ascontiguousarray(self._at(np.array([days]))[:, 0])

    def mean(self) -> Floats:
        """(n,) expected days late, the sum of `daily` from the first day (the tail is bounded, see the module)."""
        # rows in one piece of memory: the order of a sum must not depend on how many invoices are asked about
        return np.asarray(self.days[0] + np.ascontiguousarray(self.daily()[:, :-1]).sum(axis=1))

    def quantile(self, q: float | Floats) -> Ints:
        """(n,) the smallest whole day d with P(days late > d) <= 1 - q; one level for all, or one each (n,).

        The median is therefore positive exactly when late_over(0) exceeds one half.
        """
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not (0.0 < levels[0] < 1.0 if len(levels) == 1 else ((levels > 0) & (levels < 1)).all()):
            raise InputError(f"expected quantile levels between 0 and 1, got {q}")
        made: Ints = days_above(self.daily(), 1.0 - levels) + self.days[0]
        return made

    def interval(self, level: float) -> tuple[Ints, Ints]:
        """First and last day of the central interval that holds `level` of the probability (0.8: 10 % on each side)."""
        return self.quantile((1.0 - level) / 2.0), self.quantile((1.0 + level) / 2.0)

    def rows(self, index: slice | Ints) -> PaymentLaw:
        """The law of some of the invoices."""
        return PaymentLaw(self.grid, self.survival[index])

    @cached_property
    def _daily(self) -> Floats:
        return self._at(self.days)

    def _at(self, days: Ints) -> Floats:
        return np.asarray(on_days(self.survival, *_between(self.grid, days.tobytes())))


@lru_cache(maxsize=64)
def _rises_over_0(grid: tuple[int, ...]) -> bool:
    return list(grid) == sorted(set(grid)) and 0 in grid


@lru_cache(maxsize=64)
def _days(grid: tuple[int, ...]) -> Ints:
    days = np.arange(grid[0] - EARLY_DAYS, grid[-1] + TAIL_DAYS + 1)
    days.flags.writeable = False
    return days


@lru_cache(maxsize=256)
def _between(grid: tuple[int, ...], days: bytes) -> tuple[Ints, Floats]:
    """For each day the knot at or before it, and how far it lies towards the next."""
    knots = np.array([grid[0] - EARLY_DAYS, *grid, grid[-1] + TAIL_DAYS])
    at = np.clip(np.frombuffer(days, dtype=np.int64), knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    # a share of exactly 0 on a knot: grid days come back to the last bit
    return i, (at - knots[i]) / (knots[i + 1] - knots[i])
