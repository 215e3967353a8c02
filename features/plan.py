"""Aggregates taken apart for the compiler: when a fact counts, what it adds, and in which running sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, Self

from features.expression import EVER, Aggregate, Compare, Condition, Field, Log, Op, OrderDay

#: "No such bound".
NONE: Final = None
_INVOICE: Final = frozenset({Field.ONE, Field.AGE, Field.DUE_AGE, Field.AMOUNT, Field.NET_DAYS, Field.DUE_WEEKDAY})
_EVENT: Final = frozenset({Field.ONE, Field.AGE, Field.AMOUNT})
#: What the facts of each log carry; DUE_AGE of a promise counts from the promised day.
FIELDS: Final[Mapping[Log, frozenset[Field]]] = {
    Log.ISSUED: _INVOICE,
    Log.BILLED: _INVOICE | {Field.DAYS_LATE},
    Log.SETTLED: _INVOICE | {Field.DAYS_LATE, Field.DAYS_TO_PAY, Field.SETTLED_WEEKDAY, Field.PARTS},
    Log.OPEN: _INVOICE | {Field.RESIDUAL},
    Log.DISPUTE: _EVENT | {Field.IS_OPEN},
    Log.PROMISE: _EVENT | {Field.DUE_AGE, Field.BROKEN},
    Log.DUNNING: _EVENT | {Field.VALUE},
    Log.CREDIT: _EVENT,
    Log.LIMIT: _EVENT,
    Log.TERMS: _EVENT | {Field.VALUE},
    Log.LOSS: _EVENT,
    Log.INSOLVENCY: _EVENT,
}
#: Fields whose value grows by one a day; elsewhere a fact's fields stay as they are while it holds.
GROWING: Final = (Field.AGE, Field.DUE_AGE)
#: Facts of these logs hold from when they became known on, forever.
LASTING: Final = frozenset({Log.ISSUED, Log.DUNNING, Log.CREDIT, Log.LIMIT, Log.TERMS, Log.LOSS, Log.INSOLVENCY})
#: Aggregates over the newest settlements that need more of them than the last few days late.
_LISTED: Final = frozenset({Op.RECENT_DAYS_LATE, Op.RECENT_SUM})


class Kind(Enum):
    """How an aggregate is collected."""

    SUM = auto()  # running sums
    PEAK = auto()  # a running maximum: its facts last
    MAXIMUM = auto()  # maxima of runs of moments
    NET_SUM = auto()  # a running sum for each of the orders' net days
    NEWEST = auto()  # the newest settlement, which is at hand anyway


_PARAMETERS: Final = {OrderDay.DUE_WEEKDAY: Field.DUE_WEEKDAY, OrderDay.NET_DAYS: Field.NET_DAYS}


@dataclass(frozen=True)
class Work:
    """An aggregate taken apart: bounds that say when a fact counts, conditions on what it is, and the order's.

    `column` is its first running sum, its maximum, or (for the order's net days) its place among those.
    """

    aggregate: Aggregate
    age_above: int | None
    due_above: int | None
    fixed: tuple[Condition, ...]
    parameter: OrderDay | None
    column: int = 0

    @classmethod
    def of(cls, aggregate: Aggregate) -> Self:
        """Raises ValueError for an aggregate that cannot be collected."""
        ages: dict[Field, list[int]] = {field: [] for field in GROWING}
        parameter, fixed = None, []
        for condition in aggregate.where:
            _demand(condition.field in FIELDS[aggregate.log], aggregate)
            if isinstance(condition.value, OrderDay):
                parameter = condition.value
                _demand(condition.field is _PARAMETERS[parameter] and condition.compare is Compare.EQUAL, aggregate)
            elif condition.field in GROWING:
                _demand(condition.compare is Compare.ABOVE, aggregate)
                ages[condition.field].append(int(condition.value))
            else:
                fixed.append(condition)
        age_above, due_above = (max(ages[field], default=NONE) for field in GROWING)
        _demand({aggregate.field, aggregate.times} <= FIELDS[aggregate.log], aggregate)
        late = [c for c in fixed if c.field is Field.DAYS_LATE]
        # an open invoice is "more than k days late" from the day on which it is more than k days past due
        on_open = aggregate.log is Log.BILLED
        _demand(not on_open or all(c.compare is Compare.ABOVE and c.value == due_above for c in late), aggregate)
        _demand(not on_open or Field.DAYS_LATE not in (aggregate.field, aggregate.times), aggregate)
        _demand(parameter is None or (aggregate.op is Op.SUM and aggregate.field is Field.ONE), aggregate)
        return cls(aggregate, age_above, due_above, tuple(fixed), parameter)

    @property
    def family(self) -> tuple[int, int, int, int]:
        """Aggregates of one family count their facts during the same spans; sorts by log, then window."""
        unbounded = -(10**9)
        bounds = (unbounded if bound is None else bound for bound in (self.age_above, self.due_above))
        return int(self.aggregate.log), self.aggregate.days, *bounds  # type: ignore[return-value]

    @property
    def kind(self) -> Kind:
        """How it is collected."""
        a = self.aggregate
        if a.op is Op.LATEST and a.log is Log.SETTLED and a.field is Field.AGE and not self.fixed:
            return Kind.NEWEST
        if a.op in (Op.MAX, Op.LATEST):
            return Kind.PEAK if a.days == EVER and a.log in LASTING else Kind.MAXIMUM
        return Kind.NET_SUM if self.parameter is OrderDay.NET_DAYS else Kind.SUM

    @property
    def is_turned(self) -> bool:
        """Whether it counts billed invoices that are more than some days late, as open ones are until settled."""
        return self.aggregate.log is Log.BILLED and any(c.field is Field.DAYS_LATE for c in self.fixed)

    @property
    def degree(self) -> int:
        """How it grows from day to day without a new fact: 0 not at all, 1 linearly, 2 with the square."""
        return sum(field in GROWING for field in (self.aggregate.field, self.aggregate.times))

    @property
    def columns(self) -> int:
        """Places that it needs among its kind."""
        if self.kind is not Kind.SUM:
            return 1
        return 7 if self.parameter is OrderDay.DUE_WEEKDAY else 1 + self.degree


def _demand(holds: bool, aggregate: Aggregate) -> None:
    if not holds:
        raise ValueError(f"the engine cannot collect {aggregate}: see features.plan for what it offers")


@dataclass(frozen=True)
class Plan:
    """The work of a set of aggregates: `work` by family, `recent` over the newest settlements.

    `sizes` are the numbers of running sums, peaks, maxima, and running sums for each distinct number of net days.
    """

    work: tuple[Work, ...]
    recent: tuple[Aggregate, ...]
    sizes: tuple[int, int, int, int]

    @classmethod
    def of(cls, aggregates: Iterable[Aggregate]) -> Self:
        """The plan for distinct aggregates; raises ValueError for one that cannot be collected."""
        given = set(aggregates)
        recent = sorted((a for a in given if a.op >= Op.RECENT_DAYS_LATE), key=lambda a: (a.op, a.argument))
        sizes = dict.fromkeys(Kind, 0)
        placed = []
        works = [Work.of(a) for a in given.difference(recent)]
        for work in sorted(works, key=lambda w: (w.family, w.is_turned, repr(w))):
            placed.append(replace(work, column=sizes[work.kind]))
            sizes[work.kind] += work.columns
        kinds = (Kind.SUM, Kind.PEAK, Kind.MAXIMUM, Kind.NET_SUM)
        return cls(tuple(placed), tuple(recent), tuple(sizes[kind] for kind in kinds))  # type: ignore[arg-type]

    @property
    def needs(self) -> frozenset[str]:
        """What of the loop the work needs: `settled`, the list of settlements; `look`, what is known of the newest of
        them; `net`, sums by net days."""
        needs = {
            "settled": bool(self.recent) or any(work.kind is Kind.NEWEST for work in self.work),
            "look": any(aggregate.op not in _LISTED for aggregate in self.recent),
            "net": self.sizes[-1] > 0,
        }
        return frozenset(name for name, needed in needs.items() if needed)
