"""Drawing primitives: escaped SVG elements, round axis steps and a linear scale. Nothing here knows what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup, escape

INK: Final = "#17242f"
MUTED: Final = "#566571"
RULE: Final = "#d5dde3"
SURFACE: Final = "#eef2f5"
ACCENT: Final = "#1c5d99"
#: Raises risk / lowers risk: told apart by colour-blind readers, and never by colour alone (sign or side says it too).
ADVERSE: Final = "#b8431f"
FAVOURABLE: Final = "#1c5d99"
#: Not due to oldest, in the order of `receivables.aging.BUCKETS`; darker is older, also in greyscale.
AGES: Final = ("#b9cddd", "#f2cf9b", "#e39a55", "#c9602f", "#96361f", "#5c1b16")

Anchor = Literal["start", "middle", "end"]


def element(name: str, *children: str, **attributes: object) -> Markup:
    """An SVG element; attribute names with _ stand for -, text children and all values are escaped, Markup is kept.

    >>> str(element("text", "<b>", font_size=11, x=1.0))
    '<text font-size="11" x="1">&lt;b&gt;</text>'
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{pairs}>{''.join(escape(child) for child in children)}</{name}>")  # noqa: S704  # escaped


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: Anchor = "start",
    size: float = 12,
    fill: str = INK,
    weight: int = 400,
) -> Markup:
    """A line of text with its baseline at `y`."""
    return element("text", content, x=x, y=y, text_anchor=anchor, font_size=size, fill=fill, font_weight=weight)


def bar(x: float, y: float, width: float, height: float, fill: str, *, tip: str = "") -> Markup:
    """A rectangle; a negative width reaches to the left. `tip` is shown on hover and read aloud."""
    title = [element("title", tip)] if tip else []
    return element("rect", *title, x=min(x, x + width), y=y, width=abs(width), height=max(height, 0), fill=fill)


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = RULE, width: float = 1, dash: str = "") -> Markup:
    """A straight line."""
    extra = {"stroke_dasharray": dash} if dash else {}
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, stroke_width=width, **extra)


def polyline(points: Iterable[tuple[float, float]], *, stroke: str, width: float = 2, dash: str = "") -> Markup:
    """A line through points."""
    path = " ".join(f"{_plain(x)},{_plain(y)}" for x, y in points)
    extra = {"stroke_dasharray": dash} if dash else {}
    return element("polyline", points=path, fill="none", stroke=stroke, stroke_width=width, **extra)


def dot(x: float, y: float, radius: float, fill: str, *, stroke: str = "white", tip: str = "") -> Markup:
    """A filled circle."""
    title = [element("title", tip)] if tip else []
    return element("circle", *title, cx=x, cy=y, r=radius, fill=fill, stroke=stroke, stroke_width=1.5)


def drawing(parts: Iterable[Markup], *, width: float, height: float, title: str, description: str, key: str) -> Markup:
    """The whole picture: scales with its column, and is one image with a name and a description to a screen reader.

    `key` makes the ids of the title and description unique in the page.
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


@dataclass(frozen=True)
class Scale:
    """Maps numbers from `low`..`high` onto positions from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value.

        >>> Scale(0, 10, 100, 200)(5)
        150.0
        """
        width = self.high - self.low
        return self.start if width == 0 else self.start + (value - self.low) / width * (self.end - self.start)


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about so many.

    >>> ticks(0, 37)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    spread = (high - low) or abs(high) or 1.0
    raw = spread / max(about - 1, 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = magnitude * min((m for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999), default=10)
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first
    return [round((first + i) * step, 10) for i in range(count + 1)]


def _plain(value: object) -> str:
    """A number without needless digits, text as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
