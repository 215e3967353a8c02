"""Money received: parts of invoices, gathered into one payment per customer and payment run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from receivables.simulation.book import Book, Texts, numbered
from receivables.simulation.days import NEVER, RunCalendars, dates
from receivables.simulation.streams import Ints

#: An invoice may be paid in up to so many parts before the last one.
_EARLY_PARTS = 2
#: Days between two parts, shortest and longest.
_GAP = (5, 26)
#: Share of what is open that an early part pays, lowest and highest.
_SHARE = (0.25, 0.6)
#: Days past due until which a part of an invoice that is never settled may come in.
_LAST_HOPE = 60


@dataclass(frozen=True)
class Parts:
    """Parts of invoices (p,): invoice index, value date, minor units; `open_minor` (n,) is what is never paid."""

    invoice: Ints
    day: Ints
    minor: Ints
    open_minor: Ints


def draw_parts(book: Book, calendars: RunCalendars, credited: Ints) -> Parts:
    """Every part that is ever paid; the last part of a settled invoice falls on its drawn day of payment."""
    orders, fate, rng = book.orders, book.fate, book.streams("parts")
    remaining = np.where(fate.cancelled < NEVER, 0, orders.minor - credited)
    day = np.where(fate.paid < NEVER, fate.paid, np.minimum(orders.due + _LAST_HOPE, fate.filed))
    willing = rng.random(orders.size) < book.portfolio.partial_share[orders.customer]
    run = book.portfolio.habits.run[orders.customer]
    found = []
    for _ in range(_EARLY_PARTS):
        day = calendars.last(run, day - rng.integers(*_GAP, orders.size))
        part = np.rint(rng.uniform(*_SHARE, orders.size) * remaining).astype(np.int64)
        willing = willing & (day > orders.issued) & (part > 0) & (part < remaining)
        remaining = remaining - np.where(willing, part, 0)
        found.append((np.flatnonzero(willing), day[willing], part[willing]))
    settled = np.flatnonzero((fate.paid < NEVER) & (remaining > 0))
    found.append((settled, fate.paid[settled], remaining[settled]))
    remaining[settled] = 0
    invoice, days, minor = (np.concatenate(column) for column in zip(*found, strict=True))
    return Parts(invoice, days, minor, remaining)


def cash_tables(book: Book, parts: Parts) -> dict[str, pd.DataFrame]:
    """The payments and allocations tables; a payment is known when all of the invoices that it clears are."""
    in_time = parts.day <= book.end
    invoice, day, minor = parts.invoice[in_time], parts.day[in_time], parts.minor[in_time]
    customer = book.orders.customer[invoice]
    keys, payment = np.unique(day * book.portfolio.size + customer, return_inverse=True)
    paid_on, payer = keys // book.portfolio.size, keys % book.portfolio.size
    known = book.booked("payment", paid_on)
    np.maximum.at(known, payment, book.known[invoice])
    total = np.zeros(len(keys), dtype=np.int64)
    np.add.at(total, payment, minor)
    seen = book.visible(paid_on, known)
    ids = np.full(len(keys), "", dtype=object)
    ids[seen] = numbered("P", int(seen.sum()), 8)
    payments = _payments(book, ids[seen], payer[seen], total[seen], paid_on[seen], known[seen])
    line = np.flatnonzero(seen[payment])
    line = line[np.lexsort((invoice[line], payment[line]))]
    return {"payments": payments, "allocations": _allocations(book, ids, known, payment, invoice, minor, day, line)}


def _payments(book: Book, ids: Texts, payer: Ints, total: Ints, paid_on: Ints, known: Ints) -> pd.DataFrame:
    methods = np.array(book.config.methods, dtype=object)
    method = book.streams("method").integers(0, len(methods), book.portfolio.size)
    return pd.DataFrame(
        {
            "payment_id": ids,
            "customer_id": book.customer_ids[payer],
            "amount_minor": total,
            "currency": book.currencies[payer],
            "paid_on": dates(paid_on),
            "method": methods[method[payer]],
            "known_at": dates(known),
        }
    )


def _allocations(
    book: Book, ids: Texts, known: Ints, payment: Ints, invoice: Ints, minor: Ints, day: Ints, rows: Ints
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "payment_id": ids[payment[rows]],
            "invoice_id": book.invoice_ids[invoice[rows]],
            "line": 1,
            "amount_minor": minor[rows],
            "currency": book.currencies[book.orders.customer[invoice[rows]]],
            "cleared_on": dates(day[rows]),
            "known_at": dates(known[payment[rows]]),
        }
    )
