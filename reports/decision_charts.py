"""Pictures of one decision: waterfall, score scale, credit limit, payment window, and how past invoices were paid."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from reports.charts import Format, Picture, fit, picture, wrapped
from reports.svg import (
    ACCENT,
    ADVERSE,
    FAVOURABLE,
    INK,
    MUTED,
    RULE,
    SURFACE,
    Anchor,
    Scale,
    bar,
    dot,
    line,
    text,
    ticks,
)
from reports.words import day, month

_WIDE = 960.0
_HALF = 470.0


@dataclass(frozen=True)
class Step:
    """One reason of a waterfall: its words, what it adds, and whether it raises the risk."""

    words: str
    points: Decimal
    adverse: bool


def waterfall(
    title: str,
    description: str,
    reference: Decimal,
    steps: Sequence[Step],
    value: Decimal,
    *,
    names: tuple[str, str],
    notes: tuple[str, str] = ("", ""),
    marks: Sequence[tuple[float, str]] = (),
) -> Picture:
    """From the reference over each step to the value; exact decimals in, so the parts add up as they are printed.

    `names` are the words for reference and value, `notes` what stands behind their numbers; `marks` are axis values
    with labels, by default round numbers.
    """
    running = [reference]
    for step in steps:
        running.append(running[-1] + step.points)
    low, high = float(min(*running, value)), float(max(*running, value))
    pad = (high - low) * 0.08 or 1.0
    axis = [mark for mark in marks if low - pad <= mark[0] <= high + pad] or [(m, f"{m:g}") for m in ticks(low, high)]
    scale = Scale(min(low - pad, axis[0][0]), max(high + pad, axis[-1][0]), 450, _WIDE - 70)
    row, top = 44.0, 30.0
    bottom = top + row * (len(steps) + 2)
    parts = [mark for at, label in _spaced(axis, scale) for mark in _mark(scale(at), top - 6, bottom, label)]
    parts += _total(names[0], reference, notes[0], scale, top, row)
    for i, step in enumerate(steps):
        parts += _step(step, running[i], scale, top + row * (i + 1), row)
    parts += _total(names[1], value, notes[1], scale, bottom - row, row)
    signed = [(step.words, f"{step.points:+}", "raises risk" if step.adverse else "lowers risk") for step in steps]
    rows = [(names[0], str(reference), ""), *signed, (names[1], str(value), "")]
    header = ("", "points", "effect")
    return picture(title, description, parts, width=_WIDE, height=bottom + 4, header=header, rows=rows)


def _spaced(axis: Sequence[tuple[float, str]], scale: Scale) -> Iterator[tuple[float, str]]:
    """The marks that do not touch the one before."""
    free = -math.inf
    for at, label in axis:
        if scale(at) >= free:
            yield at, label
            free = scale(at) + 42


def _mark(x: float, top: float, bottom: float, label: str) -> tuple[Markup, Markup]:
    return line(x, top, x, bottom), text(x, top - 6, label, anchor="middle", size=11, fill=MUTED)


def _step(step: Step, start: Decimal, scale: Scale, y: float, row: float) -> Iterator[Markup]:
    colour = ADVERSE if step.adverse else FAVOURABLE
    x1, x2 = scale(float(start)), scale(float(start + step.points))
    said = wrapped(step.words, 425, lines=2, size=12.5)
    for n, part in enumerate(said):
        yield text(0, y + row / 2 + 4 + (n - (len(said) - 1) / 2) * 16, part, size=12.5)
    yield bar(x1, y + 9, x2 - x1, row - 18, colour, tip=f"{step.words}: {step.points:+}")
    yield line(x2, y + 9, x2, y + row + 9, stroke=MUTED, dash="2 3")
    yield text(max(x1, x2) + 7, y + row / 2 + 4, f"{step.points:+}", fill=colour, weight=600)


def _total(name: str, value: Decimal, note: str, scale: Scale, y: float, row: float) -> Iterator[Markup]:
    # a mark, not a bar: a bar would have to start at zero to be read truly
    x = scale(float(value))
    yield line(450, y + row / 2, x, y + row / 2, stroke=INK, width=1.5)
    yield bar(x - 3, y + 7, 6, row - 14, INK, tip=f"{name}: {value}")
    yield text(0, y + row / 2 + 4, name, size=12.5, weight=600)
    yield text(x + 9, y + row / 2 + 4, f"{value} {note}".rstrip(), weight=700)


def score_scale(
    title: str,
    description: str,
    *,
    low: float,
    high: float,
    score: float,
    others: Sequence[tuple[str, float]],
    rating: str,
    ratings: Sequence[str],
) -> Picture:
    """The score on its scale beside `others` (the previous score, the reference), and the rating among `ratings`."""
    scale = Scale(low, high, 14, _HALF - 14)
    parts = [bar(14, 56, _HALF - 28, 10, SURFACE), bar(14, 56, scale(score) - 14, 10, ACCENT)]
    for at in ticks(low, high, about=7):
        parts += [
            line(scale(at), 66, scale(at), 72),
            text(scale(at), 86, f"{at:g}", anchor="middle", size=11, fill=MUTED),
        ]
    for i, (name, other) in enumerate(others):
        y = 108 + 17 * i
        parts += [dot(scale(other), 61, 5, "white", stroke=MUTED, tip=f"{name}: {other:g}")]
        parts += [dot(20, y - 4, 4, "white", stroke=MUTED), text(32, y, f"{name}: {other:g}", fill=MUTED)]
    parts += [
        dot(scale(score), 61, 9, ACCENT, tip=f"score {score:g}"),
        text(scale(score), 42, f"{score:g}", anchor="middle", size=26, weight=700),
        text(scale(low), 18, "higher risk", size=11, fill=MUTED),
        text(scale(high), 18, "lower risk", anchor="end", size=11, fill=MUTED),
    ]
    top = 116 + 17 * len(others)
    parts += _rating_boxes(rating, ratings, top)
    rows = [("score", f"{score:g}"), *((name, f"{other:g}") for name, other in others), ("rating", rating)]
    return picture(title, description, parts, width=_HALF, height=top + 52, header=("", ""), rows=rows)


def _rating_boxes(rating: str, ratings: Sequence[str], top: float) -> Iterator[Markup]:
    step = (_HALF - 28) / max(len(ratings), 1)
    for i, name in enumerate(reversed(ratings)):  # worst on the left, as on the score's axis
        mine = name == rating
        x = 14 + i * step
        yield bar(x + 1, top, step - 2, 30, ACCENT if mine else SURFACE, tip=f"rating {name}")
        weight = 700 if mine else 400
        yield text(x + step / 2, top + 20, name, anchor="middle", fill="white" if mine else MUTED, weight=weight)
    yield text(14, top + 46, "worst", size=11, fill=MUTED)
    yield text(_HALF - 14, top + 46, "best", anchor="end", size=11, fill=MUTED)


def limit_use(
    title: str, description: str, *, before: float, order: float, limit: float | None, form: Format
) -> Picture:
    """Exposure before the order, what the order adds, and the credit limit as a line across both."""
    after = before + order
    scale = Scale(0, max(after, limit or 0) * 1.04 or 1.0, 4, _HALF - 4)
    inside = min(order, max((limit if limit is not None else after) - before, 0))
    parts = [
        bar(scale(0), 34, scale(before) - scale(0), 40, MUTED, tip=f"exposure before: {form(before)}"),
        bar(scale(before), 34, scale(before + inside) - scale(before), 40, ACCENT, tip=f"this order: {form(order)}"),
    ]
    if order > inside:
        over = scale(after) - scale(before + inside)
        parts.append(bar(scale(before + inside), 34, over, 40, ADVERSE, tip=f"over the limit: {form(order - inside)}"))
    if limit is not None:
        x = scale(limit)
        parts += [line(x, 22, x, 84, stroke=INK, width=2.5)]
        parts += [text(x, 16, f"limit {form(limit)}", anchor="start" if x < _HALF / 2 else "end", weight=700)]
    legend = [("exposure before", before, MUTED), ("this order", order, ACCENT)]
    if order > inside:
        legend.append(("of it over the limit", order - inside, ADVERSE))
    for i, (name, value, colour) in enumerate(legend):
        parts += [bar(4, 98 + 20 * i, 11, 11, colour), text(22, 108 + 20 * i, f"{name} {form(value)}")]
    rows = [("exposure before", form(before)), ("this order", form(order)), ("exposure after", form(after))]
    rows.append(("credit limit", form(limit) if limit is not None else "none known"))
    height = 104 + 20 * len(legend)
    return picture(title, description, parts, width=_HALF, height=height, header=("", "amount"), rows=rows)


def payment_window(
    title: str, description: str, *, due: dt.date, earliest: dt.date, median: dt.date, latest: dt.date, level: str
) -> Picture:
    """When the invoice will probably be paid: the interval, its middle and the due date on one time axis."""
    days = [due, earliest, median, latest]
    span = max((max(days) - min(days)).days, 6)
    scale = Scale(min(days).toordinal() - span * 0.1, max(days).toordinal() + span * 0.12, 8, _HALF - 8)
    at = {name: scale(d.toordinal()) for name, d in zip(("due", "earliest", "median", "latest"), days, strict=True)}
    parts = [
        bar(8, 58, _HALF - 16, 14, SURFACE),
        bar(at["earliest"], 58, max(at["latest"] - at["earliest"], 2), 14, "#9dbcd8", tip=f"{level} interval"),
        line(at["due"], 34, at["due"], 84, stroke=INK, width=2.5),
        text(at["due"], 26, f"due {day(due)}", anchor=_side(at["due"], _HALF), weight=700),
        dot(at["median"], 65, 9, ADVERSE if median > due else FAVOURABLE, tip=f"most likely {day(median)}"),
        text(at["median"], 102, f"expected {day(median)}", anchor=_side(at["median"], _HALF), weight=700),
        text(8, 128, f"with a probability of {level} paid {day(earliest)} to {day(latest)}", fill=MUTED),
    ]
    rows = [("due", day(due)), ("earliest", day(earliest)), ("expected (median)", day(median)), ("latest", day(latest))]
    return picture(title, description, parts, width=_HALF, height=136, header=("", "day"), rows=rows)


def _side(x: float, width: float) -> Anchor:
    return "start" if x < width * 0.3 else "end" if x > width * 0.7 else "middle"


@dataclass(frozen=True)
class Paid:
    """One invoice of a payment history; `settled` is None while open, `on` is the day of the view."""

    label: str
    amount: str
    issued: dt.date
    due: dt.date
    settled: dt.date | None

    def days_late(self, on: dt.date) -> int:
        """Days from the due date to the settlement, or to `on` while open."""
        return ((self.settled or on) - self.due).days

    def words(self, on: dt.date) -> str:
        """How the invoice stands, in words."""
        late = self.days_late(on)
        how = f"{late} days late" if late > 0 else f"{-late} days early" if late < 0 else "on the due date"
        if self.settled:
            return f"paid {day(self.settled)}, {how}"
        return f"open, {late} days past due" if late > 0 else "open, not due"


def payment_timeline(title: str, description: str, items: Sequence[Paid], *, on: dt.date) -> Picture:
    """Each invoice from issue over due date to payment, oldest first; open invoices run on to the day of the view."""
    row, left = 22.0, 210.0
    first = min((i.issued for i in items), default=on)
    last = max((max(i.due, i.settled or on) for i in items), default=on)
    scale = Scale(first.toordinal(), max(last, on).toordinal() + 1, left, _WIDE - 92)
    bottom = 26 + row * len(items)
    parts = [mark for at in _months(first, last) for mark in _mark(scale(at.toordinal()), 18, bottom, month(at))]
    parts.append(line(scale(on.toordinal()), 16, scale(on.toordinal()), bottom, stroke=INK, dash="4 3"))
    for i, item in enumerate(items):
        parts += _life(item, scale, 26 + row * i + row / 2, on)
    header = ("invoice", "amount", "issued", "due", "state")
    rows = [(i.label, i.amount, day(i.issued), day(i.due), i.words(on)) for i in items]
    return picture(title, description, parts, width=_WIDE, height=bottom + 6, header=header, rows=rows)


def _life(item: Paid, scale: Scale, y: float, on: dt.date) -> Iterator[Markup]:
    late = item.days_late(on)
    colour = ADVERSE if late > 0 else FAVOURABLE
    issued, due, end = (scale(d.toordinal()) for d in (item.issued, item.due, item.settled or on))
    yield text(0, y + 4, fit(item.label, 96), size=11.5)
    yield text(200, y + 4, fit(item.amount, 100), size=11.5, anchor="end", fill=MUTED)
    yield line(issued, y, max(min(due, end), issued), y, stroke="#9aa8b3", width=3)
    if end > due:
        yield line(max(due, issued), y, end, y, stroke=ADVERSE, width=3, dash="" if item.settled else "5 3")
    yield line(due, y - 6, due, y + 6, stroke=INK, width=2)
    if item.settled:
        yield dot(end, y, 5, colour, tip=f"{item.label}: {item.words(on)}")
    else:
        yield dot(end, y, 4.5, "white", stroke=colour, tip=f"{item.label}: {item.words(on)}")
    settled = f"{late:+d} days" if late else "on the day"
    words = settled if item.settled else f"open {late:+d}" if late > 0 else "open"
    yield text(_WIDE, y + 4, words, anchor="end", size=11.5, fill=ADVERSE if late > 0 else MUTED)


def lateness(title: str, description: str, items: Sequence[Paid], *, on: dt.date) -> Picture:
    """A lollipop per invoice at its due date, as high as it was paid late (up) or early (down)."""
    known = [i for i in items if i.settled or i.days_late(on) > 0]
    values = [i.days_late(on) for i in known] or [0]
    axis = ticks(min(0, *values, -1), max(0, *values, 1))
    first = min((i.due for i in known), default=on)
    x = Scale(first.toordinal(), max((i.due for i in known), default=on).toordinal() + 1, 62, _WIDE - 12)
    y = Scale(axis[0], axis[-1], 190, 24)
    parts = []
    for at in axis:
        parts += [line(52, y(at), _WIDE, y(at), stroke=INK if at == 0 else RULE)]
        parts += [text(45, y(at) + 4, f"{at:+g}" if at else "due", anchor="end", size=11, fill=MUTED)]
    for at_month in _months(first, on):
        parts.append(text(x(at_month.toordinal()), 210, month(at_month), anchor="middle", size=11, fill=MUTED))
    for item in known:
        late, at_x = item.days_late(on), x(item.due.toordinal())
        colour = ADVERSE if late > 0 else FAVOURABLE
        parts.append(line(at_x, y(0), at_x, y(late), stroke=colour, width=1.5))
        tip = f"{item.label}: {item.words(on)}"
        fill, rim = (colour, "white") if item.settled else ("white", colour)
        parts.append(dot(at_x, y(late), 4, fill, stroke=rim, tip=tip))
    rows = [(i.label, day(i.due), i.words(on)) for i in known]
    header = ("invoice", "due", "state")
    return picture(title, description, parts, width=_WIDE, height=218, header=header, rows=rows)


def _months(first: dt.date, last: dt.date) -> list[dt.date]:
    """First days of months between two days, thinned to about eight."""
    count = (last.year - first.year) * 12 + last.month - first.month
    days = [
        dt.date(first.year + (first.month + i - 1) // 12, (first.month + i - 1) % 12 + 1, 1) for i in range(count + 1)
    ]
    inside = [d for d in days if first <= d <= last]
    return inside[:: max(-(-len(inside) // 9), 1)]
