"""Calendar days as whole numbers (days since 1970-01-01), months, and the days on which payment runs take place."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from receivables.simulation.config import Run
from receivables.simulation.streams import Bools, Floats, Ints

_EPOCH = dt.date(1970, 1, 1)


def number(day: dt.date) -> int:
    """Days since 1970-01-01.

    >>> number(dt.date(1970, 1, 5))
    4
    """
    return (day - _EPOCH).days


def weekday(days: Ints) -> Ints:
    """Weekday of each day, Monday = 0.

    >>> weekday(np.array([number(dt.date(2026, 11, 2))])).tolist()
    [0]
    """
    return (days + 3) % 7


def dates(days: Ints) -> pd.Series:
    """The days as dates; NEVER becomes empty."""
    gone = days >= NEVER
    made = pd.Series(np.where(gone, 0, days).astype("datetime64[D]").astype("datetime64[us]"))
    return made.mask(gone)


#: Which payment run an invoice goes into, seen from the day on which money is ready.
AFTER, NEAREST, BEFORE = 0, 1, 2
#: A day that does not come: an invoice that is never paid, a customer that never files.
NEVER = 10**6


@dataclass(frozen=True)
class Months:
    """Consecutive calendar months: first day of each, and of the month after the last (m + 1,)."""

    starts: Ints
    first_month: int

    @classmethod
    def ending(cls, end: dt.date, count: int) -> Months:
        """The `count` months up to and with the month of `end`."""
        last = (end.year - 1970) * 12 + end.month - 1
        months = np.arange(last - count + 1, last + 2)
        return cls(months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64), last - count + 1)

    @property
    def count(self) -> int:
        """Number of months."""
        return len(self.starts) - 1

    def of(self, days: Ints) -> Ints:
        """Index of each day's month, from 0."""
        return np.searchsorted(self.starts, days, side="right").astype(np.int64) - 1

    def season(self, index: int) -> int:
        """Calendar month of the month with that index, January = 0; the index may lie after the last month."""
        return (self.first_month + index) % 12

    def extended(self, more: int) -> Months:
        """These months and `more` after them."""
        months = np.arange(self.first_month, self.first_month + self.count + more + 1)
        starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return Months(starts, self.first_month)


def issue_weights(start: int, stop: int, weekdays: tuple[float, ...]) -> Floats:
    """Share (stop - start,) of a month's invoices that is issued on each of its days."""
    weights = np.asarray(weekdays)[weekday(np.arange(start, stop))]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True)
class RunCalendars:
    """For each payment run (rows) and day (columns from `first`): the last run day up to it and the next from it on."""

    first: int
    last_run: Ints
    next_run: Ints

    @classmethod
    def between(cls, runs: tuple[Run, ...], first: int, last: int) -> RunCalendars:
        """Calendars of the runs for every day from `first` to `last`."""
        days = np.arange(first - 62, last + 63)
        on = np.stack([_run_days(run, days) for run in runs])
        previous = np.maximum.accumulate(np.where(on, days, -NEVER), axis=1)
        following = np.minimum.accumulate(np.where(on, days, NEVER)[:, ::-1], axis=1)[:, ::-1]
        return cls(first, previous[:, 62:-62], following[:, 62:-62])

    def last(self, run: Ints, day: Ints) -> Ints:
        """Last run day up to `day`."""
        return self.last_run[run, day - self.first]

    def next(self, run: Ints, day: Ints) -> Ints:
        """First run day from `day` on."""
        return self.next_run[run, day - self.first]

    def reach(self, run: Ints, direction: Ints, day: Ints) -> Ints:
        """Latest day on which money may become ready for an invoice to be paid by `day`.

        Who pays in the first run AFTER money is ready is served by the last run up to `day`; who pays in the last run
        BEFORE may have money ready until the eve of the next run; who pays in the NEAREST run, until half-way to it.
        """
        last = self.last(run, day)
        wait = self.next(run, day + 1) - 1 - last
        return last + np.where(direction == BEFORE, wait, np.where(direction == NEAREST, (wait + 1) // 2, 0))


def _run_days(run: Run, days: Ints) -> Bools:
    on = np.isin(weekday(days), run.weekdays)
    if run.days_of_month:
        on |= np.isin(days, _moved_to_business_day(days[_day_of_month(days, run.days_of_month)]))
    return np.asarray(on)


def _day_of_month(days: Ints, wanted: tuple[int, ...]) -> Bools:
    stamps = days.astype("datetime64[D]")
    return np.isin((stamps - stamps.astype("datetime64[M]")).astype(np.int64) + 1, wanted)


def _moved_to_business_day(days: Ints) -> Ints:
    return np.asarray(days + np.array([0, 0, 0, 0, 0, 2, 1])[weekday(days)])
