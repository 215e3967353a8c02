"""What all fact tables share: the invoices with their fate, ids, currencies, and the day on which the ledger is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from receivables.simulation.config import SimulationConfig
from receivables.simulation.days import dates
from receivables.simulation.orders import Orders
from receivables.simulation.portfolio import Portfolio
from receivables.simulation.streams import Bools, Ints, Streams, booked_late

Texts = npt.NDArray[np.object_]
_PREFIXES = {
    "credit_note_id": "CN",
    "dispute_id": "DI",
    "dunning_id": "DU",
    "promise_id": "PR",
    "write_off_id": "WO",
}


@dataclass(frozen=True)
class Fate:
    """What becomes of each invoice (n,): day of the last payment, whether disputed, day credited in full, day on which
    its customer files; NEVER where it does not happen. `paid` already knows of insolvency and cancellation.
    """

    paid: Ints
    disputed: Bools
    cancelled: Ints
    filed: Ints


@dataclass(frozen=True)
class Book:
    """The invoices and their fate; facts after day `end`, or known later than its end, are not in the ledger.

    `known` (n,) is the day at whose beginning each invoice is known.
    """

    config: SimulationConfig
    portfolio: Portfolio
    orders: Orders
    fate: Fate
    known: Ints
    end: int
    streams: Streams

    @property
    def customer_ids(self) -> Texts:
        """Ids of all customers (c,)."""
        return numbered("C", self.portfolio.size, 6)

    @property
    def invoice_ids(self) -> Texts:
        """Ids of all invoices (n,), in order of issue."""
        return numbered("00", self.orders.size, 8)

    @property
    def currencies(self) -> Texts:
        """Currency of each customer (c,)."""
        codes = np.array([country.currency for country in self.config.countries], dtype=object)
        return np.asarray(codes[self.portfolio.country])

    def booked(self, purpose: str, day: Ints, invoice: Ints | None = None) -> Ints:
        """Day at whose beginning a fact of `day` is known: the next, a few later, never before its invoice."""
        events = self.config.events
        late = booked_late(
            self.streams(f"booked {purpose}"), len(day), events.booked_late_share, events.booked_late_days
        )
        known = day + 1 + late
        return known if invoice is None else np.maximum(known, self.known[invoice])

    def facts(self, invoice: Ints, day: Ints, known: Ints, id_column: str, **columns: Any) -> pd.DataFrame:
        """A frame of facts about invoices that are in the ledger, in order of day, with ids, currency and known_at.

        Columns hold one value per fact; those that end in `_on` and `promised_for` hold day numbers.
        """
        seen = np.flatnonzero(self.visible(day, known))
        seen = seen[np.lexsort((invoice[seen], day[seen]))]
        picked = invoice[seen]
        customer = self.orders.customer[picked]
        made: dict[str, Any] = {
            id_column: numbered(_PREFIXES[id_column], len(seen), 8),
            "customer_id": self.customer_ids[customer],
            "invoice_id": self.invoice_ids[picked],
            "currency": self.currencies[customer],
            "known_at": dates(known[seen]),
        }
        for name, values in columns.items():
            made[name] = dates(values[seen]) if name.endswith("_on") or name == "promised_for" else values[seen]
        return pd.DataFrame(made)

    def visible(self, day: Ints, known: Ints) -> Bools:
        """Which facts are in the ledger."""
        return np.asarray((day <= self.end) & (known <= self.end + 1))


def numbered(prefix: str, count: int, digits: int) -> Texts:
    """Ids from 1 on.

    >>> numbered("C", 2, 6).tolist()
    ['C000001', 'C000002']
    """
    return np.array([f"{prefix}{i:0{digits}d}" for i in range(1, count + 1)], dtype=object)
