"""How peers pay, as it was known at each moment: what a customer with little history is drawn towards.

Peers are the invoices of the same segment and terms, drawn towards the segment, drawn towards the portfolio, drawn
towards a published curve. Only whole counts are kept, so the rates are the same however the ledger is ordered or cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from features.history import History
from features.kernel import DAY_US, STATE_CREDITED, STATE_SETTLED, state_changes
from features.table import CURVE
from receivables.ledger import Ledger

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Share of invoices more than k days late before any is known: the order of size that published ledgers show.
START: Final = dict(zip(CURVE, (0.93, 0.85, 0.6, 0.43, 0.22, 0.1, 0.07, 0.04, 0.025, 0.008, 0.003), strict=True))
#: Invoices that the wider group's rate weighs as much as.
WEIGHT: Final = 50.0
#: Due dates further back than this do not count.
WINDOW_DAYS: Final = 365
#: Upper ends of the payment-terms buckets, in net days.
TERMS: Final = (0, 10, 15, 30, 45, 60, 90)

PORTFOLIO: Final = "*"
#: The one moment of rates that hold always.
_ALWAYS: Final = np.array([np.iinfo(np.int64).min], dtype=np.int64)


def segment_key(segment: str) -> str:
    """Group of a customer segment; "" is a segment of its own: unknown."""
    return f"segment:{segment}"


def peer_key(segment: str, bucket: int) -> str:
    """Group of a segment's invoices in one terms bucket."""
    return f"peers:{segment}|{bucket}"


def terms_bucket(net_days: Ints) -> Ints:
    """Number of the terms bucket: 0 for at most 0 net days, 1 for at most 10, and so on."""
    return np.searchsorted(np.array(TERMS), net_days).astype(np.int64)


@njit(cache=True, nogil=True)
def _curve(keys, matured, late, starts, width, groups, rank, levels, begin, out):
    """Rates (orders x k): each level's counts draw the rate of the level above towards what they saw."""
    for q in range(len(rank)):
        for k in range(len(begin)):
            rate = begin[k]
            for level in range(levels[q]):
                group = groups[q, level]
                low, high = starts[k], starts[k + 1]
                while low < high:  # first key beyond group and moment
                    middle = (low + high) >> 1
                    if keys[middle] <= group * width + rank[q]:
                        low = middle + 1
                    else:
                        high = middle
                low -= 1
                # without invoices the rate is left alone to the last bit, whether or not the group has ever had any
                if group >= 0 and low >= starts[k] and keys[low] >= group * width and matured[low] > 0:
                    rate = (late[low] + WEIGHT * rate) / (matured[low] + WEIGHT)
            out[q, k] = rate


@dataclass(frozen=True)
class Priors:
    """Matured and late invoices by k, group and moment.

    `moments` are microseconds, rising. The counts of CURVE[i] lie at starts[i] .. starts[i + 1], sorted by key: group x
    (number of moments + 1) + rank of the moment from which they hold.
    """

    groups: Mapping[str, int]
    moments: Ints
    starts: Ints
    keys: Ints
    matured: Ints
    late: Ints

    @classmethod
    def of(cls, ledger: Ledger | History) -> Self:
        """The rates of a whole ledger through time."""
        history = ledger if isinstance(ledger, History) else History.of(ledger)
        changes = _Changes.of(history)
        steps = [changes.steps(k) for k in CURVE]
        moments = np.unique(np.concatenate([moment for _, moment, _, _ in steps]))
        groups = {name: i for i, name in enumerate(changes.names)}
        return cls._join(groups, moments, [_cumulate(*step, moments) for step in steps])

    @classmethod
    def _join(cls, groups: Mapping[str, int], moments: Ints, counts: Sequence[tuple[Ints, Ints, Ints]]) -> Self:
        starts = np.cumsum([0, *(len(keys) for keys, _, _ in counts)]).astype(np.int64)
        return cls(dict(groups), moments, starts, *(np.concatenate(column) for column in zip(*counts, strict=True)))

    def at(self, moment: np.datetime64) -> Priors:
        """The rates as they were at one moment, for every later look-up: what a model folder carries."""
        rank = np.searchsorted(self.moments, np.int64(moment.astype("datetime64[us]")), side="right")
        width, codes = len(self.moments) + 1, np.arange(len(self.groups), dtype=np.int64)
        counts: list[tuple[Ints, Ints, Ints]] = []
        for first, last in itertools.pairwise(self.starts):
            keys = self.keys[first:last]
            at = np.searchsorted(keys, codes * width + rank, side="right") - 1
            found = np.flatnonzero(at >= 0)
            found = found[keys[at[found]] >= codes[found] * width]
            matured, late = np.zeros((2, len(codes)), dtype=np.int64)
            matured[found], late[found] = self.matured[first:last][at[found]], self.late[first:last][at[found]]
            counts.append((codes * 2 + 1, matured, late))
        return self._join(self.groups, _ALWAYS, counts)

    def to_json(self) -> dict[str, Any]:
        """Group -> matured and late by k, in the order of CURVE; only for rates at one moment (see `at`)."""
        if len(self.moments) != 1:
            raise ValueError("only rates at one moment can be written: call at() first")
        shape = len(CURVE), len(self.groups)
        matured, late = self.matured.reshape(shape), self.late.reshape(shape)
        return {
            name: {"matured": matured[:, code].tolist(), "late": late[:, code].tolist()}
            for name, code in self.groups.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        keys = np.arange(len(document), dtype=np.int64) * 2 + 1
        matured, late = (
            np.array([entry[of] for entry in document.values()], dtype=np.int64).T for of in ("matured", "late")
        )
        counts = [(keys, matured[i], late[i]) for i in range(len(CURVE))]
        return cls._join({name: i for i, name in enumerate(document)}, _ALWAYS, counts)

    def curve(self, as_of: Ints, segment: NDArray[np.object_], bucket: Ints, with_terms: NDArray[np.bool_]) -> Floats:
        """Peers' shares of invoices more than k days late (orders x CURVE), as known at each moment.

        By segment and terms bucket, or by segment alone where `with_terms` is false.
        """
        rank = np.searchsorted(self.moments, as_of, side="right")
        groups = np.full((len(as_of), 3), self.groups.get(PORTFOLIO, -1), dtype=np.int64)
        codes, names = pd.factorize(segment)
        pairs, inverse = np.unique(codes * (len(TERMS) + 1) + bucket, return_inverse=True)
        peers = (peer_key(names[pair // (len(TERMS) + 1)], pair % (len(TERMS) + 1)) for pair in pairs)
        groups[:, 1] = np.array([self.groups.get(segment_key(name), -1) for name in names])[codes]
        groups[:, 2] = np.array([self.groups.get(peer, -1) for peer in peers])[inverse]
        out = np.empty((len(as_of), len(CURVE)))
        begin = np.array([START[k] for k in CURVE])
        levels = np.where(with_terms, 3, 2)
        width = len(self.moments) + 1
        _curve(self.keys, self.matured, self.late, self.starts, width, groups, rank, levels, begin, out)
        return out


@dataclass(frozen=True)
class _Changes:
    """States of all invoices through time; `groups` are group codes (3 x states): portfolio, segment, peers."""

    names: tuple[str, ...]
    groups: Ints
    start: Ints
    until: Ints
    state: Ints
    last: Ints
    due: Ints

    @classmethod
    def of(cls, history: History) -> Self:
        invoices, clearings = history.invoices, history.clearings
        invoice, start, until, state, last = state_changes(
            invoices.known, invoices.amount, clearings.start, clearings.known, clearings.day, clearings.amount,
            clearings.base, clearings.kind,
        )  # fmt: skip
        names, groups = _groups(history)
        return cls(names, groups[:, invoice], start, until, state, last, invoices.due[invoice])

    def steps(self, k: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(group, moment, change of matured, change of late) whenever the counts for k change."""
        start = np.maximum(self.start, (self.due + k + 1) * DAY_US)
        until = np.minimum(self.until, (self.due + WINDOW_DAYS + 1) * DAY_US)
        counted = (start < until) & (self.state != STATE_CREDITED)
        late = np.where((self.state == STATE_SETTLED) & (self.last - self.due <= k), 0, 1)[counted]
        one = np.ones(len(late), dtype=np.int64)
        moment = np.concatenate([start[counted], until[counted]])
        matured_by, late_by = np.concatenate([one, -one]), np.concatenate([late, -late])
        groups = np.tile(self.groups[:, counted], 2).ravel()
        return groups, np.tile(moment, 3), np.tile(matured_by, 3), np.tile(late_by, 3)


def _groups(history: History) -> tuple[tuple[str, ...], Ints]:
    """Names of all groups, and the three that each invoice belongs to."""
    invoices, customers = history.invoices, history.customers
    customer = np.repeat(np.arange(len(customers.ids)), np.diff(invoices.start))
    # master data that was not known when the invoice was must not sort it into a group
    seen = customers.known[customer] <= invoices.known
    codes, segments = pd.factorize(np.append(customers.segment, ""))
    segment = np.where(seen, codes[customer], codes[-1])
    buckets = len(TERMS) + 1
    pairs, peer = np.unique(segment * buckets + terms_bucket(invoices.net_days), return_inverse=True)
    names = (
        PORTFOLIO,
        *(segment_key(name) for name in segments),
        *(peer_key(segments[pair // buckets], pair % buckets) for pair in pairs),
    )
    return names, np.stack([np.zeros_like(segment), 1 + segment, 1 + len(segments) + peer])


def _cumulate(group: Ints, moment: Ints, matured: Ints, late: Ints, moments: Ints) -> tuple[Ints, Ints, Ints]:
    """Keys and the counts that hold from each key on."""
    width = len(moments) + 1
    keys, inverse = np.unique(group * width + np.searchsorted(moments, moment) + 1, return_inverse=True)
    first = np.searchsorted(keys, (keys // width) * width)
    sums = []
    for change in (matured, late):
        # counts are far below 2^53, so the weights' floats are exact
        running = np.cumsum(np.bincount(inverse, weights=change).astype(np.int64))
        sums.append(running - np.where(first > 0, running[first - 1], 0))
    return keys, sums[0], sums[1]
