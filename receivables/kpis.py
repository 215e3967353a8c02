"""The key figures of a receivables book, each declared once with its formula, unit, direction and source.

A figure is a pure function of a `Position`: what was open, sold, collected and lost around one day, in one currency.
Where a figure cannot be formed (no sales in the period, nothing settled) it is NaN, never 0.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from receivables.aging import Book
from receivables.position import MONTH, WINDOW, YEAR, Position, example

__all__ = ["BY_NAME", "KPIS", "Kpi", "example", "measure", "month_ends", "series"]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def dso(p: Position) -> float:
    """Days sales outstanding over the trailing window; NaN before the book covers one window.

    >>> dso(example())
    54.0
    """
    return _ratio(p.open_minor * WINDOW, p.sales_window_minor) if p.history_days >= WINDOW else math.nan


def best_possible_dso(p: Position) -> float:
    """What DSO would be if nothing were past due.

    >>> best_possible_dso(example())
    45.0
    """
    return _ratio(p.current_minor * WINDOW, p.sales_window_minor) if p.history_days >= WINDOW else math.nan


def average_days_delinquent(p: Position) -> float:
    """The part of DSO that comes from paying late.

    >>> average_days_delinquent(example())
    9.0
    """
    return dso(p) - best_possible_dso(p)


def countback_dso(p: Position) -> float:
    """Days back until sales have used up the balance; NaN where all recorded sales do not.

    >>> countback_dso(example())  # 1,200 = 500 (30 days) + 500 (31 days) + 200 of 800 (30 days)
    68.5
    """
    left, days = p.open_minor, 0.0
    for month_days, sales in p.sales_by_month:
        if left <= sales:
            return days + month_days * left / sales if left else days
        left, days = left - sales, days + month_days
    return math.nan


def collection_effectiveness(p: Position) -> float:
    """Per cent of what could be collected in the month that was collected.

    >>> round(collection_effectiveness(example()), 1)
    71.4
    """
    collectable = p.open_month_ago_minor + p.sales_month_minor
    if p.history_days < 2 * MONTH:
        return math.nan
    return _ratio(100 * (collectable - p.open_minor), collectable - p.current_minor)


def largest_share(p: Position) -> float:
    """Per cent of the open balance that the largest customer owes.

    >>> largest_share(example())
    50.0
    """
    return _ratio(100 * max(p.open_by_customer, default=0), p.open_minor)


def herfindahl(p: Position) -> float:
    """Sum of squared customer shares of the open balance: 1 for one customer, 1/n for n equal ones.

    >>> herfindahl(example())  # shares 1/2, 1/4, 1/4
    0.375
    """
    return sum((_ratio(minor, p.open_minor)) ** 2 for minor in p.open_by_customer) if p.open_minor else math.nan


@dataclass(frozen=True)
class Kpi:
    """One key figure: what it is, how it is formed, which way is better, and the function that gives it."""

    name: str
    title: str
    unit: Literal["days", "%", "index"]
    better: Literal["lower", "higher"]
    formula: str
    source: str
    of: Callable[[Position], float]


_TRADE = "trade practice (Credit Research Foundation)"

KPIS: Final[tuple[Kpi, ...]] = (
    Kpi(
        "dso",
        "Days sales outstanding",
        "days",
        "lower",
        f"open balance / sales of the last {WINDOW} days x {WINDOW}",
        _TRADE,
        dso,
    ),
    Kpi(
        "dso_countback",
        "Countback DSO",
        "days",
        "lower",
        "days back, month by month, until sales have used up the open balance",
        "trade practice",
        countback_dso,
    ),
    Kpi(
        "bpdso",
        "Best possible DSO",
        "days",
        "lower",
        f"open balance not yet due / sales of the last {WINDOW} days x {WINDOW}",
        _TRADE,
        best_possible_dso,
    ),
    Kpi("add", "Average days delinquent", "days", "lower", "DSO - best possible DSO", _TRADE, average_days_delinquent),
    Kpi(
        "cei",
        "Collection effectiveness index",
        "%",
        "higher",
        f"(open {MONTH} days ago + sales since - open now) / "
        f"(open {MONTH} days ago + sales since - open and not due now) x 100",
        _TRADE,
        collection_effectiveness,
    ),
    Kpi(
        "paid_on_time_n",
        "Paid on time, by number",
        "%",
        "higher",
        f"invoices settled in the last {WINDOW} days on or before the due date / all settled then",
        "payment practice reporting",
        lambda p: _ratio(100 * p.on_time_n, p.settled_n),
    ),
    Kpi(
        "paid_on_time_amount",
        "Paid on time, by amount",
        "%",
        "higher",
        "the same by invoice amount",
        "payment practice reporting",
        lambda p: _ratio(100 * p.on_time_minor, p.settled_minor),
    ),
    Kpi(
        "overdue_ratio",
        "Overdue",
        "%",
        "lower",
        "open past due / open balance",
        "aging report",
        lambda p: _ratio(100 * p.overdue_minor, p.open_minor),
    ),
    Kpi(
        "pct_over_30",
        "More than 30 days past due",
        "%",
        "lower",
        "open more than 30 days past due / open balance",
        "aging report",
        lambda p: _ratio(100 * p.over_30_minor, p.open_minor),
    ),
    Kpi(
        "pct_over_60",
        "More than 60 days past due",
        "%",
        "lower",
        "open more than 60 days past due / open balance",
        "aging report",
        lambda p: _ratio(100 * p.over_60_minor, p.open_minor),
    ),
    Kpi(
        "pct_over_90",
        "More than 90 days past due",
        "%",
        "lower",
        "open more than 90 days past due / open balance",
        "aging report",
        lambda p: _ratio(100 * p.over_90_minor, p.open_minor),
    ),
    Kpi(
        "largest_share",
        "Largest customer",
        "%",
        "lower",
        "open balance of the largest customer / open balance",
        "concentration limits",
        largest_share,
    ),
    Kpi(
        "herfindahl",
        "Herfindahl index",
        "index",
        "lower",
        "sum over customers of (share of the open balance)^2",
        "Herfindahl-Hirschman",
        herfindahl,
    ),
    Kpi(
        "bad_debt_to_sales",
        "Bad debt to sales",
        "%",
        "lower",
        f"written off in the last {YEAR} days / sales of the last {YEAR} days",
        _TRADE,
        lambda p: _ratio(100 * p.lost_year_minor, p.sales_year_minor),
    ),
)
BY_NAME: Final[dict[str, Kpi]] = {kpi.name: kpi for kpi in KPIS}


def measure(position: Position) -> dict[str, float]:
    """Every figure of `KPIS` by name."""
    return {kpi.name: kpi.of(position) for kpi in KPIS}


def month_ends(book: Book, on: dt.date, *, months: int) -> list[dt.date]:
    """The last `months` month ends up to `on` on which the book holds invoices, oldest first, closed by `on` itself."""
    if book.invoices.empty:
        return [on]
    first = book.invoices["issued_on"].min()
    ends = pd.date_range(max(first, pd.Timestamp(on) - pd.DateOffset(months=months)), on, freq="ME")
    return sorted({*(end.date() for end in ends), on})[-months:]


def series(book: Book, days: Iterable[dt.date]) -> pd.DataFrame:
    """One row per day (index), one column per KPI."""
    days = list(days)
    return pd.DataFrame([measure(Position.of(book, day)) for day in days], index=pd.Index(days, name="on"))
