"""Grades against outcomes: the Jeffreys test per grade."""

from __future__ import annotations

import numpy as np
import pytest

from models.grades import grade_check
from models.numbers import Floats
from models.scale import ScoreScale


def test_the_test_is_that_of_the_beta_distribution() -> None:
    """scipy.stats.beta.cdf(0.03, 8.5, 92.5) and beta.cdf(0.03, 0.5, 100.5)."""
    scale = ScoreScale.load()
    (many,) = grade_check(scale, np.full(100, 0.03), np.repeat([1.0, 0.0], [8, 92]))
    (none,) = grade_check(scale, np.full(100, 0.03), np.zeros(100))
    assert many.p_value == pytest.approx(0.005927646419776494, abs=1e-12)
    assert none.p_value == pytest.approx(0.9865362319486737, abs=1e-12)


def test_probabilities_that_are_true_pass_and_halved_ones_fail() -> None:
    r = np.random.default_rng(0)
    p: Floats = r.choice([0.008, 0.03, 0.12, 0.4], 20_000)
    outcomes = (r.random(len(p)) < p).astype(np.float64)
    checks = grade_check(ScoreScale.load(), p, outcomes)
    assert [c.rating for c in checks] == ["R04", "R06", "R08", "R10"]
    assert all(c.p_value > 0.01 and c.monotone for c in checks)
    assert max(c.p_value for c in grade_check(ScoreScale.load(), p / 2, outcomes)) < 0.01


def test_a_better_grade_with_more_events_is_told() -> None:
    p: Floats = np.repeat([0.002, 0.4], [50, 50])
    first, second = grade_check(ScoreScale.load(), p, np.repeat([1.0, 0.0], [50, 50]))
    assert (first.monotone, second.monotone) == (True, False)
