"""A synthetic ledger of any size, made in seconds: columns, the engine's compiled history, a canonical ledger.

Unlike the simulator's it carries no story, only the shape that costs time: few customers with very many invoices
(Pareto), many invoices and settlements of one customer on one day, some invoices open at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features import History, Orders
from features.history import Clearings, Customers, Events, Invoices
from features.kernel import DAY_US, PAYMENT
from features.ordering import by_code
from receivables.currencies import Currencies, Rates
from receivables.ledger import Ledger
from receivables.schema import end_of_day

Ints = NDArray[np.int64]

CURRENCY: Final = "EUR"
#: Fields of `Columns` that hold a value for each invoice.
COLUMNS: Final = ("customer", "issued", "due", "amount", "settled")
#: Settlement day of an invoice that is open.
OPEN: Final = -1
FIRST_DAY: Final = int(np.datetime64("2021-01-01").astype(np.int64))
LAST_DAY: Final = int(np.datetime64("2025-12-31").astype(np.int64))
INVOICES_PER_CUSTOMER: Final = 50
#: Shape of the number of invoices a customer has.
PARETO: Final = 1.5
_SEGMENTS: Final = np.array(["A", "B", "C", ""], dtype=object)
_COUNTRIES: Final = np.array(["DE", "FR", "NL", "PL"], dtype=object)
_TERMS: Final = np.array([0, 14, 30, 45, 60])
#: Invoices that are never paid; the other open ones have not been paid yet.
_NEVER_PAID: Final = 0.0155


@dataclass(frozen=True)
class Columns:
    """One element per invoice in the order of posting: by issue day, in no order within a day.

    Days count from 1970-01-01; `amount` is in cents; `settled` is the day of the one payment, `OPEN` without.
    `customers` is their number: codes are 0 to customers - 1.
    """

    customers: int
    customer: Ints
    issued: Ints
    due: Ints
    amount: Ints
    settled: Ints

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def net_days(self) -> Ints:
        """Days from issue to due date."""
        return self.due - self.issued

    @classmethod
    def make(cls, rows: int, seed: int = 1) -> Self:
        """About N/50 customers whose numbers of invoices follow a Pareto law, over five years; N rows exactly."""
        rng = np.random.default_rng(seed)
        customers = max(rows // INVOICES_PER_CUSTOMER, 1)
        weight = rng.pareto(PARETO, customers) + 1
        ends = np.rint(np.cumsum(weight) / weight.sum() * rows).astype(np.int64)
        return cls._of_counts(np.diff(ends, prepend=0), rng)

    @classmethod
    def of_counts(cls, counts: Ints, seed: int = 1) -> Self:
        """Customers with exactly so many invoices each."""
        return cls._of_counts(counts, np.random.default_rng(seed))

    @classmethod
    def _of_counts(cls, counts: Ints, rng: np.random.Generator) -> Self:
        rows, customers = int(counts.sum()), len(counts)
        customer = rng.permutation(np.repeat(np.arange(customers), counts))
        issued = np.sort(rng.integers(FIRST_DAY, LAST_DAY + 1, rows))
        due = issued + _TERMS[rng.integers(len(_TERMS), size=customers)][customer]
        habit = rng.normal(3.4, 8.0, customers)
        days_late = np.rint(habit[customer] + rng.laplace(0.0, 6.0, rows)).astype(np.int64)
        settled = np.maximum(due + days_late, issued)
        settled[(settled > LAST_DAY) | (rng.random(rows) < _NEVER_PAID)] = OPEN
        amount = np.rint(np.exp(rng.normal(11.5, 1.2, rows))).astype(np.int64) + 1
        return cls(customers, customer, issued, due, amount, settled)

    def by_customer(self) -> Ints:
        """Positions of the rows by customer, then as they come: by issue day.

        Customer and position in one number sort faster than an argsort, and no two are equal.
        """
        return np.sort((self.customer << 32) | np.arange(len(self))) & 0xFFFF_FFFF

    def take(self, rows: Ints | slice) -> Columns:
        """The columns at the given rows."""
        return Columns(self.customers, **{name: getattr(self, name)[rows] for name in COLUMNS})


def customer_ids(customers: int) -> NDArray[np.object_]:
    """Ids that sort as the codes do."""
    return np.array([f"C{code:09d}" for code in range(customers)], dtype=object)


def sorted_by_customer(columns: Columns) -> tuple[Ints, Columns]:
    """The rows by customer, each customer's as posted, and the columns in that order."""
    rows = by_code(columns.customer, columns.customers)
    counts = np.bincount(columns.customer, minlength=columns.customers)
    others = {name: getattr(columns, name)[rows] for name in COLUMNS if name != "customer"}
    return rows, Columns(columns.customers, np.repeat(np.arange(columns.customers), counts), **others)


def history_of(columns: Columns, ids: NDArray[np.object_]) -> History:
    """The columns compiled as `History.of` would compile their ledger, without the detour over frames."""
    return history_of_sorted(sorted_by_customer(columns)[1], ids)


def history_of_sorted(sorted_rows: Columns, ids: NDArray[np.object_]) -> History:
    """`history_of` columns that come by customer."""
    invoices = Invoices(
        start=np.searchsorted(sorted_rows.customer, np.arange(sorted_rows.customers + 1)).astype(np.int64),
        known=(sorted_rows.issued + 1) * DAY_US,
        issued=sorted_rows.issued,
        due=sorted_rows.due,
        amount=sorted_rows.amount,
        base=sorted_rows.amount,
        net_days=sorted_rows.net_days,
    )
    return History(_master(ids), invoices, _clearings(sorted_rows), _no_events(sorted_rows.customers), _rates())


@lru_cache(maxsize=1)
def _rates() -> Rates:
    return Rates.of(Ledger.of(), Currencies.read(), base=CURRENCY)


def _clearings(sorted_rows: Columns) -> Clearings:
    paid = sorted_rows.settled != OPEN
    day, amount = sorted_rows.settled[paid], sorted_rows.amount[paid]
    return Clearings(
        start=np.concatenate([[0], np.cumsum(paid)]).astype(np.int64),
        known=(day + 1) * DAY_US,
        day=day,
        amount=amount,
        base=amount,
        kind=np.full(len(day), PAYMENT, dtype=np.int64),
    )


def _no_events(customers: int) -> Events:
    nothing = np.zeros(0, dtype=np.int64)
    return Events(np.zeros(customers + 1, dtype=np.int64), *[nothing] * 7)


def _master(ids: NDArray[np.object_]) -> Customers:
    """Master data that was known before the first invoice."""
    n = len(ids)
    code, first = np.arange(n), np.full(n, FIRST_DAY - 1, dtype=np.int64)
    return Customers(
        ids=ids,
        known=(first + 1) * DAY_US,
        segment=_SEGMENTS[code % len(_SEGMENTS)],
        country=_COUNTRIES[code // 4 % len(_COUNTRIES)],
        since=first,
        has_since=np.ones(n, dtype=np.bool_),
    )


def orders_of(columns: Columns, ids: NDArray[np.object_]) -> Orders:
    """Each invoice as the order it came from, as of 00:00 of its issue day; rows as the columns'."""
    issued = columns.issued.view("datetime64[D]")
    # one text for all
    blank, currency = (np.broadcast_to(np.array(text, dtype=object), len(columns)) for text in ("", CURRENCY))
    return Orders(
        customer_id=ids[columns.customer],
        as_of=issued.astype("datetime64[us]"),
        issued_on=issued,
        due_on=columns.due.view("datetime64[D]"),
        net_days=columns.net_days,
        amount_minor=columns.amount,
        currency=currency,
        country=blank,
        segment=blank,
        ids=blank,
    )


def ledger_of(columns: Columns) -> Ledger:
    """The same facts as a canonical ledger; for small sizes. Ids of invoices sort as the columns' rows do."""
    ids = customer_ids(columns.customers)
    master = _master(ids)
    since = pd.Series(master.since.view("datetime64[D]").astype("datetime64[us]"))
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "segment": pd.Series(master.segment).replace("", None),
            "country": master.country,
            "customer_since": since,
            "known_at": end_of_day(since),
        }
    )
    invoices = _invoice_frame(columns, ids)
    paid = columns.settled != OPEN
    payments = invoices.loc[paid, ["customer_id", "amount_minor", "currency"]].assign(
        payment_id="P" + invoices["invoice_id"].str[1:],
        paid_on=columns.settled[paid].view("datetime64[D]").astype("datetime64[us]"),
    )
    payments["known_at"] = end_of_day(payments["paid_on"])
    allocations = payments.drop(columns="customer_id").rename(columns={"paid_on": "cleared_on"})
    allocations = allocations.assign(invoice_id=invoices["invoice_id"], line=1)
    return Ledger.of(customers=customers, invoices=invoices, payments=payments, allocations=allocations)


def _invoice_frame(columns: Columns, ids: NDArray[np.object_]) -> pd.DataFrame:
    issued = pd.Series(columns.issued.view("datetime64[D]").astype("datetime64[us]"))
    return pd.DataFrame(
        {
            "invoice_id": [f"I{row:09d}" for row in range(len(columns))],
            "customer_id": ids[columns.customer],
            "amount_minor": columns.amount,
            "currency": CURRENCY,
            "issued_on": issued,
            "due_on": columns.due.view("datetime64[D]").astype("datetime64[us]"),
            "net_days": columns.net_days,
            "known_at": end_of_day(issued),
            "observed_until": np.datetime64(LAST_DAY, "D").astype("datetime64[us]"),
        }
    )
