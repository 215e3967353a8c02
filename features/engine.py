"""`build_features`: what was known about each order's customer at its moment, for one order or a portfolio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features import calendars, compiler
from features.expression import Floats
from features.feature import Feature
from features.history import NEVER_US, History, Ints
from features.kernel import DAY_US, NULL
from features.orders import Orders
from features.priors import Priors, terms_bucket
from features.table import CURVE
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

    def build(self, history: History, orders: Orders, priors: Priors) -> Floats:
        """See `build_features`."""
        if not len(orders):
            return np.empty((0, self.compiled.N_FEATURES))
        codes, as_of = history.codes(orders.customer_id), orders.as_of.astype("datetime64[us]").astype(np.int64)
        rows = _in_order(codes, as_of)
        if rows is None:
            return self._build(history, orders, priors, codes, as_of, np.arange(len(orders)))
        # one customer's orders side by side: everything below then walks through memory in one direction
        return self._build(history, orders.take(rows), priors, codes[rows], as_of[rows], rows)

    def _build(self, history: History, orders: Orders, priors: Priors, codes: Ints, as_of: Ints, rows: Ints) -> Floats:
        """The features of orders that are sorted by customer, then moment; order i goes to row `rows[i]`."""
        start = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        has_order = ~np.isnat(orders.due_on)
        out = np.empty((len(orders), self.compiled.N_FEATURES))
        self.compiled.collect(
            np.append(start, len(codes)),
            codes[start],
            rows,
            as_of,
            np.where(has_order, calendars.weekday(orders.due_on), ABSENT),
            np.where(has_order, orders.net_days, NULL),
            self._given(history, orders, priors, codes, as_of, has_order),
            *history.arrays,
            out,
        )
        return out

    def _given(
        self, history: History, orders: Orders, priors: Priors, codes: Ints, as_of: Ints, has_order: NDArray[np.bool_]
    ) -> Floats:
        """What is known besides the customer's history (facts that the table asks for x orders)."""
        customers = history.customers
        # master data counts once it is known
        seen = codes if not len(customers.ids) else np.where(customers.known[codes] <= as_of, codes, -1)
        country = _Texts.of(customers.country, orders.country, seen)
        segment = _Texts.of(customers.segment, orders.segment, seen)
        facts = {
            **_order_facts(history, orders, as_of, has_order, country),
            "customer_tenure": _tenure(history, codes, as_of),
            "base_unit": base_unit(history.rates),
        }
        names, curve = self.compiled.GIVEN, self.compiled.PRIORS
        made = np.empty((len(names) + len(curve), len(orders)))
        for target, name in zip(made, names, strict=False):
            target[:] = facts[name]
        if curve:
            bucket = terms_bucket(orders.net_days)
            peers = priors.curve_of(as_of, segment.names, segment.codes, bucket, has_order)
            made[len(names) :] = peers.T[[CURVE.index(k) for k in curve]]
        return made


@cache
def whole_table() -> Engine:
    """The engine of all features, from the module that is kept in the repository."""
    return Engine(import_module("features.compiled"))


def build_features(history: History, orders: Orders, priors: Priors) -> Floats:
    """Feature matrix, float64 (orders x `features.NAMES`), NaN for null; rows as the orders.

    Facts with `known_at` after an order's `as_of` are not seen. A customer that the history does not hold is a cold
    start: its rates are those of its peers. Bit-identical however orders are batched.
    """
    return whole_table().build(history, orders, priors)


def base_unit(rates: Rates) -> float:
    """One minor unit in units of the reporting currency."""
    return float(10.0 ** -exponent(rates.base))


def _in_order(codes: Ints, as_of: Ints) -> Ints | None:
    """Rows by customer and time; None where the orders come like that."""
    days = as_of // DAY_US
    first = days.min()
    if not (as_of == days * DAY_US).all():
        return np.lexsort((as_of, codes))
    # one key of whole numbers sorts faster than two
    key = (codes + 1) * (days.max() - first + 1) + (days - first)
    return None if (key[1:] >= key[:-1]).all() else np.argsort(key)


@dataclass(frozen=True)
class _Texts:
    """A text for each order: order i's is `names[codes[i]]`, "" where it is unknown."""

    names: Sequence[str]
    codes: Ints

    @classmethod
    def of(cls, ledgers: NDArray[np.object_], own: NDArray[np.object_], customer: Ints) -> Self:
        """The text of the order's customer; the order's `own` where the customer is -1 or has none."""
        by_customer, names = pd.factorize(np.append(ledgers, ""))
        codes = by_customer[customer]  # -1 looks up the last, which is ""
        blank = np.flatnonzero(codes == by_customer[-1])
        if len(blank) and (own[blank] != "").any():
            own_codes, own_names = pd.factorize(own[blank])
            codes[blank] = len(names) + own_codes
            names = np.append(names, own_names)
        return cls(list(names), codes)


def _order_facts(
    history: History, orders: Orders, as_of: Ints, has_order: NDArray[np.bool_], country: _Texts
) -> dict[str, Floats | Ints]:
    """Amount, terms and dates of the orders by the name under which the table asks for them, NaN without an order."""
    rows: slice | NDArray[np.bool_] = slice(None) if has_order.all() else has_order
    due = orders.due_on[rows]
    known: dict[str, Floats | Ints] = {
        "amount": history.rates.convert(
            orders.amount_minor[rows], orders.currency[rows], orders.as_of[rows].astype("datetime64[D]")
        ),
        "net_days": orders.net_days[rows],
        "days_to_due": due.astype(np.int64) - as_of[rows] // DAY_US,
        "issue_weekday": calendars.weekday(orders.issued_on[rows]),
        **dict(zip(calendars.DUE_FACTS, _due_facts(due, country.names, country.codes[rows]), strict=True)),
    }
    return {
        f"order_{name}": numbers if has_order.all() else _spread(numbers, has_order) for name, numbers in known.items()
    }


def _spread(numbers: Floats | Ints, where: NDArray[np.bool_]) -> Floats:
    """The numbers at the places where `where` holds, NaN elsewhere."""
    out = np.full(len(where), np.nan)
    out[where] = numbers
    return out


def _due_facts(due: NDArray[np.datetime64], countries: Sequence[str], country: Ints) -> list[Floats]:
    """`calendars.DUE_FACTS` of the orders, worked out once for each day between the first and the last."""
    if not len(due):
        return [np.empty(0) for _ in calendars.DUE_FACTS]
    first = due.min()
    days = np.arange(first, due.max() + 1)
    tables = np.concatenate([calendars.due_facts(days, name) for name in countries])
    place = country * len(days) + (due - first).astype(np.int64)
    return [np.ascontiguousarray(table)[place] for table in tables.T]


def _tenure(history: History, codes: Ints, as_of: Ints) -> Floats:
    """Days since the first business with the customer, NaN where no one knew of it."""
    customers = history.customers
    out = np.full(len(codes), np.nan)
    if len(customers.ids):
        seen = (codes >= 0) & (customers.known[codes] <= as_of) & (customers.known[codes] < NEVER_US)
        seen &= customers.has_since[codes]
        out[seen] = (as_of // DAY_US - customers.since[codes])[seen]
    return out
