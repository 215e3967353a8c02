"""An adversary of every score: it destroys and falsifies whatever became known after a moment.

`assert_blind(score, ledger, moments)` takes any `score(ledger, orders) -> bytes`: features, a champion's probabilities,
anything that claims to know only what was known at an order's moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from features import Orders
from receivables.ledger import Ledger
from receivables.schema import BY_NAME, Column, Kind, Table

Score = Callable[[Ledger, Orders], bytes]
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "KWD")
TEXTS = ("TRADE", "SMALL", "PUBLIC", "DE", "US", "JP", "anything")
_DAY = pd.Timedelta(days=1)


def assert_blind(score: Score, ledger: Ledger, moments: Iterable[pd.Timestamp], *, seed: int = 0) -> None:
    """Fails where a score of an order depends on anything that became known after the order's moment."""
    for moment in moments:
        rng = np.random.default_rng([seed, abs(moment.value)])
        orders = orders_at(ledger, moment, rng)
        seen = score(ledger, orders)
        falsified = [("a falsified future", falsify(ledger, moment, rng)) for _ in range(2)]
        for what, other in (("no future at all", forget(ledger, moment)), *falsified):
            assert score(other, orders) == seen, f"{moment}: {what} changed the score: it saw what was learnt later"


def orders_at(ledger: Ledger, moment: pd.Timestamp, rng: np.random.Generator) -> Orders:
    """For every customer that there ever is, and a stranger: an order or a snapshot at the moment."""
    frames = (frame["customer_id"] for frame in ledger.frames.values() if "customer_id" in frame)
    customers = [*sorted(set(pd.concat(list(frames)))), "nobody knows me"]
    n = len(customers)
    snapshots = Orders.snapshots(customers, np.full(n, moment.to_datetime64(), dtype="datetime64[us]"))
    today, is_order = np.datetime64(moment.date(), "D"), rng.random(n) < 0.7
    net_days = rng.choice([0, 10, 15, 30, 45, 60], n)
    order_days = {"issued_on": np.full(n, today), "due_on": today + net_days.astype("timedelta64[D]")}
    days = {name: np.where(is_order, of, np.datetime64("NaT")) for name, of in order_days.items()}
    amounts = np.where(is_order, rng.integers(1, 10**7, n), 0)
    currency = np.where(is_order, rng.choice(CURRENCIES, n), "").astype(object)
    fields = {**days, "net_days": net_days, "amount_minor": amounts, "currency": currency}
    return Orders(**{**vars(snapshots), **fields})


def forget(ledger: Ledger, moment: pd.Timestamp) -> Ledger:
    """The ledger without anything that became known after the moment."""
    frames = {name: frame[frame["known_at"] <= moment].copy() for name, frame in ledger.frames.items()}
    disputes = frames["disputes"]
    later = ~(disputes["closed_known_at"] <= moment)
    disputes.loc[later, ["closed_on", "closed_known_at"]] = pd.NaT
    disputes.loc[later, "result"] = None
    invoices = frames["invoices"]
    invoices["observed_until"] = invoices["observed_until"].clip(upper=moment.normalize() - _DAY)
    return Ledger.of(**frames)


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
    return Ledger.of(**frames)


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
        choices = column.values or {Kind.CURRENCY: CURRENCIES, Kind.RATE: ("0.01", "3", "77.5")}.get(column.kind, TEXTS)
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


def moments_of(ledger: Ledger, n: int, seed: int) -> Iterator[pd.Timestamp]:
    """Random moments: some at which something became known, to the microsecond, some in between."""
    rng = np.random.default_rng(seed)
    known = pd.concat([frame["known_at"] for frame in ledger.frames.values()]).sort_values(ignore_index=True)
    for i, at in enumerate(rng.integers(len(known) // 4, len(known), n)):
        yield known[int(at)] + pd.Timedelta(microseconds=int(rng.integers(1, 10**11)) if i % 2 else 0)


def belated(ledger: Ledger, seed: int, *, share: float = 0.25) -> Ledger:
    """The ledger as a sloppy seller would have kept it: a share of all facts became known up to 60 days later."""
    rng = np.random.default_rng(seed)

    def later(moments: pd.Series) -> pd.Series:
        days = np.where(rng.random(len(moments)) < share, rng.integers(1, 60, len(moments)), 0)
        return moments + pd.to_timedelta(days, unit="D").as_unit("us")

    frames = {name: frame.assign(known_at=later(frame["known_at"])) for name, frame in ledger.frames.items()}
    disputes = frames["disputes"]
    closed = later(disputes["closed_known_at"])
    frames["disputes"] = disputes.assign(
        closed_known_at=closed.mask(closed < disputes["known_at"], disputes["known_at"])
    )
    return Ledger(frames)
