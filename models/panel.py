"""Repeated measurements among plain numeric columns: which columns are one quantity, seen again and again.

Nothing is assumed but that they are alike and follow one another: two columns are linked where their values are
distributed alike and rank the rows alike. Linked columns make a panel. Only the rows given are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.numbers import Floats

#: Largest distance of two distributions (Kolmogorov-Smirnov) and smallest rank correlation of linked columns.
MAX_DISTANCE: Final = 0.25
MIN_CORRELATION: Final = 0.3
#: Fewer columns than this tell no course.
MIN_LENGTH: Final = 3
#: Wider tables are taken as they are.
MAX_WIDTH: Final = 500
#: Rows looked at; more change nothing that matters.
_ROWS: Final = 5_000
_FEW_ROWS: Final = 100
_NUMBERED: Final = re.compile(r"(.*?)[\W_]*\d+")


@dataclass(frozen=True)
class Panel:
    """Positions of the columns of one quantity in the order of the columns; `levels` is how many values it takes."""

    columns: tuple[int, ...]
    levels: int


def find_panels(x: Floats, names: Sequence[str] | None = None) -> tuple[Panel, ...]:
    """Panels among the columns of x (n, F), NaN = null, in the order of their first column; often none.

    `names` only keep apart: two numbered columns of different stems (bill_1, payment_1) are never linked.
    """
    if len(x) < _FEW_ROWS or x.shape[1] > MAX_WIDTH:
        return ()
    rows = x[:: max(len(x) // _ROWS, 1)]
    varied = [j for j in range(x.shape[1]) if _levels(rows[:, j]) > 2]
    ranked = {j: ranks(rows[:, j]) for j in varied}
    stems = [_stem(name) for name in names] if names is not None else [""] * x.shape[1]
    groups: list[list[int]] = []
    for j in varied:
        home = next((g for g in groups if _linked(rows, ranked, stems, g[-1], j)), None)
        if home is None:
            groups.append([j])
        else:
            home.append(j)
    return tuple(Panel(tuple(group), _levels(rows[:, group].ravel())) for group in groups if len(group) >= MIN_LENGTH)


def _linked(rows: Floats, ranked: dict[int, Floats], stems: Sequence[str | None], i: int, j: int) -> bool:
    if stems[i] != stems[j]:
        return False
    correlation = float(np.mean(ranked[i] * ranked[j]))
    return correlation >= MIN_CORRELATION and _distance(rows[:, i], rows[:, j]) <= MAX_DISTANCE


def _levels(column: Floats) -> int:
    return len(np.unique(column[~np.isnan(column)]))


def _stem(name: str) -> str | None:
    """What stands before a column's number; None where it has none."""
    found = _NUMBERED.fullmatch(name)
    return found[1] if found else None


def ranks(column: Floats) -> Floats:
    """Ranks, equal values sharing theirs, standardised: the mean product of two columns is Spearman's correlation."""
    known = ~np.isnan(column)
    if len(np.unique(column[known])) < 2:
        return np.zeros(len(column))
    _, place, count = np.unique(column[known], return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - (count - 1) / 2.0)[place]
    made = np.zeros(len(column))
    made[known] = (middle - middle.mean()) / middle.std()
    return made


def _distance(a: Floats, b: Floats) -> float:
    """The largest difference of two empirical distribution functions (Kolmogorov-Smirnov)."""
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    at = np.concatenate([a, b])
    return float(np.abs(np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)).max())
