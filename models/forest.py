"""Boosted trees as plain data: read from LightGBM's text, checked, averaged, cut at a known column, written again.

LightGBM aborts the process on damaged text. It is therefore only ever given text that this module has written from
trees that this module has checked: indices in range, every node reached exactly once, finite numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from models.booster import Booster
from models.checked import Checked, checked_layout, checked_walk
from models.numbers import Floats, Ints, matrix
from models.treeshap import FEW, explained, shap_values
from models.walk import Walk
from receivables.errors import ArtefactError, InputError

#: Column names that LightGBM's text can carry.
NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
#: Beyond these a text is refused before memory is spent on it.
MAX_TREES: Final = 50_000
MAX_LEAVES: Final = 4_096
MAX_COLUMNS: Final = 4_096
#: "less or equal goes left" with the null going right (8) or left (10), or no nulls seen in training (0, 2).
_DECISIONS: Final = (0, 2, 8, 10)
_HEADER: Final = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"


@dataclass(frozen=True)
class Tree:
    """One tree of s splits and s+1 leaves; a child >= 0 is a split, a child c < 0 is leaf ~c. Split 0 is the root."""

    feature: Ints
    gain: Floats
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    split_count: Ints
    leaf_value: Floats
    leaf_count: Ints

    def problems(self, width: int) -> Iterator[str]:
        """What would make LightGBM abort, hang or answer nonsense, given `width` columns."""
        splits, leaves = len(self.feature), len(self.leaf_value)
        arrays = (self.gain, self.threshold, self.decision, self.left, self.right, self.split_count)
        if not 1 <= leaves <= MAX_LEAVES or splits != leaves - 1:
            yield f"{splits} splits and {leaves} leaves"
        elif any(len(array) != splits for array in arrays) or len(self.leaf_count) != leaves:
            yield "arrays of unequal length"
        elif not all(np.isfinite(array).all() for array in (self.gain, self.leaf_value)):
            yield "a number that is not finite"
        elif not (self.threshold > -np.inf).all():  # +inf is how a split of known from null values is written
            yield "a threshold that is not a number"
        elif not ((self.feature >= 0) & (self.feature < width)).all():
            yield f"a column index outside 0..{width - 1}"
        elif not np.isin(self.decision, _DECISIONS).all():
            yield "a decision type that is not numerical"
        elif min([*self.leaf_count, *self.split_count]) < 1:
            yield "a count below 1"
        elif not self._reaches_all():
            yield "children that do not form a tree"

    def _reaches_all(self) -> bool:
        children = np.concatenate([self.left, self.right])
        expected = np.concatenate([np.arange(-len(self.leaf_value), 0), np.arange(1, len(self.feature))])
        if len(self.feature) and not np.array_equal(np.sort(children), expected):
            return False
        # every node but the root is the child of exactly one other; what is left to exclude is a cycle beside the root
        seen, queue = 0, [0] if len(self.feature) else []
        while queue:
            node = queue.pop()
            seen += 1
            queue += [int(c) for c in (self.left[node], self.right[node]) if c >= 0]
        return seen == len(self.feature)

    def at(self, column: int, value: float) -> Tree:
        """The tree that is left when `column` is known to be `value`: same answers, no split on `column`."""

        def settle(node: int) -> int:
            while node >= 0 and self.feature[node] == column:
                node = int(self.left[node] if value <= self.threshold[node] else self.right[node])
            return node

        root = settle(0) if len(self.feature) else -1
        splits: list[int] = []
        leaves: list[int] = []
        children: list[list[int]] = []

        def place(node: int) -> int:
            if node < 0:
                leaves.append(~node)
                return -len(leaves)
            splits.append(node)
            children.append([0, 0])
            return len(splits) - 1

        place(root)
        for mine in _growing(splits):  # `splits` grows while it is walked: breadth first
            for side, child in enumerate((self.left, self.right)):
                children[mine][side] = place(settle(int(child[splits[mine]])))
        sides = np.array(children, dtype=np.int64).reshape(-1, 2)
        leaf_count = self.leaf_count[leaves]
        return Tree(
            feature=self.feature[splits],
            gain=self.gain[splits],
            threshold=self.threshold[splits],
            decision=self.decision[splits],
            left=sides[:, 0],
            right=sides[:, 1],
            split_count=_split_counts(sides, leaf_count),
            leaf_value=self.leaf_value[leaves],
            leaf_count=leaf_count,
        )


@dataclass(frozen=True)
class Forest:
    """Trees whose leaf values add up to log-odds; `names` are the columns that they split on."""

    names: tuple[str, ...]
    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        bad = [name for name in self.names if not NAME.fullmatch(name)]
        if bad or not 1 <= len(self.names) <= MAX_COLUMNS or len(set(self.names)) != len(self.names):
            raise InputError(f"column names must be distinct, of letters, digits and _ . -, got {bad or self.names}")
        if not 1 <= len(self.trees) <= MAX_TREES:
            raise ArtefactError(f"expected 1 to {MAX_TREES} trees, got {len(self.trees)}")
        for i, tree in enumerate(self.trees):
            for problem in tree.problems(len(self.names)):
                raise ArtefactError(f"tree {i}: {problem}")

    def __reduce__(self) -> tuple[type[Forest], tuple[Any, ...]]:
        # what is made ready for the first row lies outside Python and is made again in another process
        return Forest, (self.names, self.trees)

    @classmethod
    def of_lightgbm(cls, text: str) -> Forest:
        """The trees in `Booster.model_to_string()`; raises ArtefactError where they are not what they should be."""
        head, *blocks = re.split(r"^Tree=\d+\n", text.partition("\nend of trees")[0], flags=re.MULTILINE)
        names = tuple(_fields(head).get("feature_names", "").split(" "))
        return cls(names, tuple(_tree(_fields(block), i) for i, block in enumerate(blocks)))

    @classmethod
    def of_text(cls, text: str) -> Forest:
        """What `text()` wrote; raises ArtefactError on any other character, however harmless it looks."""
        try:
            forest = cls.of_lightgbm(text)
        except InputError as error:
            raise ArtefactError(str(error)) from None
        if forest.text() != text:
            raise ArtefactError("the text is not in the one form that we write")
        return forest

    @classmethod
    def mean(cls, forests: Sequence[Forest]) -> Forest:
        """One forest whose log-odds are the mean of those of `forests` (all on the same columns).

        Averaging log-odds keeps contributions additive; averaging probabilities would not.
        """
        share = 1.0 / len(forests)
        trees = [replace(tree, leaf_value=tree.leaf_value * share) for forest in forests for tree in forest.trees]
        return cls(forests[0].names, tuple(trees))

    def at(self, name: str, value: float) -> Forest:
        """The forest given that column `name` is `value`; its log-odds equal ours there, bit for bit."""
        column = self.names.index(name)
        return Forest(self.names, tuple(tree.at(column, value) for tree in self.trees))

    def text(self) -> str:
        """LightGBM's text format, numbers in shortest round-trip form, nothing that scoring does not need."""
        head = [
            f"{_HEADER}max_feature_idx={len(self.names) - 1}",
            "objective=binary sigmoid:1",
            f"feature_names={' '.join(self.names)}",
            f"feature_infos={' '.join(['none'] * len(self.names))}",
        ]
        return "\n".join([*head, "", *(_block(i, tree) for i, tree in enumerate(self.trees)), "end of trees", ""])

    def margin(self, x: Floats, *, threads: int = 1) -> Floats:
        """(n,) log-odds of rows (n, columns), NaN = null: LightGBM's own, bit for bit."""
        rows = matrix(x, len(self.names))
        if self._walk is None:
            return self._booster.margin(rows, threads=threads)
        return self._walk.margin(rows, threads=threads)

    def margins(self, x: Floats, varying: Floats, *, threads: int = 1) -> Floats:
        """(n, g) log-odds of rows (n, m) with each of g variants (n, g, v) of the v columns that come after those m.

        The same bits as `margin` of the n * g complete rows, at a fraction of the work.
        """
        rows = matrix(x, len(self.names) - varying.shape[2])
        if len(varying) != len(rows):
            raise InputError(f"expected the variants of {len(rows)} rows, got those of {len(varying)}")
        if self._walk is not None:
            return self._walk.margins(rows, varying, threads=threads)
        fixed = np.broadcast_to(rows[:, None, :], (*varying.shape[:2], rows.shape[1]))
        complete = np.concatenate([fixed, varying], axis=2).reshape(-1, len(self.names))
        return self._booster.margin(complete, threads=threads).reshape(varying.shape[:2])

    def shap(self, x: Floats, *, threads: int = 1) -> tuple[float, Floats]:
        """Reference log-odds and (n, columns) path-dependent SHAP values (Lundberg et al. 2020, arXiv 1905.04610).

        Reference + row sum differs from `margin` by the rounding of the sums only, about 1e-14.
        """
        rows = matrix(x, len(self.names))
        found = self._checked.layout
        if found is not None:
            return found.reference, shap_values(found, rows, threads=threads)
        asked = rows if len(rows) else np.zeros((1, len(self.names)))
        parts = self._booster.contributions(asked, threads=threads)
        return float(parts[0, -1]), np.ascontiguousarray(parts[: len(rows), :-1])

    def explained(self, x: Floats, *, threads: int = 1) -> tuple[float, Floats, Floats]:
        """`shap` and `margin` in one go, the same bits: for single rows, where each walk over the trees counts."""
        rows, found = matrix(x, len(self.names)), self._checked.layout
        if found is None or not found.is_whole or len(rows) > FEW:
            return (*self.shap(rows, threads=threads), self.margin(rows, threads=threads))
        return (found.reference, *explained(found, rows))

    @property
    def explained_by(self) -> str:
        """What `shap` uses: "quadrature", or "pred_contrib" and why the loops of `models.treeshap` cannot be used.

        Asking makes everything ready for the first row; so does the first call of `margin` and of `shap`.
        """
        found = self._checked
        return "quadrature" if found.layout is not None else f"pred_contrib: {found.why}"

    @cached_property
    def _walk(self) -> Walk | None:
        # what LightGBM said when it was asked for the layout need not be asked again
        asked: Checked | None = self.__dict__.get("_checked")
        return checked_walk(self, None if asked is None else asked.margin)

    @cached_property
    def _checked(self) -> Checked:
        return checked_layout(self)

    @cached_property
    def _booster(self) -> Booster:
        return Booster(self.text())

    def importance(self) -> dict[str, float]:
        """Total gain per column, most important first; columns never split on are left out."""
        total = np.zeros(len(self.names))
        for tree in self.trees:
            np.add.at(total, tree.feature, tree.gain)
        order = np.argsort(-total, kind="stable")
        return {self.names[i]: float(total[i]) for i in order if total[i] > 0}


def _growing(items: list[int]) -> Iterator[int]:
    i = 0
    while i < len(items):
        yield i
        i += 1


def _split_counts(children: Ints, leaf_count: Ints) -> Ints:
    counts = np.zeros(len(children), dtype=np.int64)
    for node in range(len(children) - 1, -1, -1):  # children come after their parent
        counts[node] = sum(counts[c] if c >= 0 else leaf_count[~c] for c in children[node])
    return counts


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(fields: dict[str, str], i: int) -> Tree:
    def numbers(key: str, kind: type) -> Any:
        words = fields.get(key, "").split()
        try:
            return np.array([kind(word) for word in words], dtype=np.float64 if kind is float else np.int64)
        except (ValueError, OverflowError):
            raise ArtefactError(f"tree {i}: {key} holds something that is not a number") from None

    if fields.get("num_cat") != "0" or fields.get("is_linear", "0") != "0":
        raise ArtefactError(f"tree {i}: expected numerical splits and constant leaves")
    return Tree(
        feature=numbers("split_feature", int),
        gain=numbers("split_gain", float),
        threshold=numbers("threshold", float),
        decision=numbers("decision_type", int),
        left=numbers("left_child", int),
        right=numbers("right_child", int),
        split_count=numbers("internal_count", int),
        leaf_value=numbers("leaf_value", float),
        leaf_count=numbers("leaf_count", int),
    )


def _block(i: int, tree: Tree) -> str:
    def line(key: str, array: Floats | Ints) -> str:
        return f"{key}={' '.join(repr(value) for value in array.tolist())}"

    return "\n".join(
        [
            f"Tree={i}",
            f"num_leaves={len(tree.leaf_value)}",
            "num_cat=0",
            line("split_feature", tree.feature),
            line("split_gain", tree.gain),
            line("threshold", tree.threshold),
            line("decision_type", tree.decision),
            line("left_child", tree.left),
            line("right_child", tree.right),
            line("leaf_value", tree.leaf_value),
            line("leaf_count", tree.leaf_count),
            line("internal_count", tree.split_count),
            "is_linear=0",
            "shrinkage=1",
            "\n",
        ]
    )
