"""Which reasons are published: in falling order of what they are expected to move, by clearly less each time."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.effects import CLEARLY, Effects

CODES = ("A", "B", "C", "D", "E")
sizes = st.lists(st.floats(-3, 3).map(lambda v: round(v, 3)), min_size=5, max_size=5)
entries = st.dictionaries(st.sampled_from(CODES), st.sampled_from([0.0, 0.3, 1.0, 1.7]), max_size=5)


def _ranked(sums: list[float]) -> list[int]:
    return sorted(range(len(sums)), key=lambda i: (-abs(sums[i]), i))


@given(sizes, entries)
def test_each_published_reason_is_expected_to_move_the_score_clearly_less_than_the_one_before(
    sums: list[float], per_unit: dict[str, float]
) -> None:
    effects = Effects({**per_unit, "A": per_unit.get("A", 1.0)})
    chosen = effects.published(CODES, sums, _ranked(sums))
    moved = [effects.of(CODES)[i] * abs(sums[i]) for i in chosen]
    assert all(move > 0 for move in moved)
    assert all(b <= a * (1 - CLEARLY) for a, b in pairwise(moved))


@given(st.lists(sizes, min_size=1, max_size=6), entries, st.integers(1, 5))
def test_many_rows_are_published_as_each_alone(rows: list[list[float]], per_unit: dict[str, float], limit: int) -> None:
    effects, sums = Effects(per_unit), np.array(rows)
    ranked = np.argsort(-np.abs(sums), axis=1, kind="stable")
    places, number = effects.of_many(CODES, sums, ranked, limit)
    for i, row in enumerate(rows):
        assert places[i, : number[i]].tolist() == list(effects.published(CODES, row, ranked[i].tolist()))[:limit]


def test_without_entries_the_largest_are_published_however_close_they_are() -> None:
    assert Effects().published(CODES, [1.0, 0.99, 0.98, 0.0, 0.0], [0, 1, 2, 3, 4]) == [0, 1, 2, 3, 4]


def test_json_brings_back_the_same_entries_and_nothing_else() -> None:
    effects = Effects({"A": 0.25, "B": 0.0})
    assert Effects.from_dict(json.loads(json.dumps(effects.to_dict()))) == effects
    for wrong in ({}, {"per_unit": {"A": -1.0}}, {"per_unit": {"A": float("nan")}}, {"per_unit": {"A": "x"}}):
        with pytest.raises((KeyError, ValueError)):
            Effects.from_dict(wrong)
