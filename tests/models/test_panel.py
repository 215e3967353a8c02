"""Repeated measurements are found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.card_panel import card_panel
from models.numbers import Floats
from models.panel import find_panels, ranks


@pytest.fixture(scope="module")
def cards() -> Floats:
    return card_panel(3000, seed=3).x


def columns_of(x: Floats, names: tuple[str, ...] | None = None) -> list[tuple[int, ...]]:
    return [panel.columns for panel in find_panels(x, names)]


def test_status_bills_and_payments_of_a_card_panel_are_found_without_names(cards: Floats) -> None:
    assert columns_of(cards) == [tuple(range(5, 11)), tuple(range(11, 17)), tuple(range(17, 23))]


def test_columns_may_be_interleaved_month_by_month(cards: Floats) -> None:
    order = [0, 1, 2, 3, 4, *(first + i for i in range(6) for first in (5, 11, 17))]
    assert columns_of(cards[:, order]) == [tuple(range(first, 23, 3)) for first in (5, 6, 7)]


def test_columns_that_have_nothing_to_do_with_each_other_are_no_panel() -> None:
    assert columns_of(np.random.default_rng(0).normal(size=(1000, 8))) == []


def test_columns_that_go_together_on_other_scales_are_no_panel() -> None:
    r = np.random.default_rng(0)
    one = r.normal(size=(1000, 1)) + 0.3 * r.normal(size=(1000, 4))
    assert columns_of(one) == [(0, 1, 2, 3)]
    assert columns_of(one * np.array([1, 10, 100, 1000]) + 5) == []


def test_names_keep_apart_what_is_numbered_under_another_word() -> None:
    r = np.random.default_rng(0)
    x = r.normal(size=(1000, 1)) + 0.3 * r.normal(size=(1000, 6))
    assert columns_of(x, ("a1", "a2", "a3", "b1", "b2", "b3")) == [(0, 1, 2), (3, 4, 5)]
    assert columns_of(x, ("a1", "a2", "a3", "a4", "a5", "a6")) == [(0, 1, 2, 3, 4, 5)]


def test_nulls_constants_few_rows_and_wide_tables_are_borne(cards: Floats) -> None:
    holes = np.where(np.random.default_rng(1).random(cards.shape) < 0.1, np.nan, cards)
    assert [columns[0] for columns in columns_of(holes)] == [5, 11, 17]
    empty = np.column_stack([np.full(len(cards), np.nan), np.ones(len(cards)), cards])
    assert [columns[0] for columns in columns_of(empty)] == [7, 13, 19]
    assert columns_of(cards[:50]) == []
    assert columns_of(np.tile(cards, 30)) == []


def test_equal_values_share_their_rank() -> None:
    assert np.allclose(ranks(np.array([3.0, 1.0, 1.0, np.nan])) * np.sqrt(0.5), [1.0, -0.5, -0.5, 0.0])
    assert ranks(np.ones(3)).tolist() == [0.0, 0.0, 0.0]
