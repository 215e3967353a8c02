"""Calibration corrects what it should, leaves alone what it should, and keeps explanations additive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import Calibration, choose, fit
from models.numbers import Floats, sigmoid
from receivables.errors import ArtefactError


def outcomes(log_odds: Floats, seed: int = 0) -> Floats:
    return (np.random.default_rng(seed).random(len(log_odds)) < sigmoid(log_odds)).astype(float)


@pytest.fixture(scope="module")
def margin() -> Floats:
    return np.random.default_rng(1).normal(-1.0, 1.5, 20_000)


@pytest.mark.parametrize(("slope", "intercept"), [(0.6, -0.5), (1.4, 0.3), (0.8, 0.0)])
def test_it_recovers_a_known_slope_and_intercept(margin: Floats, slope: float, intercept: float) -> None:
    found = choose(margin, outcomes(slope * margin + intercept))
    assert found.kind == "affine"
    assert found.slope == pytest.approx(slope, abs=0.06)
    assert found.intercept == pytest.approx(intercept, abs=0.06)
    assert found.gain > 0


def test_the_fit_is_scikit_learns_unpenalised_logistic_regression(margin: Floats) -> None:
    from sklearn.linear_model import LogisticRegression

    y = outcomes(0.7 * margin + 0.2)
    theirs = LogisticRegression(C=1e12, tol=1e-10).fit(margin[:, None], y)
    ours = fit("affine", margin, y)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=1e-5)


def test_a_shifted_base_rate_is_met_with_an_intercept_alone(margin: Floats) -> None:
    found = choose(margin, outcomes(margin - 0.4))
    assert found.kind == "intercept"
    assert found.slope == 1.0
    assert found.intercept == pytest.approx(-0.4, abs=0.06)


def test_what_is_calibrated_is_left_alone_nine_times_in_ten(margin: Floats) -> None:
    kinds = [choose(margin[:4000], outcomes(margin[:4000], seed)).kind for seed in range(30)]
    assert kinds.count("identity") >= 27


def test_few_events_are_never_calibrated_on(margin: Floats) -> None:
    y = outcomes(margin - 7.0)
    assert 0 < y.sum() < 25
    assert choose(margin, y).kind == "identity"


def test_the_evidence_of_one_customer_counts_once(margin: Floats) -> None:
    # the whole miscalibration comes from one large customer: by row it is certain, by customer it is one observation
    one = np.arange(len(margin)) < 3000
    y = outcomes(np.where(one, margin + 1.5, margin))
    customers = np.where(one, 0, np.arange(len(margin)))
    assert choose(margin, y).kind != "identity"
    assert choose(margin, y, customers).kind == "identity"


@given(st.floats(0.1, 3), st.floats(-3, 3), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_contributions_stay_additive(slope: float, intercept: float, parts: list[float]) -> None:
    margin = np.array([0.7 + sum(parts)])
    made = Calibration("affine", slope, intercept).explain(("a", "b", "c"), 0.7, np.array([parts]), margin)
    assert abs(made.reference + made.values.sum() - made.total[0]) <= 1e-9
    assert made.probability[0] == sigmoid(slope * margin + intercept)[0]


def test_identity_returns_the_same_bits(margin: Floats) -> None:
    assert np.array_equal(Calibration().apply(margin), margin)


def test_it_survives_json_and_refuses_what_is_not_one() -> None:
    made = Calibration("affine", 0.9, 0.1, 0.01, 100, 10)
    assert Calibration.from_dict(made.to_dict()) == made
    fine = made.to_dict()
    for wrong in (None, [], {**fine, "slope": "1"}, {**fine, "slope": -1.0}, {**fine, "x": 1}):
        with pytest.raises(ArtefactError):
            Calibration.from_dict(wrong)
