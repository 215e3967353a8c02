"""Who owes what, and how long past due: open residuals by aging bucket, per invoice, customer, currency or in all.

Days past due are counted to a named day: an invoice due on that very day is not overdue.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from receivables.currencies import Rates
from receivables.ledger import Ledger
from receivables.settlements import settlements_of

#: The tables whose facts reduce what is open, their value dates, and whether the reduction is a loss.
_CLEARINGS: Final = (
    ("allocations", "cleared_on", False),
    ("credit_notes", "credited_on", False),
    ("write_offs", "written_off_on", True),
)


@dataclass(frozen=True)
class Bucket:
    """An aging bucket: days past due from `first` to `last`, both included; None is without bound."""

    name: str
    first: int | None
    last: int | None


#: The buckets in order; together they hold every number of days past due exactly once.
BUCKETS: Final[tuple[Bucket, ...]] = (
    Bucket("not due", None, 0),
    Bucket("1-30", 1, 30),
    Bucket("31-60", 31, 60),
    Bucket("61-90", 61, 90),
    Bucket("91-180", 91, 180),
    Bucket("over 180", 181, None),
)
NAMES: Final[tuple[str, ...]] = tuple(bucket.name for bucket in BUCKETS)


def bucket_of(days_past_due: np.ndarray) -> np.ndarray:
    """Position in `BUCKETS` for each number of days past due.

    >>> bucket_of(np.array([-5, 0, 1, 30, 31, 90, 91, 400])).tolist()
    [0, 0, 1, 1, 2, 3, 4, 5]
    """
    firsts = np.array([bucket.first for bucket in BUCKETS if bucket.first is not None])
    return np.searchsorted(firsts, days_past_due, side="right")


@dataclass(frozen=True)
class Book:
    """A seller's receivables as known at one moment, ready to be asked how they stood on any earlier day.

    `invoices` has one row per invoice: the columns of `settlements_of` and `base_minor`, the gross amount in minor
    units of `base` at the rate of the issue day. All base amounts use that one rate, so parts add up to wholes and no
    exchange-rate movement appears as a change of behaviour.
    """

    invoices: pd.DataFrame
    clearings: pd.DataFrame = field(repr=False)  # row (position in `invoices`), day, minor (its currency), is_loss
    rates: Rates

    @classmethod
    def of(cls, known: Ledger, rates: Rates) -> Book:
        """The book of a ledger that already is a view as of some moment (`Ledger.known`)."""
        settled = settlements_of(known)
        base = rates.convert(*(settled[c].to_numpy() for c in ("amount_minor", "currency", "issued_on")))
        return cls(settled.assign(base_minor=base), _clearings(known, settled["invoice_id"]), rates)

    @property
    def base(self) -> str:
        """The currency that the book adds up in."""
        return self.rates.base

    def residual(self, on: dt.date) -> np.ndarray:
        """Open at the end of day `on`, per invoice in minor units of its own currency; 0 before it was issued."""
        until = pd.Timestamp(on)
        seen = self.clearings[self.clearings["day"] <= until]
        cleared = np.zeros(len(self.invoices), np.int64)
        np.add.at(cleared, seen["row"].to_numpy(), seen["minor"].to_numpy())
        left = np.maximum(self.invoices["amount_minor"].to_numpy() - cleared, 0)
        return np.where(self.invoices["issued_on"] <= until, left, 0)

    def without(self, customer_id: str) -> Book:
        """The book as if the customer had never bought."""
        kept = (self.invoices["customer_id"] != customer_id).to_numpy()
        clearings = self.clearings[kept[self.clearings["row"].to_numpy()]]
        moved = (np.cumsum(kept) - 1)[clearings["row"].to_numpy()]
        return Book(self.invoices[kept].reset_index(drop=True), clearings.assign(row=moved), self.rates)


def _clearings(known: Ledger, invoice_ids: pd.Series) -> pd.DataFrame:
    """Everything that reduced an invoice: row (position in `invoice_ids`), day, minor, is_loss."""
    positions = pd.Index(invoice_ids)
    parts = [
        pd.DataFrame(
            {
                "row": positions.get_indexer(known[table]["invoice_id"]),
                "day": known[table][day],
                "minor": known[table]["amount_minor"],
                "is_loss": is_loss,
            }
        )
        for table, day, is_loss in _CLEARINGS
    ]
    made = pd.concat(parts, ignore_index=True)
    return made[made["row"] >= 0].reset_index(drop=True)


def aged(book: Book, on: dt.date) -> pd.DataFrame:
    """One row per invoice that is open at the end of day `on`.

    Columns: invoice_id, customer_id, currency, issued_on, due_on, days_past_due, bucket (position in `BUCKETS`),
    residual_minor (invoice currency) and base_minor (the same in the book's base currency).
    """
    residual = book.residual(on)
    is_open = residual > 0
    frame = book.invoices.loc[is_open, ["invoice_id", "customer_id", "currency", "issued_on", "due_on"]]
    days = (pd.Timestamp(on) - frame["due_on"]).dt.days.to_numpy()
    base = book.rates.convert(residual[is_open], frame["currency"].to_numpy(), frame["issued_on"].to_numpy())
    return frame.assign(
        days_past_due=days, bucket=bucket_of(days), residual_minor=residual[is_open], base_minor=base
    ).reset_index(drop=True)


def aging(items: pd.DataFrame, *, by: Sequence[str] = (), money: str = "base_minor") -> pd.DataFrame:
    """Open money by group (rows) and aging bucket (columns `NAMES`), with their sum in column `open`, in minor units.

    `items` as from `aged`; without `by` there is one row. Raises ValueError where `residual_minor` would be added over
    currencies.
    """
    if money == "residual_minor" and "currency" not in by and len(items["currency"].unique()) > 1:
        raise ValueError("residual_minor adds up only within one currency: group by currency, or add up base_minor")
    keys = [items[name] for name in by] or [pd.Series("all", index=items.index, dtype="str")]
    columns = {name: items[money].where(items["bucket"] == position, 0) for position, name in enumerate(NAMES)}
    wide = pd.DataFrame({**columns, "open": items[money]}, index=items.index).groupby(keys).sum()
    if not by and wide.empty:
        wide.loc["all"] = 0
    return wide.astype("int64")
