"""Columns derived from raw ones, row by row: the course of repeated measurements, and what they are relative to.

Which columns are derived is found from the training rows once (`find_derived`) and kept with the model as a list of
(operation, source columns), so that prediction and explanation use the same. What a derived column adds to a
prediction is credited to its sources in equal shares: to each column of a block the same part of the block's share.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from models.documents import of_document
from models.numbers import Floats
from models.panel import Panel, find_panels, ranks
from receivables.errors import ArtefactError

#: A panel with more values than this is a quantity: it can be divided by another one.
_QUANTITY: Final = 50
#: A single column with at least this many values, all positive, can be a divisor (a limit, an income).
_DIVISOR: Final = 20
#: Smallest rank correlation of a divisor with a quantity.
_ALONG: Final = 0.1
_HALF_LIFE: Final = 1.0
#: Quantiles of a panel's values above which its columns are counted.
_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
#: No more derived columns than this, whatever the panels: the first found are the simplest.
MAX_DERIVED: Final = 200


def _ratio(a: Floats, b: Floats) -> Floats:
    """a / b; null where b is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, a / b, np.nan)


def _weights(width: int) -> Floats:
    weights = 0.5 ** (np.arange(width) / _HALF_LIFE)
    return np.asarray(weights / weights.sum())


def _slope(a: Floats) -> Floats:
    place = np.arange(a.shape[1]) - (a.shape[1] - 1) / 2.0
    return np.asarray((a * place).sum(axis=1) / (place**2).sum())


def _first_above(a: Floats, at: float) -> Floats:
    above = a > at
    return np.asarray(np.where(above.any(axis=1), above.argmax(axis=1), a.shape[1]), dtype=np.float64)


#: Operations on one block a (n, m), its first column leading, with a number.
_OF_ONE: Final[Mapping[str, Callable[[Floats, float], Floats]]] = {
    "mean": lambda a, _: np.nanmean(a, axis=1),
    "largest": lambda a, _: np.nanmax(a, axis=1),
    "smallest": lambda a, _: np.nanmin(a, axis=1),
    "deviation": lambda a, _: np.nanstd(a, axis=1),
    "slope": lambda a, _: _slope(a),
    "first_less_mean": lambda a, _: a[:, 0] - np.nanmean(a, axis=1),
    "weighted_mean": lambda a, _: (a * _weights(a.shape[1])).sum(axis=1),
    "count_above": lambda a, at: (a > at).sum(axis=1).astype(np.float64),
    "first_above": _first_above,
}
#: Operations on two blocks: (n, m) and (n, m), or a single column as second.
_OF_TWO: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "first_ratio": lambda a, b: _ratio(a[:, 0], b[:, 0]),
    "mean_ratio": lambda a, b: np.nanmean(_ratio(a, b), axis=1),
    "total_ratio": lambda a, b: _ratio(np.nansum(a, axis=1), np.nansum(b, axis=1)),
    "smallest_ratio": lambda a, b: np.nanmin(_ratio(a, b), axis=1),
    "largest_ratio": lambda a, b: np.nanmax(_ratio(a, b), axis=1),
    "first_difference": lambda a, b: a[:, 0] - b[:, 0],
    "mean_difference": lambda a, b: np.nanmean(a - b, axis=1),
    "count_reaching": lambda a, b: (a >= b).sum(axis=1).astype(np.float64),
}
_OF_PANEL: Final = ("mean", "largest", "smallest", "deviation", "slope", "first_less_mean", "weighted_mean")
_OF_RATIO: Final = ("first_ratio", "mean_ratio", "largest_ratio")
_OF_PAIR: Final = (
    "first_ratio",
    "mean_ratio",
    "total_ratio",
    "smallest_ratio",
    "first_difference",
    "mean_difference",
    "count_reaching",
)


@dataclass(frozen=True)
class Derived:
    """One derived column: `operation` on the columns `first` (and `second`), with the number `at` if it takes one."""

    operation: str
    first: tuple[int, ...]
    second: tuple[int, ...] = ()
    at: float = 0.0

    def values(self, x: Floats) -> Floats:
        """(n,) values for the rows x; null where it is not defined."""
        a = x[:, list(self.first)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a row without any known value is null
            if self.second:
                return _OF_TWO[self.operation](a, x[:, list(self.second)])
            return _OF_ONE[self.operation](a, self.at)

    def shares(self, width: int) -> Floats:
        """(width,) share of its contribution that each raw column is credited with; they add up to 1."""
        made = np.zeros(width)
        blocks = [block for block in (self.first, self.second) if block]
        for block in blocks:
            made[list(block)] += 1.0 / (len(blocks) * len(block))
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any, width: int) -> Derived:
        """What `to_dict` gave, for `width` raw columns; raises ArtefactError on anything else."""
        made = of_document(cls, document, "derived column")
        known = _OF_TWO if made.second else _OF_ONE
        columns = (*made.first, *made.second)
        if made.operation not in known or not made.first or not all(0 <= j < width for j in columns):
            raise ArtefactError(f"derived column: no operation {made.operation!r} on {columns} of {width} columns")
        if len(made.second) > 1 and len(made.second) != len(made.first):
            raise ArtefactError(f"derived column: blocks of {len(made.first)} and {len(made.second)} columns")
        return made


def credited(parts: Floats, derived: Sequence[Derived]) -> Floats:
    """(n, raw columns) contributions: those of the raw columns in `parts`, those of the derived ones shared out."""
    width = parts.shape[1] - len(derived)
    made = parts[:, :width].copy()
    for i, column in enumerate(derived):
        made += parts[:, width + i, None] * column.shares(width)
    return made


def find_derived(x: Floats, y: Floats, names: Sequence[str] | None = None) -> tuple[Derived, ...]:
    """The columns to derive from training rows x (n, F), NaN = null, with outcomes y (n,); empty without panels.

    Outcomes decide one thing only: which end of the panels leads, the one that tells more about them.
    """
    panels = find_panels(x, names)
    if panels and _last_leads(x, y, panels):
        panels = tuple(Panel(panel.columns[::-1], panel.levels) for panel in panels)
    quantities = [panel for panel in panels if panel.levels > _QUANTITY]
    inside = {column for panel in panels for column in panel.columns}
    single = [j for j in range(x.shape[1]) if j not in inside] if quantities else []
    divisors = [j for j in single if _is_divisor(x, j, quantities)]
    made = [
        *(found for panel in panels for found in _course(x, panel)),
        *(found for pair in combinations(quantities, 2) for found in _pair(x, *pair)),
        *(
            Derived(operation, panel.columns, (divisor,))
            for divisor in divisors
            for panel in quantities
            for operation in _OF_RATIO
        ),
    ]
    return tuple(made[:MAX_DERIVED])


def _last_leads(x: Floats, y: Floats, panels: Sequence[Panel]) -> bool:
    outcome = ranks(y)
    tells = {end: sum(abs(np.mean(ranks(x[:, p.columns[end]]) * outcome)) for p in panels) for end in (0, -1)}
    return bool(tells[-1] > tells[0])


def _is_divisor(x: Floats, column: int, quantities: Sequence[Panel]) -> bool:
    """Positive, of many values, and going along with a quantity: a limit or an income, not a number of the row."""
    values = x[:, column]
    known = values[~np.isnan(values)]
    if len(np.unique(known)) < _DIVISOR or known.min() <= 0:
        return False
    return any(np.mean(ranks(values) * ranks(x[:, panel.columns[0]])) >= _ALONG for panel in quantities)


def _course(x: Floats, panel: Panel) -> Iterator[Derived]:
    for operation in _OF_PANEL:
        yield Derived(operation, panel.columns)
    values = x[:, list(panel.columns)]
    limits = {0.0, *np.nanquantile(values, _QUANTILES).tolist()}
    counted = [at for at in sorted(limits) if np.nanmin(values) <= at < np.nanmax(values)]
    for at in counted:
        yield Derived("count_above", panel.columns, at=at)
    for at in counted[-2:]:
        yield Derived("first_above", panel.columns, at=at)


def _pair(x: Floats, a: Panel, b: Panel) -> Iterator[Derived]:
    """The smaller quantity over the larger, with the delay at which the two go together most."""
    if len(a.columns) != len(b.columns):
        return
    if abs(np.nanmean(x[:, list(a.columns)])) > abs(np.nanmean(x[:, list(b.columns)])):
        a, b = b, a
    first, second = max(_delayed(a.columns, b.columns), key=lambda blocks: _together(x, *blocks))
    for operation in _OF_PAIR:
        yield Derived(operation, first, second)


def _delayed(a: tuple[int, ...], b: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(a, b), (a[:-1], b[1:]), (a[1:], b[:-1])]


def _together(x: Floats, first: tuple[int, ...], second: tuple[int, ...]) -> float:
    pairs = zip(first, second, strict=True)
    return float(np.mean([np.mean(ranks(x[:, i]) * ranks(x[:, j])) for i, j in pairs]))
