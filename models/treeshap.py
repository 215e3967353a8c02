"""Exact path-dependent SHAP values of a forest, by quadrature over the polynomial of each path.

The SHAP value of a column is a sum over leaves of v (o - z) times an integral over t in [0, 1] of the product, over the
other columns j of the leaf's path, of t o_j + (1 - t) z_j: v is the leaf's value, o_j 1 where the row satisfies every
split on j and 0 elsewhere, z_j the share of training rows that do. The integrand is a polynomial, so a Gauss-Legendre
rule of half its degree is exact: Quadrature-TreeSHAP (Wettenstein, Mitchell, Yu 2026, arXiv 2605.04497), of the values
defined by Lundberg et al. (2020, arXiv 1905.04610); Linear TreeSHAP (Yu et al. 2022, arXiv 2209.08192) sums over
subtrees alike.

One walk down and one walk up each tree do it. With g = 1 where the row goes left, r the share of rows that do, and the
tables of `models.layout`, a split passes on a = g + (r - g) share to its left child and 1 - a to its right one. Down:
the product E of what was passed on. Up: R = R_right + a (R_left - R_right), a leaf's value being its own R. The split
then adds (g - r) part E (R_left - R_right) to its column. What is passed on lies between 0 and 1 and nothing is
divided at run time, so rounding stays at that of the sums. Below a split that the row has already failed on the same
column, a is r and nothing is added: the row FAILED of the tables.

Checked against the definition by brute force, LightGBM's `pred_contrib` and the shap package.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from models.lanes import WIDTH as LANES
from models.lanes import at_most, load, splat, store
from models.layout import FAILED, FIRST, POINTS, WEIGHTS, Layout
from models.numbers import Floats
from models.threads import in_parts
from models.walk import ZERO

#: Up to so many rows the loop for single rows is quicker.
FEW: Final = 4
#: Rows that go through a tree together; their columns and sums stay in the second-level cache.
BLOCK: Final = 512
_U = np.uint64
_P: Final = np.uint64(POINTS)
_ROW: Final = np.uint64(2 * POINTS)
_L: Final = np.uint64(LANES)


def shap_values(found: Layout, rows: Floats, *, threads: int = 1) -> Floats:
    """(n, columns) SHAP values of rows (n, columns), NaN = null. Memory beyond the answer does not grow with n."""
    if len(rows) <= FEW:
        return explained(found, rows)[0]
    trees = (found.splits, found.tables.ravel(), found.passes, found.most)
    return in_parts(lambda some, made: _in_blocks(some, *trees, made), np.empty(rows.shape), rows, threads=threads)


def explained(found: Layout, rows: Floats) -> tuple[Floats, Floats]:
    """SHAP values of rows (n, columns) one by one, and (n,) sums of the leaves that they reach, in the trees' order."""
    made, reached = np.empty(rows.shape), np.zeros(len(rows))
    _one_by_one(rows, found.splits, found.tables.ravel(), found.passes, found.most, made, reached)
    return made, reached


@njit(cache=True, nogil=True, error_model="numpy")
def _one_by_one(rows, splits, tables, passes, most, made, reached):
    """Eight points of the rule at a time."""
    none = _U(most)
    given, passed, summed = np.empty((none + 1) * _P), np.empty((none + 1) * _P), np.empty((none + 1) * _P)
    left_less, row_of = np.empty(none), np.empty(none, np.uint64)
    went, live = np.empty(none + 1, np.uint8), np.empty(none + 1, np.uint8)
    total = np.empty(rows.shape[1] * POINTS)
    x = np.empty(rows.shape[1])
    for i in range(rows.shape[0]):
        for f in range(rows.shape[1]):
            x[f] = rows[i, f] if not abs(rows[i, f]) <= ZERO else 0.0
        total[:] = 0.0
        for p in range(passes.shape[0]):
            first, count, base = _U(passes[p, 0]), _U(passes[p, 1]), _U(passes[p, 2]) * _ROW
            went[count] = live[count] = 1
            store(summed, count * _P, splat(0.0))
            store(given, count * _P, load(tables, base + WEIGHTS * _ROW))
            store(passed, count * _P, splat(1.0))
            for j in range(count):
                s = splits[first + j]
                value = x[s.feature]
                g = np.uint8((value <= s.threshold) | (s.null_left & (value != value)))
                alive = live[s.previous] & np.uint8(went[s.previous] == s.previous_side)
                went[j], live[j] = g, alive
                row = base + (_U(FAILED) + _U(s.row - FAILED) * _U(alive)) * _ROW
                row_of[j] = row
                less = s.left_share - g
                left_less[j] = less
                up, side = _U(s.parent) * _P, np.float64(s.side)
                store(given, j * _P, load(given, up) * ((1.0 - side) + (2.0 * side - 1.0) * load(passed, up)))
                store(passed, j * _P, np.float64(g) + less * load(tables, row))
            if p == 0 or passes[p, 0] != passes[p - 1, 0]:
                reached[i] += _leaf(splits, first, count, went)
            k = count
            while k > _U(0):
                k -= _U(1)
                s = splits[first + k]
                right = s.right_value + load(summed, _U(s.right) * _P)
                apart = s.left_value + load(summed, _U(s.left) * _P) - right
                store(summed, k * _P, right + load(passed, k * _P) * apart)
                to = _U(s.feature) * _P
                part = load(tables, row_of[k] + _P)
                store(total, to, load(total, to) - left_less[k] * part * (load(given, k * _P) * apart))
        for f in range(rows.shape[1]):
            made[i, f] = total[f * POINTS : (f + 1) * POINTS].sum()


@njit(cache=True, nogil=True, inline="always")
def _leaf(splits, first, count, went):
    """The value of the leaf that a row reaches in a tree of which it is known where it goes at every split."""
    at, left = _U(0), went[0]
    down = _U(splits[first].left) if left else _U(splits[first].right)
    while down < count:
        at, left = down, went[down]
        down = _U(splits[first + at].left) if left else _U(splits[first + at].right)
    return splits[first + at].left_value if left else splits[first + at].right_value


@njit(cache=True, nogil=True, error_model="numpy")
def _in_blocks(rows, splits, tables, passes, most, made):
    """Eight rows at a time, a block of rows tree by tree, so that a tree is read once for many rows."""
    n, width, size = rows.shape[0], rows.shape[1], (_U(most) + _U(1)) * _L
    x, total = np.empty(BLOCK * width), np.empty(BLOCK * width)
    given, passed, summed = np.empty(size * _P), np.empty(size * _P), np.empty(size * _P)
    went, live, left_less = np.empty(size), np.empty(size), np.empty(size)
    for start in range(0, n, BLOCK):
        block = rows[start : start + BLOCK]
        tiles = _U((len(block) + LANES - 1) // LANES)
        _interleave(block, tiles, x)
        total[:] = 0.0
        for p in range(passes.shape[0]):
            first, count, base, points = _U(passes[p, 0]), _U(passes[p, 1]), _U(passes[p, 2]) * _ROW, _U(passes[p, 3])
            store(went, count * _L, splat(1.0))
            store(live, count * _L, splat(1.0))
            for q in range(points):
                store(summed, (count * _P + q) * _L, splat(0.0))
                store(given, (count * _P + q) * _L, splat(tables[base + q]))
                store(passed, (count * _P + q) * _L, splat(1.0))
            for tile in range(tiles):
                mine = tile * _U(width) * _L
                for j in range(count):
                    s = splits[first + j]
                    g = at_most(load(x, mine + _U(s.feature) * _L), s.threshold, s.null_left)
                    less, alive = s.left_share - g, splat(1.0)
                    if s.row != FIRST:
                        held = load(went, _U(s.previous) * _L)
                        alive = load(live, _U(s.previous) * _L) * (held if s.previous_side else 1.0 - held)
                    store(went, j * _L, g)
                    store(live, j * _L, alive)
                    store(left_less, j * _L, less)
                    up, row = _U(s.parent) * _P, base + _U(s.row) * _ROW
                    low, step = 1.0 - np.float64(s.side), 2.0 * np.float64(s.side) - 1.0
                    for q in range(points):
                        here, above = (j * _P + q) * _L, (up + q) * _L
                        store(given, here, load(given, above) * (low + step * load(passed, above)))
                        share = 1.0 + alive * (tables[row + q] - 1.0)
                        store(passed, here, g + less * share)
                k = count
                while k > _U(0):
                    k -= _U(1)
                    s = splits[first + k]
                    right_at, left_at, row = _U(s.right) * _P, _U(s.left) * _P, base + _U(s.row) * _ROW + _P
                    adds = splat(0.0)
                    for q in range(points):
                        here = (k * _P + q) * _L
                        right = s.right_value + load(summed, (right_at + q) * _L)
                        apart = s.left_value + load(summed, (left_at + q) * _L) - right
                        store(summed, here, right + load(passed, here) * apart)
                        adds = adds + tables[row + q] * (load(given, here) * apart)
                    to = mine + _U(s.feature) * _L
                    adds = load(live, k * _L) * adds
                    store(total, to, load(total, to) - load(left_less, k * _L) * adds)
        for r in range(len(block)):
            for f in range(width):
                made[start + r, f] = total[(r // LANES * width + f) * LANES + r % LANES]


@njit(cache=True, nogil=True)
def _interleave(block, tiles, x):
    """Eight rows column by column; the last eight are filled up with the last row."""
    width = block.shape[1]
    for r in range(tiles * LANES):
        for f in range(width):
            value = block[min(r, len(block) - 1), f]
            x[(r // LANES * width + f) * LANES + r % LANES] = 0.0 if abs(value) <= ZERO else value
