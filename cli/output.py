"""What verbs share on their way to the terminal: a progress bar, a table, JSON, spans of days."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from receivables.errors import InputError

T = TypeVar("T")


def progress(items: Iterable[T], *, label: str, total: int | None = None) -> Iterator[T]:
    """`items`, with a bar on standard error where that is a terminal."""
    from tqdm import tqdm

    yield from tqdm(items, desc=label, total=total, disable=not sys.stderr.isatty(), leave=False)


def say(text: str, args: argparse.Namespace) -> None:
    """Prints for people; silent under --json."""
    if not args.json:
        print(text)


def emit(document: dict[str, Any], args: argparse.Namespace) -> None:
    """Prints the result for machines; silent without --json."""
    if args.json:
        print(json.dumps(document, indent=2, default=str, allow_nan=False))


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Rows as aligned text, numbers to the right.

    >>> print(table([("a", 1), ("bb", 20)], ("name", "n")))
    name   n
    a      1
    bb    20
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    numeric = [
        all(isinstance(row[i], int | float) or not str(row[i]).strip("-+0123456789.,% ") for row in rows)
        for i in range(len(header))
    ]

    def line(parts: Sequence[str]) -> str:
        return "  ".join(
            part.rjust(w) if right else part.ljust(w) for part, w, right in zip(parts, widths, numeric, strict=True)
        ).rstrip()

    return "\n".join([line(header), *(line(row) for row in cells)])


def day(text: str) -> dt.date:
    """The day that `text` names as YYYY-MM-DD; raises InputError otherwise."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"expected a day as YYYY-MM-DD, got {text!r}") from None


def span(text: str) -> tuple[dt.date, dt.date]:
    """First and last day of FROM:TO, both included; raises InputError where it is no such span.

    >>> span("2019-05-01:2019-05-31")[1].day
    31
    """
    first, colon, last = text.partition(":")
    if not colon:
        raise InputError(f"expected FROM:TO as YYYY-MM-DD:YYYY-MM-DD, got {text!r}")
    start, end = day(first), day(last)
    if end < start:
        raise InputError(f"the span {text!r} ends before it starts")
    return start, end
