"""One customer's history in memory, kept current by events: the features of an order without a data frame.

A state is a cache of what the ledger holds of the customer. It gives the same bits as `build_features` on the ledger,
in whatever order the facts came in; what it cannot hold or has lost is read from the ledger again.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pandas as pd

from features import calendars, published
from features.engine import ABSENT, base_unit, whole_table
from features.expression import Floats, Log
from features.external import site
from features.history import NEVER_US, Ints
from features.kernel import CREDITED, DAY_US, NULL, PAYMENT, WRITTEN_OFF
from features.priors import Priors
from features.table import CURVE
from receivables.currencies import Currencies, Rates
from receivables.errors import InputError
from receivables.ledger import Ledger
from receivables.schema import BY_NAME

#: Tables that clear invoices: column of the value date, kind.
_CLEARINGS: Final = {
    "allocations": ("cleared_on", PAYMENT),
    "credit_notes": ("credited_on", CREDITED),
    "write_offs": ("written_off_on", WRITTEN_OFF),
}
#: Tables of other facts: log, column of the date, column of the value.
_EVENTS: Final = {
    "disputes": (Log.DISPUTE, "opened_on", None),
    "promises": (Log.PROMISE, "made_on", "promised_for"),
    "dunnings": (Log.DUNNING, "dunned_on", "level"),
    "credit_notes": (Log.CREDIT, "credited_on", None),
    "limit_changes": (Log.LIMIT, "valid_from", None),
    "terms_changes": (Log.TERMS, "valid_from", "net_days"),
    "write_offs": (Log.LOSS, "written_off_on", None),
    "insolvencies": (Log.INSOLVENCY, "filed_on", None),
}
#: Tables that a state takes facts from.
TABLES: Final = ("customers", "invoices", *dict.fromkeys((*_CLEARINGS, *_EVENTS)))
_FIRST_CAPACITY: Final = 16
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


class OneOrder(NamedTuple):
    """An order at hand: days count from 1970-01-01, the amount is in minor units of `currency`."""

    issued: int
    due: int
    net_days: int
    amount_minor: int
    currency: str


class _Sorted:
    """Whole-number records in columns, sorted; record i is `data[:, i]`."""

    def __init__(self, width: int) -> None:
        self.data: Ints = np.empty((width, _FIRST_CAPACITY), dtype=np.int64)
        self.size = 0
        self._is_shared = False

    def insert(self, at: int, values: tuple[int, ...]) -> None:
        self.own()
        if self.size == self.data.shape[1]:
            self.data = np.concatenate([self.data, np.empty_like(self.data)], axis=1)
        if at < self.size:
            self.data[:, at + 1 : self.size + 1] = self.data[:, at : self.size].copy()
        self.data[:, at] = values
        self.size += 1

    def remove(self, at: int) -> None:
        self.own()
        self.data[:, at : self.size - 1] = self.data[:, at + 1 : self.size].copy()
        self.size -= 1

    def place(self, values: tuple[int, ...], low: int, high: int) -> int:
        """Where `values` belongs among the sorted records low..high-1, before equal ones."""
        return low + bisect.bisect_left(range(low, high), values, key=lambda i: tuple(self.data[:, i].tolist()))

    def column(self, row: int) -> Ints:
        return self.data[row, : self.size]

    def copy(self) -> _Sorted:
        """The same records; whichever of the two is changed first takes them into memory of its own."""
        made = _Sorted.__new__(_Sorted)
        made.data, made.size, made._is_shared = self.data, self.size, True
        self._is_shared = True
        return made

    def own(self) -> None:
        """What is changed next is nobody else's."""
        if self._is_shared:
            self.data, self._is_shared = self.data.copy(), False


@dataclass
class _Master:
    """Customer master data; `known` is NEVER_US where there is none."""

    known: int = NEVER_US
    segment: str = ""
    country: str = ""
    since: int | None = None


class CustomerState:
    """The payment history of one customer, or of several taken together.

    `apply` adds a fact, known whenever; `features` answers for any moment. Not safe for use by two threads at once.
    """

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._master = _Master()
        self._facts: dict[tuple[str, tuple[Any, ...]], dict[str, Any]] = {}
        # known, issued, due, amount, base, net days; sorted by moment known, then id
        self._invoices = _Sorted(6)
        self._ids: list[str] = []
        # known, day, amount, kind, base; by invoice, then in this order
        self._clearings = _Sorted(5)
        self._starts: Ints = np.zeros(_FIRST_CAPACITY, dtype=np.int64)
        # known, log, day, amount, value, end known, invoice; sorted in this order
        self._events = _Sorted(7)
        self._waiting: defaultdict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self._view: tuple[Ints, ...] | None = None
        self._engine, self._unit = whole_table().compiled, base_unit(rates)
        self._places = tuple(CURVE.index(k) for k in self._engine.PRIORS)

    @classmethod
    def of(cls, ledger: Ledger, rates: Rates | None = None) -> Self:
        """The state of all facts in `ledger`, which is that of one customer or of several taken together."""
        made = cls(rates or Rates.of(ledger, Currencies.read()))
        for table in TABLES:
            for row in ledger[table].to_dict("records"):
                made.apply(table, {str(name): value for name, value in row.items()})
        return made

    @classmethod
    def merged(cls, states: Iterable[CustomerState]) -> Self:
        """Several customers as one, as after their accounts were merged; the states themselves stay as they are.

        Master data is that of the first which has any. Raises ValueError without states.
        """
        states = list(states)
        if not states:
            raise ValueError("states: expected at least one customer")
        made = cls(states[0].rates)
        made._master = next((s._master for s in states if s._master.known < NEVER_US), _Master())
        for state in states:
            for (table, _), row in state._facts.items():
                if table != "customers":
                    made.apply(table, row)
        return made

    def apply(self, table: str, row: Mapping[str, Any]) -> bool:
        """Takes in a canonical row (`receivables.schema`); False where it was there already.

        A dispute may be given again once it is closed, and a customer with more master data. Raises InputError for a
        row that contradicts an earlier one of the same key, KeyError for a table that carries no features.
        """
        if table not in TABLES:
            raise KeyError(f"no facts of the table {table!r} enter the features")
        row = dict(row)
        key = table, tuple(row[name] for name in BY_NAME[table].key)
        earlier = self._facts.get(key)
        if earlier is not None and not self._grown(table, key, earlier, row):
            return False
        self.put(table, row)
        return True

    def put(self, table: str, row: dict[str, Any]) -> None:
        """`apply` without the comparison: the row stands beside an earlier one of the same key."""
        self._facts[table, tuple(row[name] for name in BY_NAME[table].key)] = row
        self._view = None
        if table == "customers":
            self._take_master(row)
        elif table == "invoices":
            self._take_invoice(row)
        else:
            if table in _EVENTS:
                self._take_event(table, row)
            if table in _CLEARINGS and _text(row["invoice_id"]):
                self._take_clearing(table, row)

    def copy(self) -> Self:
        """An independent state of the same facts."""
        made = type(self)(self.rates)
        made._master, made._facts, made._ids = self._master, self._facts.copy(), self._ids.copy()
        made._invoices, made._clearings, made._events = (
            records.copy() for records in (self._invoices, self._clearings, self._events)
        )
        made._starts = self._starts.copy()
        made._waiting.update((invoice_id, list(facts)) for invoice_id, facts in self._waiting.items())
        return made

    @property
    def size(self) -> int:
        """How many facts it holds."""
        return len(self._facts)

    def facts(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Table and row of every fact, those of one key once."""
        return ((table, row) for (table, _), row in self._facts.items())

    def forget_payments(self, invoice_id: str) -> None:
        """Takes out what payments have cleared of an invoice; credit notes and write-offs stay."""
        i = self._position(invoice_id)
        if i < 0:
            return
        for at in reversed(range(int(self._starts[i]), int(self._starts[i + 1]))):
            if self._clearings.data[3, at] == PAYMENT:
                self._clearings.remove(at)
                self._starts[i + 1 : len(self._ids) + 1] -= 1
        self._view = None

    def _grown(
        self, table: str, key: tuple[str, tuple[Any, ...]], earlier: dict[str, Any], row: dict[str, Any]
    ) -> bool:
        """Whether a row of a known key brings something; takes out what it replaces."""
        differs = {name for name, value in row.items() if not _same(value, earlier.get(name))}
        if not differs:
            return False
        if (
            table == "disputes"
            and _missing(earlier["closed_known_at"])
            and differs <= {"closed_on", "closed_known_at", "result"}
        ):
            self._drop_event(table, earlier)
            return True
        if table == "customers":
            return True
        raise InputError(f"{table} {'/'.join(map(str, key[1]))}: another {', '.join(sorted(differs))} than before")

    def _take_master(self, row: dict[str, Any]) -> None:
        since = row.get("customer_since")
        self._master = _Master(
            _moment(row["known_at"]),
            _text(row.get("segment")),
            _text(row.get("country")),
            None if since is None or _missing(since) else _day(since),
        )

    def _take_invoice(self, row: dict[str, Any]) -> None:
        known, invoice_id = _moment(row["known_at"]), str(row["invoice_id"])
        amount = int(row["amount_minor"])
        base = self.rates.convert_one(amount, str(row["currency"]), known // DAY_US)
        moments = self._invoices.column(0)
        low, high = int(moments.searchsorted(known, "left")), int(moments.searchsorted(known, "right"))
        at = bisect.bisect_left(self._ids, invoice_id, low, high)
        values = known, _day(row["issued_on"]), _day(row["due_on"]), amount, base, int(row["net_days"])
        self._invoices.insert(at, values)
        self._ids.insert(at, invoice_id)
        self._shift_starts(at)
        self._renumber(at)
        for table, waiting in self._waiting.pop(invoice_id, ()):
            if table == "":
                self._relink(waiting)
            else:
                self._take_clearing(table, waiting)

    def _shift_starts(self, at: int) -> None:
        n = len(self._ids)
        if n + 1 > len(self._starts):
            self._starts = np.concatenate([self._starts, np.empty_like(self._starts)])
        self._starts[at + 1 : n + 1] = self._starts[at:n].copy()

    def _renumber(self, at: int) -> None:
        """Events point at invoices by position: those from `at` on have moved up by one."""
        self._events.own()
        pointers = self._events.column(6)
        pointers[pointers >= at] += 1

    def _position(self, invoice_id: str) -> int:
        """Position of an invoice; -1 where it has not come yet."""
        fact = self._facts.get(("invoices", (invoice_id,)))
        if fact is None:
            return -1
        known = _moment(fact["known_at"])
        moments = self._invoices.column(0)
        low = int(moments.searchsorted(known, "left"))
        if low < len(self._ids) and self._ids[low] == invoice_id:
            return low
        at = bisect.bisect_left(self._ids, invoice_id, low, int(moments.searchsorted(known, "right")))
        return at if at < len(self._ids) and self._ids[at] == invoice_id else -1

    def _take_clearing(self, table: str, row: dict[str, Any]) -> None:
        invoice_id = str(row["invoice_id"])
        i = self._position(invoice_id)
        if i < 0:
            self._waiting[invoice_id].append((table, row))
            return
        date, kind = _CLEARINGS[table]
        amount, day_of_rate = int(row["amount_minor"]), int(self._invoices.data[0, i]) // DAY_US
        base = self.rates.convert_one(amount, str(row["currency"]), day_of_rate)
        values = _moment(row["known_at"]), _day(row[date]), amount, kind, base
        at = self._clearings.place(values, int(self._starts[i]), int(self._starts[i + 1]))
        self._clearings.insert(at, values)
        self._starts[i + 1 : len(self._ids) + 1] += 1

    def _event(self, table: str, row: dict[str, Any]) -> tuple[int, ...]:
        log, date, value = _EVENTS[table]
        known = _moment(row["known_at"])
        amount = 0
        if "amount_minor" in row:
            amount = self.rates.convert_one(int(row["amount_minor"]), str(row["currency"]), known // DAY_US)
        end = NEVER_US if table != "disputes" or _missing(row["closed_known_at"]) else _moment(row["closed_known_at"])
        given = 0 if value is None else _day(row[value]) if value == "promised_for" else int(row[value])
        invoice = _text(row.get("invoice_id"))
        return known, int(log), _day(row[date]), amount, given, end, self._position(invoice) if invoice else -1

    def _take_event(self, table: str, row: dict[str, Any]) -> None:
        values = self._event(table, row)
        self._events.insert(self._events.place(values, 0, self._events.size), values)
        invoice = _text(row.get("invoice_id"))
        if invoice and values[-1] < 0:
            self._waiting[invoice].append(("", {"table": table, "row": row}))

    def _drop_event(self, table: str, row: dict[str, Any]) -> None:
        values = self._event(table, row)
        self._events.remove(self._events.place(values, 0, self._events.size))
        invoice = _text(row.get("invoice_id"))
        if invoice in self._waiting:
            self._waiting[invoice] = [w for w in self._waiting[invoice] if w[0] or w[1]["row"] is not row]

    def _relink(self, waiting: dict[str, Any]) -> None:
        """An event's invoice has come: the event is put in again, with its position."""
        values = self._event(waiting["table"], waiting["row"])
        self._events.remove(self._events.place((*values[:-1], -1), 0, self._events.size))
        self._events.insert(self._events.place(values, 0, self._events.size), values)

    def features(
        self,
        as_of: int,
        order: OneOrder | None,
        priors: Priors,
        *,
        country: str = "",
        segment: str = "",
        customer_id: str = "",
    ) -> Floats:
        """The features (as `features.NAMES`, NaN for null) at a moment, in microseconds since 1970, UTC.

        `country` and `segment` count where the ledger knows none; `customer_id` finds what a site brings along.
        """
        engine, master = self._engine, self._master if self._master.known <= as_of else _Master()
        today = as_of // DAY_US
        facts = self._order_facts(today, order, master.country or country)
        facts["customer_tenure"] = np.nan if master.since is None else today - master.since
        facts["base_unit"] = self._unit
        peers = priors.curve_one(as_of, master.segment or segment, order.net_days if order else None)
        given = [*(facts[name] for name in engine.GIVEN), *(peers[i] for i in self._places)]
        out = np.empty((1, engine.N_FEATURES))
        engine.collect(
            _ONE_GROUP, _FIRST, np.array([as_of]), np.array([(order.due + 3) % 7 if order else ABSENT]),
            np.array([order.net_days if order else NULL]), np.array([given], dtype=np.float64),
            *self._arrays(), out,
        )  # fmt: skip
        brought = site()
        if not brought.sources:
            return np.asarray(out[0])
        texts = (customer_id, master.segment or segment, master.country or country)
        keys = published.Keys(*(np.array([text], dtype=object) for text in texts))
        return np.concatenate([out[0], published.columns(brought, keys, np.array([as_of]))[0]])

    def _order_facts(self, today: int, order: OneOrder | None, country: str) -> dict[str, float]:
        if order is None:
            return dict.fromkeys(_ORDER_FACTS, np.nan)
        return {
            "order_amount": self.rates.convert_one(order.amount_minor, order.currency, today),
            "order_net_days": order.net_days,
            "order_days_to_due": order.due - today,
            "order_issue_weekday": (order.issued + 3) % 7,
            **_due_facts(order.due, country),
        }

    def _arrays(self) -> tuple[Ints, ...]:
        """What `History.arrays` would be; kept until a fact comes in."""
        if self._view is None:
            invoices, clearings, events = self._invoices, self._clearings, self._events
            self._view = (
                self._starts_of_invoices(), *(invoices.column(i) for i in range(6)),
                self._starts[: len(self._ids) + 1], *(clearings.column(i) for i in (0, 1, 2, 4, 3)),
                np.array([0, events.size]), *(events.column(i) for i in (1, 0, 2, 3, 4, 5, 6)),
            )  # fmt: skip
        return self._view

    def _starts_of_invoices(self) -> Ints:
        return np.array([0, len(self._ids)])


_ONE_GROUP: Final = np.array([0, 1])
_FIRST: Final = np.array([0])
_ORDER_FACTS: Final = (
    "order_amount", "order_net_days", "order_days_to_due", "order_issue_weekday",
    *(f"order_{name}" for name in calendars.DUE_FACTS),
)  # fmt: skip


@lru_cache(maxsize=65_536)
def _due_facts(due: int, country: str) -> dict[str, float]:
    values = calendars.due_facts(np.array([due]).astype("datetime64[D]"), country)[0]
    return {f"order_{name}": float(value) for name, value in zip(calendars.DUE_FACTS, values, strict=True)}


def _missing(value: Any) -> bool:
    return value is None or value is pd.NaT or value != value


def _same(left: Any, right: Any) -> bool:
    return bool(_missing(left) and _missing(right)) or left == right


def _text(value: Any) -> str:
    return "" if _missing(value) else str(value)


def _day(value: dt.date) -> int:
    """Days since 1970-01-01 of a date or timestamp."""
    return value.toordinal() - _EPOCH


def _moment(value: dt.datetime) -> int:
    """Microseconds since 1970 of a timestamp in UTC without an offset."""
    seconds = _day(value) * 86_400 + value.hour * 3_600 + value.minute * 60 + value.second
    return seconds * 1_000_000 + value.microsecond
