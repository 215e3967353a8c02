"""`build_features`: what was known about each order's customer at its moment, for one order or a portfolio."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features import calendars
from features.expression import Aggregate, Floats, Given, Node, PriorRate, leaves
from features.history import NEVER_US, History, Ints
from features.kernel import DAY_US, NULL, collect
from features.orders import Orders
from features.plan import Plan
from features.priors import Priors, terms_bucket
from features.program import Program
from features.table import CURVE, FEATURES
from receivables.money import exponent

#: What a condition sees of an order that is not there: equal to nothing.
_ABSENT: Final = -1


def _leaves_of(kind: type[Node]) -> tuple[Node, ...]:
    """Distinct leaves of one kind in the feature table, in the order in which they first occur."""
    return tuple({leaf: None for f in FEATURES for leaf in leaves(f.node) if isinstance(leaf, kind)})


_PLAN: Final = Plan.of(leaf for leaf in _leaves_of(Aggregate) if isinstance(leaf, Aggregate))
_GIVEN: Final = tuple(leaf.name for leaf in _leaves_of(Given) if isinstance(leaf, Given))
_PROGRAM: Final = Program.of(
    [feature.node for feature in FEATURES],
    _PLAN.aggregates,
    [*(Given(name) for name in _GIVEN), *(PriorRate(k) for k in CURVE)],
)


def build_features(history: History, orders: Orders, priors: Priors) -> Floats:
    """Feature matrix, float64 (orders x `features.NAMES`), NaN for null; rows as the orders.

    Facts with `known_at` after an order's `as_of` are not seen. A customer that the history does not hold is a cold
    start: its rates are those of its peers. Bit-identical however orders are batched.
    """
    codes = history.codes(orders.customer_id)
    as_of = orders.as_of.astype("datetime64[us]").astype(np.int64)
    has_order = ~np.isnat(orders.due_on)
    country, segment = _master(history, orders, codes, as_of)
    facts = _given(history, orders, codes, as_of, country)
    peers = priors.curve(as_of, segment, terms_bucket(orders.net_days), has_order)
    given = np.column_stack([*(facts[name] for name in _GIVEN), peers])
    rows, aggregates = _collect(history, orders, codes, as_of)
    return _PROGRAM.run(rows, aggregates, given)


def _master(
    history: History, orders: Orders, codes: Ints, as_of: Ints
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Country and segment: the ledger's where known by then, else the order's; "" where unknown."""
    customers = history.customers
    if len(customers.ids) == 0:
        return orders.country, orders.segment
    seen = (codes >= 0) & (customers.known[codes] <= as_of)
    country = np.where(seen & (customers.country[codes] != ""), customers.country[codes], orders.country)
    segment = np.where(seen & (customers.segment[codes] != ""), customers.segment[codes], orders.segment)
    return country, segment


def _collect(history: History, orders: Orders, codes: Ints, as_of: Ints) -> tuple[Ints, Ints]:
    """Aggregates by customer and time, and for each order its row in them."""
    has_order = ~np.isnat(orders.due_on)
    weekday = np.where(has_order, calendars.weekday(orders.due_on), _ABSENT)
    net_days = np.where(has_order, orders.net_days, NULL)
    order = np.lexsort((as_of, codes))
    groups, start = np.unique(codes[order], return_index=True)
    invoices, clearings, events = history.invoices, history.clearings, history.events
    out = np.empty((len(orders), len(_PLAN.aggregates)), dtype=np.int64)
    collect(
        np.append(start, len(orders)), groups, as_of[order], weekday[order], net_days[order],
        _PLAN.families, _PLAN.log_start, _PLAN.specs, _PLAN.recent_specs, _PLAN.width, _PLAN.n_net_specs,
        _PLAN.n_maxima, _PLAN.decay,
        invoices.start, invoices.known, invoices.issued, invoices.due, invoices.amount, invoices.base,
        invoices.net_days, clearings.start, clearings.known, clearings.day, clearings.amount, clearings.base,
        clearings.kind, events.start, events.log, events.known, events.day, events.amount, events.value,
        events.end_known, events.invoice, out,
    )  # fmt: skip
    rows = np.empty_like(order)
    rows[order] = np.arange(len(order))
    return rows, out


def _given(
    history: History, orders: Orders, codes: Ints, as_of: Ints, country: NDArray[np.object_]
) -> dict[str, Floats]:
    today = as_of // DAY_US
    has_order = ~np.isnat(orders.due_on)
    rows = np.flatnonzero(has_order)
    due, issued = orders.due_on[rows], orders.issued_on[rows]
    amounts = history.rates.convert(
        orders.amount_minor[rows], orders.currency[rows], orders.as_of[rows].astype("datetime64[D]")
    )
    holiday, working = _by_country(due, country[rows])
    known = {
        "order_amount": amounts,
        "order_net_days": orders.net_days[rows],
        "order_days_to_due": due.astype(np.int64) - today[rows],
        "order_due_weekday": calendars.weekday(due),
        "order_due_day_of_month": calendars.day_of_month(due),
        "order_due_month_end": calendars.days_to_month_end(due) < 3,
        "order_due_quarter_end": calendars.is_quarter_end(due, within=5),
        "order_due_on_holiday": holiday,
        "order_due_to_working_day": working,
        "order_issue_weekday": calendars.weekday(issued),
    }
    facts = {
        "customer_tenure": _tenure(history, codes, as_of, today),
        "base_unit": np.full(len(orders), 10.0 ** -exponent(history.rates.base)),
    }
    for name, numbers in known.items():
        facts[name] = np.full(len(orders), np.nan)
        facts[name][rows] = numbers
    return facts


def _by_country(due: NDArray[np.datetime64], country: NDArray[np.object_]) -> tuple[NDArray[np.bool_], Ints]:
    holiday = np.zeros(len(due), dtype=np.bool_)
    working = np.zeros(len(due), dtype=np.int64)
    for name in set(country):
        rows = country == name
        holiday[rows] = calendars.is_holiday(due[rows], name)
        working[rows] = calendars.days_to_working_day(due[rows], name)
    return holiday, working


def _tenure(history: History, codes: Ints, as_of: Ints, today: Ints) -> Floats:
    customers = history.customers
    out = np.full(len(codes), np.nan)
    if len(customers.ids):
        seen = (codes >= 0) & (customers.known[codes] <= as_of) & (customers.known[codes] < NEVER_US)
        seen &= customers.has_since[codes]
        out[seen] = (today - customers.since[codes])[seen]
    return out
