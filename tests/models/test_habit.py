"""The start of the payment-time model: halfway between the portfolio and the customer, shared out exactly."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from models.asked import asked_columns
from models.habit import OWN, SAME_WEEKDAY, Habit
from models.numbers import logit

GRID = (-14, 0, 5, 30)
INPUTS = (
    "late_over_0_rate",
    "late_over_5_rate",
    "late_over_30_rate",
    "late_over_0_rate_same_due_weekday",
    "late_over_5_rate_same_due_weekday",
)
OFFSETS = np.array([3.0, 0.0, -1.0, -3.0])
DAYS = np.array(GRID)


def test_the_start_lies_halfway_and_half_of_the_own_part_is_the_weekdays_near_the_due_date() -> None:
    habit = Habit.of(INPUTS, GRID, OFFSETS)
    row = np.array([[0.8, 0.4, 0.2, 0.5, 0.5]])
    found = habit.log_odds(row, asked_columns(INPUTS), DAYS, range(4))[0]
    rate = logit(np.array([0.8, 0.4, 0.2, 0.5]))
    assert found[1] == pytest.approx(0.25 * rate[0] + 0.25 * rate[3])
    assert found[2] == pytest.approx(0.5 * -1.0 + 0.25 * rate[1] + 0.25 * rate[3])
    assert found[3] == pytest.approx(0.5 * -3.0 + 0.5 * rate[2])


def test_the_parts_add_up_to_the_start_at_any_asked_day() -> None:
    habit, rows = Habit.of(INPUTS, GRID, OFFSETS), np.random.default_rng(1).random((20, 5))
    whole = habit.log_odds(rows, asked_columns(INPUTS), DAYS, range(4))
    for place, day in enumerate(GRID):
        parts = habit.parts(rows, asked_columns(INPUTS), np.array([day]), [place])
        assert set(parts) == {OWN, SAME_WEEKDAY}
        assert np.array_equal(whole[:, [place]], OFFSETS[place] + parts[OWN] + parts[SAME_WEEKDAY])


def test_without_rates_among_the_inputs_the_start_is_the_portfolios() -> None:
    habit = Habit.of(("net_days",), GRID, OFFSETS)
    assert habit.columns == ()
    assert np.array_equal(
        habit.log_odds(np.zeros((2, 1)), asked_columns(("net_days",)), DAYS, range(4)), [OFFSETS, OFFSETS]
    )


def test_a_rate_that_is_null_adds_nothing_and_one_of_zero_is_no_certainty() -> None:
    habit = Habit.of(INPUTS, GRID, OFFSETS)
    none = habit.log_odds(np.full((1, 5), np.nan), asked_columns(INPUTS), DAYS, range(4))
    assert np.array_equal(none, [OFFSETS])
    assert np.isfinite(habit.log_odds(np.zeros((1, 5)), asked_columns(INPUTS), DAYS, range(4))).all()


def test_json_brings_back_the_same_start_and_nothing_else() -> None:
    habit = Habit.of(INPUTS, GRID, OFFSETS)
    document = json.loads(json.dumps(asdict(habit)))
    assert Habit.from_dict(document) == habit
    with pytest.raises(ValueError, match="finite"):
        Habit.from_dict({**document, "offsets": [float("nan")] * 4})
    with pytest.raises(ValueError, match="one row"):
        Habit.from_dict({**document, "weights": []})
