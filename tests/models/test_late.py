"""The payment-time model: coherent, additive, monotone, unbiased under censoring, the same after a round trip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import GRID, Calibration, LateModel
from models.intervals import Intervals, Tails
from models.pairs import MIN_OUTCOMES
from receivables.errors import ArtefactError, InputError, NotEnoughDataError
from tests.models.book import INPUTS, NAMES, RAISES, Book, make_book

ZERO = GRID.index(0)
SMALL = {"num_iterations": 15, "min_data_in_leaf": 100}


def test_it_learns_the_law_behind_the_ledger_from_what_has_matured(late: LateModel) -> None:
    fresh = make_book(4000, seed=2)
    law = late.law(fresh.x)
    for day in (-5, 0, 5, 15):
        assert law.late_over(day).mean() == pytest.approx((fresh.days_late > day).mean(), abs=0.025)
    oracle = np.abs(fresh.centre - fresh.days_late).mean()
    assert np.abs(law.quantile(0.5) - fresh.days_late).mean() < 1.03 * oracle
    low, high = law.interval(0.8)
    assert 0.75 < ((low <= fresh.days_late) & (fresh.days_late <= high)).mean() < 0.92


def test_what_is_explained_is_exactly_what_is_served(late: LateModel, book: Book) -> None:
    found = late.explain(book.x)
    assert np.array_equal(found.probability, late.law(book.x).late_over(0))
    assert np.abs(found.reference + found.values.sum(axis=1) - found.total).max() < 1e-9
    assert found.names == NAMES


def test_every_grid_day_can_be_explained(late: LateModel, book: Book) -> None:
    margins = late.margins(book.x[:50])
    for j, day in enumerate(GRID):
        assert np.array_equal(late.explain(book.x[:50], day).total, margins[:, j])
    with pytest.raises(InputError, match="grid days"):
        late.explain(book.x[:1], 4)


def test_the_reference_is_near_the_average_invoice_and_the_unused_column_explains_nothing(
    late: LateModel, book: Book
) -> None:
    found = late.explain(book.x)
    assert found.reference == pytest.approx(found.total.mean(), abs=0.3)
    assert not found.values[:, NAMES.index("not_used")].any()


def test_a_higher_delinquency_feature_never_lowers_the_risk(late: LateModel, book: Book) -> None:
    base = late.margins(book.x[:500])
    for name in RAISES:
        worse = book.x[:500].copy()
        worse[:, NAMES.index(name)] += np.random.default_rng(5).uniform(0, 0.5, 500)
        known = ~np.isnan(worse[:, NAMES.index(name)])
        assert (late.margins(worse)[known] >= base[known]).all(), name


def test_an_order_scores_the_same_alone_and_in_a_batch(late: LateModel, book: Book) -> None:
    alone = [late.law(book.x[i : i + 1]).survival for i in range(100)]
    assert np.array_equal(np.concatenate(alone), late.law(book.x).survival[:100])
    parts = [late.explain(book.x[i : i + 1]).values for i in range(50)]
    # contributions of one order are summed in another order than those of many
    assert np.abs(np.concatenate(parts) - late.explain(book.x).values[:50]).max() < 1e-12


def test_more_rows_than_a_block_score_like_few(late: LateModel, book: Book) -> None:
    many = np.concatenate([book.x, book.x])
    assert np.array_equal(late.margins(many)[: len(book.x)], late.margins(book.x))


def test_calibration_moves_the_served_probability_and_its_explanation_together(late: LateModel, book: Book) -> None:
    served = late.calibrated({0: Calibration("affine", 0.8, -0.3), 5: Calibration("intercept", 1.0, 0.2)})
    law, found = served.law(book.x), served.explain(book.x)
    assert np.array_equal(found.probability, law.late_over(0))
    assert np.allclose(found.values, 0.8 * late.explain(book.x).values)
    assert np.allclose(found.total, 0.8 * late.explain(book.x).total - 0.3)
    with pytest.raises(InputError, match="grid"):
        late.calibrated({4: Calibration()})


def test_files_bring_back_the_same_model_to_the_last_bit(late: LateModel, book: Book) -> None:
    served = late.calibrated(Calibration("affine", 0.9, 0.1))
    again = LateModel.from_files(NAMES, served.to_files())
    assert np.array_equal(again.law(book.x).survival, served.law(book.x).survival)
    assert np.array_equal(again.explain(book.x).values, served.explain(book.x).values)
    assert again.to_files() == served.to_files()


def test_files_of_another_shape_are_refused(late: LateModel) -> None:
    files = late.to_files()
    with pytest.raises(ArtefactError, match="columns that are not there"):
        LateModel.from_files(NAMES[1:], files)
    for name in files:
        with pytest.raises(ArtefactError):
            LateModel.from_files(NAMES, {**files, name: b"{}"})
        with pytest.raises(ArtefactError):
            LateModel.from_files(NAMES, {other: data for other, data in files.items() if other != name})


def test_the_same_data_and_seeds_give_the_same_bytes(book: Book) -> None:
    made = [
        LateModel.fit(book.x[:800], book.labels[:800], names=NAMES, inputs=INPUTS, seeds=(3,), params=SMALL).to_files()
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_invoices_of_weight_zero_teach_nothing(book: Book) -> None:
    x, labels = book.x[:1500], book.labels[:1500].copy()
    spoilt = np.arange(1500) >= 1000
    labels[spoilt] = np.where(np.isnan(labels[spoilt]), np.nan, 1.0)
    model = LateModel.fit(
        x, labels, names=NAMES, weights=np.where(spoilt, 1e-9, 1.0), seeds=(1,), params={**SMALL, "num_iterations": 60}
    )
    assert model.law(x[:1000]).late_over(5).mean() == pytest.approx((book.days_late[:1000] > 5).mean(), abs=0.08)


def test_pairs_beyond_the_limit_are_thinned(book: Book) -> None:
    model = LateModel.fit(book.x, book.labels, names=NAMES, seeds=(1,), params=SMALL, max_pairs=5000)
    assert max(tree.leaf_count.sum() for tree in model.forest.trees) <= 5000


def test_too_little_to_learn_from_and_labels_that_are_none_are_refused(book: Book) -> None:
    x, labels = book.x[:500], book.labels[:500]
    with pytest.raises(NotEnoughDataError, match=f"at least {MIN_OUTCOMES}"):
        LateModel.fit(x, np.where(np.isnan(labels), np.nan, 0.0), names=NAMES)
    with pytest.raises(InputError, match="0, 1 or NaN"):
        LateModel.fit(x, labels + 0.5, names=NAMES)
    with pytest.raises(InputError, match="shape"):
        LateModel.fit(x, labels[:, 1:], names=NAMES)


def test_no_orders_give_an_empty_law(late: LateModel) -> None:
    nothing = np.empty((0, len(NAMES)))
    assert late.law(nothing).survival.shape == (0, len(GRID))
    assert len(late.explain(nothing).total) == 0


@pytest.mark.parametrize("day", [-5, 0, 30])
def test_law_and_contributions_in_one_go_are_those_asked_for_one_by_one(late: LateModel, book: Book, day: int) -> None:
    law, parts = late.explained(book.x[:40], day)
    apart = late.explain(book.x[:40], day)
    assert np.array_equal(law.survival, late.law(book.x[:40]).survival)
    assert np.array_equal(parts.total, apart.total)
    assert np.array_equal(parts.values, apart.values)
    assert parts.reference == apart.reference


def test_intervals_travel_with_the_model_and_do_not_change_its_law(late: LateModel, book: Book) -> None:
    served = replace(late, intervals=Intervals((Tails(0.8, (0.01, 0.01, 0.01), (9, 9, 9)),)))
    again = LateModel.from_files(NAMES, served.to_files())
    assert np.array_equal(again.law(book.x).survival, late.law(book.x).survival)
    assert np.array_equal(again.interval(book.x, 0.8), late.law(book.x).interval(0.98))
    assert np.array_equal(late.interval(book.x, 0.8), late.law(book.x).interval(0.8))
