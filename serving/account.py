"""What the ledger holds of one payer, in the form that an order is scored from: no data frame, never changed in place.

The features come from a `CustomerState`; beside it stand the few facts of the open position that no feature carries.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from features.state import TABLES, CustomerState
from receivables.currencies import Rates
from receivables.ledger import Ledger

Row = Mapping[str, Any]

#: Tables that clear an invoice.
_CLEARINGS: Final = ("allocations", "credit_notes", "write_offs")
#: Tables that say something of a payer.
SOURCES: Final = (*TABLES, "payments")
#: Before everything.
NEVER: Final = dt.datetime(1, 1, 1)  # noqa: DTZ001 - UTC without an offset, as the ledger keeps moments


@dataclass(frozen=True, slots=True)
class Held:
    """An invoice as it stands: minor units of `currency`, `residual` still open, `cleared` no longer."""

    due_on: dt.date
    amount: int
    residual: int
    cleared: int
    currency: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A credit limit that holds from a day on, in minor units."""

    valid_from: dt.date
    known_at: dt.datetime
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Account:
    """The facts about a payer that are known; `newest` is when the last of them became known, UTC.

    `invoices` by number, `levels` the highest dunning level by invoice, `disputes` the contested invoice by case (""
    where none is named) of cases that are open. `closed` is when the last dispute was closed, as far as that was known.
    """

    state: CustomerState
    invoices: Mapping[str, Held] = field(default_factory=dict)
    cleared: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    disputes: Mapping[str, str] = field(default_factory=dict)
    promised: frozenset[str] = frozenset()
    limits: tuple[Limit, ...] = ()
    is_insolvent: bool = False
    has_master_data: bool = False
    parent: str | None = None
    paid: tuple[dt.datetime, ...] = ()
    newest: dt.datetime = NEVER
    closed: dt.datetime = NEVER

    @property
    def facts(self) -> int:
        """How many facts it holds."""
        return len(self.paid) + self.state.size

    @classmethod
    def of(cls, ledger: Ledger, rates: Rates) -> Self:
        """The account of a ledger that is one payer's."""
        rows = {table: ledger[table].to_dict("records") for table in SOURCES}
        return cls(CustomerState(rates)).with_facts((t, _plain(r)) for t, found in rows.items() for r in found)

    def with_facts(self, facts: Iterable[tuple[str, Row]]) -> Self:
        """The account with more canonical rows, in any order; rows that it has already change nothing.

        Raises InputError for a row that contradicts an earlier one of the same key.
        """
        made = _Growing(self)
        for table, row in facts:
            made.take(table, row)
        return type(self)(**vars(made))

    def as_known(self, as_of: dt.datetime) -> Self:
        """The account as it was known at a moment, UTC without an offset: itself, as for an order that comes in now."""
        if max(self.newest, self.closed) <= as_of:
            return self
        paid = self.paid[: bisect_right(self.paid, as_of)]
        made = type(self)(CustomerState(self.state.rates), paid=paid, newest=paid[-1] if paid else NEVER)
        return made.with_facts(
            (table, reopened(table, row, as_of)) for table, row in self.state.facts() if row["known_at"] <= as_of
        )

    def limit_on(self, day: dt.date) -> Limit | None:
        """The limit that holds on a day: of those that have begun the one that begins last."""
        begun = [limit for limit in self.limits if limit.valid_from <= day]
        return max(begun, key=lambda limit: (limit.valid_from, limit.known_at), default=None)


class _Growing:
    """An account while facts are put in; its attributes are those of `Account`."""

    def __init__(self, begun: Account) -> None:
        self.state = begun.state.copy()
        self.invoices, self.cleared = dict(begun.invoices), dict(begun.cleared)
        self.levels, self.disputes = dict(begun.levels), dict(begun.disputes)
        self.promised, self.limits, self.paid = begun.promised, begun.limits, begun.paid
        self.is_insolvent, self.has_master_data, self.parent = begun.is_insolvent, begun.has_master_data, begun.parent
        self.newest, self.closed = begun.newest, begun.closed

    def take(self, table: str, row: Row) -> None:
        """One more fact."""
        if table == "payments":
            self.paid = tuple(sorted((*self.paid, row["known_at"])))
        elif not self.state.apply(table, row):
            return
        self.newest = max(self.newest, row["known_at"])
        if table in _TAKEN:
            _TAKEN[table](self, row)
        if table in _CLEARINGS and row["invoice_id"] is not None:
            number = row["invoice_id"]
            self.cleared[number] = self.cleared.get(number, 0) + row["amount_minor"]
            if number in self.invoices:
                held = self.invoices[number]
                self._stand(number, held.due_on, held.amount, held.currency)

    def _stand(self, number: str, due_on: dt.date, amount: int, currency: str) -> None:
        cleared = self.cleared.get(number, 0)
        self.invoices[number] = Held(due_on, amount, max(amount - cleared, 0), cleared, currency)

    def invoice(self, row: Row) -> None:
        self._stand(row["invoice_id"], row["due_on"], row["amount_minor"], row["currency"])

    def dunning(self, row: Row) -> None:
        if row["invoice_id"] is not None:
            self.levels[row["invoice_id"]] = max(row["level"], self.levels.get(row["invoice_id"], 0))

    def dispute(self, row: Row) -> None:
        if row["closed_on"] is None:
            self.disputes[row["dispute_id"]] = row["invoice_id"] or ""
        else:
            self.disputes.pop(row["dispute_id"], None)
        self.closed = max(self.closed, row["closed_known_at"] or NEVER)

    def promise(self, row: Row) -> None:
        if row["invoice_id"] is not None:
            self.promised |= {row["invoice_id"]}

    def limit(self, row: Row) -> None:
        self.limits += (Limit(row["valid_from"], row["known_at"], row["amount_minor"], row["currency"]),)

    def insolvency(self, row: Row) -> None:
        self.is_insolvent = True

    def master(self, row: Row) -> None:
        self.has_master_data, self.parent = True, row.get("parent_id")


_TAKEN: Final = {
    "invoices": _Growing.invoice,
    "dunnings": _Growing.dunning,
    "disputes": _Growing.dispute,
    "promises": _Growing.promise,
    "limit_changes": _Growing.limit,
    "insolvencies": _Growing.insolvency,
    "customers": _Growing.master,
}


def reopened(table: str, row: Row, as_of: dt.datetime) -> Row:
    """A dispute that was closed later is still open."""
    if table != "disputes" or row["closed_known_at"] is None or row["closed_known_at"] <= as_of:
        return row
    return {**row, "closed_on": None, "closed_known_at": None, "result": None}


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a frame with plain values; `receivables.store` gives them so."""
    return {str(name): _value(str(name), value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, dt.datetime):
        moment = dt.datetime(*value.timetuple()[:6], value.microsecond)  # noqa: DTZ001 - UTC without an offset
        return moment if name.endswith("known_at") else moment.date()
    return value
