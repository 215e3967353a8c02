"""The compiled loops give the SHAP values of the definition, and LightGBM's log-odds to the last bit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import checked
from models.booster import Booster
from models.forest import Forest, Tree
from models.layout import layout
from models.numbers import Floats
from models.treeshap import BLOCK, shap_values
from models.walk import ZERO

COLUMNS = 4
# the first case waits for the compiler
looks = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
#: Values of rows and thresholds; around the smallest that LightGBM tells from zero.
VALUES = (-2.0, -1.0, -1e-40, 0.0, 1e-36, ZERO, 2 * ZERO, 1.0, 2.0, np.inf)


def grown(draw: st.DrawFn, *, most: int) -> Tree:
    """Any tree of up to `most` splits: columns repeat on its paths, thresholds and null rules are any."""
    splits: list[list[int]] = []
    ends = 0

    def end() -> int:
        nonlocal ends
        ends += 1
        return -ends

    waiting: list[tuple[int, int]] = []
    for node in range(draw(st.integers(0, most))):
        if node:
            parent, side = waiting.pop(draw(st.integers(0, len(waiting) - 1)))
            splits[parent][side] = node
        splits.append([0, 0])
        waiting += [(node, 0), (node, 1)]
    for parent, side in waiting:
        splits[parent][side] = end()
    n = len(splits)
    if not n:
        end()
    sides = np.array(splits, dtype=np.int64).reshape(-1, 2)
    leaf_count = np.array(draw(st.lists(st.integers(1, 9), min_size=ends, max_size=ends)), dtype=np.int64)
    count = np.zeros(n, dtype=np.int64)
    for node in reversed(range(n)):
        count[node] = sum(count[c] if c >= 0 else leaf_count[~c] for c in sides[node])
    choose = lambda *what: draw(st.lists(st.sampled_from(what), min_size=n, max_size=n))  # noqa: E731
    return Tree(
        feature=np.array(choose(*range(COLUMNS)), dtype=np.int64),
        gain=np.ones(n),
        threshold=np.array(choose(*VALUES), dtype=np.float64),
        decision=np.array(choose(0, 2, 8, 10), dtype=np.int64),
        left=sides[:, 0],
        right=sides[:, 1],
        split_count=count,
        leaf_value=np.array(draw(st.lists(st.floats(-3, 3), min_size=ends, max_size=ends))),
        leaf_count=leaf_count,
    )


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    return Forest(tuple("abcd"), tuple(grown(draw, most=9) for _ in range(draw(st.integers(1, 3)))))


rows_of = st.lists(
    st.lists(st.sampled_from((*VALUES, np.nan)), min_size=COLUMNS, max_size=COLUMNS), min_size=1, max_size=12
).map(np.array)


def goes_left(tree: Tree, node: int, value: float) -> bool:
    """LightGBM's rule, in words of its own: 8 and 10 send nulls right and left, 0 and 2 take them for zero."""
    if np.isnan(value) and tree.decision[node] >= 8:
        return bool(tree.decision[node] == 10)
    return (0.0 if np.isnan(value) or abs(value) <= ZERO else value) <= tree.threshold[node]


def expected(tree: Tree, row: Floats, known: frozenset[int]) -> float:
    """Mean of the leaves that are reached when only the columns in `known` are looked at, by training rows."""

    def below(node: int) -> float:
        if node < 0:
            return float(tree.leaf_value[~node])
        sides = (int(tree.left[node]), int(tree.right[node]))
        if int(tree.feature[node]) in known:
            return below(sides[0] if goes_left(tree, node, row[tree.feature[node]]) else sides[1])
        counts = [tree.split_count[c] if c >= 0 else tree.leaf_count[~c] for c in sides]
        return sum(below(c) * float(k) for c, k in zip(sides, counts, strict=True)) / float(sum(counts))

    return below(0 if len(tree.feature) else -1)


def shapley(tree: Tree, row: Floats) -> Floats:
    """Shapley values from the definition: over every set of the other columns."""
    made = np.zeros(COLUMNS)
    for column in range(COLUMNS):
        others = [c for c in range(COLUMNS) if c != column]
        for size in range(COLUMNS):
            for chosen in map(frozenset, combinations(others, size)):
                gain = expected(tree, row, chosen | {column}) - expected(tree, row, chosen)
                made[column] += gain / (COLUMNS * comb(COLUMNS - 1, size))
    return made


@looks
@given(forests(), rows_of)
def test_shap_values_are_those_of_the_definition(forest: Forest, rows: Floats) -> None:
    found = layout(forest.trees)
    assert found is not None
    wanted = np.array([sum(shapley(tree, row) for tree in forest.trees) for row in rows])
    reference = sum(expected(tree, rows[0], frozenset()) for tree in forest.trees)
    assert found.reference == pytest.approx(reference, abs=1e-12)
    assert np.abs(shap_values(found, rows) - wanted).max() < 1e-12
    for i, row in enumerate(rows):  # one row takes another loop than many
        assert np.abs(shap_values(found, row[None, :]) - wanted[i]).max() < 1e-12


@looks
@given(forests(), rows_of)
def test_log_odds_are_lightgbms_to_the_last_bit_wherever_nulls_and_zeros_go(forest: Forest, rows: Floats) -> None:
    assert forest.explained_by == "quadrature"
    assert np.array_equal(forest.margin(rows), Booster(forest.text()).margin(rows))
    varying = np.stack([rows[:, 2:], np.roll(rows, 1, axis=0)[:, 2:], -rows[:, 2:]], axis=1)
    wanted = [forest.margin(np.hstack([rows[:, :2], varying[:, k]])) for k in range(3)]
    assert np.array_equal(forest.margins(rows[:, :2], varying), np.stack(wanted, axis=1))
    for row in rows:  # a single row is explained and scored by one walk
        reference, values, margin = forest.explained(row[None, :])
        assert np.array_equal(margin, forest.margin(row[None, :]))
        assert (reference, values.tolist()) == (forest.shap(row[None, :])[0], forest.shap(row[None, :])[1].tolist())


@pytest.fixture(scope="module")
def rows() -> Floats:
    r = np.random.default_rng(8)
    x = r.normal(size=(BLOCK + 77, 40))
    x[r.random(x.shape) < 0.1] = np.nan
    x[:, 30:] = np.round(2 * x[:, 30:])
    return x


def booster_of(rows: Floats, **params: float) -> lgb.Booster:
    signal = np.nan_to_num(rows) @ np.linspace(1.0, 0.1, 40) + np.isnan(rows[:, 3]) + np.nan_to_num(rows[:, 0] ** 2)
    y = signal + np.random.default_rng(9).normal(size=len(rows)) > 1.0
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}
    return lgb.train({**fixed, **params}, lgb.Dataset(rows, y), 25)


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer:UserWarning")
@pytest.mark.parametrize(
    "params",
    [
        {"num_leaves": 31},
        {"num_leaves": 2},
        {"num_leaves": 31, "use_missing": False},
        {"num_leaves": 120, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0, "learning_rate": 0.01},
    ],
)
def test_trained_forests_are_explained_as_lightgbm_and_shap_do(rows: Floats, params: dict[str, float]) -> None:
    import shap

    booster = booster_of(rows, **params)
    forest = Forest.of_lightgbm(booster.model_to_string())
    reference, values = forest.shap(rows)
    theirs = booster.predict(rows, pred_contrib=True)
    assert forest.explained_by == "quadrature"
    assert np.abs(values - theirs[:, :-1]).max() < 1e-12
    assert np.abs(values - shap.TreeExplainer(booster).shap_values(rows)).max() < 1e-12
    assert np.abs(reference + values.sum(axis=1) - forest.margin(rows)).max() < 1e-12
    one_by_one = np.concatenate([forest.shap(row[None, :])[1] for row in rows[:60]])
    assert np.abs(one_by_one - theirs[:60, :-1]).max() < 1e-12


def integral(v: Fraction, mine: tuple[int, Fraction], others: list[tuple[int, Fraction]]) -> Fraction:
    """v (o - z) times the integral of the product of t o + (1 - t) z over the other columns, in exact fractions."""
    polynomial = [v * (mine[0] - mine[1])]
    for o, z in others:
        longer = [*polynomial, Fraction(0)]
        polynomial = [z * c + (o - z) * before for c, before in zip(longer, [Fraction(0), *polynomial], strict=True)]
    return sum((c / (power + 1) for power, c in enumerate(polynomial)), Fraction(0))


def test_paths_of_more_columns_than_one_rule_of_points_covers_are_exact() -> None:
    n = 20  # a chain: its last leaves lie below 20 columns, which takes 10 points, in two passes
    ints = np.arange(n)
    tree = Tree(
        feature=ints,
        gain=np.ones(n),
        threshold=np.zeros(n),
        decision=np.full(n, 10),
        left=-1 - ints,
        right=np.append(ints[1:], -1 - n),
        split_count=np.arange(n + 1, 1, -1),
        leaf_value=np.cos(np.arange(n + 1.0)),
        leaf_count=np.ones(n + 1, dtype=np.int64),
    )
    row = np.where(ints % 7 == 3, -1.0, 1.0)
    wanted = [Fraction(0)] * n
    for leaf, value in enumerate(tree.leaf_value):
        path = [(int(row[c] > 0), Fraction(n - c, n + 1 - c)) for c in range(min(leaf, n))]
        if leaf < n:
            path.append((int(row[leaf] <= 0), Fraction(1, n + 1 - leaf)))
        for c in range(len(path)):
            wanted[c] += integral(Fraction(float(value)), path[c], path[:c] + path[c + 1 :])
    forest = Forest(tuple(f"c{i}" for i in range(n)), (tree,))
    for rows in (row[None, :], np.tile(row, (30, 1))):
        assert np.abs(forest.shap(rows)[1] - np.array(wanted, dtype=np.float64)).max() < 1e-15


def test_threads_and_the_number_of_rows_asked_about_do_not_change_a_bit(rows: Floats) -> None:
    forest = Forest.of_lightgbm(booster_of(rows, num_leaves=31).model_to_string())
    _, values = forest.shap(rows)
    assert np.array_equal(forest.shap(rows, threads=2)[1], values)
    assert np.array_equal(forest.shap(rows[3:100])[1], values[3:100])
    singles = [forest.shap(rows[i : i + 1])[1] for i in range(100)]
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda i: forest.shap(rows[i : i + 1])[1], range(100)))
    assert np.array_equal(again, singles)


@pytest.fixture
def forest(rows: Floats) -> Forest:
    return Forest.of_lightgbm(booster_of(rows, num_leaves=7).model_to_string())


def test_counts_that_do_not_add_up_are_left_to_lightgbm(forest: Forest, rows: Floats) -> None:
    odd = replace(forest.trees[0], split_count=forest.trees[0].split_count + 1)
    other = Forest(forest.names, (odd, *forest.trees[1:]))
    assert other.explained_by == "pred_contrib: the counts of some splits are not the sum of their sides"
    parts = Booster(other.text()).contributions(rows)
    assert np.array_equal(other.shap(rows)[1], parts[:, :-1])
    assert other.shap(rows)[0] == parts[0, -1]


def test_loops_that_disagree_with_lightgbm_are_not_used(
    forest: Forest, rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = forest.margin(rows)
    parts = Booster(forest.text()).contributions(rows)
    monkeypatch.setattr(checked, "shap_values", lambda found, x: shap_values(found, x) + 1e-8)
    monkeypatch.setattr(checked.Walk, "margin", lambda walk, x: np.nextafter(Booster(forest.text()).margin(x), 9.0))
    other = Forest(forest.names, forest.trees)
    assert other.explained_by.startswith("pred_contrib: they differ by 1e-08 log-odds")
    assert np.array_equal(other.shap(rows)[1], parts[:, :-1])
    assert np.array_equal(other.margin(rows), right)
    varying = np.stack([rows[:, 38:], rows[::-1, 38:]], axis=1)
    assert np.array_equal(other.margins(rows[:, :38], varying)[:, 0], right)


def test_more_variants_than_bits_are_walked_in_groups(forest: Forest, rows: Floats) -> None:
    varying = np.repeat(rows[:70, 30:][None, :, :], 2, axis=0)
    wanted = forest.margin(np.hstack([np.repeat(rows[:1, :30], 70, axis=0), varying[0]]))
    assert np.array_equal(forest.margins(rows[:2, :30], varying)[0], wanted)


def test_scoring_and_explaining_need_lightgbms_library_but_not_its_package(forest: Forest, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text(forest.text())
    script = """
import sys
import numpy as np
from models.forest import Forest
forest = Forest.of_text(open(sys.argv[1]).read())
forest.margin(np.zeros((1, 40)))
print(forest.explained_by, sorted({"lightgbm", "sklearn", "scipy.stats", "shap"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "model.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "quadrature []"
