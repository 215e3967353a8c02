"""The kernel's work list, made from the aggregates that the feature table asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from features.expression import Aggregate, Compare, Condition, Field, Log, Op, OrderDay
from features.kernel import (
    DUE_WEEKDAY_PARAMETER,
    NET_DAYS_PARAMETER,
    NO_PARAMETER,
    NONE,
    RECENT,
    S_CONDITIONS,
    SPEC_WIDTH,
)

Ints = NDArray[np.int64]

#: Fields whose value grows by one a day; elsewhere a fact's fields stay as they are while it holds.
_GROWING: Final = (Field.AGE, Field.DUE_AGE)
_PARAMETERS: Final = {
    OrderDay.DUE_WEEKDAY: (Field.DUE_WEEKDAY, DUE_WEEKDAY_PARAMETER),
    OrderDay.NET_DAYS: (Field.NET_DAYS, NET_DAYS_PARAMETER),
}


@dataclass(frozen=True)
class _Work:
    """An aggregate taken apart: conditions that say when a fact counts, conditions on what it is, and the order's."""

    aggregate: Aggregate
    age_above: int
    due_above: int
    fixed: tuple[Condition, ...]
    parameter: int

    @classmethod
    def of(cls, aggregate: Aggregate) -> Self:
        """Raises ValueError for an aggregate that the kernel cannot collect."""
        age_above, due_above, parameter, fixed = NONE, NONE, NO_PARAMETER, []
        for condition in aggregate.where:
            if isinstance(condition.value, OrderDay):
                field, parameter = _PARAMETERS[condition.value]
                _demand(condition.field is field and condition.compare is Compare.EQUAL, aggregate)
            elif condition.field in _GROWING:
                _demand(condition.compare is Compare.ABOVE, aggregate)
                if condition.field is Field.AGE:
                    age_above = max(age_above, int(condition.value))
                else:
                    due_above = max(due_above, int(condition.value))
            else:
                fixed.append(condition)
        late = [c.value for c in fixed if c.field is Field.DAYS_LATE]
        # an open invoice is "more than k days late" from the day on which it is more than k days past due
        _demand(aggregate.log is not Log.BILLED or all(k == due_above for k in late), aggregate)
        _demand(parameter == NO_PARAMETER or (aggregate.op is Op.SUM and aggregate.field is Field.ONE), aggregate)
        return cls(aggregate, age_above, due_above, tuple(fixed), parameter)

    @property
    def family(self) -> tuple[int, int, int, int]:
        """Aggregates of one family count their facts during the same spans."""
        return int(self.aggregate.log), self.aggregate.days, self.age_above, self.due_above

    @property
    def grows(self) -> bool:
        """Whether the value changes from day to day without a new fact."""
        sums = self.aggregate.op in (Op.SUM, Op.SUM_PRODUCT, Op.MAX)
        return sums and any(field in _GROWING for field in (self.aggregate.field, self.aggregate.times))

    def columns(self) -> int:
        """Running sums that the aggregate needs in every group."""
        if self.aggregate.op in (Op.MAX, Op.LATEST) or self.parameter == NET_DAYS_PARAMETER:
            return 0
        return 7 if self.parameter == DUE_WEEKDAY_PARAMETER else 3 if self.grows else 1


def _demand(holds: bool, aggregate: Aggregate) -> None:
    if not holds:
        raise ValueError(f"the kernel cannot collect {aggregate}: see features.plan for what it offers")


@dataclass(frozen=True)
class Plan:
    """Arrays for `features.kernel.collect`; column i of its answer is `aggregates[i]`."""

    aggregates: tuple[Aggregate, ...]
    families: Ints
    log_start: Ints
    specs: Ints
    recent_specs: Ints
    decay: Ints
    width: int
    n_net_specs: int
    n_maxima: int

    @classmethod
    def of(cls, aggregates: Iterable[Aggregate]) -> Self:
        """The plan for distinct aggregates; raises ValueError for one that the kernel cannot collect."""
        given = set(aggregates)
        recent = sorted((a for a in given if a.op >= Op.RECENT_DAYS_LATE), key=lambda a: (a.op, a.argument))
        work = sorted((_Work.of(a) for a in given.difference(recent)), key=lambda w: (w.family, repr(w)))
        specs, width, n_net, n_maxima = _specs(work)
        families, log_start = _families(work)
        half_lives = sorted({a.argument for a in recent if a.op in (Op.RECENT_DECAYED, Op.RECENT_WEIGHT)})
        ranks = np.arange(RECENT)
        decay = np.array([np.rint(2.0 ** (20 - ranks / h)) for h in half_lives]).astype(np.int64)
        ordered = (*(w.aggregate for w in work), *recent)
        recents = _recent_specs(recent, half_lives, len(work))
        return cls(ordered, families, log_start, specs, recents, decay, width, n_net, n_maxima)


def _specs(work: list[_Work]) -> tuple[Ints, int, int, int]:
    specs = np.zeros((len(work), SPEC_WIDTH), dtype=np.int64)
    width = sum(w.columns() for w in work)
    n_net = sum(w.parameter == NET_DAYS_PARAMETER for w in work)
    column = net = maxima = 0
    for row, w in zip(specs, work, strict=True):
        a, argument = w.aggregate, 0
        if a.op in (Op.MAX, Op.LATEST):
            at, maxima = maxima, maxima + 1
        elif w.parameter == NET_DAYS_PARAMETER:
            # one column for each distinct number of net days that a group's orders ask for
            at, net, argument = width + net, net + 1, n_net
        else:
            at, column = column, column + w.columns()
        row[:S_CONDITIONS] = a.op, a.field, a.times, argument, at, w.parameter, w.grows
        for i, c in enumerate(w.fixed):
            row[S_CONDITIONS + 3 * i : S_CONDITIONS + 3 * i + 3] = c.field, c.compare, c.value
    return specs, width, n_net, maxima


def _families(work: list[_Work]) -> tuple[Ints, Ints]:
    rows, logs, first = [], [], 0
    for (log, days, age_above, due_above), members in groupby(work, key=lambda w: w.family):
        n = len(list(members))
        rows.append((days, age_above, due_above, first, first + n))
        logs.append(log)
        first += n
    log_start = np.searchsorted(logs, np.arange(len(Log) + 1)).astype(np.int64)
    return np.array(rows, dtype=np.int64), log_start


def _recent_specs(recent: list[Aggregate], half_lives: list[int], first: int) -> Ints:
    specs = np.zeros((len(recent), SPEC_WIDTH), dtype=np.int64)
    for i, a in enumerate(recent):
        weighted = a.op in (Op.RECENT_DECAYED, Op.RECENT_WEIGHT)
        argument = half_lives.index(a.argument) if weighted else a.argument
        specs[i, :S_CONDITIONS] = a.op, 0, 0, argument, first + i, NO_PARAMETER, False
    return specs
