"""Pictures of a portfolio: bars, columns, stacks and lines, each with a title, a description and its table of figures.

A chart function takes plain labels and numbers and returns a `Picture`; it never sees a ledger. Text in pictures comes
from ledgers and requests and is escaped by `reports.svg`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

from reports.svg import ACCENT, INK, MUTED, RULE, Scale, bar, dot, drawing, line, polyline, text, ticks

#: Average width of a character in font sizes.
_CHARACTER = 0.53
_LABEL_SIZE = 12.0
Format = Callable[[float], str]


@dataclass(frozen=True)
class Picture:
    """A drawing with what a reader who cannot see it needs: its title, what it shows, and its figures as a table."""

    title: str
    description: str
    svg: Markup
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Series:
    """Equally long values (NaN = not measured) that share a colour and a name."""

    name: str
    values: tuple[float, ...]
    colour: str = ACCENT
    dash: str = ""


def picture(
    title: str,
    description: str,
    parts: Sequence[Markup],
    *,
    width: float,
    height: float,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Picture:
    """The drawn parts as a picture; ids inside it derive from the title, which is therefore unique in a page."""
    key = "pic-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    svg = drawing(parts, width=width, height=height, title=title, description=description, key=key)
    return Picture(title, description, svg, tuple(header), tuple(tuple(row) for row in rows))


def fit(content: str, width: float, size: float = _LABEL_SIZE) -> str:
    """`content`, cut with an ellipsis where it would be wider than `width`.

    >>> fit("a customer with a long name", 80)
    'a customer…'
    """
    room = max(int(width / (size * _CHARACTER)), 1)
    return content if len(content) <= room else content[: room - 1].rstrip() + "…"


def wrapped(content: str, width: float, *, lines: int, size: float = _LABEL_SIZE) -> list[str]:
    """`content` broken at spaces into at most `lines` lines of `width`, the last one cut with an ellipsis."""
    room, out = max(int(width / (size * _CHARACTER)), 1), [""]
    for word in content.split():
        joined = f"{out[-1]} {word}".strip()
        if len(joined) <= room or not out[-1]:
            out[-1] = joined
        elif len(out) == lines:
            out[-1] = fit(f"{out[-1]} {word}", width, size)
            break
        else:
            out.append(word)
    return [fit(part, width, size) for part in out]


def bars(
    title: str,
    description: str,
    items: Sequence[tuple[str, float, str]],
    *,
    header: tuple[str, str],
    colour: str = ACCENT,
    width: float = 470,
) -> Picture:
    """Horizontal bars, one per (label, value, value in words), in the given order."""
    label_width, row_height = width * 0.34, 26
    scale = Scale(0, max((value for _, value, _ in items), default=1) or 1, 0, width * 0.40)
    parts: list[Markup] = []
    for i, (label, value, words) in enumerate(items):
        y = i * row_height
        parts += [
            text(label_width - 8, y + 17, fit(label, label_width - 12), anchor="end"),
            bar(label_width, y + 5, scale(value), row_height - 10, colour, tip=f"{label}: {words}"),
            text(label_width + scale(value) + 6, y + 17, words, fill=MUTED),
        ]
    height = max(len(items) * row_height, row_height)
    rows = [(label, words) for label, _, words in items]
    return picture(title, description, parts, width=width, height=height, header=header, rows=rows)


def stacked_bar(
    title: str,
    description: str,
    items: Sequence[tuple[str, float, str, str]],
    *,
    header: tuple[str, ...],
    rows: Sequence[Sequence[str]],
    width: float = 960,
) -> Picture:
    """One bar of (label, value, value in words, colour) parts, each named in a legend below it."""
    whole = sum(value for _, value, _, _ in items) or 1.0
    starts = accumulate((value / whole * width for _, value, _, _ in items), initial=0.0)
    parts = [
        bar(start, 0, max(value / whole * width - 1, 0), 34, colour, tip=f"{label}: {words}")
        for start, (label, value, words, colour) in zip(starts, items, strict=False)
    ]
    step = width / max(len(items), 1)
    for i, (label, value, words, colour) in enumerate(items):
        x = i * step
        parts += [
            bar(x, 50, 11, 11, colour),
            text(x + 17, 60, label, weight=600),
            text(x + 17, 77, words or f"{value / whole:.1%}", fill=INK),
            text(x + 17, 93, f"{value / whole:.1%}" if words else "", fill=MUTED),
        ]
    return picture(title, description, parts, width=width, height=98, header=header, rows=rows)


def columns(
    title: str,
    description: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    form: Format,
    first: str,
    width: float = 470,
    height: float = 240,
    colours: Sequence[str] = (),
) -> Picture:
    """Vertical columns by label; several series are stacked. `colours` gives each column of a single series its own."""
    totals = [sum(0 if math.isnan(s.values[i]) else s.values[i] for s in series) for i in range(len(labels))]
    frame = Frame.of(0, max(totals, default=1) or 1, width, height - (22 if len(series) > 1 else 0))
    step = (frame.right - frame.left) / max(len(labels), 1)
    parts = [*frame.grid(form), *frame.names(labels)]
    for i, label in enumerate(labels):
        floor = 0.0
        for s in series:
            value = 0.0 if math.isnan(s.values[i]) else s.values[i]
            top = frame.y(floor + value)
            x, tall = frame.left + i * step + step * 0.14, frame.y(floor) - top
            tip = f"{label}, {s.name}: {form(value)}"
            parts.append(bar(x, top, step * 0.72, tall, colours[i] if colours else s.colour, tip=tip))
            floor += value
    if len(series) > 1:
        parts += _legend(series, height)
    return _chart(title, description, labels, series, parts, form=form, first=first, width=width, height=height)


def lines(
    title: str,
    description: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    form: Format,
    first: str,
    width: float = 470,
    height: float = 240,
    from_zero: bool = True,
) -> Picture:
    """Lines over labels, each named in a legend and with its last value written at its end; NaN leaves a gap."""
    known = [v for s in series for v in s.values if not math.isnan(v)] or [0.0, 1.0]
    low = 0.0 if from_zero else min(known)
    frame = Frame.of(low, max(known), width, height - 22, right=46)
    parts = [*frame.grid(form), *frame.names(labels)]
    ends: list[float] = []
    for s in series:
        points = [(frame.x(i, len(labels)), frame.y(v)) for i, v in enumerate(s.values) if not math.isnan(v)]
        if not points:
            continue
        parts.append(polyline(points, stroke=s.colour, width=2.4, dash=s.dash))
        x, y = points[-1]
        free = next(
            s for s in (0, -13, 13, -26, 26, -39) if y + s <= frame.y.start and all(abs(y + s - e) > 11 for e in ends)
        )
        ends.append(y + free)
        last = next(v for v in reversed(s.values) if not math.isnan(v))
        parts += [
            dot(x, y, 4, s.colour, tip=f"{s.name}: {form(last)}"),
            text(x + 8, y + free + 4, form(last), weight=600),
        ]
    parts += _legend(series, height)
    return _chart(title, description, labels, series, parts, form=form, first=first, width=width, height=height)


@dataclass(frozen=True)
class Frame:
    """The plotting area of a chart with a value axis on the left and labels below."""

    marks: tuple[float, ...]
    left: float
    right: float
    y: Scale

    @classmethod
    def of(cls, low: float, high: float, width: float, height: float, *, right: float = 4) -> Frame:
        """An area for values from `low` to `high`, ended by round numbers."""
        marks = ticks(low, high)
        return cls(tuple(marks), 52, width - right, Scale(marks[0], marks[-1], height - 26, 10))

    def x(self, i: int, n: int) -> float:
        """The middle of the i-th of n columns."""
        return self.left + (i + 0.5) * (self.right - self.left) / max(n, 1)

    def grid(self, form: Format) -> Iterator[Markup]:
        """Horizontal rules with their values."""
        for mark in self.marks:
            at = self.y(mark)
            yield line(self.left, at, self.right, at, stroke=INK if mark == self.marks[0] else RULE)
            yield text(self.left - 7, at + 4, form(mark), anchor="end", size=11, fill=MUTED)

    def names(self, labels: Sequence[str]) -> Iterator[Markup]:
        """Labels below the area; where they would touch, every second, third ... counted from the last."""
        room = (self.right - self.left) / max(len(labels), 1)
        widest = max((len(label) for label in labels), default=1) * 11 * _CHARACTER + 6
        every = max(math.ceil(widest / room), 1)
        for i, label in enumerate(labels):
            if (len(labels) - 1 - i) % every == 0:
                yield text(self.x(i, len(labels)), self.y.start + 17, label, anchor="middle", size=11, fill=MUTED)


def _legend(series: Sequence[Series], height: float) -> Iterator[Markup]:
    x = 52.0
    for s in series:
        yield bar(x, height - 13, 14, 4 if s.dash else 9, s.colour)
        yield text(x + 20, height - 4, s.name, size=11)
        x += 34 + len(s.name) * 11 * _CHARACTER


def _chart(
    title: str,
    description: str,
    labels: Sequence[str],
    series: Sequence[Series],
    parts: Sequence[Markup],
    *,
    form: Format,
    first: str,
    width: float,
    height: float,
) -> Picture:
    cells = [[label, *(_cell(s.values[i], form) for s in series)] for i, label in enumerate(labels)]
    header = [first, *(s.name for s in series)]
    return picture(title, description, parts, width=width, height=height, header=header, rows=cells)


def _cell(value: float, form: Format) -> str:
    return "not measured" if math.isnan(value) else form(value)
