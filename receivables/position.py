"""How a receivables book stood on one day: what was open, sold, collected and lost, added up in one currency."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import pandas as pd

from receivables.aging import Book, aged

#: Trailing days of the figures that relate the balance to sales, of collection effectiveness, and of losses.
WINDOW: Final = 90
MONTH: Final = 30
YEAR: Final = 365


@dataclass(frozen=True)
class Position:
    """Amounts in minor units of one currency, at the end of day `on` or over the days that end with it.

    `sales_by_month` runs from the newest calendar month back: days of the month up to `on`, and its sales.
    """

    on: dt.date
    open_minor: int
    current_minor: int
    over_30_minor: int
    over_60_minor: int
    over_90_minor: int
    open_month_ago_minor: int
    sales_window_minor: int
    sales_month_minor: int
    sales_year_minor: int
    sales_by_month: tuple[tuple[int, int], ...]
    settled_n: int
    on_time_n: int
    settled_minor: int
    on_time_minor: int
    lost_year_minor: int
    open_by_customer: tuple[int, ...]
    history_days: int

    @property
    def overdue_minor(self) -> int:
        """What is open past its due date."""
        return self.open_minor - self.current_minor

    @classmethod
    def of(cls, book: Book, on: dt.date) -> Position:
        """The position of a book at the end of day `on`; only facts up to that day are counted."""
        items = aged(book, on)
        days, money = items["days_past_due"], items["base_minor"]
        sold = _sold(book)
        paid = _settled(book, on)
        on_time = paid["days_late"] <= 0
        return cls(
            on=on,
            open_minor=int(money.sum()),
            current_minor=int(money[days <= 0].sum()),
            over_30_minor=int(money[days > 30].sum()),
            over_60_minor=int(money[days > 60].sum()),
            over_90_minor=int(money[days > 90].sum()),
            open_month_ago_minor=int(aged(book, on - dt.timedelta(MONTH))["base_minor"].sum()),
            sales_window_minor=_trailing(sold, on, WINDOW),
            sales_month_minor=_trailing(sold, on, MONTH),
            sales_year_minor=_trailing(sold, on, YEAR),
            sales_by_month=_by_month(sold, on),
            settled_n=len(paid),
            on_time_n=int(on_time.sum()),
            settled_minor=int(paid["base_minor"].sum()),
            on_time_minor=int(paid["base_minor"][on_time].sum()),
            lost_year_minor=_lost(book, on),
            open_by_customer=tuple(int(v) for v in money.groupby(items["customer_id"]).sum()),
            history_days=0 if sold.empty else max((pd.Timestamp(on) - sold.index[0]).days + 1, 0),
        )


def _sold(book: Book) -> pd.Series:
    """Gross sales by day, oldest first."""
    return book.invoices.groupby("issued_on")["base_minor"].sum()


def _trailing(daily: pd.Series, on: dt.date, days: int) -> int:
    end = pd.Timestamp(on)
    return int(daily[(daily.index > end - pd.Timedelta(days=days)) & (daily.index <= end)].sum())


def _by_month(daily: pd.Series, on: dt.date) -> tuple[tuple[int, int], ...]:
    end = pd.Timestamp(on)
    until = daily[daily.index <= end]
    if until.empty:
        return ()
    monthly = until.groupby(until.index.to_period("M")).sum()  # type: ignore[attr-defined]
    spans = pd.period_range(monthly.index[0], end.to_period("M"), freq="M")[::-1]
    days = [end.day if month == end.to_period("M") else month.days_in_month for month in spans]
    return tuple((day, int(monthly.get(month, 0))) for day, month in zip(days, spans, strict=True))


def _settled(book: Book, on: dt.date) -> pd.DataFrame:
    """Invoices that were settled with money in the window that ends with `on`."""
    end, settled_on = pd.Timestamp(on), book.invoices["settled_on"]
    within = (settled_on > end - pd.Timedelta(days=WINDOW)) & (settled_on <= end)
    return book.invoices[within & book.invoices["days_late"].notna()]


def _lost(book: Book, on: dt.date) -> int:
    """Written off in the year that ends with `on`."""
    lost = book.clearings[book.clearings["is_loss"]]
    of = book.invoices.iloc[lost["row"].to_numpy()]
    minor = book.rates.convert(lost["minor"].to_numpy(), of["currency"].to_numpy(), of["issued_on"].to_numpy())
    return _trailing(pd.Series(minor, index=pd.DatetimeIndex(lost["day"])), on, YEAR)


def example() -> Position:
    """A position small enough to check every figure by hand: 1,200 open, 1,000 of it not due, sold 2,000 in 90 days."""
    return Position(
        on=dt.date(2026, 6, 30), open_minor=1200, current_minor=1000, over_30_minor=120, over_60_minor=60,
        over_90_minor=12, open_month_ago_minor=1200, sales_window_minor=2000, sales_month_minor=500,
        sales_year_minor=8000, sales_by_month=((30, 500), (31, 500), (30, 800)), settled_n=8, on_time_n=6,
        settled_minor=1000, on_time_minor=900, lost_year_minor=40, open_by_customer=(600, 300, 300), history_days=365,
    )  # fmt: skip
