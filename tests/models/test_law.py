"""One distribution per invoice: horizons, median, mean and interval cannot contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import GRID, PaymentLaw
from models.law import EARLY_DAYS, TAIL_DAYS
from models.numbers import Floats, sigmoid
from receivables.errors import InputError

margins = arrays(np.float64, st.tuples(st.integers(1, 4), st.just(len(GRID))), elements=st.floats(-30, 30))
ZERO = GRID.index(0)
# the loops are compiled, or loaded, before the first example is timed
PaymentLaw.from_margins(GRID, np.zeros((1, len(GRID)))).quantile(0.5)


@given(margins)
def test_no_horizon_contradicts_another_and_day_zero_is_untouched(drawn: Floats) -> None:
    law = PaymentLaw.from_margins(GRID, drawn)
    daily = law.daily()
    assert np.all(np.diff(daily, axis=1) <= 0)
    assert daily[:, 0].tolist() == [1.0] * len(drawn)
    assert daily[:, -1].tolist() == [0.0] * len(drawn)
    assert np.array_equal(law.late_over(0), sigmoid(drawn[:, ZERO]))


@given(margins)
def test_the_compiled_loops_do_what_arrays_do(drawn: Floats) -> None:
    later = sigmoid(drawn)
    right = np.minimum.accumulate(later[:, ZERO:], axis=1)
    left = np.maximum.accumulate(later[:, ZERO::-1], axis=1)[:, ::-1]
    law = PaymentLaw.from_margins(GRID, drawn)
    assert np.array_equal(law.survival, np.hstack([left[:, :-1], right]))
    knots = [GRID[0] - EARLY_DAYS, *GRID, GRID[-1] + TAIL_DAYS]
    for row, survival in zip(law.daily(), law.survival, strict=True):
        assert np.allclose(row, np.interp(law.days, knots, [1.0, *survival, 0.0]), atol=1e-15)


@pytest.mark.parametrize("place", [0, ZERO, len(GRID) - 1])
def test_margins_that_are_no_numbers_make_no_law(place: int) -> None:
    drawn = np.zeros((2, len(GRID)))
    drawn[1, place] = np.nan
    with pytest.raises(InputError):
        PaymentLaw.from_margins(GRID, drawn)


@given(margins)
def test_coherent_margins_pass_through_unchanged(drawn: Floats) -> None:
    falling = -np.sort(-drawn, axis=1)
    assert np.array_equal(PaymentLaw.from_margins(GRID, falling).survival, sigmoid(falling))


@given(margins)
def test_the_median_is_after_the_due_date_exactly_when_late_is_likelier_than_not(drawn: Floats) -> None:
    law = PaymentLaw.from_margins(GRID, drawn)
    assert ((law.quantile(0.5) > 0) == (law.late_over(0) > 0.5)).all()


def test_the_median_at_exactly_one_half_is_the_due_date() -> None:
    assert PaymentLaw.from_margins((-1, 0, 1), [[0.1, 0.0, -0.1]]).quantile(0.5).tolist() == [0]


@given(margins, st.floats(0.01, 0.99))
def test_quantiles_and_mean_are_those_of_the_daily_probabilities(drawn: Floats, q: float) -> None:
    law = PaymentLaw.from_margins(GRID, drawn)
    for survival, quantile, mean in zip(law.daily(), law.quantile(q), law.mean(), strict=True):
        by_hand = next(day for day, s in zip(law.days, survival, strict=True) if s <= 1 - q)
        assert quantile == by_hand
        assert mean == pytest.approx(float(-np.diff(survival) @ law.days[1:]), abs=1e-9)


@given(margins)
def test_a_wider_interval_holds_the_narrower_one(drawn: Floats) -> None:
    law = PaymentLaw.from_margins(GRID, drawn)
    (low, high), (lower, higher) = law.interval(0.5), law.interval(0.9)
    assert (lower <= low).all()
    assert (low <= high).all()
    assert (high <= higher).all()


def test_grid_days_come_back_exactly_and_days_between_lie_on_the_line() -> None:
    law = PaymentLaw.from_margins(GRID, np.random.default_rng(0).normal(size=(50, len(GRID))))
    for j, day in enumerate(GRID):
        assert np.array_equal(law.late_over(day), law.survival[:, j])
    s, at = law.survival, GRID.index(8)
    assert np.allclose(law.late_over(10), s[:, at] + (2 / 7) * (s[:, at + 1] - s[:, at]))
    assert law.late_over(10_000).tolist() == [0.0] * 50


def test_figures_of_an_invoice_do_not_depend_on_the_others_in_the_batch() -> None:
    law = PaymentLaw.from_margins(GRID, np.random.default_rng(0).normal(size=(200, len(GRID))))
    alone = [law.rows(np.array([i])) for i in range(200)]
    assert np.array_equal(np.concatenate([one.mean() for one in alone]), law.mean())
    assert np.array_equal(np.concatenate([one.late_over(4) for one in alone]), law.late_over(4))


@pytest.mark.parametrize(
    ("grid", "survival"),
    [
        ((0, 5), [[0.4, 0.5]]),
        ((0, 5), [[1.5, 0.5]]),
        ((0, 5), [[np.nan, 0.5]]),
        ((1, 5), [[0.5, 0.4]]),
        ((0, 5, 5), [[0.5, 0.4, 0.3]]),
        ((0, 5), [[0.5]]),
    ],
)
def test_what_is_no_distribution_is_refused(grid: tuple[int, ...], survival: list[list[float]]) -> None:
    with pytest.raises(InputError):
        PaymentLaw(grid, np.array(survival))
