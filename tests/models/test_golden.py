"""Golden vectors: they reach into the trees, name no customer, and fit one model only."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models import DefaultModel, LateModel
from models.forest import Forest
from models.golden import ROWS, Golden, binding, made, orders
from receivables.errors import ArtefactError
from tests.models.book import NAMES


@pytest.fixture(scope="module")
def golden(late: LateModel, default: DefaultModel) -> Golden:
    return made(late, default, "bound")


def test_the_same_models_give_the_same_vectors_and_pass(golden: Golden, late: LateModel, default: DefaultModel) -> None:
    assert made(late, default, "bound").to_json() == golden.to_json()
    Golden.from_json(golden.to_json()).require(late, default)
    assert len(golden.x) == ROWS


def test_the_smallest_change_of_one_leaf_that_an_order_reaches_is_noticed(
    golden: Golden, late: LateModel, default: DefaultModel
) -> None:
    first = late.forest.trees[0]
    values = first.leaf_value.copy()
    values[np.argmax(first.leaf_count)] *= 1 + 1e-6
    forest = Forest(late.forest.names, (replace(first, leaf_value=values), *late.forest.trees[1:]))
    with pytest.raises(ArtefactError, match=r"payment-time model scores \d+ of 256 orders differently"):
        golden.require(replace(late, forest=forest), default)


def test_most_leaves_are_reached(late: LateModel) -> None:
    x = orders(late.forest.names, [late.forest])
    reached = sum(len(set(_leaves(tree, x))) for tree in late.forest.trees)
    total = sum(len(tree.leaf_value) for tree in late.forest.trees)
    assert reached > 0.9 * total


def _leaves(tree: object, x: np.ndarray) -> list[int]:
    found = []
    for row in x:
        node = 0 if len(tree.feature) else -1  # type: ignore[attr-defined]
        while node >= 0:
            value = row[tree.feature[node]]  # type: ignore[attr-defined]
            goes_left = bool(tree.decision[node] & 2) if np.isnan(value) else value <= tree.threshold[node]  # type: ignore[attr-defined]
            node = int((tree.left if goes_left else tree.right)[node])  # type: ignore[attr-defined]
        found.append(~node)
    return found


def test_columns_without_a_threshold_and_an_order_of_nulls_are_there(golden: Golden) -> None:
    assert np.isnan(golden.x[0]).all()
    assert np.nanstd(golden.x[:, NAMES.index("not_used")]) > 0
    assert 0.05 < np.isnan(golden.x[1:]).mean() < 0.15


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "[]",
        lambda text: text[:-5],
        lambda text: text.replace('"late": ["0x', '"late": ["0y', 1),
        lambda text: text.replace('"late": ["', '"late": ["inf", "', 1),
        lambda text: json.dumps({**json.loads(text), "rows": json.loads(text)["rows"][:10]}),
    ],
)
def test_what_is_not_a_file_of_golden_vectors_is_refused(golden: Golden, damage: object) -> None:
    with pytest.raises(ArtefactError, match=r"golden\.json"):
        Golden.from_json(damage(golden.to_json().decode()).encode())  # type: ignore[operator]


def test_the_binding_changes_with_any_file_column_or_event(late: LateModel) -> None:
    files = late.to_files()
    bound = binding(files, NAMES, None)
    assert bound == binding({**files, "golden.json": b"", "late/manifest.json": b""}, NAMES, None)
    assert bound != binding({**files, "model.json": b"{}"}, NAMES, None)
    assert bound != binding(files, NAMES[::-1], None)
    assert bound != binding(files, NAMES, {"name": "default_12m"})
