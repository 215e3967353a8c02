"""What a reader has to know about a portfolio's data before trusting its figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pandas as pd

from receivables.aging import Book
from receivables.ledger import Ledger
from receivables.money import spoken
from reports import words


def data_notes(known: Ledger, book: Book, on: dt.date) -> Iterator[str]:
    """What a reader has to know about the data before trusting the figures."""
    invoices = book.invoices
    if invoices.empty:
        yield "The ledger holds no invoices known on this day."
        return
    first, last = invoices["issued_on"].min(), invoices["issued_on"].max()
    customers = invoices["customer_id"].nunique()
    yield (
        f"{words.count(len(invoices), 'invoice')} of {words.count(customers, 'customer')}, issued "
        f"{words.day(first)} to {words.day(last)}; what was issued before is not in the ledger and not in the figures."
    )
    seen = invoices["observed_until"].max()
    behind = (pd.Timestamp(on) - seen).days
    if behind > 1:
        yield f"Facts end on {words.day(seen)}, {words.count(behind, 'day')} before this review."
    yield (
        f"Amounts are added up in {book.base} at the rate of each invoice's issue date, so exchange rates do not move "
        f"the figures."
    )
    for used in book.rates.fallbacks:
        yield (
            f"No dated rate for {used.currency} on some days: 1 {used.currency} = {used.rate:.6g} {used.base} was used "
            f"({used.source}; {words.day(used.rates_on)})."
        )
    unapplied = _unapplied(known)
    if unapplied:
        yield f"Received but not allocated to invoices, and therefore not deducted: {unapplied}."
    yield from _mass_clearing(book)


def _unapplied(known: Ledger) -> str:
    """Payments less their allocations, by currency; a payment that clears invoices in another currency is left out."""
    paid = known["payments"][["payment_id", "amount_minor", "currency"]]
    used = known["allocations"][["payment_id", "amount_minor", "currency"]]
    used = used.merge(paid[["payment_id", "currency"]], on="payment_id", suffixes=("", "_paid"))
    crossed = used["payment_id"][used["currency"] != used["currency_paid"]]
    cleared = used.groupby("payment_id")["amount_minor"].sum().reindex(paid["payment_id"], fill_value=0)
    left = paid.assign(left=paid["amount_minor"] - cleared.to_numpy())
    left = left[(left["left"] > 0) & ~left["payment_id"].isin(crossed)]
    by_currency = left.groupby("currency")["left"].sum()
    return ", ".join(spoken(int(minor), str(code)) for code, minor in by_currency.items())


def _mass_clearing(book: Book) -> Iterator[str]:
    """A day on which an unlikely share of all clearings falls: often a clean-up, not payment behaviour."""
    days = book.clearings["day"].value_counts()
    if len(days) > 20 and days.iloc[0] > 0.05 * days.sum():
        yield (
            f"{days.iloc[0] / days.sum():.0%} of all clearings carry the date {words.day(days.index[0])}: probably a "
            f"clean-up of the books, which says little about how customers pay."
        )
