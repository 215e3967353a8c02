"""What came of the payment dates that were promised: the share of served intervals that held the day of payment.

An interval counts once its last day has passed and the ledger has seen that day, whatever came of it: counting invoices
when they are paid would prefer those that are paid early.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from receivables.errors import UnavailableError
from receivables.money import parse_minor
from receivables.store import LedgerStore
from receivables.tables_sql import SQL_TABLES

#: Intervals count whose last day lies in so many days.
WINDOW: Final = dt.timedelta(days=90)
#: Fewer intervals than this say nothing: at 100 the standard error of a share of 0.8 is 0.04.
FEWEST: Final = 100
#: Longest time between an order and the last day of its interval.
_LONGEST: Final = dt.timedelta(days=730)
#: The invoice of an order falls due so many days from the day that was expected, at most.
_SHIFTED: Final = dt.timedelta(days=7)
_SERVED: Final = """
SELECT json_extract(payload, '$.request.customer.payer'),
       json_extract(payload, '$.request.order.sales_order'),
       json_extract(payload, '$.request.order.currency'),
       json_extract(payload, '$.request.order.gross_amount'),
       json_extract(payload, '$.request.order.order_date'),
       json_extract(payload, '$.response.expected_payment.due_date'),
       json_extract(payload, '$.response.expected_payment.earliest_date'),
       json_extract(payload, '$.response.expected_payment.latest_date')
FROM decisions
WHERE as_of >= :first AND as_of < :day
  AND json_extract(payload, '$.response.expected_payment.interval_level') = :level
  AND json_extract(payload, '$.response.expected_payment.latest_date') >= :since
  AND json_extract(payload, '$.response.expected_payment.latest_date') < :day
  AND json_extract(payload, '$.request.check_point') IN ('SALES_ORDER', 'DELIVERY')
ORDER BY seq
"""


@dataclass(frozen=True)
class Served:
    """An order and the interval of payment dates that was answered for it; the amount in minor units of `currency`."""

    customer_id: str
    sales_order: str
    currency: str
    amount_minor: int
    ordered_on: dt.date
    due_on: dt.date
    earliest: dt.date
    latest: dt.date


@dataclass(frozen=True)
class Invoiced:
    """An invoice as a moment knew it; `settled_on` is null while open, `is_paid` false of one credited or given up."""

    customer_id: str
    currency: str
    amount_minor: int
    issued_on: dt.date
    due_on: dt.date
    observed_until: dt.date
    settled_on: dt.date | None = None
    is_paid: bool = False
    is_credited: bool = False


@dataclass(frozen=True)
class Coverage:
    """The share of `outcomes` intervals that held the day of payment, as known at the beginning of `day`, UTC."""

    share: float
    outcomes: int
    day: dt.date


def observed_coverage(log: Path, store: LedgerStore, *, day: dt.date, level: float) -> Coverage | None:
    """The coverage of the intervals of `level` whose last day lay in the 90 days before `day`; null of too few.

    Nothing counts that became known on `day` or later, nor do orders of natural persons, whose answers are encrypted.
    Raises UnavailableError where the decision log or the ledger cannot be read.
    """
    served = served_intervals(log, day=day, level=level)
    if len(served) < FEWEST:
        return None
    first = min(order.ordered_on for order in served)
    held = outcomes(served, invoiced(store, day=day, since=first), day=day)
    return Coverage(sum(held) / len(held), len(held), day) if len(held) >= FEWEST else None


def served_intervals(log: Path, *, day: dt.date, level: float) -> list[Served]:
    """The intervals of `level` in the log whose last day lay in the 90 days before `day`: an order's last answer."""
    asked = {"first": (day - WINDOW - _LONGEST).isoformat(), "since": (day - WINDOW).isoformat(),
             "day": day.isoformat(), "level": level}  # fmt: skip
    try:
        with closing(sqlite3.connect(log, timeout=5.0)) as reader:
            rows = reader.execute(_SERVED, asked).fetchall()
    except sqlite3.Error as error:
        raise UnavailableError(f"{log}: the decision log cannot be read: {error}") from error
    newest = {(payer, order): (payer, order, *rest) for payer, order, *rest in rows}
    return [
        Served(payer, order, currency, parse_minor(amount, currency), *map(dt.date.fromisoformat, days))
        for payer, order, currency, amount, *days in newest.values()
    ]


def invoiced(store: LedgerStore, *, day: dt.date, since: dt.date) -> list[Invoiced]:
    """The invoices issued from `since` on, as they were known at the beginning of `day`, UTC."""
    moment = dt.datetime.combine(day, dt.time(), dt.UTC)
    invoices = SQL_TABLES["invoices"].c
    cleared = _cleared(moment, since)
    asked = sa.select(
        invoices.customer_id, invoices.currency, invoices.amount_minor, invoices.issued_on, invoices.due_on,
        invoices.observed_until, cleared.c.cleared_minor, cleared.c.paid_minor, cleared.c.given_up_minor,
        cleared.c.cleared_on,
    ).select_from(
        SQL_TABLES["invoices"].outerjoin(cleared, invoices.invoice_id == cleared.c.invoice_id)
    ).where(invoices.issued_on >= since, invoices.known_at < moment)  # fmt: skip
    with store.reading() as connection:
        return [_invoiced(row) for row in connection.execute(asked).mappings()]


def outcomes(served: Sequence[Served], invoices: Iterable[Invoiced], *, day: dt.date) -> list[bool]:
    """Whether each interval held the day of payment, of the orders whose invoice is known and was seen long enough.

    An order has no number in the ledger: its invoice is the only one of its customer over its amount, due within a week
    of the day that was expected; where several could be meant, none is. Of a credited invoice nothing is known.
    """
    alike = defaultdict(list)
    for invoice in invoices:
        alike[invoice.customer_id, invoice.currency, invoice.amount_minor].append(invoice)
    found = [(order, _of(order, alike[order.customer_id, order.currency, order.amount_minor])) for order in served]
    claims = Counter(id(those[0]) for _, those in found if len(those) == 1)
    return [
        those[0].is_paid and those[0].settled_on is not None and order.earliest <= those[0].settled_on <= order.latest
        for order, those in found
        if len(those) == 1
        and claims[id(those[0])] == 1
        and min(those[0].observed_until, day - dt.timedelta(days=1)) >= order.latest
        and not those[0].is_credited
    ]


def _of(order: Served, alike: Sequence[Invoiced]) -> list[Invoiced]:
    return [i for i in alike if i.issued_on >= order.ordered_on and abs(i.due_on - order.due_on) <= _SHIFTED]


def _cleared(moment: dt.datetime, since: dt.date) -> sa.Subquery:
    """Per invoice issued from `since` on: what was cleared, paid and given up by a moment, and the last value date."""
    invoices, nothing = SQL_TABLES["invoices"].c, sa.literal(0)
    parts = []
    for name, on in (("allocations", "cleared_on"), ("credit_notes", "credited_on"), ("write_offs", "written_off_on")):
        facts = SQL_TABLES[name].c
        parts.append(
            sa.select(
                facts.invoice_id,
                facts.amount_minor,
                facts[on].label("on"),
                (facts.amount_minor if name == "allocations" else nothing).label("paid"),
                (facts.amount_minor if name == "write_offs" else nothing).label("given_up"),
            )
            .join(SQL_TABLES["invoices"], invoices.invoice_id == facts.invoice_id)
            .where(facts.known_at < moment, invoices.issued_on >= since)
        )
    every = sa.union_all(*parts).subquery()
    total = sa.func.sum
    return (
        sa.select(
            every.c.invoice_id,
            total(every.c.amount_minor).label("cleared_minor"),
            total(every.c.paid).label("paid_minor"),
            total(every.c.given_up).label("given_up_minor"),
            sa.func.max(every.c.on).label("cleared_on"),
        )
        .group_by(every.c.invoice_id)
        .subquery()
    )


def _invoiced(row: sa.RowMapping) -> Invoiced:
    is_settled = (row["cleared_minor"] or 0) >= row["amount_minor"]
    has_paid, was_given_up = (row["paid_minor"] or 0) > 0, (row["given_up_minor"] or 0) > 0
    return Invoiced(
        row["customer_id"], row["currency"], row["amount_minor"], row["issued_on"], row["due_on"],
        row["observed_until"],
        settled_on=row["cleared_on"] if is_settled else None,
        is_paid=is_settled and has_paid and not was_given_up,
        is_credited=is_settled and not has_paid and not was_given_up,
    )  # fmt: skip
