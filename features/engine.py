"""`build_features`: what was known about each order's customer at its moment, for one order or a portfolio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features import calendars, compiler, ordering, published
from features.expression import Floats
from features.external import site
from features.feature import Feature
from features.history import NEVER_US, Coded, History, Ints
from features.kernel import DAY_US, NULL
from features.orders import Orders
from features.priors import Priors, terms_bucket
from features.table import CURVE, NAMES
from receivables.currencies import Rates
from receivables.money import exponent

#: What a condition sees of an order that is not there: equal to nothing.
ABSENT: Final = -1


@dataclass(frozen=True)
class Engine:
    """Computes the features of one table; `compiled` is the module generated for it."""

    compiled: ModuleType

    @classmethod
    def of(cls, features: Sequence[Feature]) -> Self:
        """The engine for any features, compiled now (seconds); `build_features` is the one for the whole table."""
        module = ModuleType("features.compiled_anew")
        # our own generator's text; without a file numba cannot cache it
        exec(compiler.source(features).replace("cache=True", "cache=False"), vars(module))  # noqa: S102
        return cls(module)

    def build(
        self,
        history: History,
        orders: Orders,
        priors: Priors,
        *,
        codes: Ints | None = None,
        out: Floats | None = None,
    ) -> Floats:
        """See `build_features`."""
        out = np.empty((len(orders), self.compiled.N_FEATURES)) if out is None else out
        if not len(orders):
            return out
        codes = history.codes(orders.customer_id) if codes is None else codes
        as_of = orders.as_of.astype("datetime64[us]").astype(np.int64)
        # one customer's orders side by side: everything then walks through memory in one direction
        rows = ordering.in_order(codes, as_of)
        in_order = codes if rows is None else codes[rows]
        starts = np.append(np.flatnonzero(np.diff(in_order, prepend=in_order[0] - 1)), len(codes))
        parts = list(_parts(starts))
        most = max(starts[last] - starts[first] for first, last in parts)
        # room that all parts use: memory that was never touched costs more than working on it
        given = np.empty((most, len(self.compiled.GIVEN) + len(self.compiled.PRIORS)))
        # written side by side, then spread in one go: scattered single writes would wait for memory
        draft = None if rows is None else np.empty((most, self.compiled.N_FEATURES))
        due_facts = _DueFacts.of(orders) if self._needs_calendar else None
        for first, last in parts:
            begin, end = starts[first], starts[last]
            part = slice(begin, end) if rows is None else rows[begin:end]
            target = out[begin:end] if draft is None else draft[: end - begin]
            asked = _Asked.of(orders, part, codes, as_of)
            self._give(given[: end - begin], history, orders, priors, asked, due_facts)
            self.compiled.collect(
                starts[first : last + 1] - begin,
                in_order[starts[first:last]],
                asked.as_of,
                np.where(asked.has_order, calendars.weekday(asked.due), ABSENT),
                np.where(asked.has_order, asked.net_days, NULL),
                given[: end - begin],
                *history.arrays,
                target,
            )
            if rows is not None:
                out[part] = target
        return out

    @property
    def _needs_calendar(self) -> bool:
        return any(f"order_{name}" in self.compiled.GIVEN for name in calendars.DUE_FACTS)

    def _give(
        self,
        given: Floats,
        history: History,
        orders: Orders,
        priors: Priors,
        asked: _Asked,
        due_facts: _DueFacts | None,
    ) -> None:
        """Writes what is known besides the customer's history (orders x facts that the table asks for)."""
        customers = history.customers
        # master data counts once it is known
        seen = np.where(customers.known_of(asked.codes) <= asked.as_of, asked.codes, -1)
        facts: dict[str, Callable[[], Floats | Ints | float]] = {
            "order_amount": lambda: _amounts(history, orders, asked),
            "order_net_days": lambda: asked.net_days,
            "order_days_to_due": lambda: asked.due.astype(np.int64) - asked.as_of // DAY_US,
            "order_issue_weekday": lambda: calendars.weekday(orders.issued_on[asked.rows]),
            "customer_tenure": lambda: _tenure(history, seen, asked.as_of),
            "base_unit": lambda: base_unit(history.rates),
        }
        if due_facts is not None:
            country = _Texts.of(customers.countries, orders.country, asked.rows, seen)
            facts |= due_facts.by_name(asked, country)
        names, curve = self.compiled.GIVEN, self.compiled.PRIORS
        for column, name in enumerate(names):
            given[:, column] = facts[name]()
            if name.startswith("order_") and not asked.has_order.all():
                given[~asked.has_order, column] = np.nan
        if curve:
            segment = _Texts.of(customers.segments, orders.segment, asked.rows, seen)
            bucket = terms_bucket(asked.net_days)
            peers = priors.curve_of(asked.as_of, segment.names, segment.codes, bucket, asked.has_order)
            given[:, len(names) :] = peers if curve == CURVE else peers[:, [CURVE.index(k) for k in curve]]


#: Orders that are worked on at a time: enough to be quick, few enough for their facts to stay near the processor.
_AT_ONCE: Final = 131_072
#: Stands for the due date of an order that is not there.
_NO_DATE: Final = np.datetime64(0, "D")


def _parts(starts: Ints) -> Iterator[tuple[int, int]]:
    """Runs of whole customers with `_AT_ONCE` orders or little more, as positions in `starts`."""
    first = 0
    while first < len(starts) - 1:
        last = max(int(np.searchsorted(starts, starts[first] + _AT_ONCE, "right")) - 1, first + 1)
        yield first, last
        first = last


@dataclass(frozen=True)
class _Asked:
    """Some of the orders, `rows` of them all, by customer and moment; dates and terms are zero without an order."""

    rows: slice | Ints
    codes: Ints
    as_of: Ints
    has_order: NDArray[np.bool_]
    due: NDArray[np.datetime64]
    net_days: Ints

    @classmethod
    def of(cls, orders: Orders, rows: slice | Ints, codes: Ints, as_of: Ints) -> Self:
        """The orders at `rows`; `codes` and `as_of` are those of all orders."""
        due = orders.due_on[rows]
        has_order = ~np.isnat(due)
        return cls(rows, codes[rows], as_of[rows], has_order, np.where(has_order, due, _NO_DATE), orders.net_days[rows])


@cache
def whole_table() -> Engine:
    """The engine of all features, from the module that is kept in the repository."""
    return Engine(import_module("features.compiled"))


def build_features(
    history: History,
    orders: Orders,
    priors: Priors,
    *,
    codes: Ints | None = None,
    out: Floats | None = None,
) -> Floats:
    """Feature matrix, float64 (orders x `features.NAMES`), NaN for null; rows as the orders.

    Facts with `known_at` after an order's `as_of` are not seen. A customer that the history does not hold is a cold
    start: its rates are those of its peers. Bit-identical however orders are batched; quickest where they come by
    customer and moment. `codes` are `history.codes` of the orders' customers, where the caller has them. `out` is
    filled and returned where it is given: memory used before costs less than fresh memory.
    """
    brought = site()
    if not brought.sources:
        return whole_table().build(history, orders, priors, codes=codes, out=out)
    out = np.empty((len(orders), len(NAMES))) if out is None else out
    own = whole_table().build(history, orders, priors, codes=codes)
    as_of = orders.as_of.astype("datetime64[us]").astype(np.int64)
    out[:, : own.shape[1]] = own
    out[:, own.shape[1] :] = published.columns(brought, _keys(history, orders, as_of), as_of)
    return out


def _keys(history: History, orders: Orders, as_of: Ints) -> published.Keys:
    """By what the orders find external columns: master data once it is known, before that what the order says."""
    customers, codes = history.customers, history.codes(orders.customer_id)
    seen = np.where(customers.known_of(codes) <= as_of, codes, -1)

    def text(master: NDArray[np.object_], own: NDArray[np.object_]) -> NDArray[np.object_]:
        of_master = np.append(master, "")[seen]
        return np.where(of_master == "", own, of_master)

    segment, country = text(customers.segment, orders.segment), text(customers.country, orders.country)
    return published.Keys(orders.customer_id, segment, country)


def base_unit(rates: Rates) -> float:
    """One minor unit in units of the reporting currency."""
    return float(10.0 ** -exponent(rates.base))


@dataclass(frozen=True)
class _Texts:
    """A text for each order: order i's is `names[codes[i]]`, "" where it is unknown."""

    names: Sequence[str]
    codes: Ints

    @classmethod
    def of(cls, by_customer: Coded, own: NDArray[np.object_], rows: slice | Ints, customer: Ints) -> Self:
        """The text of the order's customer; the order's `own` where the customer is -1 or has none."""
        codes, names = by_customer.codes[customer], by_customer.names
        blank = np.flatnonzero(codes == by_customer.codes[-1])
        given = own[rows][blank]
        if not (given != "").any():
            return cls(names, codes)
        own_codes, own_names = pd.factorize(given)
        codes[blank] = len(names) + own_codes
        return cls([*names, *own_names], codes)


def _amounts(history: History, orders: Orders, asked: _Asked) -> Floats | Ints:
    """Amounts in the reporting currency; those of orders that are not there mean nothing."""
    currency, days = orders.currency[asked.rows], asked.as_of.view("datetime64[us]").astype("datetime64[D]")
    amounts = orders.amount_minor[asked.rows]
    if asked.has_order.all():
        return history.rates.convert(amounts, currency, days)
    made, there = np.zeros(len(amounts)), asked.has_order
    made[there] = history.rates.convert(amounts[there], currency[there], days[there])
    return made


@dataclass(frozen=True)
class _DueFacts:
    """`calendars.DUE_FACTS` of every day between the first and the last due date, worked out once for each country."""

    first: np.datetime64
    days: NDArray[np.datetime64]
    by_country: dict[str, Floats]

    @classmethod
    def of(cls, orders: Orders) -> Self:
        """Tables for the due dates of the orders."""
        due = orders.due_on[~np.isnat(orders.due_on)]
        first, last = (due.min(), due.max()) if len(due) else (_NO_DATE, _NO_DATE)
        return cls(first, np.arange(first, last + 1), {})

    def by_name(self, asked: _Asked, country: _Texts) -> dict[str, Callable[[], Floats]]:
        """The facts by name of the given fact; those of orders that are not there mean nothing."""
        for name in country.names:
            if name not in self.by_country:
                self.by_country[name] = calendars.due_facts(self.days, name)
        table = np.concatenate([self.by_country[name] for name in country.names])
        offset = np.where(asked.has_order, (asked.due - self.first).astype(np.int64), 0)
        found = table[country.codes * len(self.days) + offset]
        return {f"order_{name}": partial(_column, found, i) for i, name in enumerate(calendars.DUE_FACTS)}


def _column(table: Floats, column: int) -> Floats:
    return table[:, column]


def _tenure(history: History, seen: Ints, as_of: Ints) -> Floats:
    """Days since the first business with the customer, NaN where no one knew of it; `seen` is -1 for no master data."""
    customers = history.customers
    out = np.full(len(seen), np.nan)
    if len(customers.ids):
        has = (seen >= 0) & customers.has_since[seen] & (customers.known[seen] < NEVER_US)
        out[has] = (as_of // DAY_US - customers.since[seen])[has]
    return out
