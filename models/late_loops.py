"""The compiled loops of `models.late`: of one order each step is small, and as arrays costs more in calls than in work.

Logarithms stay with the caller: compiled code would round some of them otherwise than numpy does.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def bounded(varying, columns, floor):
    """(n, g, c) values of some columns of `varying` (n, g, v), kept `floor` away from 0 and 1; null stays null."""
    n, g = varying.shape[:2]
    made = np.empty((n, g, len(columns)))
    for i in range(n):
        for k in range(g):
            for c in range(len(columns)):
                value = varying[i, k, columns[c]]
                if value < floor:
                    value = floor
                elif value > 1.0 - floor:
                    value = 1.0 - floor
                made[i, k, c] = value
    return made


@njit(cache=True, nogil=True)
def added(own, base, weights):
    """(n, g, c) what columns add to `base` (g,): `weights` (g, c) x (own - base); a null adds nothing."""
    made = np.empty(own.shape)
    for i in range(own.shape[0]):
        for k in range(own.shape[1]):
            for c in range(own.shape[2]):
                part = weights[k, c] * (own[i, k, c] - base[k])
                made[i, k, c] = part if part == part else 0.0
    return made


@njit(cache=True, nogil=True)
def moved(of_trees, margins, places, weights, share):
    """(n, g) log-odds moved to those of h heads, `margins` (h, n), at `places` and by `weights` (h, g) around them."""
    made = of_trees.copy()
    for h in range(len(places)):
        for i in range(made.shape[0]):
            own = share * (margins[h, i] - of_trees[i, places[h]])
            for k in range(made.shape[1]):
                made[i, k] = made[i, k] + own * weights[h, k]
    return made


@njit(cache=True, nogil=True)
def started(of_trees, base, parts):
    """(n, g) log-odds of trees and of what they start from: `base` (g,) and `parts` (n, g, c), one after the other."""
    made = np.empty(of_trees.shape)
    for i in range(made.shape[0]):
        for k in range(made.shape[1]):
            total = base[k]
            for c in range(parts.shape[2]):
                total = total + parts[i, k, c]
            made[i, k] = of_trees[i, k] + total
    return made


@njit(cache=True, nogil=True)
def shares(settled, known, share):
    """(n,) `share` / (1 + known payments) squared below so many of them, else 0; null counts as none."""
    made = np.zeros(len(settled))
    for i in range(len(settled)):
        n = settled[i] if settled[i] == settled[i] else 0.0
        if n < known:
            made[i] = share / ((1.0 + n) * (1.0 + n))
    return made


@njit(cache=True, nogil=True)
def largest_gap(reference, values, total):
    """The most by which `reference` and the sums of `values` (n, c) miss `total` (n,); null where one is not finite."""
    largest = 0.0
    for i in range(len(total)):
        whole = reference
        for c in range(values.shape[1]):
            whole += values[i, c]
        gap = abs(whole - total[i])
        if not gap <= largest:
            largest = gap
        if gap != gap:
            return gap
    return largest
