"""What dates mean: against the holidays library, the standard library and hand cases."""

from __future__ import annotations

import calendar
import datetime as dt

import holidays
import numpy as np
import pytest

from features import calendars
from tests.features.oracle import days_to_working_day

YEARS = np.arange("2023-12-01", "2027-02-01", dtype="datetime64[D]")
DAYS = [day.item() for day in YEARS]


def _days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


@pytest.mark.parametrize("country", ["DE", "FR", "US", "GB", "CA", "JP", "NL"])
def test_public_holidays_are_those_of_the_library(country: str) -> None:
    official = holidays.country_holidays(country, years=range(2023, 2028))
    assert calendars.is_holiday(YEARS, country).tolist() == [day in official for day in DAYS]


@pytest.mark.parametrize("country", ["", "XX", "de", "Germany"])
def test_an_unknown_country_has_no_holidays_and_keeps_its_weekends(country: str) -> None:
    assert not calendars.is_holiday(YEARS, country).any()
    assert calendars.days_to_working_day(_days("2026-01-01", "2026-01-03", "2026-01-04"), country).tolist() == [0, 2, 1]


@pytest.mark.parametrize("country", ["DE", "US", "JP"])
def test_the_next_working_day_is_found_by_walking(country: str) -> None:
    some = YEARS[::5]
    walked = [days_to_working_day(day.item(), country) for day in some]
    assert calendars.days_to_working_day(some, country).tolist() == walked


def test_the_next_working_day_by_hand() -> None:
    # Good Friday 2026 to Tuesday after Easter Monday; Christmas Day 2026 is a Friday, 26 December a Saturday;
    # New Year's Eve 2026 is a working Thursday
    days = _days("2026-04-02", "2026-04-03", "2026-04-04", "2026-12-24", "2026-12-25", "2026-12-31", "2027-01-01")
    assert calendars.days_to_working_day(days, "DE").tolist() == [0, 4, 3, 0, 3, 0, 3]


def test_weekdays_and_days_of_the_month_are_those_of_the_standard_library() -> None:
    days = np.concatenate([YEARS, _days("1901-01-01", "1969-12-31", "1970-01-01", "2100-02-28", "2199-12-31")])
    plain = [day.item() for day in days]
    assert calendars.weekday(days).tolist() == [day.weekday() for day in plain]
    assert calendars.day_of_month(days).tolist() == [day.day for day in plain]
    ends = [calendar.monthrange(day.year, day.month)[1] - day.day for day in plain]
    assert calendars.days_to_month_end(days).tolist() == ends


def test_quarter_ends_by_hand() -> None:
    days = _days("2026-03-26", "2026-03-27", "2026-03-31", "2026-04-30", "2026-12-31", "1969-12-31", "2024-02-29")
    assert calendars.is_quarter_end(days, within=5).tolist() == [False, True, True, False, True, True, False]


def test_holidays_are_worked_out_from_1990_to_2060() -> None:
    found = calendars.public_holidays("FR")
    assert found[0] == np.datetime64(dt.date(1990, 1, 1))
    assert found[-1] == np.datetime64(dt.date(2060, 12, 25))


@pytest.mark.parametrize("country", ["DE", "GB", "US", "JP", "CN", "XX"])
def test_years_asked_for_alone_have_the_holidays_of_all_years(country: str) -> None:
    alone = [calendars.public_holidays(country, year, year) for year in range(1988, 2064)]
    assert np.concatenate(alone).tolist() == calendars.public_holidays(country).tolist()


def test_days_beyond_the_years_of_the_calendar_have_no_holidays() -> None:
    days = _days("1989-12-25", "2060-12-25", "2061-12-25", "2199-12-25")
    assert calendars.is_holiday(days, "FR").tolist() == [False, True, False, False]
