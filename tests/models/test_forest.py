"""Trees as data give LightGBM's own answers, and nothing damaged gets as far as LightGBM."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from models.forest import Forest, Tree
from models.numbers import Floats
from receivables.errors import ArtefactError, InputError

NAMES = ("a", "b", "c.d", "asked")
PARAMS = {"objective": "binary", "num_leaves": 12, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}


@pytest.fixture(scope="module")
def rows() -> Floats:
    r = np.random.default_rng(3)
    x = r.normal(size=(1500, 4))
    x[r.random(x.shape) < 0.2] = np.nan
    x[:, 3] = r.integers(-5, 6, len(x))
    return x


@pytest.fixture(scope="module")
def booster(rows: Floats) -> lgb.Booster:
    r = np.random.default_rng(4)
    # being null matters, so that some splits only separate null from known (threshold infinity)
    y = np.where(np.isnan(rows[:, 1]), 1.5, np.nan_to_num(rows[:, 0])) - 0.3 * rows[:, 3] + r.normal(size=len(rows)) > 0
    constraints = {"monotone_constraints": [1, 0, 0, 0]}
    return lgb.train({**PARAMS, **constraints}, lgb.Dataset(rows, y, feature_name=list(NAMES)), 40)


@pytest.fixture(scope="module")
def forest(booster: lgb.Booster) -> Forest:
    return Forest.of_lightgbm(booster.model_to_string())


def test_scores_and_contributions_equal_those_of_the_trained_booster(
    forest: Forest, booster: lgb.Booster, rows: Floats
) -> None:
    assert any(np.isinf(tree.threshold).any() for tree in forest.trees)
    assert np.array_equal(forest.margin(rows), booster.predict(rows, raw_score=True))
    reference, values = forest.shap(rows)
    parts = booster.predict(rows, pred_contrib=True)
    assert np.abs(values - parts[:, :-1]).max() < 1e-12
    assert reference == pytest.approx(parts[0, -1], abs=1e-12)


@pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")  # shap's use of matplotlib
@pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer:UserWarning")
def test_contributions_are_the_shap_packages_own_also_after_cutting(forest: Forest, rows: Floats) -> None:
    import shap

    for mine in (forest, forest.at("asked", 0.0)):
        explainer = shap.TreeExplainer(lgb.Booster(model_str=mine.text()))
        reference, values = mine.shap(rows)
        assert np.abs(np.asarray(explainer.shap_values(rows)) - values).max() < 1e-12
        assert float(np.ravel(explainer.expected_value)[-1]) == pytest.approx(reference, abs=1e-12)


def test_the_text_round_trip_keeps_every_bit(forest: Forest, rows: Floats) -> None:
    again = Forest.of_text(forest.text())
    assert again.text() == forest.text()
    assert np.array_equal(again.margin(rows), forest.margin(rows))


@pytest.mark.parametrize("day", [-5.0, 0.0, 2.0])
def test_cut_at_a_known_value_the_forest_answers_as_before_without_that_column(
    forest: Forest, rows: Floats, day: float
) -> None:
    cut = forest.at("asked", day)
    known = rows.copy()
    known[:, 3] = day
    assert not any((tree.feature == 3).any() for tree in cut.trees)
    assert np.array_equal(cut.margin(rows), forest.margin(known))
    reference, values = cut.shap(rows)
    assert np.abs(reference + values.sum(axis=1) - forest.margin(known)).max() < 1e-9
    assert not values[:, 3].any()


def test_the_mean_forest_has_the_mean_log_odds(forest: Forest, rows: Floats) -> None:
    other = Forest(forest.names, forest.trees[:10])
    expected = (forest.margin(rows) + other.margin(rows)) / 2
    assert np.abs(Forest.mean([forest, other]).margin(rows) - expected).max() < 1e-12


def test_a_row_scores_the_same_alone_and_in_a_batch_on_one_thread_and_on_two(forest: Forest, rows: Floats) -> None:
    alone = np.concatenate([forest.margin(rows[i : i + 1]) for i in range(100)])
    assert np.array_equal(alone, forest.margin(rows)[:100])
    assert np.array_equal(forest.margin(rows, threads=2), forest.margin(rows))


def test_no_rows_give_no_scores_but_a_reference(forest: Forest) -> None:
    empty = np.empty((0, 4))
    reference, values = forest.shap(empty)
    assert len(forest.margin(empty)) == 0
    assert values.shape == (0, 4)
    assert np.isfinite(reference)


def test_another_number_of_columns_is_refused(forest: Forest) -> None:
    with pytest.raises(InputError, match="4 columns"):
        forest.margin(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("field", "place", "value", "message"),
    [
        ("feature", 0, 4, "column index"),
        ("feature", 0, -1, "column index"),
        ("left", 0, 10_000, "children"),
        ("left", 1, 0, "children"),
        ("left", 1, 1, "children"),
        ("right", 2, -1_000, "children"),
        ("threshold", 0, np.nan, "threshold"),
        ("threshold", 0, -np.inf, "threshold"),
        ("leaf_value", 3, np.inf, "not finite"),
        ("leaf_count", 3, 0, "count"),
        ("split_count", 0, -4, "count"),
        ("decision", 0, 1, "decision"),
    ],
)
def test_what_would_crash_lightgbm_is_refused_with_its_place(
    forest: Forest, field: str, place: int, value: float, message: str
) -> None:
    array = getattr(forest.trees[5], field).copy()
    array[place] = value
    trees = list(forest.trees)
    trees[5] = replace(trees[5], **{field: array})
    with pytest.raises(ArtefactError, match=f"tree 5: .*{message}"):
        Forest(forest.names, tuple(trees))


def test_a_cycle_beside_the_root_is_refused() -> None:
    # two splits that are each other's child, none of them reachable: every node still is somebody's child once
    ints, floats = (lambda *v: np.array(v, dtype=np.int64)), (lambda *v: np.array(v, dtype=np.float64))
    tree = Tree(
        feature=ints(0, 0, 0),
        gain=floats(1, 1, 1),
        threshold=floats(0, 0, 0),
        decision=ints(2, 2, 2),
        left=ints(-1, 2, 1),
        right=ints(-2, -3, -4),
        split_count=ints(4, 2, 2),
        leaf_value=floats(0, 0, 0, 0),
        leaf_count=ints(1, 1, 1, 1),
    )
    with pytest.raises(ArtefactError, match="children"):
        Forest(("a",), (tree,))


@pytest.mark.parametrize("names", [("a", "a"), ("a b",), (), ("ä",)])
def test_column_names_that_the_text_cannot_carry_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="column names"):
        Forest(names, ())


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("num_cat=0", "num_cat=1"), ("Tree=1", "Tree=7"), ("=", " = ")])
def test_text_in_any_other_form_is_refused(forest: Forest, change: tuple[str, str]) -> None:
    with pytest.raises(ArtefactError):
        Forest.of_text(forest.text().replace(*change))


def test_a_tree_without_splits_is_a_constant() -> None:
    data = lgb.Dataset(np.zeros((50, 2)), np.arange(50) % 5 == 0, feature_name=["a", "b"])
    forest = Forest.of_lightgbm(lgb.train(PARAMS, data, 1).model_to_string())
    assert forest.at("a", 1.0).margin(np.zeros((2, 2))).tolist() == forest.margin(np.ones((2, 2))).tolist()
    assert forest.importance() == {}
