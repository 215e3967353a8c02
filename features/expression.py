"""The small language in which a feature says what it is: aggregates of a customer's history and arithmetic on them.

A `Node` is a value per order. Leaves are an `Aggregate` (a whole number that the kernel collects), a fact `given` with
the order or customer, a `prior` rate of the order's peers, or a constant. Equal nodes are evaluated once. Only
operations that IEEE 754 rounds correctly are offered, so one order and a million give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Log(IntEnum):
    """The streams of facts about a customer. Each has a date from which its age is counted."""

    ISSUED = 0  # every invoice, by issue date
    BILLED = 1  # every invoice not wholly credited, by due date
    SETTLED = 2  # invoices settled with money, by settlement date
    OPEN = 3  # invoices with a residual, by issue date
    DISPUTE = 4  # by opening date
    PROMISE = 5  # by the day the promise was made
    DUNNING = 6  # by reminder date
    CREDIT = 7  # credit notes, by posting date
    LIMIT = 8  # credit limits, by first day
    TERMS = 9  # agreed terms, by first day
    LOSS = 10  # write-offs, by posting date
    INSOLVENCY = 11  # by filing date


class Field(IntEnum):
    """What a fact in a log carries; amounts in minor units of the base currency, times in whole days."""

    ONE = 0
    AGE = 1  # days since the log's date
    AMOUNT = 2
    RESIDUAL = 3
    DAYS_LATE = 4  # settlement minus due date; for an open invoice days past due so far (negative before due)
    DUE_AGE = 5  # days since the due date, negative before it
    NET_DAYS = 6
    DAYS_TO_PAY = 7  # settlement minus issue date
    SETTLED_WEEKDAY = 8  # Monday 0
    DUE_WEEKDAY = 9
    PARTS = 10  # payments that settled the invoice
    IS_OPEN = 11  # 1 for an open invoice or dispute
    VALUE = 12  # dunning level, agreed net days, days a promise was exceeded
    BROKEN = 13  # 1 for a broken promise


class Op(IntEnum):
    """How facts become one whole number."""

    SUM = 0
    SUM_PRODUCT = 1
    MAX = 2
    LATEST = 3  # the value of the fact with the smallest age
    # over the last 25 settlements, newest first; `argument` says how many or which
    RECENT_DAYS_LATE = 10
    RECENT_SUM = 11
    RECENT_MEDIAN_TWICE = 12
    RECENT_COUNT = 13
    RECENT_ON_TIME_STREAK = 14
    RECENT_LATE_STREAK = 15
    RECENT_DISTINCT_DAYS = 16
    RECENT_SPAN = 17  # days between the oldest and the newest
    RECENT_DECAYED = 18  # days late with weights that halve every `argument` settlements, in whole 2^-20
    RECENT_WEIGHT = 19  # those weights alone


class Compare(IntEnum):
    """How a condition compares a field with its value."""

    ALWAYS = 0
    ABOVE = 1
    EQUAL = 2
    NOT_ABOVE = 3


class OrderDay(IntEnum):
    """A value of the order that a condition may compare with (in place of a number)."""

    DUE_WEEKDAY = 0
    NET_DAYS = 1


@dataclass(frozen=True)
class Condition:
    """`field` compared with a number, or with a value of the order at hand."""

    field: Field
    compare: Compare
    value: int | OrderDay


#: Days back that mean "ever".
EVER = 200_000


class Node:
    """A value per order; combine with + - * and the functions below."""

    def __add__(self, other: Node | float) -> Node:
        return Apply(Function.ADD, (self, as_node(other)))

    def __sub__(self, other: Node | float) -> Node:
        return Apply(Function.SUBTRACT, (self, as_node(other)))

    def __mul__(self, other: Node | float) -> Node:
        return Apply(Function.MULTIPLY, (self, as_node(other)))


@dataclass(frozen=True)
class Aggregate(Node):
    """A whole number over the facts of `log` not older than `days` that meet all conditions; null where `op` needs one
    fact and there is none."""

    log: Log
    days: int
    op: Op = Op.SUM
    field: Field = Field.ONE
    times: Field = Field.ONE
    where: tuple[Condition, ...] = ()
    argument: int = 0


@dataclass(frozen=True)
class Given(Node):
    """A fact of the order or customer by name; null where it is unknown."""

    name: str


@dataclass(frozen=True)
class PriorRate(Node):
    """Share of peers' matured invoices that were more than `days` late, as known at the order's moment."""

    days: int


@dataclass(frozen=True)
class Constant(Node):
    """The same number for every order."""

    value: float


class Function(IntEnum):
    """What can be done with values; a null argument makes the result null unless it says otherwise."""

    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2
    MAXIMUM = 3  # of what is not null
    SQRT = 4
    RATIO = 5  # null where the second is zero
    IS_ABOVE = 6  # 1 or 0
    IF_ABOVE = 7  # the third where the first exceeds the second, else null
    MODULO = 8  # 0 <= result < second
    ARGMAX = 9  # position of the largest of several, the first among equals


@dataclass(frozen=True)
class Apply(Node):
    """A function of other nodes."""

    function: Function
    arguments: tuple[Node, ...]


def as_node(value: Node | float) -> Node:
    """Numbers become constants."""
    return value if isinstance(value, Node) else Constant(float(value))


def above(field: Field, value: int) -> Condition:
    """Facts whose field is greater than `value`."""
    return Condition(field, Compare.ABOVE, value)


def equal(field: Field, value: int | OrderDay) -> Condition:
    """Facts whose field equals `value`."""
    return Condition(field, Compare.EQUAL, value)


def not_above(field: Field, value: int) -> Condition:
    """Facts whose field is `value` or less."""
    return Condition(field, Compare.NOT_ABOVE, value)


def count(log: Log, days: int, *where: Condition) -> Aggregate:
    """How many facts."""
    return Aggregate(log, days, where=where)


def total(log: Log, days: int, field: Field, *where: Condition, times: Field = Field.ONE) -> Aggregate:
    """Sum of a field, or of the product of two."""
    op = Op.SUM if times is Field.ONE else Op.SUM_PRODUCT
    return Aggregate(log, days, op, field, times, where)


def maximum(log: Log, days: int, field: Field, *where: Condition) -> Aggregate:
    """Largest value of a field; null without facts."""
    return Aggregate(log, days, Op.MAX, field, where=where)


def latest(log: Log, field: Field) -> Aggregate:
    """The field of the newest fact that is not dated after today; null without facts."""
    return Aggregate(log, EVER, Op.LATEST, field, where=(above(Field.AGE, -1),))


def recent(op: Op, argument: int = 0) -> Aggregate:
    """Over the last 25 settlements."""
    return Aggregate(Log.SETTLED, EVER, op, argument=argument)


def ratio(part: Node, whole: Node | float) -> Node:
    """part / whole; null where the whole is zero."""
    return Apply(Function.RATIO, (part, as_node(whole)))


def shrunk(part: Node, whole: Node, prior: Node | float, weight: float) -> Node:
    """(part + weight x prior) / (whole + weight): the own share, drawn towards the prior where there is little."""
    return Apply(Function.RATIO, (part + as_node(prior) * weight, whole + weight))


def deviation(n: Node, one: Node, squares: Node) -> Node:
    """Population standard deviation from count, sum and sum of squares; null below two facts."""
    # n^2 x the variance: whole numbers, so it cannot be a little below zero
    spread = n * squares - one * one
    return Apply(Function.IF_ABOVE, (n, Constant(1.0), ratio(Apply(Function.SQRT, (spread,)), n)))


def slope(n: Node, x: Node, y: Node, xx: Node, xy: Node) -> Node:
    """Least-squares slope of y on x from sums; null where x does not vary or fewer than three facts are there."""
    line = ratio(n * xy - x * y, n * xx - x * x)
    return Apply(Function.IF_ABOVE, (n, Constant(2.0), line))


def at_least(n: Node, least: int, value: Node) -> Node:
    """`value`, or null where n is below `least`."""
    return Apply(Function.IF_ABOVE, (n, Constant(least - 0.5), value))


def largest(*nodes: Node) -> Node:
    """Elementwise maximum of two or more."""
    out = nodes[0]
    for node in nodes[1:]:
        out = Apply(Function.MAXIMUM, (out, node))
    return out


def is_above(a: Node, b: Node | float) -> Node:
    """1 where a > b, 0 where not, null where a is null."""
    return Apply(Function.IS_ABOVE, (a, as_node(b)))


def first_index_of_largest(*nodes: Node) -> Node:
    """Index of the largest node, the first among equals."""
    return Apply(Function.ARGMAX, nodes)


def modulo(a: Node, b: float) -> Node:
    """a modulo b, in 0 <= r < b."""
    return Apply(Function.MODULO, (a, Constant(b)))


def nodes(node: Node) -> list[Node]:
    """The node and all under it, arguments before what uses them, repeated where they occur repeatedly."""
    under = [inner for argument in node.arguments for inner in nodes(argument)] if isinstance(node, Apply) else []
    return [*under, node]
