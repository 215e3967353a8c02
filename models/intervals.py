"""Intervals of days late that hold what they promise: how much to leave out on either side, by depth of history.

A law read off trees is not exactly as wide as its level says, and for a customer with little history less so than for
one with much. How much probability must be left out on each side was found on invoices that came after those learnt
from (conformal prediction with the conditional distribution, Chernozhukov, Wuthrich and Zhu 2021, PNAS 118(48)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.documents import of_document
from models.law import PaymentLaw
from models.numbers import Floats, Ints

#: The column that says how many of the customer's invoices had been settled by then.
DEPTH: Final = "n_settled"
#: Depths are told apart from these numbers of settled invoices on.
DEPTHS: Final = (0, 3, 25)
_DEPTHS: Final = np.array(DEPTHS)
#: Levels that intervals are made for.
LEVELS: Final = (0.5, 0.8, 0.9)
#: Outcomes of a depth needed to find its own tails; below, those of all depths together hold.
FEWEST: Final = 100
#: Most that is added to a level, or taken off, for what was missed before.
_MOST_ADDED: Final = 0.05


@dataclass(frozen=True)
class Tails:
    """For one level: the probability left out on each side by depth, and the share that it then held of `rows`.

    `observed` is the share of outcomes inside the interval on the later half by time of the judged invoices, with the
    tails found on the earlier half; null without enough of them.
    """

    level: float
    tails: tuple[float, ...]
    rows: tuple[int, ...]
    observed: float | None = None

    @cached_property
    def of_depths(self) -> Floats:
        """`tails` as an array."""
        return np.array(self.tails)


@dataclass(frozen=True)
class Intervals:
    """What was found for every level; without anything the law is taken at its word."""

    found: tuple[Tails, ...] = ()

    @classmethod
    def learn(
        cls,
        law: PaymentLaw,
        days_late: Floats,
        settled: Floats,
        groups: npt.ArrayLike,
        still_open: npt.NDArray[np.bool_] | None = None,
    ) -> Intervals:
        """Tails from outcomes that the law had not seen, ordered by time; NaN in `days_late` (n,) is left out.

        `settled` (n,) is how many invoices each customer had settled by then, `groups` (n,) the customers. What is
        aimed at is one standard error above the level, customers being the sample: those to come are others.
        `still_open` (n,) marks invoices whose days late are those so far: they count where the law expects the middle
        of them. Fewer than `FEWEST` outcomes find nothing.
        """
        known = np.flatnonzero(~np.isnan(days_late))
        if len(known) < FEWEST:
            return cls()
        censored = np.zeros(len(days_late), np.bool_) if still_open is None else still_open
        reach, depth = reach_of(law.rows(known), days_late[known], censored[known]), depth_of(settled[known])
        code = np.unique(np.asarray(groups)[known], return_inverse=True)[1].ravel()
        rows = tuple(np.bincount(depth, minlength=len(DEPTHS)).tolist())
        made = []
        for level in LEVELS:
            held = _held(reach, depth, level, len(known) // 2)
            aimed = _aimed(level, held) + _error(reach, depth, level, code)
            made.append(Tails(level, _tails(reach, depth, aimed), rows, held))
        return cls(tuple(made))

    def between(self, law: PaymentLaw, settled: Floats, level: float) -> tuple[Ints, Ints]:
        """(n,) first and last day late of intervals that hold `level` of the outcomes.

        For a level that nothing was found for, the law's own central interval.
        """
        found = next((tails for tails in self.found if tails.level == level), None)
        if found is None:
            return law.interval(level)
        out = found.of_depths[depth_of(settled)]
        return law.quantile(out), law.quantile(1.0 - out)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"depths": list(DEPTHS), "found": [asdict(tails) | {"tails": list(tails.tails)} for tails in self.found]}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Intervals:
        """What `to_dict` gave; raises ArtefactError, KeyError, TypeError or ValueError on anything else."""
        found = tuple(of_document(Tails, entry, "intervals") for entry in document["found"])
        if tuple(document["depths"]) != DEPTHS or any(len(entry.tails) != len(DEPTHS) for entry in found):
            raise ValueError(f"intervals: expected tails for the depths {DEPTHS}")
        if not all(0 < tail < 0.5 for entry in found for tail in entry.tails):
            raise ValueError("intervals: expected tails between 0 and one half")
        return cls(found)


def depth_of(settled: Floats) -> Ints:
    """(n,) place in `DEPTHS` of customers with so many settled invoices; null counts as none."""
    known = np.where(np.isnan(settled), 0.0, settled)
    return np.asarray(np.searchsorted(_DEPTHS, known, side="right") - 1, dtype=np.int64)


def reach_of(law: PaymentLaw, days_late: Floats, still_open: npt.NDArray[np.bool_]) -> Floats:
    """(n,) the largest tail with which the central interval still holds the outcome: min(P(D <= y), P(D >= y)).

    Of an open invoice only D > y is known: half of what the law leaves beyond y is the middle of what may come.
    """
    daily = law.daily()
    place = np.clip(days_late.astype(np.int64) - law.days[0], 0, daily.shape[1] - 1)
    rows = np.arange(len(daily))
    before = np.where(place > 0, daily[rows, np.maximum(place - 1, 0)], 1.0)
    beyond = daily[rows, place] / 2.0
    closed = np.minimum(1.0 - daily[rows, place], before)
    return np.asarray(np.where(still_open, np.minimum(1.0 - beyond, beyond), closed))


def _tails(reach: Floats, depth: Ints, level: float) -> tuple[float, ...]:
    parts = (reach[depth == i] for i in range(len(DEPTHS)))
    return tuple(_tail(part if len(part) >= FEWEST else reach, level) for part in parts)


def _tail(reach: Floats, level: float) -> float:
    """The tail that `level` of the outcomes reach, with the correction for a finite sample."""
    place = int(np.floor((1.0 - level) * (len(reach) + 1)))
    found = float(np.sort(reach)[max(place - 1, 0)])
    return float(np.clip(found, 1e-4, 0.49))


def _aimed(level: float, held: float | None) -> float:
    """The level to aim at so that `level` is held: what was missed last time is added (Gibbs and Candes 2021)."""
    return level if held is None else level + float(np.clip(level - held, -_MOST_ADDED, _MOST_ADDED))


def _error(reach: Floats, depth: Ints, level: float, code: Ints) -> float:
    """Standard error of the share that intervals of a level hold; `code` (n,) numbers the customers."""
    inside = (reach >= np.array(_tails(reach, depth, level))[depth]).astype(np.float64)
    by_customer = np.bincount(code, weights=inside - inside.mean())
    return float(np.sqrt((by_customer**2).sum()) / len(inside))


def _held(reach: Floats, depth: Ints, level: float, half: int) -> float | None:
    if half < FEWEST:
        return None
    tails = np.array(_tails(reach[:half], depth[:half], level))[depth[half:]]
    return float((reach[half:] >= tails).mean())
