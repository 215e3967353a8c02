"""What a portfolio review says in words and tables: headline figures, sentences, aging, comparisons."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from receivables.aging import NAMES, Book, aging
from receivables.kpis import BY_NAME, KPIS, Kpi, measure
from receivables.money import exponent
from receivables.position import WINDOW, Position
from reports import words

#: Figures of the headline, in order.
HEADLINE: Final = ("dso", "bpdso", "add", "cei", "paid_on_time_n", "overdue_ratio")
#: Figures that one customer can turn.
COMPARED: Final = (
    "dso",
    "bpdso",
    "add",
    "cei",
    "paid_on_time_n",
    "paid_on_time_amount",
    "overdue_ratio",
    "pct_over_30",
    "pct_over_90",
)
#: More than this many days late counts as serious here.
SERIOUS: Final = 30


def kpi_text(kpi: Kpi, value: float) -> str:
    """A key figure in its unit; a dash where it could not be formed.

    >>> kpi_text(BY_NAME["dso"], 38.24), kpi_text(BY_NAME["cei"], float("nan"))
    ('38.2 days', '—')
    """
    if math.isnan(value):
        return "—"
    form = {"days": "{:.1f} days", "%": "{:.1f}%", "index": "{:.3f}"}[kpi.unit]
    return form.format(value + 0.0)


@dataclass(frozen=True)
class Headline:
    """A key figure with what it was one window earlier."""

    name: str
    value: str
    change: str
    style: str


def headlines(now: Mapping[str, float], before: Mapping[str, float]) -> list[Headline]:
    """The figures of `HEADLINE` with their change over one window."""
    return [_headline(BY_NAME[name], now[name], before[name]) for name in HEADLINE]


def _headline(kpi: Kpi, now: float, before: float) -> Headline:
    change = now - before
    if math.isnan(change):
        return Headline(kpi.title, kpi_text(kpi, now), f"no figure {WINDOW} days earlier", "")
    if abs(change) < 0.05:
        return Headline(kpi.title, kpi_text(kpi, now), f"as {WINDOW} days earlier", "")
    better = (change < 0) == (kpi.better == "lower")
    verdict = "better" if better else "worse"
    unit = " points" if kpi.unit == "%" else ""
    return Headline(kpi.title, kpi_text(kpi, now), f"{change:+.1f}{unit} in {WINDOW} days, {verdict}", verdict)


def sentences(position: Position, figures: Mapping[str, float], items: pd.DataFrame, base: str) -> Iterator[str]:
    """The state of the portfolio in a few sentences, most important first."""
    debtors, owed = items["customer_id"].nunique(), words.short_money(position.open_minor, base)
    if not debtors:
        yield "Nothing is open."
        return
    yield (
        f"{words.count(debtors, 'customer')} {'owes' if debtors == 1 else 'owe'} {owed} on "
        f"{words.count(len(items), 'invoice')}; {words.short_money(position.overdue_minor, base)} "
        f"({figures['overdue_ratio']:.0f}%) is past due, {words.short_money(position.over_90_minor, base)} of it by "
        f"more than 90 days."
    )
    if not math.isnan(figures["dso"]):
        yield (
            f"Sales stay outstanding for {figures['dso']:.1f} days; {figures['bpdso']:.1f} would be possible, so late "
            f"payment costs {figures['add']:.1f} days."
        )
    if not math.isnan(figures["paid_on_time_n"]):
        yield (
            f"{figures['paid_on_time_n']:.0f}% of the invoices settled in the last {WINDOW} days were paid on time, "
            f"{figures['paid_on_time_amount']:.0f}% by amount."
        )
    late = items[items["days_past_due"] > SERIOUS].groupby("customer_id")["base_minor"].sum()
    if len(late):
        worst = late.sort_values(ascending=False, kind="stable")
        yield (
            f"Of what is more than {SERIOUS} days past due, {worst.iloc[0] / worst.sum():.0%} is owed by one customer, "
            f"{worst.index[0]}."
        )


def aging_table(items: pd.DataFrame, base: str) -> tuple[list[str], list[list[str]]]:
    """Open balance by age in each original currency, then all in the base currency."""
    table = aging(items, by=["currency"], money="residual_minor").sort_values("open", ascending=False)
    rows = [
        [str(code), *(whole_money(int(v), str(code)) for v in row)]
        for code, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    rows.append([f"all in {base}", *(whole_money(int(v), base) for v in aging(items).to_numpy()[0])])
    return ["currency", *NAMES, "open"], rows


def whole_money(minor: int, currency: str) -> str:
    """An amount in whole units, for tables in which the currency is named once.

    >>> whole_money(123456789, "EUR"), whole_money(98765, "JPY")
    ('1,234,568', '98,765')
    """
    return f"{minor / 10 ** exponent(currency):,.0f}"


def dominant(book: Book, items: pd.DataFrame) -> dict[str, str]:
    """The customers that can turn a figure alone: the one that owes most, and the one most often seriously late."""
    found = {}
    if len(items):
        found["largest balance"] = str(items.groupby("customer_id")["base_minor"].sum().idxmax())
    serious = book.invoices[book.invoices["days_past_due"] > SERIOUS]
    if len(serious):
        found["most invoices seriously late"] = str(serious["customer_id"].value_counts().idxmax())
    return found


def comparison(
    book: Book, on: dt.date, figures: Mapping[str, float], left_out: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """The figures of `COMPARED` for all customers, and without each of the dominant ones."""
    customers = list(dict.fromkeys(left_out.values()))
    columns = [figures, *(measure(Position.of(book.without(customer), on)) for customer in customers)]
    rows = [[BY_NAME[name].title, *(kpi_text(BY_NAME[name], c[name]) for c in columns)] for name in COMPARED]
    return ["figure", "all customers", *(f"without {customer}" for customer in customers)], rows


def kpi_table(figures: Mapping[str, float]) -> list[tuple[str, str, str, str]]:
    """Every key figure: title, value, formula, which way is better."""
    return [(k.title, kpi_text(k, figures[k.name]), k.formula, f"{k.better} is better") for k in KPIS]
