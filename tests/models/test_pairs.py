"""Pairs of an invoice and an asked day: only what matured, each with the columns of its day."""

from __future__ import annotations

import numpy as np
import pytest

from models.asked import asked_columns
from models.pairs import (
    DUE_DAY_WEIGHT,
    MIN_OUTCOMES,
    expand,
    expanded_columns,
    matured,
    matured_counts,
    matured_pairs,
    offsets_of,
    pair_weights,
    require_outcomes,
)
from receivables.errors import InputError, NotEnoughDataError
from tests.models.book import INPUTS, NAMES, make_book

GRID = (-5, 0, 10)


def test_a_pair_is_an_invoice_and_a_day_that_has_matured() -> None:
    labels = np.array([[1.0, 0.0, np.nan], [np.nan, np.nan, np.nan], [0.0, np.nan, np.nan]])
    assert matured(labels, 10).tolist() == [0, 1, 6]
    assert len(set(matured(np.zeros((100, 3)), 7).tolist())) == 7


def test_rows_of_pairs_are_those_made_one_by_one() -> None:
    book = make_book(40, 1)
    rows = book.x[:, [NAMES.index(name) for name in INPUTS]]
    days, asked = np.array(GRID), asked_columns(INPUTS)
    pairs = np.array([3, 4, 8, 60, 119])
    for row, pair in zip(expand(rows, asked, days, pairs), pairs.tolist(), strict=True):
        invoice, day = divmod(pair, len(days))
        single = [column.values(rows[[invoice]], days[[day]])[0, 0] for column in asked]
        assert np.array_equal(row, [*rows[invoice], *single], equal_nan=True)
    assert expand(rows, asked, days, pairs[:0]).shape == (0, len(expanded_columns(INPUTS, {})))


def test_rows_outcomes_and_numbers_belong_together() -> None:
    book = make_book(30, 2)
    rows = book.x[:, [NAMES.index(name) for name in INPUTS]]
    labels = np.where(np.arange(90).reshape(30, 3) % 4 == 0, np.nan, 1.0)
    made, outcomes, pairs = matured_pairs(rows, labels, INPUTS, GRID)
    assert len(made) == len(outcomes) == len(pairs) == np.isfinite(labels).sum()
    assert np.array_equal(made[:, : len(INPUTS)], rows[pairs // 3], equal_nan=True)


def test_the_question_late_at_all_weighs_double_and_invoice_weights_multiply() -> None:
    pairs = np.array([0, 1, 2, 3])
    assert pair_weights(pairs, (-5, 0)).tolist() == [1.0, DUE_DAY_WEIGHT, 1.0, DUE_DAY_WEIGHT]
    assert pair_weights(pairs, (-5, 0), [1.0, 0.5]).tolist() == [1.0, 2.0, 0.5, 1.0]


def test_far_days_are_chained_over_what_matured_for_both() -> None:
    labels = np.array([[1.0, 1.0], [1.0, np.nan], [0.0, 0.0], [0.0, 0.0]])
    assert matured_counts(labels).tolist() == [[4, 1], [2, 1]]
    share = np.array([2.5 / 5, 2.5 / 5 * 1.5 / 2])
    assert offsets_of(matured_counts(labels)) == pytest.approx(np.log(share / (1 - share)))


def test_too_few_outcomes_or_others_than_0_and_1_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match=f"{MIN_OUTCOMES - 1} late and {MIN_OUTCOMES} in time"):
        require_outcomes(np.repeat([1.0, 0.0], [MIN_OUTCOMES - 1, MIN_OUTCOMES]))
    with pytest.raises(InputError, match="0, 1 or NaN"):
        require_outcomes(np.repeat([1.0, 2.0], MIN_OUTCOMES))
    require_outcomes(np.repeat([1.0, 0.0], MIN_OUTCOMES))
