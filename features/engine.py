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
        out = np.empty((len(orders), self.compiled.N_FEATURES))
        if len(orders):
            codes, as_of = history.codes(orders.customer_id), orders.as_of.astype("datetime64[us]").astype(np.int64)
            has_order = ~np.isnat(orders.due_on)
            weekday = np.where(has_order, calendars.weekday(orders.due_on), ABSENT)
            net_days = np.where(has_order, orders.net_days, NULL)
            given = self._given(history, orders, priors, codes, as_of)
            rows, start, customers = _grouped(codes, as_of)
            self.compiled.collect(
                start, customers, rows, as_of[rows], weekday[rows], net_days[rows], given, *history.arrays, out
            )
        return out

    def _given(self, history: History, orders: Orders, priors: Priors, codes: Ints, as_of: Ints) -> Floats:
        """What is known besides the customer's history (orders x facts), in the columns that the table asks for."""
        has_order = ~np.isnat(orders.due_on)
        country, segment = _master(history, orders, codes, as_of)
        facts = {
            **_order_facts(history, orders, as_of, has_order, country),
            "customer_tenure": _tenure(history, codes, as_of),
            "base_unit": np.full(len(orders), base_unit(history.rates)),
        }
        peers = priors.curve(as_of, segment, terms_bucket(orders.net_days), has_order)
        made = np.empty((len(orders), len(self.compiled.GIVEN) + len(self.compiled.PRIORS)))
        for i, name in enumerate(self.compiled.GIVEN):
            made[:, i] = facts[name]
        for i, k in enumerate(self.compiled.PRIORS, start=len(self.compiled.GIVEN)):
            made[:, i] = peers[:, CURVE.index(k)]
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


def _grouped(codes: Ints, as_of: Ints) -> tuple[Ints, Ints, Ints]:
    """Rows by customer and time, where each customer's begin (and the end), and the customers."""
    days = as_of // DAY_US
    first = days.min()
    if (as_of == days * DAY_US).all():
        # one key of whole numbers sorts faster than two
        rows = np.argsort((codes + 1) * (days.max() - first + 1) + (days - first))
    else:
        rows = np.lexsort((as_of, codes))
    in_order = codes[rows]
    starts = np.flatnonzero(np.diff(in_order, prepend=in_order[0] - 1))
    return rows, np.append(starts, len(rows)), in_order[starts]


def _master(
    history: History, orders: Orders, codes: Ints, as_of: Ints
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Country and segment: the ledger's where known by then, else the order's; "" where unknown."""
    customers = history.customers
    if len(customers.ids) == 0:
        return orders.country, orders.segment
    seen = (codes >= 0) & (customers.known[codes] <= as_of)
    country = np.where(seen & (customers.country != "")[codes], customers.country[codes], orders.country)
    segment = np.where(seen & (customers.segment != "")[codes], customers.segment[codes], orders.segment)
    return country, segment


def _order_facts(
    history: History, orders: Orders, as_of: Ints, has_order: NDArray[np.bool_], country: NDArray[np.object_]
) -> dict[str, Floats]:
    """Amount, terms and dates of the orders by the name under which the table asks for them, NaN without an order."""
    rows: slice | NDArray[np.int64] = slice(None) if has_order.all() else np.flatnonzero(has_order)
    due = orders.due_on[rows]
    known: dict[str, NDArray[np.float64] | Ints] = {
        "amount": history.rates.convert(
            orders.amount_minor[rows], orders.currency[rows], orders.as_of[rows].astype("datetime64[D]")
        ),
        "net_days": orders.net_days[rows],
        "days_to_due": due.astype(np.int64) - as_of[rows] // DAY_US,
        "issue_weekday": calendars.weekday(orders.issued_on[rows]),
        **dict(zip(calendars.DUE_FACTS, _due_facts(due, country[rows]).T, strict=True)),
    }
    facts = {}
    for name, numbers in known.items():
        facts[f"order_{name}"] = np.full(len(orders), np.nan)
        facts[f"order_{name}"][rows] = numbers
    return facts


def _due_facts(due: NDArray[np.datetime64], country: NDArray[np.object_]) -> Floats:
    """`calendars.due_facts` of each order, worked out once for each day between the first and the last."""
    if not len(due):
        return np.empty((0, len(calendars.DUE_FACTS)))
    first = due.min()
    days = np.arange(first, due.max() + 1)
    code, names = pd.factorize(country)
    tables = np.concatenate([calendars.due_facts(days, name) for name in names])
    return np.asarray(tables[code * len(days) + (due - first).astype(np.int64)])


def _tenure(history: History, codes: Ints, as_of: Ints) -> Floats:
    """Days since the first business with the customer, NaN where no one knew of it."""
    customers = history.customers
    out = np.full(len(codes), np.nan)
    if len(customers.ids):
        seen = (codes >= 0) & (customers.known[codes] <= as_of) & (customers.known[codes] < NEVER_US)
        seen &= customers.has_since[codes]
        out[seen] = (as_of // DAY_US - customers.since[codes])[seen]
    return out
