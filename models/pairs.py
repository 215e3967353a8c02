"""The training rows of the payment-time model: an invoice and an asked day make a pair, with the outcome of that day.

A pair that has not matured is left out, so censoring needs no other handling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from models.asked import Asked, asked_columns
from models.numbers import Floats, Ints
from receivables.errors import InputError, NotEnoughDataError

#: Weight of a pair that asks "late at all?", which is asked most and explained; every other pair weighs 1.
DUE_DAY_WEIGHT: Final = 2.0
#: Fewer matured pairs of either outcome than this, and nothing is learnt.
MIN_OUTCOMES: Final = 50
#: More pairs than this are thinned at random; the invoices of a large portfolio repeat themselves.
MAX_PAIRS: Final = 2_000_000


def matured(labels: Floats, most: int) -> Ints:
    """(p,) numbers of matured pairs, invoice x g + place of the day, at most `most`; labels (n, g), NaN not matured."""
    pairs = np.flatnonzero(~np.isnan(labels))
    if len(pairs) > most:
        pairs = np.sort(np.random.default_rng(0).choice(pairs, most, replace=False))
    return pairs


def expanded_columns(inputs: Sequence[str], monotone: Mapping[str, int]) -> dict[str, int]:
    """Columns that the trees split on, with their directions: the inputs, then those that depend on the asked day."""
    asked = ((column.name, column.direction(dict(monotone))) for column in asked_columns(tuple(inputs)))
    return {**{name: monotone.get(name, 0) for name in inputs}, **dict(asked)}


def matured_pairs(x: Floats, labels: Floats, inputs: Sequence[str], grid: Sequence[int]) -> tuple[Floats, Floats, Ints]:
    """Rows, outcomes and numbers (invoice x g + place) of every matured pair of an invoice and a day; x (n, inputs)."""
    pairs = matured(labels, labels.size)
    rows = expand(x, asked_columns(tuple(inputs)), np.array(grid), pairs)
    return rows, labels.ravel()[pairs], pairs


def pair_weights(pairs: Ints, grid: Sequence[int], weights: npt.ArrayLike | None = None) -> Floats:
    """(p,) weight of each pair, numbered invoice * g + place, given those of the invoices (n,)."""
    by_day = np.where(np.array(grid) == 0, DUE_DAY_WEIGHT, 1.0)[pairs % len(grid)]
    return by_day if weights is None else by_day * np.asarray(weights, dtype=np.float64)[pairs // len(grid)]


def matured_counts(labels: Floats) -> Ints:
    """(2, g) invoices that had matured for a grid day and the one before it, and how many of them were later.

    Counts of parts of a portfolio add up to those of the whole.
    """
    at_risk = np.ones(len(labels), dtype=np.bool_)
    found = []
    for later in labels.T:
        known = at_risk & ~np.isnan(later)
        found.append((known.sum(), int(later[known].sum())))
        at_risk = later == 1
    return np.array(found, dtype=np.int64).T


def offsets_of(counts: Ints) -> Floats:
    """(g,) log-odds of being later than each grid day, over the whole portfolio.

    Shares are chained from day to day over invoices that have matured for both, as Kaplan and Meier do, so that the
    far days speak of the same portfolio as the near ones; half an invoice on either side keeps them finite.
    """
    known, later = counts
    share = np.cumprod((later + 0.5) / (known + 1.0))
    return np.asarray(np.log(share / (1.0 - share)))


def require_outcomes(outcomes: Floats) -> None:
    """Raises NotEnoughDataError below `MIN_OUTCOMES` of either kind, InputError where one is neither 0 nor 1."""
    late, in_time = int((outcomes == 1).sum()), int((outcomes == 0).sum())
    if late + in_time != len(outcomes):
        raise InputError("expected labels 0, 1 or NaN")
    if min(late, in_time) < MIN_OUTCOMES:
        raise NotEnoughDataError(
            f"payment-time model: expected at least {MIN_OUTCOMES} matured outcomes of either kind, got "
            f"{late} late and {in_time} in time; load a longer history or choose a later cut-off"
        )


def expand(rows: Floats, asked: Sequence[Asked], days: Ints, pairs: Ints) -> Floats:
    """Rows (p, inputs + asked) of the pairs, which are in order of their numbers; `rows` (n, inputs), `days` (g,)."""
    first, last = pairs[0] // len(days) if len(pairs) else 0, pairs[-1] // len(days) + 1 if len(pairs) else 0
    block = rows[first:last]
    invoice, place = pairs // len(days) - first, pairs % len(days)
    columns = [column.values(block, days)[invoice, place] for column in asked]
    return np.column_stack([block[invoice], *columns])
