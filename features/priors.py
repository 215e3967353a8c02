"""How peers pay, as it was known at each moment: what a customer with little history is drawn towards.

Peers are the invoices of the same segment and terms, drawn towards the segment, drawn towards the portfolio, drawn
towards a published curve. Only whole counts are kept, so the rates are the same however the ledger is ordered or cut.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from features.history import History
from features.kernel import DAY_US
from features.peers import BUCKETS, TERMS, WIDTH, WINDOW_DAYS, Ints, PeerCounts, summed, terms_bucket
from features.table import CURVE
from receivables.ledger import Ledger

__all__ = ["START", "TERMS", "WEIGHT", "WINDOW_DAYS", "PeerCounts", "Priors", "terms_bucket"]

Floats = NDArray[np.float64]

#: Share of invoices more than k days late before any is known: the order of size that published ledgers show.
START: Final = dict(zip(CURVE, (0.93, 0.85, 0.6, 0.43, 0.22, 0.1, 0.07, 0.04, 0.025, 0.008, 0.003), strict=True))
_BEGIN: Final = np.array([START[k] for k in CURVE])
#: Invoices that the wider group's rate weighs as much as.
WEIGHT: Final = 50.0

PORTFOLIO: Final = "*"
#: The one moment of rates that hold always.
_ALWAYS: Final = np.iinfo(np.int64).min
#: Where a path (segment, bucket) ends for orders without terms.
_NO_TERMS: Final = BUCKETS
#: Cells of the table of rates already worked out, per order: keeps one order from paying for a portfolio's table.
_CELLS_PER_ORDER: Final = 8


def segment_key(segment: str) -> str:
    """Group of a customer segment; "" is a segment of its own: unknown."""
    return f"segment:{segment}"


def peer_key(segment: str, bucket: int) -> str:
    """Group of a segment's invoices in one terms bucket."""
    return f"peers:{segment}|{bucket}"


@njit(cache=True, nogil=True)
def _draw(starts, moments, matured, late, groups, as_of, begin, out):
    """Rates (k) of one order: each level's counts draw the rate of the level above towards what they saw."""
    out[:] = begin
    for group in groups:
        if group < 0:
            continue
        low, high = starts[group], starts[group + 1]
        while low < high:  # first change after the moment
            middle = (low + high) >> 1
            if moments[middle] <= as_of:
                low = middle + 1
            else:
                high = middle
        low -= 1
        if low < starts[group]:
            continue
        for k in range(len(out)):
            # without invoices the rate is left alone to the last bit, whether or not the group has ever had any
            if matured[low, k] > 0:
                out[k] = (late[low, k] + WEIGHT * out[k]) / (matured[low, k] + WEIGHT)


@njit(cache=True, nogil=True)
def _curve(starts, moments, matured, late, groups, path, as_of, begin, drawn, first, out):
    """Rates (orders x k). `drawn` (paths x days from `first` on) holds the first order of a path at a midnight, or -1:
    orders after it take over its rates."""
    for q in range(len(path)):
        day = as_of[q] // DAY_US - first
        same = drawn.shape[1] > 0 and as_of[q] % DAY_US == 0
        if same and drawn[path[q], day] >= 0:
            earlier = drawn[path[q], day]
            for k in range(out.shape[1]):  # slices would cost more than what they hold
                out[q, k] = out[earlier, k]
            continue
        _draw(starts, moments, matured, late, groups[path[q]], as_of[q], begin, out[q])
        if same:
            drawn[path[q], day] = q


@dataclass(frozen=True)
class Priors:
    """Matured and late invoices by group, moment and k.

    The counts of group g lie in rows starts[g] .. starts[g + 1], each from its moment (microseconds, rising) on until
    the next.
    """

    groups: Mapping[str, int]
    starts: Ints
    moments: Ints
    matured: Ints
    late: Ints

    @classmethod
    def of(cls, ledger: Ledger | History) -> Self:
        """The rates of a whole ledger through time."""
        return cls.merge([cls.parts(ledger if isinstance(ledger, History) else History.of(ledger))])

    @staticmethod
    def parts(history: History) -> PeerCounts:
        """What a part of a ledger (whole customers) adds to the rates of the whole."""
        return PeerCounts.of(history)

    @classmethod
    def merge(cls, parts: Iterable[PeerCounts]) -> Self:
        """The rates of the ledger that the parts make up, bit for bit, in whatever order they come."""
        counts = PeerCounts.merge(parts)
        segments = sorted({segment for segment, _ in counts.groups})
        code = {segment: i for i, segment in enumerate(segments)}
        of_group = np.array([code[segment] for segment, _ in counts.groups], dtype=np.int64)
        names = [PORTFOLIO, *map(segment_key, segments), *(peer_key(*group) for group in counts.groups)]
        levels = (
            summed(np.zeros_like(counts.group), counts.moment, counts.by),
            summed(1 + of_group[counts.group], counts.moment, counts.by),
            (1 + len(segments) + counts.group, counts.moment, counts.by),
        )
        return cls._cumulated(names, *(np.concatenate(column) for column in zip(*levels, strict=True)))

    @classmethod
    def _cumulated(cls, names: Sequence[str], group: Ints, moment: Ints, by: Ints) -> Self:
        starts = np.searchsorted(group, np.arange(len(names) + 1)).astype(np.int64)
        running = np.vstack([np.zeros((1, WIDTH), dtype=np.int64), np.cumsum(by, axis=0)])
        held = running[1:] - running[starts[group]]
        return cls._of(names, starts, moment, held)

    @classmethod
    def _of(cls, names: Sequence[str], starts: Ints, moments: Ints, counts: Ints) -> Self:
        groups = {name: i for i, name in enumerate(names)}
        matured, late = (np.ascontiguousarray(part) for part in np.hsplit(counts, 2))
        return cls(groups, starts, moments, matured, late)

    def at(self, moment: np.datetime64) -> Self:
        """The rates as they were at one moment, for every later look-up: what a model folder carries."""
        now = np.int64(moment.astype("datetime64[us]"))
        counts = np.zeros((len(self.groups), WIDTH), dtype=np.int64)
        for code in self.groups.values():
            first, last = self.starts[code], self.starts[code + 1]
            row = first + np.searchsorted(self.moments[first:last], now, side="right") - 1
            if row >= first:
                counts[code] = np.concatenate([self.matured[row], self.late[row]])
        return self._always(list(self.groups), counts)

    @classmethod
    def _always(cls, names: Sequence[str], counts: Ints) -> Self:
        return cls._of(names, np.arange(len(names) + 1), np.full(len(names), _ALWAYS, dtype=np.int64), counts)

    def to_json(self) -> dict[str, Any]:
        """Group -> matured and late by k, in the order of CURVE; only for rates at one moment (see `at`)."""
        if (self.moments != _ALWAYS).any() or len(self.moments) != len(self.groups):
            raise ValueError("only rates at one moment can be written: call at() first")
        return {
            name: {"matured": self.matured[code].tolist(), "late": self.late[code].tolist()}
            for name, code in self.groups.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        counts = [[*entry["matured"], *entry["late"]] for entry in document.values()]
        return cls._always(list(document), np.array(counts, dtype=np.int64).reshape(len(document), WIDTH))

    @cached_property
    def _paths(self) -> tuple[dict[str, int], Ints]:
        """Number of each segment, and by number x (BUCKETS + 1) + bucket the groups from wide to narrow, -1 for none.

        The last segment is one that no invoice has.
        """
        names = sorted({name.partition(":")[2] for name in self.groups if name.startswith(segment_key(""))})
        table = np.full((len(names) + 1, BUCKETS + 1, 3), -1, dtype=np.int64)
        table[:, :, 0] = self.groups.get(PORTFOLIO, -1)
        for i, name in enumerate(names):
            table[i, :, 1] = self.groups[segment_key(name)]
            table[i, :BUCKETS, 2] = [self.groups.get(peer_key(name, bucket), -1) for bucket in range(BUCKETS)]
        return {name: i for i, name in enumerate(names)}, table.reshape(-1, 3)

    def curve(self, as_of: Ints, segment: NDArray[np.object_], bucket: Ints, with_terms: NDArray[np.bool_]) -> Floats:
        """Peers' shares of invoices more than k days late (orders x CURVE), as known at each moment.

        By segment and terms bucket, or by segment alone where `with_terms` is false.
        """
        codes, names = pd.factorize(segment) if len(segment) > 1 else (np.zeros(len(segment), np.int64), segment)
        return self.curve_of(as_of, list(names), codes, bucket, with_terms)

    @cached_property
    def _answers(self) -> dict[tuple[str, int], tuple[float, ...]] | None:
        """What `curve_one` has worked out, by segment and bucket; None where the answer depends on the moment."""
        return {} if (self.moments == _ALWAYS).all() else None

    def curve_one(self, as_of: int, segment: str, net_days: int | None) -> tuple[float, ...]:
        """`curve` of one order at a moment in microseconds; without `net_days` that of a customer without an order."""
        bucket = _NO_TERMS if net_days is None else bisect.bisect_left(TERMS, net_days)
        answers = self._answers
        if answers is not None and (segment, bucket) in answers:
            return answers[segment, bucket]
        with_terms = np.array([net_days is not None])
        made = self.curve_of(np.array([as_of]), [segment], np.zeros(1, np.int64), np.array([bucket]), with_terms)
        found: tuple[float, ...] = tuple(made[0].tolist())
        if answers is not None:
            answers[segment, bucket] = found
        return found

    def curve_of(
        self, as_of: Ints, names: Sequence[str], segment: Ints, bucket: Ints, with_terms: NDArray[np.bool_]
    ) -> Floats:
        """`curve` where the segments are numbered: order i's is `names[segment[i]]`."""
        out = np.empty((len(as_of), len(CURVE)))
        if len(out) == 0:
            return out
        numbers, groups = self._paths
        number = np.array([numbers.get(name, len(numbers)) for name in names])[segment]
        path = number * (BUCKETS + 1) + np.where(with_terms, bucket, _NO_TERMS)
        first = as_of.min() // DAY_US
        days = as_of.max() // DAY_US - first + 1
        fits = len(groups) * days <= _CELLS_PER_ORDER * len(out)
        drawn = np.full((len(groups), days if fits else 0), -1, dtype=np.int64)
        _curve(self.starts, self.moments, self.matured, self.late, groups, path, as_of, _BEGIN, drawn, first, out)
        return out
