"""Log-odds of a forest, walked in compiled code: the same sums in the same order as LightGBM's, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from models.layout import nulls_left
from models.numbers import Floats, Ints
from models.threads import in_parts

if TYPE_CHECKING:
    from models.forest import Tree

#: Closer to zero than this LightGBM takes for zero: its float constant 1e-35.
ZERO: Final = float(np.float32(1e-35))
#: Rows that go through a tree together, so that it is read once for many.
_BLOCK: Final = 256
#: Variants of a row that go through a tree together, a bit each.
_TOGETHER: Final = 64
#: One split; a child >= 0 is a split, a child c < 0 is leaf ~c, both numbered over the whole forest.
_STEP: Final = np.dtype(
    [
        ("threshold", np.float64),
        ("feature", np.uint32),
        ("left", np.int32),
        ("right", np.int32),
        ("null_left", np.bool_),
    ],
    align=True,
)


@dataclass(frozen=True)
class Walk:
    """All splits of a forest, the value of every leaf, where each tree begins, and the most splits of a tree."""

    steps: npt.NDArray[np.void]
    values: Floats
    roots: Ints
    most: int

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> Walk:
        """The trees one after the other."""
        splits, leaves = (np.cumsum([0, *(len(part) for part in parts)]) for parts in _parts(trees))
        steps = np.zeros(splits[-1], _STEP)
        for tree, first, leaf in zip(trees, splits, leaves, strict=False):
            mine = steps[first : first + len(tree.feature)]
            mine["threshold"], mine["feature"], mine["null_left"] = tree.threshold, tree.feature, nulls_left(tree)
            for side, children in (("left", tree.left), ("right", tree.right)):
                mine[side] = np.where(children >= 0, children + first, children - leaf)
        roots = [
            first if len(tree.feature) else ~leaf for tree, first, leaf in zip(trees, splits, leaves, strict=False)
        ]
        values = np.concatenate([tree.leaf_value for tree in trees])
        return cls(steps, values, np.array(roots, dtype=np.int64), max(len(tree.feature) for tree in trees))

    def margin(self, rows: Floats, *, threads: int = 1) -> Floats:
        """(n,) log-odds of rows (n, columns), NaN = null."""
        trees = (self.steps, self.values, self.roots)
        return in_parts(lambda some, made: _margin(some, *trees, made), np.empty(len(rows)), rows, threads=threads)

    def margins(self, rows: Floats, varying: Floats, *, threads: int = 1) -> Floats:
        """(n, g) log-odds of rows (n, m) with each of the g variants (n, g, v) of the v columns that follow them.

        A split on one of the first m columns is passed once for all variants.
        """
        trees = (self.steps, self.values, self.roots, self.most)
        groups = [slice(i, i + _TOGETHER) for i in range(0, varying.shape[1], _TOGETHER)]

        def work(some: Floats, variants: Floats, made: Floats) -> None:
            for group in groups:
                _margins(some, variants[:, group], *trees, made[:, group])

        return in_parts(work, np.empty(varying.shape[:2]), rows, varying, threads=threads)


def _parts(trees: Sequence[Tree]) -> tuple[list[Floats], list[Floats]]:
    return [tree.threshold for tree in trees], [tree.leaf_value for tree in trees]


@njit(cache=True, nogil=True, inline="always")
def _goes_left(value, step):
    known = 0.0 if abs(value) <= ZERO else value
    return (known <= step.threshold) | (step.null_left & (known != known))


@njit(cache=True, nogil=True)
def _margin(rows, steps, values, roots, made):
    made[:] = 0.0
    for start in range(0, len(rows), _BLOCK):
        for root in roots:
            for i in range(start, min(start + _BLOCK, len(rows))):
                node = root
                while node >= 0:
                    step = steps[node]
                    node = step.left if _goes_left(rows[i, step.feature], step) else step.right
                made[i] += values[~node]


@njit(cache=True, nogil=True)
def _margins(rows, varying, steps, values, roots, most, made):
    fixed, variants = rows.shape[1], varying.shape[1]
    nodes, groups = np.empty(most + 1, np.int64), np.empty(most + 1, np.uint64)
    one = np.uint64(1)
    for i in range(rows.shape[0]):
        made[i, :] = 0.0
        for root in roots:
            nodes[0], groups[0], waiting = root, ~np.uint64(0) >> np.uint64(64 - variants), 1
            while waiting > 0:
                waiting -= 1
                node, group = nodes[waiting], groups[waiting]
                while node >= 0:
                    step = steps[node]
                    if step.feature < fixed:
                        node = step.left if _goes_left(rows[i, step.feature], step) else step.right
                        continue
                    left = np.uint64(0)
                    for k in range(variants):
                        left |= np.uint64(_goes_left(varying[i, k, step.feature - fixed], step)) << np.uint64(k)
                    if group & left == 0:
                        node = step.right
                        continue
                    if group & ~left != 0:
                        nodes[waiting], groups[waiting] = step.right, group & ~left
                        waiting += 1
                        group &= left
                    node = step.left
                for k in range(variants):
                    if group >> np.uint64(k) & one:
                        made[i, k] += values[~node]
