"""Metrics against scikit-learn, SciPy and numbers worked out by hand; intervals against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from models.numbers import Floats, sigmoid
from training.metrics import (
    AUC,
    BRIER,
    LOG_LOSS,
    MAE,
    PROBABILITY,
    Resampling,
    auc,
    brier,
    calibration_intercept,
    calibration_slope,
    coverage,
    difference,
    ece,
    ece_by_chance,
    estimate,
    ks,
    lift,
    log_loss,
    pinball,
)


@pytest.fixture(params=[3, 4, 5])
def drawn(request: pytest.FixtureRequest) -> tuple[Floats, Floats, Floats]:
    """Outcomes, probabilities with many ties, and ones."""
    rng = np.random.default_rng(request.param)
    p = np.round(rng.uniform(0.02, 0.98, 400), 2)
    return (rng.random(400) < p**1.5).astype(np.float64), p, np.ones(400)


def test_metrics_are_those_of_scikit_learn_and_scipy(drawn: tuple[Floats, Floats, Floats]) -> None:
    y, p, w = drawn
    assert auc(y, p, w) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert brier(y, p, w) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert log_loss(y, p, w) == pytest.approx(sklearn_log_loss(y, p), abs=1e-12)
    assert ks(y, p, w) == pytest.approx(ks_2samp(p[y == 1], p[y == 0]).statistic, abs=1e-12)


def test_the_calibration_slope_is_that_of_an_unpenalised_logistic_regression(
    drawn: tuple[Floats, Floats, Floats],
) -> None:
    y, p, w = drawn
    z = np.log(p / (1 - p))[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(z, y)
    assert calibration_slope(y, p, w) == pytest.approx(fitted.coef_[0, 0], rel=1e-4)


def test_probabilities_drawn_from_have_slope_one_and_halved_log_odds_slope_two() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 1.5, 60_000)
    y = (rng.random(60_000) < sigmoid(z)).astype(np.float64)
    w = np.ones(len(y))
    assert calibration_slope(y, sigmoid(z), w) == pytest.approx(1, abs=0.05)
    assert calibration_slope(y, sigmoid(z / 2), w) == pytest.approx(2, abs=0.1)
    assert calibration_intercept(y, sigmoid(z - 0.7), w) == pytest.approx(0.7, abs=0.05)


def test_expected_calibration_error_by_hand() -> None:
    # ten bins of two: in each the mean probability is p and one of the two is late
    p = np.repeat(np.linspace(0.05, 0.95, 10), 2)
    y = np.tile([0.0, 1.0], 10)
    assert ece(y, p, np.ones(20)) == pytest.approx(np.abs(np.linspace(0.05, 0.95, 10) - 0.5).mean(), abs=1e-12)


def test_lift_by_hand() -> None:
    # the riskiest two of twenty are both late, four of twenty are: 1.0 / 0.2
    p = np.linspace(0.9, 0.1, 20)
    y = np.zeros(20)
    y[[0, 1, 5, 9]] = 1
    assert lift(y, p, np.ones(20)) == pytest.approx(5.0)


def test_errors_in_days_by_hand() -> None:
    y, p, w = np.array([0.0, 4.0, 10.0]), np.array([1.0, 1.0, 12.0]), np.ones(3)
    assert MAE.compute(y, p, w) == pytest.approx(2.0)
    # 0.9 * 3 for the one underestimated, 0.1 * 1 and 0.1 * 2 for the two overestimated
    assert pinball(0.9)(y, p, w) == pytest.approx(1.0)
    assert coverage(y, np.array([0.0, 5.0, 10.0]), np.array([0.0, 9.0, 10.0]), w) == pytest.approx(2 / 3)


def test_calibration_errors_of_right_probabilities_lie_where_chance_puts_them_and_those_of_wrong_ones_beyond() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(1, 3, 2_000)
    chance, w = ece_by_chance(p), np.ones(len(p))
    right = [float(ece((rng.random(len(p)) < p).astype(float), p, w)) for _ in range(200)]
    assert np.mean(right) == pytest.approx(chance.value, rel=0.05)
    assert np.mean([chance.low <= value <= chance.high for value in right]) > 0.9
    assert ece((rng.random(len(p)) < p**1.5).astype(float), p, w) > chance.high


def test_more_rows_leave_less_to_chance() -> None:
    p = np.linspace(0.05, 0.6, 400)
    assert ece_by_chance(np.repeat(p, 16)).value == pytest.approx(ece_by_chance(p).value / 4, rel=0.1)
    assert np.isnan(ece_by_chance(p[:0]).value)


@pytest.mark.parametrize("metric", [m for m in PROBABILITY if m.name not in ("ece", "lift")], ids=lambda m: m.name)
def test_a_weight_is_a_repetition(metric: object, drawn: tuple[Floats, Floats, Floats]) -> None:
    y, p, _ = drawn
    times = np.random.default_rng(0).integers(0, 4, len(y))
    compute = metric.compute  # type: ignore[attr-defined]
    repeated = compute(np.repeat(y, times), np.repeat(p, times), np.ones(times.sum()))
    rows = np.stack([times, np.ones(len(y))]).astype(np.float64)
    both = compute(y, p, rows)
    assert both.shape == (2,)
    assert both[0] == pytest.approx(repeated, abs=1e-9)


def test_one_class_has_no_auc() -> None:
    assert np.isnan(auc(np.ones(3), np.array([0.1, 0.2, 0.3]), np.ones(3)))


def test_the_same_seed_draws_the_same_interval_and_another_seed_another(drawn: tuple[Floats, Floats, Floats]) -> None:
    y, p, _ = drawn
    customers = np.arange(len(y)) % 40
    one, same, other = (estimate(AUC, y, p, Resampling.of(customers, seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one.value == other.value
    assert (one.low, one.high) != (other.low, other.high)


def test_intervals_cover_when_customers_are_drawn_and_not_when_invoices_are() -> None:
    """Mean absolute value of a standard normal is sqrt(2 / pi); forty customers with twenty like invoices each."""
    rng, truth = np.random.default_rng(7), np.sqrt(2 / np.pi)
    customer, zero = np.repeat(np.arange(40), 20), np.zeros(800)
    hits = np.zeros(2)
    for _ in range(150):
        y = np.repeat(rng.normal(size=40), 20)
        for i, clusters in enumerate((customer, np.arange(800))):
            found = estimate(MAE, y, zero, Resampling.of(clusters, replicates=120))
            hits[i] += found.low <= truth <= found.high
    assert 0.87 <= hits[0] / 150 <= 0.99
    assert hits[1] / 150 < 0.6


def test_a_difference_is_below_zero_where_the_first_has_the_lower_loss(drawn: tuple[Floats, Floats, Floats]) -> None:
    y, _, _ = drawn
    good, bad = np.where(y == 1, 0.8, 0.2), np.full(len(y), 0.5)
    sample = Resampling.of(np.arange(len(y)) % 40)
    for metric in (LOG_LOSS, BRIER):
        found = difference(metric, y, good, bad, sample)
        assert found.high < 0
        assert found.value == pytest.approx(-difference(metric, y, bad, good, sample).value)
    assert difference(AUC, y, good, bad, sample).low > 0
