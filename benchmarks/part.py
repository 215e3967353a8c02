"""A part of the measurements: what it measures, the bars that its figures are held to, how the page shows them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: A flat map of numbers.
Results = Mapping[str, float]


@dataclass(frozen=True)
class Sizes:
    """How much is measured, and `folder`, which a part may fill; None lets each measurement choose."""

    rows: int
    large: int
    calls: int
    repetitions: int | None
    featuretools: Path | None
    folder: Path


@dataclass(frozen=True)
class Bar:
    """A figure and what it is held to; names of other figures in braces stand for their values."""

    key: str
    meaning: str
    compare: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side of the bound."""
        return value >= self.bound if self.compare == "at least" else value <= self.bound


@dataclass(frozen=True)
class Part:
    """`run` measures and returns the part's figures; `table` shows some of them as Markdown, "" where they are not
    there."""

    name: str
    measures: str
    run: Callable[[Sizes], dict[str, float]]
    bars: tuple[Bar, ...] = ()
    table: Callable[[Results], str] | None = None


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def number(value: float) -> str:
    """Three significant digits, thousands separated.

    >>> number(1234567), number(0.01234), number(12.345)
    ('1,230,000', '0.0123', '12.3')
    """
    return f"{float(f'{value:.3g}'):,.10g}"
