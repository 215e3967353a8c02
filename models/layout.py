"""A forest laid out for the compiled loops of `models.treeshap`: splits in the order of a walk, tables of factors.

Let r be the share of a split's training rows that went left, and z the product of such shares over the earlier splits
on the same column of its path (1 where there is none). Seen from that split, a column that the row has satisfied so
far enters the polynomial of the path as h(t) = t + (1 - t) z. All that depends on the trees alone is tabled here, at
the points t of a Gauss-Legendre rule: `share` = (1 - t) z / h and `part` = z / h². A rule of m points is exact up to
degree 2m - 1, and a path of d distinct columns asks for degree d - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from models.numbers import Floats, Ints

if TYPE_CHECKING:
    from models.forest import Tree

#: Points of the rule that are worked on together; a tree that needs more of them is gone through once more.
POINTS: Final = 8
#: Rows of a pass's table before those of repeated splits: weights, a column that has failed, a column seen first.
WEIGHTS, FAILED, FIRST = range(3)
#: One split in 64 bytes. `parent`, `previous` (the split before it on its column), `left` and `right` are places
#: within the tree; the place after its last split stands for none. A side is 1 for left.
SPLIT: Final = np.dtype(
    [
        ("threshold", np.float64),
        ("left_share", np.float64),
        ("left_value", np.float64),
        ("right_value", np.float64),
        ("feature", np.uint32),
        ("parent", np.uint32),
        ("previous", np.uint32),
        ("left", np.uint32),
        ("right", np.uint32),
        ("row", np.uint32),
        ("null_left", np.bool_),
        ("side", np.uint8),
        ("previous_side", np.uint8),
    ],
    align=True,
)


@dataclass(frozen=True)
class Layout:
    """What the loops read.

    `splits` are records of `SPLIT` tree by tree; `tables` (rows, 2, POINTS) hold `share` and `part`; `passes` (p, 4)
    say where a tree's splits begin, how many there are, where its table begins and how many points count. `reference`
    is the log-odds of the average training row, `most` the number of splits of the largest tree. `is_whole` says that
    every tree has a split: only then a walk over the splits meets all that the log-odds are made of.
    """

    splits: npt.NDArray[np.void]
    tables: Floats
    passes: Ints
    reference: float
    most: int
    is_whole: bool


def layout(trees: Sequence[Tree]) -> Layout | None:
    """The layout of a forest; None where the counts of a split's children do not add up to its own.

    Such counts come from training on several machines. The loops rely on them adding up.
    """
    records, tables, passes, begin, base = [], [], [], 0, 0
    for tree in trees:
        if not len(tree.feature):
            continue
        if not _adds_up(tree):
            return None
        splits, before, deepest = _walk(tree)
        records.append(splits)
        for times, weights in _rules(deepest):
            tables.append(_table(before, times, weights))
            passes.append((begin, len(splits), base, np.count_nonzero(weights)))
            base += len(tables[-1])
        begin += len(splits)
    return Layout(
        splits=np.concatenate(records) if records else np.empty(0, SPLIT),
        tables=np.concatenate(tables) if tables else np.empty((0, 2, POINTS)),
        passes=np.array(passes, dtype=np.int64).reshape(-1, 4),
        reference=float(sum(tree.leaf_value @ tree.leaf_count / tree.leaf_count.sum() for tree in trees)),
        most=max((len(splits) for splits in records), default=0),
        is_whole=all(len(tree.feature) for tree in trees),
    )


def nulls_left(tree: Tree) -> npt.NDArray[np.bool_]:
    """Where a null goes left: decision types 8 and 10 say so, 0 and 2 take it for a zero."""
    return np.where(tree.decision >= 8, tree.decision == 10, tree.threshold >= 0.0)


def _adds_up(tree: Tree) -> bool:
    counts = np.concatenate([tree.split_count, tree.leaf_count[::-1]])  # child c < 0 is the leaf ~c, at counts[c]
    return np.array_equal(counts[tree.left] + counts[tree.right], tree.split_count)


def _walk(tree: Tree) -> tuple[npt.NDArray[np.void], list[float], int]:
    """The records, z of each repeated split in order of their rows, and the most distinct columns on a path."""
    none = len(tree.feature)
    features, values = tree.feature.tolist(), tree.leaf_value.tolist()
    sides = ((1, tree.left.tolist()), (0, tree.right.tolist()))
    counts = np.concatenate([tree.split_count, tree.leaf_count[::-1]])
    shares = (counts[tree.left] / tree.split_count).tolist()
    order: list[int] = []
    links: list[tuple[Any, ...]] = []
    ends: list[list[Any]] = []
    before: list[float] = []
    deepest = 0
    # split, place and side of its parent, and for each column of the path: z, last place, side
    waiting: list[tuple[int, int, int, dict[int, tuple[float, int, int]]]] = [(0, none, 1, {})]
    while waiting:
        node, parent, side, path = waiting.pop()
        place, column = len(order), features[node]
        order.append(node)
        if parent != none:
            ends[parent][1 - side] = place
        z, previous, previous_side = path.get(column, (1.0, none, 1))
        if previous != none:
            before.append(z)
        links.append((parent, side, previous, previous_side, FIRST if previous == none else FIRST + len(before)))
        ends.append([none, none, 0.0, 0.0])
        deepest = max(deepest, len(path) + (previous == none))
        for to, children in sides:
            child, share = children[node], shares[node] if to else 1.0 - shares[node]
            if child < 0:
                ends[place][3 - to] = values[~child]
            else:
                waiting.append((child, place, to, {**path, column: (z * share, place, to)}))
    return _records(tree, order, shares, links, ends), before, deepest


def _records(
    tree: Tree, order: list[int], shares: list[float], links: list[tuple[Any, ...]], ends: list[list[Any]]
) -> npt.NDArray[np.void]:
    made = np.zeros(len(order), SPLIT)
    made["threshold"], made["feature"] = tree.threshold[order], tree.feature[order]
    made["null_left"], made["left_share"] = nulls_left(tree)[order], np.array(shares)[order]
    for name, column in zip(("parent", "side", "previous", "previous_side", "row"), _columns(links), strict=True):
        made[name] = column
    for name, column in zip(("left", "right", "left_value", "right_value"), _columns(ends), strict=True):
        made[name] = column
    return made


def _columns(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    return zip(*rows, strict=True)


def _rules(columns: int) -> Iterable[tuple[Floats, Floats]]:
    """Points on (0, 1) and weights of the rule for paths of so many columns, in groups of `POINTS`.

    A group is filled up with points of weight 0.
    """
    needed = (columns + 1) // 2
    points, weights = np.polynomial.legendre.leggauss(needed)
    filled = -needed % POINTS
    times = np.concatenate([(points + 1.0) / 2.0, np.full(filled, 0.5)])
    return zip(times.reshape(-1, POINTS), np.append(weights / 2.0, np.zeros(filled)).reshape(-1, POINTS), strict=True)


def _table(before: list[float], times: Floats, weights: Floats) -> Floats:
    z = np.array([1.0, *before])[:, None]
    h = times + (1.0 - times) * z
    head = np.array([[weights, np.zeros(POINTS)], [np.ones(POINTS), np.zeros(POINTS)]])
    return np.concatenate([head, np.stack([(1.0 - times) * z / h, z / h**2], axis=1)])
