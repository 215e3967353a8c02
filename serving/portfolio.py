"""The portfolio over HTTP: key figures, aging, rating migration, provision matrix, cash forecast, worklist.

These read the whole ledger into the serving process, once for each load. A portfolio of millions of invoices is better
asked through `otcrisk report`, in a process of its own.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import numpy as np
import pandas as pd

from receivables.aging import NAMES, Book, aged, aging
from receivables.decision import wire
from receivables.kpis import KPIS, measure
from receivables.ledger import Ledger
from receivables.money import format_minor
from receivables.position import WINDOW, Position
from receivables.provision import HORIZON, provision
from serving.answer import model_block
from serving.cash_forecast import LEVEL, cash_forecast
from serving.handlers import Call, Reply
from serving.portfolio_scores import Rated, rated, transitions
from serving.query import choice_of, count_of, day_of, require_known
from serving.state import State
from serving.whole import book_of, whole_ledger
from serving.worklist import worklist

#: What aging can be told apart by, and the most rows of one answer.
_GROUPS: Final = ("none", "customer", "segment", "currency")
_MOST: Final = 1_000


def kpis(state: State, call: Call) -> Reply:
    """`GET /v1/portfolio/kpis`: every key figure of a day, and what it was a quarter before."""
    require_known(call, {"on"})
    known, on = _seen(state, call)
    book = book_of(known)
    now, before = (measure(Position.of(book, day)) for day in (on, on - dt.timedelta(WINDOW)))
    position = Position.of(book, on)
    figures = [
        {"name": k.name, "title": k.title, "unit": k.unit, "better": k.better, "formula": k.formula,
         "value": _number(now[k.name]), "before": _number(before[k.name])}
        for k in KPIS
    ]  # fmt: skip
    open_ = {"open": position.open_minor, "overdue": position.overdue_minor}
    amounts = {name: format_minor(minor, book.base) for name, minor in open_.items()}
    return Reply(wire({**_head(on, book), **amounts, "before": str(on - dt.timedelta(WINDOW)), "kpis": figures}))


def aging_report(state: State, call: Call) -> Reply:
    """`GET /v1/portfolio/aging`: the open balance by days past due, in all or by customer, segment or currency."""
    require_known(call, {"on", "by", "limit"})
    known, on = _seen(state, call)
    book, by = book_of(known), choice_of(call, "by", default="none", allowed=_GROUPS)
    items = aged(book, on)
    segments = known["customers"].set_index("customer_id")["segment"]
    items = items.assign(segment=items["customer_id"].map(segments).fillna(""), customer=items["customer_id"])
    table = aging(items, by=[] if by == "none" else [by]).sort_values("open", ascending=False, kind="stable")
    shown = table.head(count_of(call, "limit", default=100, most=_MOST))
    total = aging(items).iloc[0]
    rows = [_aging_row(str(name), row, book.base) for name, row in shown.iterrows()]
    document = {**_head(on, book), "by": by, "rows": rows, "groups": len(table)}
    return Reply(wire(document | {"total": _aging_row("all", total, book.base)}))


def migration(state: State, call: Call) -> Reply:
    """`GET /v1/portfolio/migration`: customers by risk class on two days, in heads and in open money."""
    require_known(call, {"on", "from"})
    known, on = _seen(state, call)
    since = day_of(call, "from", on - dt.timedelta(WINDOW))
    before, after = (_rated(state, known, day) for day in (since, on))
    found, book = transitions(before, after), book_of(known)
    cells = [
        {"from": start, "to": end, "customers": n, "open": format_minor(minor, book.base)}
        for (start, end), (n, minor) in sorted(found.items())
    ]
    document = {**_head(on, book), "from": str(since), "cells": cells, "event": state.tools.champion.default.event.name}
    return Reply(wire(document | {"model": model_block(state.tools.champion)}))


def provision_report(state: State, call: Call) -> Reply:
    """`GET /v1/portfolio/provision`: the provision matrix, whose open amounts add up to the ledger's balance."""
    require_known(call, {"on"})
    known, on = _seen(state, call)
    book, terms = book_of(known), state.tools.policy.loss
    found = provision(book, on, loss_given_default=terms.loss_given_default)
    lines = [
        {
            "bucket": line.bucket,
            "open": format_minor(line.open_minor, book.base),
            "observed": format_minor(line.observed_minor, book.base),
            "failed_share": round(line.failed_share, 6),
            "loss_rate": round(line.loss_rate, 6),
            "provision": format_minor(line.provision_minor, book.base),
        }
        for line in found.lines
    ]
    document = {
        **_head(on, book),
        "method": "IFRS 9 5.5.15 provision matrix from the ledger's own flow to failure",
        "horizon_days": HORIZON,
        "month_ends": found.month_ends,
        "loss_given_default": terms.loss_given_default,
        "lines": lines,
        "open": format_minor(found.open_minor, book.base),
        "provision": format_minor(found.provision_minor, book.base),
        "policy_version": state.tools.policy.version,
    }
    return Reply(wire(document))


def cash_report(state: State, call: Call) -> Reply:
    """`GET /v1/portfolio/cash-forecast`: what the open invoices are expected to bring in, by week."""
    require_known(call, {"on", "weeks"})
    known, on = _seen(state, call)
    book, weeks = book_of(known), count_of(call, "weeks", default=13, most=26)
    found = cash_forecast(known, book, state.tools.champion, on, days=7 * weeks)
    rows = [
        {
            "from": str(on + dt.timedelta(days=7 * week + 1)),
            "to": str(on + dt.timedelta(days=7 * week + 7)),
            **{name: format_minor(minor, book.base) for name, minor in found.span(7 * week, 7 * week + 7).items()},
        }
        for week in range(weeks)
    ]
    document = {**_head(on, book), "invoices": found.invoices, "open": format_minor(found.open_minor, book.base)}
    after = format_minor(found.after_minor, book.base)
    return Reply(wire(document | {"interval_level": LEVEL, "weeks": rows, "later_or_never": after}))


def collections(state: State, call: Call) -> Reply:
    """`GET /v1/collections/worklist`: whom to approach first, by the money that is at stake, and how."""
    require_known(call, {"on", "limit"})
    known, on = _seen(state, call)
    book = book_of(known)
    found = worklist(known, book, state.tools, on)
    shown = [entry.shown(book.base) for entry in found[: count_of(call, "limit", default=50, most=_MOST)]]
    return Reply(wire({**_head(on, book), "customers": len(found), "entries": shown}))


def _seen(state: State, call: Call) -> tuple[Ledger, dt.date]:
    """The ledger as it was known at the end of the day that is asked about, by default its last one."""
    ledger = whole_ledger(state)
    on = day_of(call, "on", ledger["invoices"]["observed_until"].max().date())
    return ledger.known(pd.Timestamp(on) + pd.Timedelta(days=1)), on


def _rated(state: State, known: Ledger, on: dt.date) -> Rated:
    seen = known.known(pd.Timestamp(on) + pd.Timedelta(days=1))
    return rated(seen, book_of(seen), state.tools.champion, on)


def _head(on: dt.date, book: Book) -> dict[str, Any]:
    return {"on": str(on), "currency": book.base}


def _aging_row(name: str, row: pd.Series, base: str) -> dict[str, Any]:
    return {"name": name, **{column: format_minor(int(row[column]), base) for column in (*NAMES, "open")}}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(np.float64(value)), 6)
