"""What the pictures of a portfolio review show: from a receivables book to the charts of `reports.charts`."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from receivables.aging import NAMES, Book, aged, aging
from reports import words
from reports.charts import Picture, Series, bars, columns, lines, stacked_bar
from reports.svg import ACCENT, ADVERSE, AGES, FAVOURABLE, MUTED

#: Upper ends of the classes of days late, the last without end.
_LATE: Final = (-31, -15, -6, -1, 0, 5, 15, 30, 60, 90)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TOP: Final = 10


def aging_picture(items: pd.DataFrame, base: str, on: dt.date) -> Picture:
    """All that is open on one day by age, as one bar."""
    *by_age, whole = (int(minor) for minor in aging(items).to_numpy()[0])
    parts = [
        (name if i == 0 else f"{name} days", float(by_age[i]), words.short_money(by_age[i], base), AGES[i])
        for i, name in enumerate(NAMES)
    ]
    overdue = whole - by_age[0]
    share = overdue / max(whole, 1)
    return stacked_bar(
        "Open balance by days past due",
        f"{words.short_money(whole, base)} open on {words.day(on)}; {words.short_money(overdue, base)} or "
        f"{words.percent(share)} of it is past due.",
        parts,
        header=("days past due", "open", "share"),
        rows=[
            *((label, said, words.percent(value / max(whole, 1))) for label, value, said, _ in parts),
            ("open", words.short_money(whole, base), "100%"),
        ],
    )


def aging_history(book: Book, days: Sequence[dt.date]) -> Picture:
    """The overdue balance by age at each month end."""
    tables = [aging(aged(book, day)).to_numpy()[0] for day in days]
    series = [Series(f"{n} days", tuple(float(t[i]) for t in tables), AGES[i]) for i, n in enumerate(NAMES) if i]
    return columns(
        "Overdue balance over time",
        "What was past due at each month end, by age; a growing dark part is debt growing old.",
        [words.month(day) for day in days],
        series,
        form=lambda minor: words.short_money(minor, book.base),
        first="month end",
        width=960,
        height=270,
    )


def days_picture(kpis: pd.DataFrame) -> Picture:
    """DSO, best possible DSO and their difference by month."""
    series = [
        Series("DSO", _values(kpis, "dso"), ADVERSE),
        Series("best possible DSO", _values(kpis, "bpdso"), ACCENT),
        Series("average days delinquent", _values(kpis, "add"), MUTED, "5 3"),
    ]
    text = "Days of sales that are outstanding; the gap to the best possible is what late payment costs."
    return lines("Days sales outstanding", text, _months(kpis), series, form=lambda v: f"{v:.0f}", first="month end")


def effectiveness_picture(kpis: pd.DataFrame) -> Picture:
    """Collection effectiveness by month."""
    text = "Per cent of what could be collected in the 30 days before that was collected; 100 is everything due."
    series = [Series("collection effectiveness", _values(kpis, "cei"))]
    return lines("Collection effectiveness index", text, _months(kpis), series, form=_percent, first="month end")


def on_time_picture(kpis: pd.DataFrame) -> Picture:
    """Share paid on time by number and amount, by month."""
    series = [
        Series("by number", _values(kpis, "paid_on_time_n")),
        Series("by amount", _values(kpis, "paid_on_time_amount"), MUTED, "5 3"),
    ]
    text = "Invoices settled on or before the due date, of all settled in the 90 days before each month end."
    return lines("Paid on time", text, _months(kpis), series, form=_percent, first="month end")


def overdue_picture(kpis: pd.DataFrame) -> Picture:
    """Overdue shares by month."""
    series = [
        Series("past due", _values(kpis, "overdue_ratio"), AGES[3]),
        Series("over 30 days", _values(kpis, "pct_over_30"), ACCENT),
        Series("over 90 days", _values(kpis, "pct_over_90"), AGES[5], "5 3"),
    ]
    text = "Share of the open balance that is past due, and more than 30 and 90 days past due."
    return lines("Overdue share", text, _months(kpis), series, form=_percent, first="month end")


def concentration_picture(items: pd.DataFrame, base: str) -> Picture:
    """The customers that owe most."""
    owed = items.groupby("customer_id")["base_minor"].sum().sort_values(ascending=False, kind="stable")
    whole = owed.sum()
    top = [(str(c), float(v), f"{words.short_money(v, base)}, {v / whole:.0%}") for c, v in owed.head(_TOP).items()]
    shares = owed / max(whole, 1)
    text = (
        f"The {min(_TOP, len(owed))} largest of {words.count(len(owed), 'customer')} with an open balance hold "
        f"{shares.head(_TOP).sum():.0%} of it; Herfindahl index {(shares**2).sum():.3f}."
    )
    return bars("Largest open balances", text, top, header=("customer", "open"))


def lateness_picture(settled: pd.DataFrame) -> Picture:
    """How many days early or late invoices were settled."""
    classes = np.bincount(
        np.searchsorted(_LATE, settled["days_late"].to_numpy(), side="left"), minlength=len(_LATE) + 1
    )
    labels = [_span(low, high) for low, high in itertools.pairwise((None, *_LATE, None))]
    colours = [FAVOURABLE if high <= 0 else ADVERSE for high in (*_LATE, _LATE[-1] + 1)]
    return columns(
        "Days from due date to payment",
        f"{words.count(len(settled), 'invoice')} settled in the last year: blue on time, orange late.",
        labels,
        [Series("invoices", tuple(float(n) for n in classes))],
        form=words.short,
        first="days late",
        colours=colours,
        width=960,
        height=230,
    )


def _span(low: int | None, high: int | None) -> str:
    if low is None:
        return f"≤ {high}"
    if high is None:
        return f"> {low}"
    return f"{high}" if high == low + 1 else f"{low + 1} to {high}"


def weekday_picture(settled: pd.DataFrame) -> Picture:
    """On which weekdays money arrives."""
    counts = np.bincount(settled["settled_on"].dt.dayofweek.to_numpy(), minlength=7)
    shares = tuple(float(n) / max(len(settled), 1) for n in counts)
    busiest = _WEEKDAYS[int(np.argmax(counts))] if len(settled) else "no day"
    text = f"Share of the last year's settlements by weekday; most on {busiest}."
    return columns(
        "Weekday of payment",
        text,
        _WEEKDAYS,
        [Series("share", shares)],
        form=words.percent,
        first="weekday",
        height=200,
    )


def rating_picture(by_rating: pd.DataFrame, base: str) -> Picture:
    """Open balance by rating (index), from columns open_minor and n."""
    shade = [ACCENT if i < len(by_rating) * 0.6 else ADVERSE for i in range(len(by_rating))]
    return columns(
        "Open balance by rating",
        "R01 is the best, R10 the worst; orange marks risk classes D and E.",
        [str(rating) for rating in by_rating.index],
        [Series("open", tuple(float(v) for v in by_rating["open_minor"]))],
        form=lambda minor: words.short_money(minor, base),
        first="rating",
        colours=shade,
        height=200,
    )


def _values(kpis: pd.DataFrame, name: str) -> tuple[float, ...]:
    return tuple(float(v) for v in kpis[name])


def _months(kpis: pd.DataFrame) -> list[str]:
    return [words.month(day) for day in kpis.index]


def _percent(value: float) -> str:
    return f"{value:.0f}%" if abs(value) >= 9.95 or float(value).is_integer() else f"{value:.1f}%"
