"""The review of a receivables portfolio on one day: exposure, aging, key figures, ratings, watch list."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from models import Champion
from receivables.aging import Book, aged
from receivables.currencies import Currencies, Rates
from receivables.kpis import measure, month_ends, series
from receivables.ledger import Ledger
from receivables.position import WINDOW, YEAR, Position
from reports import words
from reports.data_notes import data_notes
from reports.portfolio_pictures import (
    aging_history,
    aging_picture,
    concentration_picture,
    days_picture,
    effectiveness_picture,
    lateness_picture,
    on_time_picture,
    overdue_picture,
    rating_picture,
    weekday_picture,
)
from reports.portfolio_tables import aging_table, comparison, dominant, headlines, kpi_table, sentences
from reports.risk_tables import rating_table, watch_list
from reports.scoring import Scored, score_customers

#: Month ends that the pictures show.
_MONTHS = 13

Figures = dict[str, Any]


def reporting_currency(ledger: Ledger, conf: Currencies) -> str:
    """The configured currency, or the ledger's most frequent one where no invoice is in the configured one."""
    counts = ledger["invoices"]["currency"].value_counts()
    return conf.reporting_currency if conf.reporting_currency in counts or counts.empty else str(counts.index[0])


def portfolio_figures(
    ledger: Ledger, on: dt.date, *, conf: Currencies, champion: Champion | None, loss_given_default: float
) -> Figures:
    """Everything that portfolio.html shows, by name, as known at the end of day `on`."""
    moment = pd.Timestamp(on) + pd.Timedelta(days=1)
    known = ledger.known(moment)
    base = reporting_currency(known, conf)
    book = Book.of(known, Rates.of(known, conf, base=base))
    items = aged(book, on)
    position = Position.of(book, on)
    kpis = measure(position)
    debtors = sorted(items["customer_id"].unique())
    scored = score_customers(known, debtors, champion, moment.to_pydatetime()) if champion and debtors else None
    segments = {str(k): str(v) for k, v in known["customers"].set_index("customer_id")["segment"].dropna().items()}
    return {
        "title": f"Receivables portfolio on {on}",
        "kind": "Receivables portfolio review",
        "subject": f"as of the end of {words.day(on)}",
        "on": on,
        "base": base,
        "position": position,
        "kpis": kpis,
        "sentences": list(sentences(position, kpis, items, base)),
        "headlines": headlines(kpis, measure(Position.of(book, on - dt.timedelta(WINDOW)))),
        "aging_table": aging_table(items, base),
        "kpi_table": kpi_table(kpis),
        "watch_list": watch_list(items, segments, scored, base),
        "notes": list(data_notes(known, book, on)),
        **_comparison(book, on, kpis, items),
        **_pictures(book, on, items),
        **_ratings(items, scored, loss_given_default, base),
    }


def _comparison(book: Book, on: dt.date, kpis: Mapping[str, float], items: pd.DataFrame) -> Figures:
    found = dominant(book, items)
    return {"dominant": found, "comparison": comparison(book, on, kpis, found)}


def _pictures(book: Book, on: dt.date, items: pd.DataFrame) -> Figures:
    ends = month_ends(book, on, months=_MONTHS)
    monthly = series(book, ends)
    recent = book.invoices["settled_on"] > pd.Timestamp(on) - pd.Timedelta(days=YEAR)
    settled = book.invoices[recent & book.invoices["days_late"].notna()]
    makers = (days_picture, effectiveness_picture, on_time_picture, overdue_picture)
    return {
        "monthly": monthly,
        "aging_picture": aging_picture(items, book.base, on),
        "aging_history": aging_history(book, ends),
        "kpi_pictures": [make(monthly) for make in makers],
        "concentration_picture": concentration_picture(items, book.base),
        "lateness_picture": lateness_picture(settled),
        "weekday_picture": weekday_picture(settled),
    }


def _ratings(items: pd.DataFrame, scored: Scored | None, loss_given_default: float, base: str) -> Figures:
    """The ratings table and picture; without a champion only the names, so that the page can say so."""
    if scored is None:
        return {"scored": None, "rating_rows": [], "rating_picture": None, "at_risk": ""}
    table = rating_table(items, scored, loss_given_default)
    rows = [
        (
            str(rating),
            f"{int(row['n']):,}",
            words.short_money(row["open_minor"], base),
            words.percent(float(row["probability"])),
            words.short_money(row["at_risk_minor"], base),
        )
        for rating, row in table.iterrows()
    ]
    total = table[["n", "open_minor", "at_risk_minor"]].sum()
    mean = float((scored.customers["probability"]).mean())
    rows.append(
        (
            "all",
            f"{int(total['n']):,}",
            words.short_money(total["open_minor"], base),
            words.percent(mean),
            words.short_money(total["at_risk_minor"], base),
        )
    )
    return {
        "scored": scored,
        "rating_rows": rows,
        "rating_picture": rating_picture(table, base),
        "at_risk": words.short_money(float(total["at_risk_minor"]), base),
    }


def portfolio_document(figures: Figures) -> Figures:
    """The review's numbers for machines: whole minor units of `currency`, days and per cent; null where undefined."""
    position: Position = figures["position"]
    monthly: pd.DataFrame = figures["monthly"]
    scored: Scored | None = figures["scored"]
    return {
        "as_of": figures["on"].isoformat(),
        "currency": figures["base"],
        "open_minor": position.open_minor,
        "overdue_minor": position.overdue_minor,
        "kpis": {name: _number(value) for name, value in figures["kpis"].items()},
        "months": {
            day.isoformat(): {name: _number(v) for name, v in row.items()}
            for day, row in zip(monthly.index, monthly.to_dict("records"), strict=True)
        },
        "event": scored.event.name if scored else None,
        "ratings": scored.customers["rating"].value_counts().sort_index().to_dict() if scored else None,
        "watch_list": [watched.customer_id for watched in figures["watch_list"]],
        "notes": figures["notes"],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
