"""From the feature table to `features/compiled.py`: straight-line code for every aggregate and every feature.

The generated module is kept in the repository, so that it can be read, reviewed and cached by numba; a test holds it
against the table, and `otcrisk docs` writes it anew.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from features import kernel
from features.expression import (
    EVER,
    Aggregate,
    Apply,
    Compare,
    Condition,
    Constant,
    Field,
    Function,
    Given,
    Log,
    Node,
    Op,
    OrderDay,
    PriorRate,
    nodes,
)
from features.feature import Feature
from features.loop import HEAD, LOOP, SETTLEMENTS
from features.plan import GROWING, Kind, Plan, Work

_COMPARE: Final = {Compare.ABOVE: ">", Compare.EQUAL: "==", Compare.NOT_ABOVE: "<="}
_RECENT: Final = {
    Op.RECENT_DAYS_LATE: "float(lates[held - {argument}]) if held >= {argument} else np.nan",
    Op.RECENT_MEDIAN_TWICE: "float(look[(shown - 1) // 2] + look[shown // 2]) if shown > 0 else np.nan",
    Op.RECENT_COUNT: "float(shown)",
    Op.RECENT_ON_TIME_STREAK: "float(look[ON_TIME_STREAK]) if shown > 0 else np.nan",
    Op.RECENT_LATE_STREAK: "float(look[LATE_STREAK]) if shown > 0 else np.nan",
    Op.RECENT_DISTINCT_DAYS: "float(look[DISTINCT_DAYS]) if shown > 0 else np.nan",
    Op.RECENT_SPAN: "float(day_of(keys[held - 1]) - day_of(keys[held - shown])) if shown > 0 else np.nan",
    Op.RECENT_WEIGHT: "float(WEIGHT_SUMS_{argument}[shown]) if shown > 0 else np.nan",
}
_FUNCTIONS: Final = {
    Function.ADD: "{0} + {1}",
    Function.SUBTRACT: "{0} - {1}",
    Function.MULTIPLY: "{0} * {1}",
    Function.MAXIMUM: "{0} if np.isnan({1}) or {0} >= {1} else {1}",
    Function.SQRT: "np.sqrt({0})",
    Function.IS_ABOVE: "np.nan if np.isnan({0}) else 1.0 if {0} > {1} else 0.0",
    Function.IF_ABOVE: "{2} if {0} > {1} else np.nan",
    Function.MODULO: "{0} - {1} * np.floor({0} / {1})",
}


def source(features: Sequence[Feature]) -> str:
    """The generated module for these features, in their order.

    All of it is one function without calls in its inner loops: numba would count references around each of them.
    """
    leaves = [node for feature in features for node in nodes(feature.node)]
    plan = Plan.of(leaf for leaf in leaves if isinstance(leaf, Aggregate))
    given = tuple(dict.fromkeys(leaf.name for leaf in leaves if isinstance(leaf, Given)))
    priors = tuple(dict.fromkeys(leaf.days for leaf in leaves if isinstance(leaf, PriorRate)))
    added = [work for work in plan.work if work.kind is not Kind.NEWEST]
    blocks = {f"add {log.name.lower()}": list(_adder([w for w in added if w.aggregate.log is log])) for log in Log}
    blocks["take in settlements"] = SETTLEMENTS.splitlines() if "settled" in plan.needs else []
    blocks["read"] = list(_reader(features, plan, given, priors))
    head = HEAD.format(fingerprint=hashlib.sha256(inspect.getsource(kernel).encode()).hexdigest()[:16])
    lines = [
        head,
        f"{', '.join(log.name for log in Log)} = range({len(Log)})",
        f"GIVEN = {given!r}",
        f"PRIORS = {priors!r}",
        f"N_FEATURES, WIDTH, N_PEAKS, N_MAXIMA, N_NET = {len(features)}, {', '.join(map(str, plan.sizes))}",
        *_weights(plan),
        *_filled(LOOP, blocks, plan.needs),
    ]
    return "\n".join(lines) + "\n"


def _filled(template: str, blocks: Mapping[str, list[str]], needs: Collection[str]) -> Iterator[str]:
    """The template's lines, but for those that say what to put in their place, indented alike.

    `#: NAME` stands for the block of that name, `NAME = position of MOMENT` for the position of the first moment at or
    after one that is given in microseconds; `#? NEED` ends a line that only this need keeps.
    """
    for marked in template.splitlines():
        line, _, need = marked.partition("  #? ")
        if need and need not in needs:
            continue
        indent, words = line[: len(line) - len(line.lstrip())], line.split()
        name = line.strip().removeprefix("#: ")
        if name in blocks:
            yield from (f"{indent}{inner}" for inner in blocks[name] or ["pass"])
        elif words[1:4] == ["=", "position", "of"]:
            place, moment = words[0], words[4]
            inside = f"n if {moment} > latest else days[{moment} // DAY_US - first_day]"
            yield f"{indent}{place} = 0 if {moment} <= times[0] else {inside}"
            yield f"{indent}while {place} < n and times[{place}] < {moment}:"
            yield f"{indent}    {place} += 1"
        else:
            yield line


def _weights(plan: Plan) -> Iterator[str]:
    """Weights that halve every `argument` settlements, in whole 2^-20."""
    for half_life in sorted({a.argument for a in plan.recent if a.op in (Op.RECENT_DECAYED, Op.RECENT_WEIGHT)}):
        newest_first = np.rint(2.0 ** (20 - np.arange(kernel.RECENT) / half_life)).astype(np.int64)
        yield f"WEIGHTS_{half_life} = np.array({newest_first[::-1].tolist()!r})"
        yield f"WEIGHT_SUMS_{half_life} = np.array({[0, *np.cumsum(newest_first).tolist()]!r})"


def _adder(work: list[Work]) -> Iterator[str]:
    """Adds one fact, which holds from moment `first` until `last`, to every aggregate of its log."""
    if any(w.parameter is OrderDay.NET_DAYS for w in work):
        yield from ("code = -1", "for j in range(n_codes):", "    if codes[j] == v_net_days:", "        code = j")
    for days, window in groupby(work, key=lambda w: w.aggregate.days):
        left = "" if days == EVER else f", {_at('day', days + 1)}"
        yield f"until = min(last{left})" if left else "until = last"
        yield "if first < until:"
        for _, family in groupby(window, key=lambda w: w.family):
            yield from (f"    {line}" for line in _family(list(family)))


def _at(date: str, days: int) -> str:
    """Position of the first moment at or after the midnight that begins so many days after a date."""
    return f"days[min(max({date} + {days} - first_day, 0), top)]"


def _family(family: list[Work]) -> Iterator[str]:
    bounds = (("day", family[0].age_above), ("due_day", family[0].due_above))
    starts = [_at(date, k + 1) for date, k in bounds if k is not None]
    if not starts:
        yield "start = first"
        yield from _statements(family)
        return
    yield f"start = max(first, {', '.join(starts)})"
    yield "if start < until:"
    yield from (f"    {line}" for line in _statements(family))


def _statements(family: list[Work]) -> Iterator[str]:
    """What one fact does to the aggregates of a family from moment `start` until `until`."""
    for late, some in groupby(family, key=lambda w: w.is_turned):
        works = list(some)
        adds = [add for work in works if work.kind is Kind.SUM for add in _adds(work, late)]
        others = [line for work in works if work.kind is not Kind.SUM for line in _statement(work, late)]
        # side by side, so that the processor can add several at once
        lines = [f"sums[{at}, {column}] {sign}= {value}" for at, sign in _ENDS[late] for column, value in adds] + others
        if not late:
            yield from lines
            continue
        # late, if at all, until then; still open, if it was, until it turned
        yield f"stop = until if v_days_late > {works[0].due_above} else min(turn, until)"
        yield from _guarded("start < stop", *lines)


_ENDS: Final = {late: (("start", "+"), ("stop" if late else "until", "-")) for late in (False, True)}


def _adds(work: Work, late: bool) -> Iterator[tuple[str, str]]:
    """Running sums and what a fact adds to each."""
    place = f"{work.column} + v_due_weekday" if work.parameter is OrderDay.DUE_WEEKDAY else f"{work.column}"
    condition = "" if late else " and ".join(_condition(c) for c in work.fixed)
    for power, value in enumerate(_polynomial(work.aggregate)):
        column = place if not power else f"{work.column + power}"
        yield column, f"({value} if {condition} else 0)" if condition else value


def _statement(work: Work, late: bool) -> Iterator[str]:
    """What a fact does to an aggregate that is not a plain sum."""
    a, column, until = work.aggregate, work.column, _ENDS[late][1][0]
    condition = "" if late else " and ".join(_condition(c) for c in work.fixed)
    key = _growth(a.field)[0] if a.op is Op.MAX else f"(day << {kernel.ORDINAL_BITS}) + ordinal"
    if work.kind is Kind.PEAK:
        yield from _guarded(condition, f"peaks[start, {column}] = max(peaks[start, {column}], {key})")
    elif work.kind is Kind.MAXIMUM:
        places = [f"maxima[(level * n + {at}) * N_MAXIMA + {column}]" for at in ("start", "other")]
        yield from _guarded(
            condition,
            f"key, level = {key}, levels[until - start]",
            "other = until - (1 << level)",
            *(f"{place} = max({place}, key)" for place in places),
        )
    elif work.kind is Kind.NET_SUM:
        condition = f"code >= 0 and {condition}" if condition else "code >= 0"
        places = [f"{at} * across + code * N_NET + {column}" for at in ("start", until)]
        yield from _guarded(condition, *(f"net[{place}] {sign}= 1" for place, sign in zip(places, "+-", strict=True)))


def _guarded(condition: str, *statements: str) -> Iterator[str]:
    if not condition:
        yield from statements
        return
    yield f"if {condition}:"
    yield from (f"    {statement}" for statement in statements)


def _condition(condition: Condition) -> str:
    return f"{_name(condition.field)} {_COMPARE[condition.compare]} {int(condition.value)}"


def _name(field: Field) -> str:
    return "1" if field is Field.ONE else f"v_{field.name.lower()}"


def _growth(field: Field) -> tuple[str, str]:
    """A field as constant + slope x today's date."""
    if field in GROWING:
        return f"-{'day' if field is Field.AGE else 'due_day'}", "1"
    return _name(field), "0"


def _polynomial(a: Aggregate) -> list[str]:
    """Coefficients of field x times in powers of today's date: (p + q t)(r + s t) = pr + (ps + qr) t + qs t^2."""
    (p, q), (r, s) = _growth(a.field), _growth(a.times)
    if q == s == "0":
        return [_product(p, r)]
    if q == s == "1":
        return [_product(p, r), f"({p}) + ({r})", "1"]
    return [_product(p, r), r if q == "1" else p]


def _product(p: str, r: str) -> str:
    return r if p == "1" else p if r == "1" else f"({p}) * ({r})"


def _reader(features: Sequence[Feature], plan: Plan, given: tuple[str, ...], priors: tuple[int, ...]) -> Iterator[str]:
    """Turns one moment's running sums and maxima into the features of one order."""
    names: dict[Node, str] = {Given(name): f"given[row, {i}]" for i, name in enumerate(given)}
    names.update({PriorRate(k): f"given[row, {len(given) + i}]" for i, k in enumerate(priors)})
    if any(work.kind is Kind.NEWEST for work in plan.work):
        yield from ("newest = held", "while newest > 0 and day_of(keys[newest - 1]) > today:", "    newest -= 1")
    for i, work in enumerate(plan.work):
        names[work.aggregate] = f"a{i}"
        yield f"a{i} = {_value(work)}"
    for i, aggregate in enumerate(plan.recent):
        names[aggregate] = f"r{i}"
        yield from _recent(f"r{i}", aggregate)
    steps: dict[Node, str] = {}
    for node in (inner for feature in features for inner in nodes(feature.node)):
        if isinstance(node, Constant):
            names[node] = repr(node.value)
        elif isinstance(node, Apply) and node not in names:
            names[node] = f"x{len(steps)}"
            steps[node] = names[node]
            yield from _applied(names[node], node.function, [names[argument] for argument in node.arguments])
    for i, feature in enumerate(features):
        yield f"out[row, {i}] = {names[feature.node]}  # {feature.name}"


def _recent(name: str, aggregate: Aggregate) -> Iterator[str]:
    """An aggregate over the newest settlements."""
    argument = aggregate.argument
    if aggregate.op is Op.RECENT_SUM:
        newest = " + ".join(f"lates[held - {back}]" for back in range(1, argument + 1))
        yield f"{name} = float({newest}) if held >= {argument} else np.nan"
    elif aggregate.op is Op.RECENT_DECAYED:
        yield "total = 0"
        yield "for j in range(shown):"
        yield f"    total += WEIGHTS_{argument}[RECENT - shown + j] * lates[held - shown + j]"
        yield f"{name} = float(total) if shown > 0 else np.nan"
    else:
        yield f"{name} = {_RECENT[aggregate.op].format(argument=argument)}"


def _value(work: Work) -> str:
    a, c = work.aggregate, work.column
    if work.kind is Kind.NEWEST:
        return "float(today - day_of(keys[newest - 1])) if newest > 0 else np.nan"
    if work.kind in (Kind.PEAK, Kind.MAXIMUM):
        key = f"peak[{c}]" if work.kind is Kind.PEAK else f"maxima[q * N_MAXIMA + {c}]"
        values = {Field.AGE: f"today - day_of({key})", Field.AMOUNT: f"event_amount[{key} & ORDINAL_MASK]"}
        value = values.get(a.field, f"event_value[{key} & ORDINAL_MASK]")
        if a.op is Op.MAX:
            value = f"{key} + today" if work.degree else key
        return f"np.nan if {key} == NULL else float({value})"
    if work.parameter is OrderDay.DUE_WEEKDAY:
        return f"float(so_far[{c} + weekday]) if weekday >= 0 else 0.0"
    if work.kind is Kind.NET_SUM:
        return f"float(net_so_far[code * N_NET + {c}])"
    terms = (f"so_far[{c}]", f"so_far[{c}] + today * so_far[{c + 1}]",
             f"so_far[{c}] + today * (so_far[{c + 1}] + today * so_far[{c + 2}])")  # fmt: skip
    return f"float({terms[work.degree]})"


def _applied(name: str, function: Function, arguments: list[str]) -> Iterator[str]:
    if function is Function.ARGMAX:
        yield f"{name}, largest = 0.0, {arguments[0]}"
        for i, argument in enumerate(arguments[1:], start=1):
            yield f"{name}, largest = ({i}.0, {argument}) if {argument} > largest else ({name}, largest)"
    elif function is Function.RATIO:
        # dividing first spares the processor a branch
        yield f"{name} = {arguments[0]} / {arguments[1]}"
        yield f"{name} = np.nan if {arguments[1]} == 0.0 else {name}"
    else:
        yield f"{name} = {_FUNCTIONS[function].format(*arguments)}"
