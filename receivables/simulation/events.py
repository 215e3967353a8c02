"""What happens around an invoice besides its payment: disputes, credit notes, promises, dunning, write-offs.

All of it follows the drawn fate of the invoice and never changes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from receivables.simulation.book import Book
from receivables.simulation.days import NEVER, dates, weekday
from receivables.simulation.streams import Bools, Floats, Ints

_RESULTS = np.array(["SELLER_RIGHT", "SHARED", "CUSTOMER_RIGHT"], dtype=object)
_REASONS = np.array(["PRICE", "QUANTITY", "QUALITY", "DELIVERY", "MISSING_PURCHASE_ORDER"], dtype=object)
#: Share of the amount that is credited, lowest and highest, by result.
_CREDITED = np.array([[0.0, 0.0], [0.05, 0.25], [0.10, 0.60]])
#: An unpaid dispute is given up by the customer after at most so many days.
_LONGEST_DISPUTE = 60
#: A promise is asked for from so many days after due on; late by a week at least.
_PROMISE_AFTER = 3
_PROMISE_LATE = 7
#: Days from an insolvency to the write-off of what is open.
_WRITE_OFF_AFTER_FILING = (30, 120)


@dataclass(frozen=True)
class Handling:
    """Disputes and credits per invoice (n,): days (NEVER where none) and credited minor units (0 where none)."""

    opened: Ints
    closed: Ints
    result: Ints
    dispute_credit: Ints
    returned: Ints
    return_credit: Ints

    @property
    def credited(self) -> Ints:
        """Minor units credited in part, by disputes and returns."""
        return self.dispute_credit + self.return_credit


def handle(book: Book) -> Handling:
    """Disputes with their results, and returns; whatever is credited is credited before the last payment."""
    opened, closed = _dispute_days(book)
    settled = (opened < NEVER) & (book.fate.paid < NEVER)
    result = np.where(settled, book.streams("dispute result").integers(0, 3, book.orders.size), 0)
    low, high = _CREDITED[result].T
    dispute_credit = _part(book, "dispute credit", low, high)
    returned, return_credit = _returns(book)
    return Handling(opened, closed, result, dispute_credit, returned, return_credit)


def _dispute_days(book: Book) -> tuple[Ints, Ints]:
    """A dispute opens between issue and payment, at most 20 days after due, and closes before payment."""
    orders, fate, rng = book.orders, book.fate, book.streams("dispute days")
    latest = np.minimum(np.minimum(fate.paid, orders.due + 20), fate.filed)
    opened = orders.issued + 1 + _within(rng.random(orders.size), latest - orders.issued - 1)
    disputed = fate.disputed & (fate.cancelled == NEVER) & (opened < fate.filed)
    last = np.minimum(fate.paid, opened + _LONGEST_DISPUTE)
    closed = opened + 1 + _within(0.5 + 0.5 * rng.random(orders.size), last - opened)
    closed = np.minimum(closed, np.maximum(last, opened))
    return np.where(disputed, opened, NEVER), np.where(disputed, closed, NEVER)


def _within(uniform: Floats, days: Ints) -> Ints:
    return np.floor(uniform * np.maximum(days, 0)).astype(np.int64)


def _part(book: Book, purpose: str, low: Floats, high: Floats) -> Ints:
    share = low + (high - low) * book.streams(purpose).random(book.orders.size)
    return np.rint(share * book.orders.minor).astype(np.int64)


def _returns(book: Book) -> tuple[Ints, Ints]:
    orders, rng = book.orders, book.streams("returns")
    wait = book.fate.paid - orders.issued - 1
    happens = (rng.random(orders.size) < book.config.events.return_share) & (book.fate.paid < NEVER) & (wait >= 0)
    day = orders.issued + 1 + _within(rng.random(orders.size), np.minimum(wait, 40))
    low = np.full(orders.size, 0.03)
    amount = _part(book, "return credit", low, low * 5)
    return np.where(happens, day, NEVER), np.where(happens, amount, 0)


def disputes(book: Book, handling: Handling) -> pd.DataFrame:
    """The disputes table; what is closed after the ledger's end is still open."""
    invoice = np.flatnonzero(handling.opened < NEVER)
    opened, closed = handling.opened[invoice], handling.closed[invoice]
    known = book.booked("dispute", opened, invoice)
    closed_known = np.maximum(book.booked("dispute end", closed), known)
    over = book.visible(closed, closed_known)
    reason = _REASONS[book.streams("dispute reason").integers(0, len(_REASONS), len(invoice))]
    frame = book.facts(
        invoice, opened, known, "dispute_id",
        amount_minor=book.orders.minor[invoice],
        opened_on=opened,
        closed_on=np.where(over, closed, NEVER),
        closed_known=np.where(over, closed_known, NEVER),
        reason=reason,
        result=np.where(over, _RESULTS[handling.result[invoice]], np.full(len(invoice), None, dtype=object)),
    )  # fmt: skip
    frame["closed_known_at"] = dates(frame.pop("closed_known").to_numpy())
    return frame


def credit_notes(book: Book, handling: Handling) -> pd.DataFrame:
    """The credit_notes table: after disputes, for returned goods, and cancelled invoices in full."""
    after_dispute = np.flatnonzero(handling.dispute_credit > 0)
    returned = np.flatnonzero(handling.return_credit > 0)
    cancelled = np.flatnonzero(book.fate.cancelled < NEVER)
    invoice = np.concatenate([after_dispute, returned, cancelled])
    day = np.concatenate([handling.closed[after_dispute], handling.returned[returned], book.fate.cancelled[cancelled]])
    amounts = [handling.dispute_credit[after_dispute], handling.return_credit[returned], book.orders.minor[cancelled]]
    counts = [len(after_dispute), len(returned), len(cancelled)]
    return book.facts(
        invoice, day, book.booked("credit note", day, invoice), "credit_note_id",
        amount_minor=np.concatenate(amounts),
        credited_on=day,
        reason=np.repeat(np.array(["DISPUTE", "RETURN", "CANCELLATION"], dtype=object), counts),
    )  # fmt: skip


def promises(book: Book) -> pd.DataFrame:
    """The promises table: made when an invoice is overdue, kept by its payment or broken."""
    orders, fate, events = book.orders, book.fate, book.config.events
    rng = book.streams("promises")
    asked = (fate.paid - orders.due >= _PROMISE_LATE) & (fate.cancelled == NEVER)
    invoice = np.flatnonzero(asked & (rng.random(orders.size) < events.promise_share))
    due, paid = orders.due[invoice], fate.paid[invoice]
    latest = np.minimum(np.minimum(paid, due + 60), fate.filed[invoice])
    made = due + _PROMISE_AFTER + _within(rng.random(len(invoice)), latest - due - _PROMISE_AFTER)
    promised = _promised_for(made, paid, rng.random(len(invoice)) < events.promise_kept_share, rng)
    possible = made < fate.filed[invoice]
    invoice, made, promised = invoice[possible], made[possible], promised[possible]
    return book.facts(
        invoice, made, book.booked("promise", made, invoice), "promise_id",
        amount_minor=orders.minor[invoice],
        made_on=made,
        promised_for=promised,
    )  # fmt: skip


def _promised_for(made: Ints, paid: Ints, keeps: Bools, rng: np.random.Generator) -> Ints:
    """A kept promise names the day of payment or up to three days later; a broken one a day before payment."""
    kept = paid + rng.integers(0, 4, len(made))
    wait = np.minimum(paid - made - 1, 14)
    broken = made + 1 + _within(rng.random(len(made)), wait)
    return np.where((keeps & (paid < NEVER)) | (wait < 1), kept, broken)


def dunnings(book: Book, handling: Handling, written_off: Ints) -> pd.DataFrame:
    """The dunnings table: one letter per level with the weekly dunning run, none while a dispute is open."""
    orders, fate, events = book.orders, book.fate, book.config.events
    over = np.minimum(np.minimum(fate.paid, fate.filed), np.minimum(fate.cancelled, written_off))
    letters = []
    for level, offset in enumerate(events.dunning_days, start=1):
        reached = orders.due + offset
        day = reached + (events.dunning_weekday - weekday(reached)) % 7
        contested = (handling.opened <= day) & (day < handling.closed)
        invoice = np.flatnonzero((day < over) & ~contested & (day <= book.end))
        letters.append((invoice, day[invoice], np.full(len(invoice), level)))
    invoice, day, level_reached = (np.concatenate(column) for column in zip(*letters, strict=True))
    return book.facts(
        invoice, day, np.maximum(day + 1, book.known[invoice]), "dunning_id", level=level_reached, dunned_on=day
    )


def write_off_days(book: Book) -> Ints:
    """Day (n,) on which what is open of an unpaid invoice is given up, NEVER where it is paid or credited."""
    orders, fate, rng = book.orders, book.fate, book.streams("write-off")
    aged = orders.due + book.config.events.write_off_days + rng.integers(0, 60, orders.size)
    after_filing = fate.filed + rng.integers(*_WRITE_OFF_AFTER_FILING, orders.size)
    lost = (fate.paid == NEVER) & (fate.cancelled == NEVER)
    return np.where(lost, np.minimum(aged, after_filing), NEVER)


def write_offs(book: Book, written_off: Ints, residual: Ints) -> pd.DataFrame:
    """The write_offs table; `residual` (n,) is what is open in minor units."""
    invoice = np.flatnonzero((written_off < NEVER) & (residual > 0))
    day = written_off[invoice]
    return book.facts(
        invoice, day, book.booked("write-off", day, invoice), "write_off_id",
        amount_minor=residual[invoice],
        written_off_on=day,
    )  # fmt: skip
