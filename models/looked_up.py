"""Every asked column of an order at every asked day in one compiled loop: the bits of `Asked.values`, quicker.

One order has some ten columns at seventeen days; as arrays of their own they cost more than the trees that they are
for. What a column does at a day is one record: which inputs it looks at, and how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from models.asked import Asked, AskedDay, AskedPayShare, AskedRate, AskedWeekly, way_between
from models.numbers import Floats, Ints

_DAY, _WEEKLY, _SHARE, _RATE = range(4)
_WEEK: Final = 7
#: `first` and `second` are input columns; of a share the weekday's, and where its seven columns begin in `weeks`.
#: `number` is the day itself, what a week moves on by, or how far a rate lies on the way from the first to the second.
_LOOK: Final = np.dtype(
    [("number", np.float64), ("first", np.int32), ("second", np.int32), ("kind", np.uint8)], align=True
)


@dataclass(frozen=True)
class LookedUp:
    """What every asked column does at every day: `looks` (c, g), and the columns of the seven shares of each week."""

    looks: npt.NDArray[np.void]
    weeks: Ints

    @classmethod
    def of(cls, asked: Sequence[Asked], days: Ints) -> LookedUp:
        """The table of columns at days."""
        looks = np.zeros((len(asked), len(days)), _LOOK)
        weeks: list[int] = []
        for look, column in zip(looks, asked, strict=True):
            match column:
                case AskedDay():
                    look["kind"], look["number"] = _DAY, days
                case AskedWeekly():
                    look["kind"], look["first"], look["number"] = _WEEKLY, column.column, column.step * days
                case AskedPayShare():
                    look["kind"], look["first"], look["number"] = _SHARE, column.weekday, days
                    look["second"] = len(weeks)
                    weeks += column.shares
                case AskedRate():
                    place, share = way_between(column.horizons, tuple(days.tolist()))
                    columns = np.array(column.columns)
                    look["kind"], look["first"], look["second"] = _RATE, columns[place], columns[place + 1]
                    look["number"] = share
                case _:
                    raise TypeError(f"no compiled form of {type(column).__name__}")
        return cls(looks, np.array(weeks, dtype=np.int64))

    @property
    def columns(self) -> frozenset[int]:
        """The inputs that are looked at."""
        rates = self.looks[self.looks["kind"] == _RATE]
        used = (self.looks[self.looks["kind"] != _DAY]["first"], rates["second"], self.weeks)
        return frozenset(np.concatenate(used).tolist())

    def values(self, rows: Floats) -> Floats:
        """(n, g, c) values for the inputs of n orders; NaN = null."""
        made = np.empty((len(rows), self.looks.shape[1], self.looks.shape[0]))
        _values(rows, self.looks, self.weeks, made)
        return made


@njit(cache=True, nogil=True)
def credit(values, parts, places):
    """Adds the columns of `parts` (n, c) to those of `values` at c places, one after the other; at -1 to none."""
    for c in range(len(places)):
        if places[c] >= 0:
            for i in range(len(values)):
                values[i, places[c]] += parts[i, c]


@njit(cache=True, nogil=True)
def _values(rows, looks, weeks, made):
    for i in range(rows.shape[0]):
        for c in range(looks.shape[0]):
            for g in range(looks.shape[1]):
                look = looks[c, g]
                if look.kind == _DAY:
                    made[i, g, c] = look.number
                    continue
                first = rows[i, look.first]
                if look.kind == _WEEKLY:
                    made[i, g, c] = (first + look.number) % _WEEK
                elif look.kind == _SHARE:
                    known = first == first
                    on = np.int64((first + look.number) % _WEEK) if known else 0
                    made[i, g, c] = rows[i, weeks[look.second + on]] if known else np.nan
                elif look.number == 0.0:
                    made[i, g, c] = first
                elif look.number == 1.0:
                    made[i, g, c] = rows[i, look.second]
                else:
                    made[i, g, c] = first + look.number * (rows[i, look.second] - first)
