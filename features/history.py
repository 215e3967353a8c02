"""A ledger compiled for the kernel: whole numbers in a few sorted arrays, customer by customer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.expression import Log
from features.kernel import CREDITED, PAYMENT, WRITTEN_OFF
from receivables.currencies import Currencies, Rates
from receivables.errors import InputError
from receivables.ledger import Ledger

Ints = NDArray[np.int64]
#: "Not yet": the moment of facts that nobody knows.
NEVER_US = np.iinfo(np.int64).max
#: A customer's invoices together, in minor units: times a century of days it fits 64 bits.
_MOST_MINOR = 2.0**63 / 36_525


def day_numbers(days: pd.Series) -> Ints:
    """Days since 1970-01-01; 0 where the date is null."""
    return days.to_numpy().astype("datetime64[D]").astype(np.int64) * days.notna().to_numpy()


def moment_numbers(moments: pd.Series) -> Ints:
    """Microseconds since 1970-01-01 UTC; NEVER_US where the moment is null."""
    numbers = moments.to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.where(moments.notna().to_numpy(), numbers, NEVER_US)


@dataclass(frozen=True)
class Coded:
    """Texts as numbers: element i is `names[codes[i]]`; the last element is one more, ""."""

    codes: Ints
    names: list[str]

    @classmethod
    def of(cls, texts: NDArray[np.object_]) -> Self:
        """The texts, numbered in the order in which they first occur."""
        codes, names = pd.factorize(np.append(texts, ""))
        return cls(codes.astype(np.int64), list(names))


@dataclass(frozen=True)
class Customers:
    """Sorted customer ids and what their master data says; text columns hold "" for unknown."""

    ids: NDArray[np.object_]
    known: Ints
    segment: NDArray[np.object_]
    country: NDArray[np.object_]
    since: Ints
    has_since: NDArray[np.bool_]

    def known_of(self, codes: Ints) -> Ints:
        """When master data became known by position; NEVER_US for -1."""
        return np.append(self.known, NEVER_US)[codes]

    @cached_property
    def countries(self) -> Coded:
        """The countries."""
        return Coded.of(self.country)

    @cached_property
    def segments(self) -> Coded:
        """The segments."""
        return Coded.of(self.segment)

    def positions(self, ids: NDArray[np.object_]) -> Ints:
        """Positions of the ids; -1 for one that is not there."""
        return self._index.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)

    @cached_property
    def _index(self) -> pd.Index:
        # of objects: a string index would first copy every id
        return pd.Index(self.ids, dtype=object)


@dataclass(frozen=True)
class Invoices:
    """One element per invoice, by customer, then moment known; `start` has one more element than customers."""

    start: Ints
    known: Ints
    issued: Ints
    due: Ints
    amount: Ints
    base: Ints
    net_days: Ints


@dataclass(frozen=True)
class Clearings:
    """What cleared invoices, by invoice, then moment known; `start` has one more element than invoices."""

    start: Ints
    known: Ints
    day: Ints
    amount: Ints
    base: Ints
    kind: Ints


@dataclass(frozen=True)
class Events:
    """All other facts, by customer, then moment known; `start` has one more element than customers."""

    start: Ints
    log: Ints
    known: Ints
    day: Ints
    amount: Ints
    value: Ints
    end_known: Ints
    invoice: Ints


@dataclass(frozen=True)
class History:
    """Payment histories, ready for the kernel. Amounts named base are minor units of `rates.base`."""

    customers: Customers
    invoices: Invoices
    clearings: Clearings
    events: Events
    rates: Rates

    @classmethod
    def of(cls, ledger: Ledger, rates: Rates | None = None) -> Self:
        """The ledger compiled; the same facts give the same arrays however the rows are ordered.

        Raises InputError where a customer's amounts are so large that sums of amount x days would not be exact.
        """
        rates = rates or Rates.of(ledger, Currencies.read())
        customers = _customers(ledger)
        invoice_ids, invoices = _invoices(ledger, customers, rates)
        clearings = _clearings(ledger, invoice_ids, invoices, rates)
        return cls(customers, invoices, clearings, _events(ledger, customers, invoice_ids, rates), rates)

    @property
    def arrays(self) -> tuple[Ints, ...]:
        """Invoices, clearings and events as the compiled loop takes them."""
        invoices, clearings, events = self.invoices, self.clearings, self.events
        return (
            invoices.start, invoices.known, invoices.issued, invoices.due, invoices.amount, invoices.base,
            invoices.net_days, clearings.start, clearings.known, clearings.day, clearings.amount, clearings.base,
            clearings.kind, events.start, events.log, events.known, events.day, events.amount, events.value,
            events.end_known, events.invoice,
        )  # fmt: skip

    def codes(self, customer_ids: NDArray[np.object_]) -> Ints:
        """Positions of the customers; -1 for one that the history does not hold."""
        return self.customers.positions(customer_ids)


def _starts(codes: Ints, n: int) -> Ints:
    return np.searchsorted(codes, np.arange(n + 1)).astype(np.int64)


def _text(values: pd.Series) -> NDArray[np.object_]:
    return values.fillna("").to_numpy(dtype=object)


def _in_base(frame: pd.DataFrame, rates: Rates) -> Ints:
    """Amounts in the base currency at the rate of the day on which they became known."""
    known = frame["known_at"].to_numpy().astype("datetime64[D]")
    return rates.convert(
        frame["amount_minor"].to_numpy(dtype=np.int64), frame["currency"].to_numpy(dtype=object), known
    )


def _customers(ledger: Ledger) -> Customers:
    # each frame's distinct ids first: sorting every row's would cost more than the rest
    named = [frame["customer_id"].unique() for frame in ledger.frames.values() if "customer_id" in frame]
    ids = np.unique(np.concatenate([np.asarray(values, dtype=object) for values in named]))
    master = ledger["customers"].set_index("customer_id").reindex(ids)
    return Customers(
        ids=ids,
        known=moment_numbers(master["known_at"]),
        segment=_text(master["segment"]),
        country=_text(master["country"]),
        since=day_numbers(master["customer_since"]),
        has_since=master["customer_since"].notna().to_numpy(),
    )


def _invoices(ledger: Ledger, customers: Customers, rates: Rates) -> tuple[NDArray[np.object_], Invoices]:
    frame = ledger["invoices"]
    code = customers.positions(frame["customer_id"].to_numpy(dtype=object))
    ids = frame["invoice_id"].to_numpy(dtype=object)
    known = moment_numbers(frame["known_at"])
    order = np.lexsort((pd.Index(ids).argsort().argsort(), known, code))
    made = Invoices(
        start=_starts(code[order], len(customers.ids)),
        known=known[order],
        issued=day_numbers(frame["issued_on"])[order],
        due=day_numbers(frame["due_on"])[order],
        amount=frame["amount_minor"].to_numpy(dtype=np.int64)[order],
        base=_in_base(frame, rates)[order],
        net_days=frame["net_days"].to_numpy(dtype=np.int64)[order],
    )
    _within_bounds(made, customers.ids)
    return ids[order], made


def _within_bounds(invoices: Invoices, ids: NDArray[np.object_]) -> None:
    sums = np.append(0, np.cumsum(invoices.base, dtype=np.float64))
    totals = np.diff(sums[invoices.start])
    if len(totals) and totals.max() > _MOST_MINOR:
        raise InputError(
            f"customer {ids[totals.argmax()]}: invoices of {totals.max():.3g} minor units of the reporting currency "
            f"together, beyond {_MOST_MINOR:.3g}, above which sums of amount x days are not exact; "
            f"set reporting_currency in conf/currencies.toml to a currency with a larger unit"
        )


#: Tables that clear invoices: table, column of the value date, kind.
_CLEARING = (
    ("allocations", "cleared_on", PAYMENT),
    ("credit_notes", "credited_on", CREDITED),
    ("write_offs", "written_off_on", WRITTEN_OFF),
)


def _clearings(ledger: Ledger, invoice_ids: NDArray[np.object_], invoices: Invoices, rates: Rates) -> Clearings:
    """What is cleared counts at its invoice's rate, so that a change of rates leaves nothing open."""
    columns: dict[str, list[Ints]] = {name: [] for name in ("invoice", "known", "day", "amount", "base", "kind")}
    positions = pd.Series(np.arange(len(invoice_ids)), index=pd.Index(invoice_ids))
    for table, date, kind in _CLEARING:
        frame = ledger[table]
        invoice = positions.reindex(frame["invoice_id"].to_numpy(dtype=object)).fillna(-1).to_numpy().astype(np.int64)
        frame, invoice = frame[invoice >= 0], invoice[invoice >= 0]
        amount = frame["amount_minor"].to_numpy(dtype=np.int64)
        day_of_rate = invoices.known[invoice].view("datetime64[us]").astype("datetime64[D]")
        columns["invoice"].append(invoice)
        columns["known"].append(moment_numbers(frame["known_at"]))
        columns["day"].append(day_numbers(frame[date]))
        columns["amount"].append(amount)
        columns["base"].append(rates.convert(amount, frame["currency"].to_numpy(dtype=object), day_of_rate))
        columns["kind"].append(np.full(len(frame), kind, dtype=np.int64))
    flat = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort((flat["kind"], flat["amount"], flat["day"], flat["known"], flat["invoice"]))
    flat = {name: values[order] for name, values in flat.items()}
    return Clearings(start=_starts(flat.pop("invoice"), len(invoice_ids)), **flat)


#: Tables of other facts: table, log, column of the date, column of the value ("" for none).
_EVENTS = (
    ("disputes", Log.DISPUTE, "opened_on", ""),
    ("promises", Log.PROMISE, "made_on", "promised_for"),
    ("dunnings", Log.DUNNING, "dunned_on", "level"),
    ("credit_notes", Log.CREDIT, "credited_on", ""),
    ("limit_changes", Log.LIMIT, "valid_from", ""),
    ("terms_changes", Log.TERMS, "valid_from", "net_days"),
    ("write_offs", Log.LOSS, "written_off_on", ""),
    ("insolvencies", Log.INSOLVENCY, "filed_on", ""),
)


def _events(ledger: Ledger, customers: Customers, invoice_ids: NDArray[np.object_], rates: Rates) -> Events:
    names = ("customer", "log", "known", "day", "amount", "value", "end_known", "invoice")
    columns: dict[str, list[Ints]] = {name: [] for name in names}
    positions = pd.Series(np.arange(len(invoice_ids)), index=pd.Index(invoice_ids))
    for table, log, date, value in _EVENTS:
        frame = ledger[table]
        n = len(frame)
        nothing = np.zeros(n, dtype=np.int64)
        columns["customer"].append(customers.positions(frame["customer_id"].to_numpy(dtype=object)))
        columns["log"].append(np.full(n, log, dtype=np.int64))
        columns["known"].append(moment_numbers(frame["known_at"]))
        columns["day"].append(day_numbers(frame[date]))
        columns["amount"].append(_in_base(frame, rates) if "amount_minor" in frame else nothing)
        columns["value"].append(_value(frame[value]) if value else nothing)
        columns["end_known"].append(
            moment_numbers(frame["closed_known_at"]) if log is Log.DISPUTE else np.full(n, NEVER_US)
        )
        columns["invoice"].append(
            positions.reindex(frame["invoice_id"].to_numpy(dtype=object)).fillna(-1).to_numpy().astype(np.int64)
            if "invoice_id" in frame
            else nothing - 1
        )
    flat = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort(tuple(flat[name] for name in reversed(("customer", "known", *names[1:2], *names[3:]))))
    flat = {name: values[order] for name, values in flat.items()}
    return Events(start=_starts(flat.pop("customer"), len(customers.ids)), **flat)


def _value(values: pd.Series) -> Ints:
    return day_numbers(values) if values.dtype.kind == "M" else values.to_numpy(dtype=np.int64)
