"""Heads: the mean with the payment-time model at their day, less nearby, additive everywhere, kept in the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from models.heads import MIN_OUTCOMES, ROUNDS, SHARE, Heads
from models.late import LateModel
from models.law import GRID
from models.numbers import Floats
from receivables.errors import ArtefactError
from tests.models.book import NAMES, Book


@pytest.fixture(scope="module")
def headed(late: LateModel, book: Book) -> LateModel:
    rows = book.x[:, [NAMES.index(name) for name in late.inputs]]
    return replace(late, heads=grown(late, rows, book.labels))


def grown(
    late: LateModel, rows: Floats, known: Floats, monotone: Mapping[int, Mapping[str, int]] | None = None
) -> Heads:
    return Heads.grow(
        rows, known, inputs=late.inputs, grid=late.grid, start=late.start(rows), monotone=monotone or {},
        seeds=(1,),
    )  # fmt: skip


def test_at_its_day_a_head_and_the_model_count_alike(headed: LateModel, late: LateModel, book: Book) -> None:
    x = book.x[:50]
    rows = x[:, [NAMES.index(name) for name in late.inputs]]
    assert 0 in headed.heads.forests
    for day, forest in headed.heads.forests.items():
        place = late.grid.index(day)
        own = late.start(rows)[:, place] + forest.margin(rows)
        mean = (1 - SHARE) * late.margins(x)[:, place] + SHARE * own
        np.testing.assert_allclose(headed.margins(x)[:, place], mean, rtol=0, atol=1e-12)


def test_between_heads_both_count_and_the_ends_of_the_grid_stay_as_they_were(headed: LateModel) -> None:
    weights = headed.heads.weights(headed.grid)
    total = np.sum(list(weights.values()), axis=0)
    assert total[0] == total[-1] == 0.0
    inner = [j for j, day in enumerate(headed.grid) if min(weights) <= day <= max(weights)]
    np.testing.assert_allclose(total[inner], 1.0)


@pytest.mark.parametrize("day", [GRID[0], -3, 0, 3, 8, 60])
def test_contributions_add_up_at_every_day(headed: LateModel, book: Book, day: int) -> None:
    x = book.x[:40]
    found = headed.explain(x, day)
    place = headed.grid.index(day)
    served = headed.calibrations[place].apply(headed.margins(x)[:, place])
    np.testing.assert_allclose(found.reference + found.values.sum(axis=1), served, rtol=0, atol=1e-9)


def test_the_more_outcomes_a_head_learns_from_the_more_rounds_it_has(headed: LateModel, book: Book) -> None:
    grown = {day: len(forest.trees) for day, forest in headed.heads.forests.items()}
    matured = {day: int((~np.isnan(book.labels[:, headed.grid.index(day)])).sum()) for day in grown}
    assert grown == {day: min(max(n // 50, ROUNDS[0]), ROUNDS[1]) for day, n in matured.items()}
    assert len(set(grown.values())) > 1


def test_few_outcomes_get_no_head(late: LateModel, book: Book) -> None:
    rows = book.x[:, [NAMES.index(name) for name in late.inputs]]
    known = np.full(book.labels.shape, np.nan)
    place = late.grid.index(0)
    known[:, place] = 0.0
    known[: MIN_OUTCOMES - 1, place] = 1.0
    assert not grown(late, rows, known).forests


def test_only_the_days_asked_for_are_held_to_the_directions_of_the_features(late: LateModel, book: Book) -> None:
    rows = book.x[:, [NAMES.index(name) for name in late.inputs]]
    rate = late.inputs.index("late_over_0_rate")
    held, free = (grown(late, rows, book.labels, {day: {"late_over_0_rate": -1}}).forests[0] for day in (0, 5))
    low, high = rows[:200].copy(), rows[:200].copy()
    low[:, rate], high[:, rate] = 0.05, 0.95
    assert (held.margin(high) <= held.margin(low)).all()
    assert (free.margin(high) > free.margin(low)).any()


def test_the_files_bring_back_the_heads_bit_for_bit(headed: LateModel, book: Book) -> None:
    files = headed.to_files()
    again = LateModel.from_files(headed.names, files)
    assert np.array_equal(again.margins(book.x[:30]), headed.margins(book.x[:30]))
    with pytest.raises(ArtefactError, match="KeyError"):
        LateModel.from_files(headed.names, {name: data for name, data in files.items() if name != "head_0.txt"})


def test_a_head_of_a_day_off_the_grid_or_of_other_columns_is_refused(headed: LateModel) -> None:
    forest = headed.heads.forests[0]
    for wrong in (Heads({1000: forest}), Heads({0: replace(forest, names=tuple(reversed(forest.names)))})):
        with pytest.raises(ArtefactError, match="does not fit"):
            replace(headed, heads=wrong)
