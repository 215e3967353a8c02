"""A ledger in memory: one frame per canonical table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from receivables.schema import BY_NAME, TABLES, conform, empty


@dataclass(frozen=True)
class Ledger:
    """Frames by canonical table name; every table is present, in its schema's columns and dtypes.

    `sequence` grows with every load into the store that the ledger was read from; 0 for a ledger made in memory.
    """

    frames: Mapping[str, pd.DataFrame]
    sequence: int = 0
    source: str = field(default="memory", compare=False)

    @classmethod
    def of(cls, *, sequence: int = 0, source: str = "memory", **frames: pd.DataFrame) -> Self:
        """A ledger of the given frames, brought into form; tables that are not given are empty.

        Raises KeyError for a name that is no table.
        """
        unknown = sorted(set(frames) - set(BY_NAME))
        if unknown:
            raise KeyError(f"no such ledger tables: {', '.join(unknown)}")
        made = {t.name: conform(t.name, frames[t.name]) if t.name in frames else empty(t.name) for t in TABLES}
        return cls(made, sequence, source)

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.frames[table]

    def known(self, as_of: pd.Timestamp) -> Ledger:
        """The ledger as it was known at `as_of` (UTC): later facts are absent, a dispute closed later is still open.

        >>> import pandas as pd
        >>> Ledger.of().known(pd.Timestamp("2026-01-01"))["invoices"].empty
        True
        """
        frames = {name: frame[frame["known_at"] <= as_of].reset_index(drop=True) for name, frame in self.frames.items()}
        disputes = frames["disputes"].copy()
        unseen = ~(disputes["closed_known_at"] <= as_of)
        disputes.loc[unseen, ["closed_on", "closed_known_at"]] = pd.NaT
        disputes.loc[unseen, "result"] = None
        frames["disputes"] = disputes
        invoices = frames["invoices"].copy()
        cap = as_of.normalize() - pd.Timedelta(days=1)
        invoices["observed_until"] = invoices["observed_until"].where(invoices["observed_until"] < cap, cap)
        frames["invoices"] = invoices
        return Ledger(frames, self.sequence, self.source)

    def of_customers(self, customer_ids: list[str]) -> Ledger:
        """The part of the ledger that belongs to the given customers, with all exchange rates."""
        wanted = set(customer_ids)
        frames = {}
        for name, frame in self.frames.items():
            if "customer_id" in frame:
                frames[name] = frame[frame["customer_id"].isin(wanted)].reset_index(drop=True)
        invoices = set(frames["invoices"]["invoice_id"])
        allocations = self.frames["allocations"]
        frames["allocations"] = allocations[allocations["invoice_id"].isin(invoices)].reset_index(drop=True)
        frames["exchange_rates"] = self.frames["exchange_rates"]
        return Ledger(frames, self.sequence, self.source)
