"""What is scored: orders (or customers without one), each at a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from receivables.ledger import Ledger

Strings = NDArray[np.object_]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class Orders:
    """Equally long arrays, one element per order.

    `as_of` is datetime64[us] in UTC; `issued_on` and `due_on` are datetime64[D], NaT where a customer is scored without
    an order; `amount_minor` is in minor units of `currency`. `country` and `segment` are "" where the ledger knows.
    """

    customer_id: Strings
    as_of: Moments
    issued_on: Moments
    due_on: Moments
    net_days: NDArray[np.int64]
    amount_minor: NDArray[np.int64]
    currency: Strings
    country: Strings
    segment: Strings
    ids: Strings

    def __len__(self) -> int:
        return len(self.customer_id)

    def take(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Orders:
        """The orders at the given rows."""
        return Orders(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @classmethod
    def one(
        cls,
        *,
        customer_id: str,
        as_of: dt.datetime,
        issued_on: dt.date,
        due_on: dt.date,
        net_days: int,
        amount_minor: int,
        currency: str,
        country: str = "",
        segment: str = "",
    ) -> Self:
        """A single order; `as_of` must carry its offset from UTC (ValueError otherwise)."""
        if as_of.tzinfo is None:
            raise ValueError("as_of: expected a moment with an offset from UTC")
        return cls(
            customer_id=np.array([customer_id], dtype=object),
            as_of=np.array([as_of.astimezone(dt.UTC).replace(tzinfo=None)], dtype="datetime64[us]"),
            issued_on=np.array([issued_on], dtype="datetime64[D]"),
            due_on=np.array([due_on], dtype="datetime64[D]"),
            net_days=np.array([net_days], dtype=np.int64),
            amount_minor=np.array([amount_minor], dtype=np.int64),
            currency=np.array([currency], dtype=object),
            country=np.array([country], dtype=object),
            segment=np.array([segment], dtype=object),
            ids=np.array([""], dtype=object),
        )

    @classmethod
    def of_invoices(cls, ledger: Ledger, issued_from: dt.date | None = None, issued_to: dt.date | None = None) -> Self:
        """Each invoice issued in the span (both days included) as the order it came from, at 00:00 UTC of its issue.

        `ids` holds the invoice ids; rows are ordered by issue date, then invoice id.
        """
        invoices = ledger["invoices"]
        if issued_from is not None:
            invoices = invoices[invoices["issued_on"] >= pd.Timestamp(issued_from)]
        if issued_to is not None:
            invoices = invoices[invoices["issued_on"] <= pd.Timestamp(issued_to)]
        invoices = invoices.sort_values(["issued_on", "invoice_id"])
        issued = invoices["issued_on"].to_numpy().astype("datetime64[D]")
        blank = np.full(len(invoices), "", dtype=object)
        return cls(
            customer_id=invoices["customer_id"].to_numpy(dtype=object),
            as_of=issued.astype("datetime64[us]"),
            issued_on=issued,
            due_on=invoices["due_on"].to_numpy().astype("datetime64[D]"),
            net_days=invoices["net_days"].to_numpy(dtype=np.int64),
            amount_minor=invoices["amount_minor"].to_numpy(dtype=np.int64),
            currency=invoices["currency"].to_numpy(dtype=object),
            country=blank,
            segment=blank,
            ids=invoices["invoice_id"].to_numpy(dtype=object),
        )

    @classmethod
    def snapshots(cls, customer_ids: Sequence[str], moments: Sequence[dt.datetime] | Moments) -> Self:
        """Customers without an order, each at its moment (UTC); order features are null."""
        n = len(customer_ids)
        blank = np.full(n, "", dtype=object)
        return cls(
            customer_id=np.array(customer_ids, dtype=object),
            as_of=np.asarray(moments, dtype="datetime64[us]"),
            issued_on=np.full(n, "NaT", dtype="datetime64[D]"),
            due_on=np.full(n, "NaT", dtype="datetime64[D]"),
            net_days=np.zeros(n, dtype=np.int64),
            amount_minor=np.zeros(n, dtype=np.int64),
            currency=blank,
            country=blank,
            segment=blank,
            ids=np.array(customer_ids, dtype=object),
        )
