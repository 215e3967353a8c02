"""The adversary of every claim to know only the past: destroys or falsifies what became known after a moment.

A figure that holds for the ledger, for the ledger without its future and for the ledger with a nonsensical one cannot
have seen the future.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import pandas as pd

from receivables.ledger import Ledger
from receivables.schema import BY_NAME, Column, Kind, Table, conform

CURRENCIES: Final = ("EUR", "USD", "GBP", "JPY", "KWD")
_TEXTS: Final = ("TRADE", "SMALL", "PUBLIC", "DE", "US", "JP", "anything")
_DAY: Final = pd.Timedelta(days=1)


def forget(ledger: Ledger, moment: pd.Timestamp) -> Ledger:
    """The ledger without anything that became known after the moment."""
    frames = {name: frame[frame["known_at"] <= moment].copy() for name, frame in ledger.frames.items()}
    disputes = frames["disputes"]
    later = ~(disputes["closed_known_at"] <= moment)
    disputes.loc[later, ["closed_on", "closed_known_at"]] = pd.NaT
    disputes.loc[later, "result"] = None
    invoices = frames["invoices"]
    last = moment.normalize() - _DAY
    invoices["observed_until"] = invoices["observed_until"].where(invoices["observed_until"] < last, last)
    return Ledger({name: conform(name, frame) for name, frame in frames.items()})


def falsify(ledger: Ledger, moment: pd.Timestamp, rng: np.random.Generator) -> Ledger:
    """The ledger with every later fact replaced by nonsense, and more nonsense added."""
    kept = forget(ledger, moment)
    scrambler = _Scrambler(ledger, moment, rng)
    frames = {}
    for name, past in kept.frames.items():
        whole = ledger[name]
        future = whole[whole["known_at"] > moment]
        invented = whole.iloc[rng.integers(0, len(whole), len(past) // 5 + 3)] if len(whole) else whole
        nonsense = scrambler.scrambled(BY_NAME[name], pd.concat([future, invented], ignore_index=True))
        # the past comes first, so it stays where nonsense happens to have the same key
        frames[name] = pd.concat([past, nonsense], ignore_index=True).drop_duplicates(list(BY_NAME[name].key))
    frames["disputes"] = scrambler.closings(frames["disputes"])
    frames["invoices"] = scrambler.observations(frames["invoices"])
    return Ledger({name: conform(name, frame) for name, frame in frames.items()})


class _Scrambler:
    """Draws nonsense that fits the schema and became known after `moment`."""

    def __init__(self, ledger: Ledger, moment: pd.Timestamp, rng: np.random.Generator) -> None:
        self.moment, self.rng = moment, rng
        self.numbers = itertools.count()
        self.customers = [*sorted(set(ledger["invoices"]["customer_id"])), "later 1", "later 2"]
        self.references = {
            name: [*ledger[table][name], *(f"later {i}" for i in range(9))]
            for table, name in (("invoices", "invoice_id"), ("payments", "payment_id"))
        }

    def later(self, n: int) -> pd.Series:
        """Moments after the moment: from the next microsecond to a year and more."""
        waits = self.rng.choice([1, 10**6, 86_400 * 10**6, 30 * 86_400 * 10**6, 400 * 86_400 * 10**6], n)
        return pd.Series(self.moment + pd.to_timedelta(waits, unit="us"), dtype="datetime64[us]")

    def days(self, n: int) -> pd.Series:
        """Days long before the moment and long after: what is learnt late may well have happened early."""
        return pd.Series(self.moment.normalize() + pd.to_timedelta(self.rng.integers(-500, 400, n), unit="D"))

    def scrambled(self, table: Table, rows: pd.DataFrame) -> pd.DataFrame:
        """As many rows, nothing of them true."""
        made = {column.name: self._column(table, column, len(rows)) for column in table.columns}
        if table.name == "exchange_rates":
            made["base_currency"] = pd.Series(["EUR"] * len(rows), dtype="object")
            made["currency"] = pd.Series(self.rng.choice(["USD", "GBP", "JPY"], len(rows)), dtype="object")
        frame = pd.DataFrame(made)
        if table.name == "disputes":
            frame["closed_known_at"] = frame["closed_known_at"].where(frame["closed_on"].notna())
        return frame

    def _column(self, table: Table, column: Column, n: int) -> pd.Series:
        values = self._values(table, column, n)
        return values.where(self.rng.random(n) < 0.7) if column.nullable else values

    def _values(self, table: Table, column: Column, n: int) -> pd.Series:
        rng = self.rng
        if column.kind is Kind.ID:
            return pd.Series(self._ids(table, column.name, n), dtype="object")
        if column.kind in (Kind.DATE, Kind.MOMENT):
            return self.days(n) if column.kind is Kind.DATE else self.later(n)
        if column.kind in (Kind.MONEY, Kind.WHOLE):
            return pd.Series(rng.integers(1, 10**9 if column.kind is Kind.MONEY else 90, n))
        choices = column.values or {Kind.CURRENCY: CURRENCIES, Kind.RATE: ("0.01", "3", "77.5")}.get(
            column.kind, _TEXTS
        )
        return pd.Series(rng.choice(choices, n), dtype="object")

    def _ids(self, table: Table, name: str, n: int) -> list[str]:
        if table.key == (name,) and name != "customer_id":
            return [f"nonsense {next(self.numbers)}" for _ in range(n)]
        known = self.references.get(name, self.customers)
        return [str(known[i]) for i in self.rng.integers(0, len(known), n)]

    def closings(self, disputes: pd.DataFrame) -> pd.DataFrame:
        """Disputes of the past that are still open are closed later, on any day, with any result."""
        n = len(disputes)
        chosen = disputes["closed_known_at"].isna().to_numpy() & (self.rng.random(n) < 0.7)
        nonsense = {"closed_on": self.days(n), "closed_known_at": self.later(n)}
        nonsense["result"] = pd.Series(self.rng.choice(["CUSTOMER_RIGHT", "SELLER_RIGHT"], n), dtype="object")
        return disputes.assign(**{name: disputes[name].where(~chosen, of) for name, of in nonsense.items()})

    def observations(self, invoices: pd.DataFrame) -> pd.DataFrame:
        """How long an invoice goes on being observed is learnt later too."""
        before = invoices["observed_until"] < self.moment.normalize() - _DAY
        return invoices.assign(observed_until=invoices["observed_until"].where(before, self.later(len(invoices))))
