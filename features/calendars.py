"""What a date means in a country: weekday, month end, public holiday, next working day."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
#: What `due_facts` says, in its order, under the names of the features that pass it on.
DUE_FACTS: Final = (
    "due_weekday", "due_day_of_month", "due_month_end", "due_quarter_end", "due_on_holiday", "due_to_working_day",
)  # fmt: skip
#: Years for which public holidays are worked out.
_YEARS: Final = range(1990, 2061)


@lru_cache(maxsize=1024)
def public_holidays(country: str, first: int = _YEARS[0], last: int = _YEARS[-1]) -> NDArray[np.datetime64]:
    """Public holidays of an ISO 3166 country as sorted datetime64[D], years `first` to `last`, at most 1990 to 2060.

    Empty for an unknown country. A year costs a fraction of a millisecond once: an order asks only for those around it.
    """
    import holidays

    years = range(max(first, _YEARS[0]), min(last, _YEARS[-1]) + 1)
    if not years or country not in holidays.list_supported_countries():
        return np.array([], dtype="datetime64[D]")
    return np.array(sorted(holidays.country_holidays(country, years=years)), dtype="datetime64[D]")


def _around(days: Days, country: str) -> NDArray[np.datetime64]:
    """The public holidays of the years of `days` and of the year after."""
    if not days.size:
        return public_holidays(country)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    return public_holidays(country, int(years.min()), int(years.max()) + 1)


def weekday(days: Days) -> NDArray[np.int64]:
    """Monday 0 to Sunday 6 (day 0 of the epoch was a Thursday)."""
    numbers: NDArray[np.int64] = days.astype("datetime64[D]").astype(np.int64)
    return (numbers + 3) % 7


def day_of_month(days: Days) -> NDArray[np.int64]:
    """1 to 31."""
    numbers: NDArray[np.int64] = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    return numbers + 1


def days_to_month_end(days: Days) -> NDArray[np.int64]:
    """0 on the last day of the month."""
    following = (days.astype("datetime64[M]") + 1).astype("datetime64[D]")
    return (following - days).astype(np.int64) - 1


def is_quarter_end(days: Days, *, within: int) -> NDArray[np.bool_]:
    """Whether the day is among the last `within` days of a calendar quarter."""
    last_month = days.astype("datetime64[M]").astype(np.int64) % 3 == 2
    near: NDArray[np.bool_] = last_month & (days_to_month_end(days) < within)
    return near


def due_facts(days: Days, country: str) -> NDArray[np.float64]:
    """What a due date means in a country: (n, len(DUE_FACTS)), flags as 1 and 0."""
    columns = (
        weekday(days),
        day_of_month(days),
        days_to_month_end(days) < 3,
        is_quarter_end(days, within=5),
        is_holiday(days, country),
        days_to_working_day(days, country),
    )
    return np.column_stack(columns).astype(np.float64)


def is_holiday(days: Days, country: str) -> NDArray[np.bool_]:
    """Whether the day is a public holiday of the country."""
    return np.isin(days, _around(days, country))


def days_to_working_day(days: Days, country: str) -> NDArray[np.int64]:
    """Days until the next working day (Monday to Friday, no public holiday); 0 on one."""
    following = np.busday_offset(days, 0, roll="forward", holidays=_around(days, country))
    return (following - days).astype(np.int64)
