"""How many invoices of each peer group had matured, and how many of them were late, whenever that changed.

Peers are the invoices of the same segment and terms. Everything is a whole number, so the counts of parts of a ledger
add up to those of the whole, in whatever order they are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from features.history import History
from features.kernel import DAY_US, STATE_CREDITED, STATE_SETTLED, state_changes
from features.table import CURVE

Ints = NDArray[np.int64]

#: Due dates further back than this do not count.
WINDOW_DAYS: Final = 365
#: Upper ends of the payment-terms buckets, in net days.
TERMS: Final = (0, 10, 15, 30, 45, 60, 90)
BUCKETS: Final = len(TERMS) + 1
#: Counts of one change: matured by k, then late by k.
WIDTH: Final = 2 * len(CURVE)
_CURVE: Final = np.array(CURVE, dtype=np.int64)


def terms_bucket(net_days: Ints) -> Ints:
    """Number of the terms bucket: 0 for at most 0 net days, 1 for at most 10, and so on."""
    return np.searchsorted(np.array(TERMS), net_days).astype(np.int64)


@njit(cache=True, nogil=True)
def _reached(moment, due, curve):
    """Number of k for which an invoice due on `due` has matured at `moment`: the day due + k is over."""
    over, n = moment // DAY_US - due - 1, 0
    while n < len(curve) and curve[n] <= over:
        n += 1
    return n


@njit(cache=True, nogil=True)
def _counted(start, until, state, due, curve):
    """End of the span in which a state counts, numbers of k that begin with it and that count before its end."""
    end = min(until, (due + WINDOW_DAYS + 1) * DAY_US)
    if state == STATE_CREDITED or start >= end:
        return end, 0, 0
    top = _reached(end - 1, due, curve)
    return end, min(_reached(start, due, curve), top), top


@njit(cache=True, nogil=True)
def _between_midnights(rows, start, until, state, due, curve):
    """Sorted distinct moments, other than midnights, at which counts change."""
    moments = np.empty(2 * len(rows), dtype=np.int64)
    n = 0
    for r in rows:
        end, begun, top = _counted(start[r], until[r], state[r], due[r], curve)
        if begun > 0 and start[r] % DAY_US:
            moments[n] = start[r]
            n += 1
        if top > 0 and end % DAY_US:
            moments[n] = end
            n += 1
    return np.unique(moments[:n])


@njit(cache=True, nogil=True)
def _slot(moment, first, between):
    """Place of a moment among all midnights from day `first` on and the moments between them."""
    return -(-moment // DAY_US) - first + np.searchsorted(between, moment)


@njit(cache=True, nogil=True)
def _take(at, natural, due, out):
    """Writes the changes of one slot into `out`; those that the calendar brings come from `natural` by due date."""
    some = False
    for kind in range(2):
        total, n = 0, at.shape[1] - 1
        for j in range(n):
            total += at[kind, j]
            change = total
            day = due[j]
            if 0 <= day < len(natural):
                change += natural[day, kind, j]
            out[kind * n + j] = change
            some = some or change != 0
    return some


@njit(cache=True, nogil=True)
def _changes(rows, start, until, state, last, due, curve):
    """Moments and changes of one group's counts; `rows` are the states of its invoices.

    An invoice counts for k from the midnight that ends the day due + k, or from the moment its state began if that is
    later. The first are collected by due date and moved to each k's day at the end, so that a state costs a few
    additions and not one per k: column j holds the difference to column j - 1.
    """
    low, high, n = due[rows].min(), due[rows].max(), len(curve)
    first, days = low + curve[0] + 1, high - low + WINDOW_DAYS + 1 - curve[0]
    between = _between_midnights(rows, start, until, state, due, curve)
    at = np.zeros((days + len(between), 2, n + 1), dtype=np.int64)
    natural = np.zeros((high - low + 1, 2, n + 1), dtype=np.int64)
    for r in rows:
        end, begun, top = _counted(start[r], until[r], state[r], due[r], curve)
        for kind in range(2):
            if kind == 1 and state[r] == STATE_SETTLED:  # late for k below the days late
                top = min(top, np.searchsorted(curve, last[r] - due[r]))
            if top == 0:
                break
            now = min(begun, top)
            if now > 0:
                slot = _slot(start[r], first, between)
                at[slot, kind, 0] += 1
                at[slot, kind, now] -= 1
            natural[due[r] - low, kind, now] += 1
            natural[due[r] - low, kind, top] -= 1
            slot = _slot(end, first, between)
            at[slot, kind, 0] -= 1
            at[slot, kind, top] += 1
    for j in range(1, n):
        natural[:, :, j] += natural[:, :, j - 1]
    return _rows_of(at, natural, between, first, low, curve)


@njit(cache=True, nogil=True)
def _rows_of(at, natural, between, first, low, curve):
    """The slots at which something changes, as moments and rows of changes."""
    moments = np.empty(len(at), dtype=np.int64)
    by = np.empty((len(at), 2 * len(curve)), dtype=np.int64)
    nowhere = np.full(len(curve), -1, dtype=np.int64)
    n, e = 0, 0
    for day in range(len(at) - len(between)):
        midnight = (first + day) * DAY_US
        while e < len(between) and between[e] < midnight:
            moments[n] = between[e]
            n += _take(at[day + e], natural, nowhere, by[n])
            e += 1
        moments[n] = midnight
        n += _take(at[day + e], natural, first + day - curve - 1 - low, by[n])
    return moments[:n].copy(), by[:n].copy()


@dataclass(frozen=True)
class PeerCounts:
    """Changes of the counts of peer groups: `by` (changes x WIDTH) at `moment` (microseconds) in the group `group`.

    `groups` names segment and terms bucket, sorted. Rows are sorted by group and moment; no pair occurs twice and no
    row is all zero, so the same facts give the same arrays however they were ordered or cut.
    """

    groups: tuple[tuple[str, int], ...]
    group: Ints
    moment: Ints
    by: Ints

    @classmethod
    def of(cls, history: History) -> Self:
        """The counts of a ledger, or of a part of it that holds whole customers."""
        invoices, clearings = history.invoices, history.clearings
        invoice, start, until, state, last = state_changes(
            invoices.known, invoices.amount, clearings.start, clearings.known, clearings.day, clearings.amount,
            clearings.base, clearings.kind,
        )  # fmt: skip
        names, codes = _groups(history)
        code, due = codes[invoice], invoices.due[invoice]
        in_order = np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(names)))
        found = [
            (name, *_changes(rows, start, until, state, last, due, _CURVE))
            for name, rows in zip(names, np.split(in_order, ends)[:-1], strict=True)
            if len(rows)
        ]
        found = [(name, moments, by) for name, moments, by in found if len(moments)]
        group = np.repeat(np.arange(len(found)), [len(moments) for _, moments, _ in found])
        moment, by = _stack([moments for _, moments, _ in found]), _stack([by for *_, by in found], WIDTH)
        return cls(tuple(name for name, _, _ in found), group.astype(np.int64), moment, by)

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """The counts of a ledger from those of its parts."""
        parts = list(parts)
        names = sorted({name for part in parts for name in part.groups})
        code = {name: i for i, name in enumerate(names)}
        group = [np.array([code[name] for name in p.groups], dtype=np.int64)[p.group] for p in parts]
        found = summed(_stack(group), _stack([p.moment for p in parts]), _stack([p.by for p in parts], WIDTH))
        # a group whose changes cancel out is as if it had never been
        used, codes = np.unique(found[0], return_inverse=True)
        return cls(tuple(names[i] for i in used), codes.astype(np.int64), *found[1:])


def summed(group: Ints, moment: Ints, by: Ints) -> tuple[Ints, Ints, Ints]:
    """Rows sorted by group and moment, those of one group and moment added up, those that come to nothing left out."""
    order = np.lexsort((moment, group))
    group, moment = group[order], moment[order]
    new = np.append(True, (np.diff(group) != 0) | (np.diff(moment) != 0))[: len(group)]
    first = np.flatnonzero(new)
    sums = np.add.reduceat(by[order], first) if len(first) else by
    some = sums.any(axis=1)
    return group[first][some], moment[first][some], sums[some]


def _stack(parts: Sequence[Ints], width: int = 0) -> Ints:
    nothing = np.empty((0, width) if width else 0, dtype=np.int64)
    return np.concatenate([nothing, *parts])


def _groups(history: History) -> tuple[list[tuple[str, int]], Ints]:
    """The peer groups by name, and the one that each invoice belongs to."""
    invoices, customers = history.invoices, history.customers
    customer = np.repeat(np.arange(len(customers.ids)), np.diff(invoices.start))
    codes, segments = pd.factorize(np.append(customers.segment, ""), sort=True)
    # master data that was not known when the invoice was must not sort it into a group
    seen = customers.known[customer] <= invoices.known
    pair = np.where(seen, codes[customer], codes[-1]) * BUCKETS + terms_bucket(invoices.net_days)
    used = np.bincount(pair, minlength=len(segments) * BUCKETS) > 0
    names = [(str(segments[i // BUCKETS]), int(i % BUCKETS)) for i in np.flatnonzero(used)]
    return names, (np.cumsum(used) - 1)[pair].astype(np.int64)
