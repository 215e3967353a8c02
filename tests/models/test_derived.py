"""Derived columns: right by hand, the same for one row as for many, credited to their sources in full."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.card_panel import CardPanel, card_panel
from models.derived import Derived, credited, find_derived
from models.numbers import Floats
from receivables.errors import ArtefactError

N = np.nan


@pytest.fixture(scope="module")
def cards() -> CardPanel:
    return card_panel(3000, seed=3)


@pytest.mark.parametrize(
    ("column", "row", "expected"),
    [
        (Derived("mean", (0, 1, 2)), [1, 2, 6], 3.0),
        (Derived("mean", (0, 1, 2)), [1, N, 6], 3.5),
        (Derived("largest", (0, 1, 2)), [1, 2, 6], 6.0),
        (Derived("smallest", (0, 1, 2)), [N, N, N], N),
        (Derived("deviation", (0, 1, 2)), [1, 1, 1], 0.0),
        (Derived("slope", (0, 1, 2)), [1, 2, 6], 2.5),
        (Derived("first_less_mean", (2, 1, 0)), [1, 2, 6], 3.0),
        (Derived("weighted_mean", (0, 1, 2)), [7, 0, 0], 4.0),
        (Derived("count_above", (0, 1, 2), at=1.0), [1, 2, 6], 2.0),
        (Derived("first_above", (0, 1, 2), at=1.0), [1, 2, 6], 1.0),
        (Derived("first_above", (0, 1, 2), at=9.0), [1, 2, 6], 3.0),
        (Derived("first_ratio", (0,), (2,)), [1, 2, 4], 0.25),
        (Derived("first_ratio", (0,), (2,)), [1, 2, 0], N),
        (Derived("total_ratio", (0, 1), (2, 3)), [1, 2, 4, 8], 0.25),
        (Derived("mean_ratio", (0, 1), (2,)), [1, 3, 4], 0.5),
        (Derived("smallest_ratio", (0, 1), (2, 3)), [1, 1, 4, 0], 0.25),
        (Derived("largest_ratio", (0, 1), (2,)), [1, 3, 4], 0.75),
        (Derived("first_difference", (0, 1), (2, 3)), [1, 2, 4, 8], -3.0),
        (Derived("mean_difference", (0, 1), (2, 3)), [1, 2, 4, 8], -4.5),
        (Derived("count_reaching", (0, 1), (2, 3)), [4, 2, 4, 8], 1.0),
    ],
)
def test_each_operation_gives_what_it_gives_by_hand(column: Derived, row: list[float], expected: float) -> None:
    assert column.values(np.array([row], dtype=float))[0] == pytest.approx(expected, nan_ok=True)


def test_a_row_is_derived_alone_as_among_others(cards: CardPanel) -> None:
    for column in find_derived(cards.x, cards.y):
        together = column.values(cards.x[:200])
        alone = np.concatenate([column.values(row[None, :]) for row in cards.x[:200]])
        assert np.array_equal(together, alone, equal_nan=True), column


def test_the_end_that_tells_more_about_the_outcome_leads(cards: CardPanel) -> None:
    leads = {column.first[0] for column in find_derived(cards.x, cards.y) if column.operation == "first_less_mean"}
    assert leads == {5, 11, 17}
    turned = cards.x[:, [0, 1, 2, 3, 4, *range(10, 4, -1), *range(16, 10, -1), *range(22, 16, -1)]]
    leads = {column.first[0] for column in find_derived(turned, cards.y) if column.operation == "first_less_mean"}
    assert leads == {10, 16, 22}


def test_payments_are_held_against_the_bill_that_they_pay_and_bills_against_the_limit(cards: CardPanel) -> None:
    ratios = {(c.first, c.second) for c in find_derived(cards.x, cards.y) if c.operation == "mean_ratio"}
    assert (tuple(range(17, 22)), tuple(range(12, 17))) in ratios
    assert (tuple(range(11, 17)), (0,)) in ratios


def test_a_running_number_is_no_divisor_and_plain_columns_have_nothing_derived(cards: CardPanel) -> None:
    numbered = np.column_stack([np.arange(1.0, len(cards.x) + 1), cards.x])
    assert all(0 not in column.second for column in find_derived(numbered, cards.y))
    assert find_derived(np.random.default_rng(0).normal(size=(1000, 6)), cards.y[:1000]) == ()


def test_contributions_are_credited_to_the_sources_in_full() -> None:
    derived = (Derived("mean", (0, 1)), Derived("first_ratio", (1, 2), (0,)))
    parts: Floats = np.array([[1.0, 2.0, 3.0, 10.0, 8.0]])
    assert credited(parts, derived).tolist() == [[1 + 5 + 4, 2 + 5 + 2, 3 + 2]]


def test_only_known_operations_on_columns_that_exist_are_read_back() -> None:
    column = Derived("count_above", (0, 2), at=1.5)
    assert Derived.from_dict(column.to_dict() | {"first": [0, 2], "second": []}, 3) == column
    for change in ({"operation": "eval"}, {"first": [0, 3]}, {"first": []}, {"second": [1]}, {"more": 1}):
        with pytest.raises(ArtefactError, match="derived column"):
            Derived.from_dict({"operation": "count_above", "first": [0, 2], "second": [], "at": 1.5} | change, 3)
