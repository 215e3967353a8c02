"""The logistic scorecard and the one-feature rule, evaluated without scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import Scorecard, ShrunkRate
from models.baseline import HORIZONS
from models.numbers import Floats, sigmoid
from receivables.errors import ArtefactError, InputError, NotEnoughDataError

NAMES = ("a", "b", "empty", "constant")


def sample() -> tuple[Floats, Floats]:
    r = np.random.default_rng(1)
    x = np.column_stack([r.normal(size=3000), r.lognormal(size=3000), np.full(3000, np.nan), np.ones(3000)])
    x[r.random(3000) < 0.2, 1] = np.nan
    p = sigmoid(x[:, 0] - 1 + np.where(np.isnan(x[:, 1]), 1.0, 0.0))
    return x, (r.random(3000) < p).astype(float)


X, Y = sample()
CARD = Scorecard.fit(X, Y, names=NAMES)


def test_it_finds_the_effects_of_values_and_of_nulls() -> None:
    assert CARD.weight[0] / CARD.deviation[0] == pytest.approx(1.0, abs=0.15)
    assert CARD.null_weight[1] == pytest.approx(1.0, abs=0.25)
    assert np.abs(CARD.weight[2:]).max() < 1e-6
    assert CARD.probability(X).mean() == pytest.approx(Y.mean(), abs=0.005)


def test_without_scikit_learn_it_scores_as_scikit_learn_would() -> None:
    from sklearn.linear_model import LogisticRegression

    theirs = LogisticRegression(C=0.1, solver="newton-cholesky", max_iter=200, tol=1e-8).fit(CARD._design(X), Y)
    assert np.abs(theirs.predict_proba(CARD._design(X))[:, 1] - CARD.probability(X)).max() < 1e-9


def test_no_feature_counts_against_its_declared_direction_and_the_others_are_as_good_as_they_can_be() -> None:
    r = np.random.default_rng(4)
    worst = r.normal(size=4000)
    x = np.column_stack([worst, worst + r.normal(0, 0.3, 4000), r.normal(size=4000)])
    y = (r.random(4000) < sigmoid(2 * x[:, 0] - x[:, 1] + x[:, 2] - 1)).astype(float)
    names = ("worst", "like it", "other")
    free, held = (Scorecard.fit(x, y, names=names, monotone=signs) for signs in (None, {"worst": 1, "like it": 1}))
    assert free.weight[1] < -0.5
    assert held.weight[1] == 0.0
    # what is held at zero might as well not be there
    without = Scorecard.fit(x[:, [0, 2]], y, names=("worst", "other"))
    assert np.abs(held.weight[[0, 2]] - without.weight).max() < 1e-4
    swept = np.repeat(x[:50], 20, axis=0)
    swept[:, 1] = np.tile(np.linspace(-3, 3, 20), 50)
    assert (np.diff(held.margin(swept).reshape(50, 20), axis=1) >= 0).all()


def test_a_scorecard_that_already_goes_the_declared_ways_is_the_same_with_and_without_them() -> None:
    assert Scorecard.fit(X, Y, names=NAMES, monotone={"a": 1}).to_json() == CARD.to_json()


@settings(deadline=None)  # the first call loads compiled code
@given(arrays(np.float64, (3, 4), elements=st.floats(-1e9, 1e9) | st.just(float("nan"))))
def test_contributions_add_up_for_any_values(x: Floats) -> None:
    found = CARD.contributions(x)
    assert np.array_equal(found.probability, CARD.probability(x))
    assert np.abs(found.reference + found.values.sum(axis=1) - found.total).max() < 1e-9


def test_json_brings_back_the_same_scorecard_to_the_last_bit() -> None:
    again = Scorecard.from_json(CARD.to_json())
    assert np.array_equal(again.margin(X), CARD.margin(X))


@pytest.mark.parametrize(
    "change", [{"weight": [1.0]}, {"weight": [1.0, 2.0, 3.0, float("nan")]}, {"deviation": [0.0] * 4}, {"more": []}]
)
def test_a_damaged_scorecard_is_refused(change: dict[str, list[float]]) -> None:
    with pytest.raises(ArtefactError, match="scorecard"):
        Scorecard.from_json(json.dumps({**json.loads(CARD.to_json()), **change}))
    with pytest.raises(ArtefactError):
        Scorecard.from_json("[]")


def test_too_few_events_are_refused_with_their_number() -> None:
    with pytest.raises(NotEnoughDataError, match="got 9 events in 3000 rows"):
        Scorecard.fit(X, np.arange(3000) < 9, names=NAMES)
    with pytest.raises(InputError):
        Scorecard.fit(X, Y + 1, names=NAMES)


def test_the_rule_is_the_customers_own_shrunken_rate_whatever_the_column_order() -> None:
    names = ["other", *(f"late_over_{k}_rate" for k in reversed(HORIZONS))]
    x = np.array([[7.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0]])
    rule = ShrunkRate.of(names)
    assert [rule.late_over(x, k)[0] for k in HORIZONS] == [0.9999, 0.5, 0.4, 0.3, 0.2, 0.1]
    with pytest.raises(InputError, match="late_over_90_rate"):
        ShrunkRate.of(names[2:])
    with pytest.raises(InputError, match="horizons"):
        rule.late_over(x, 7)


def test_the_feature_table_has_every_rate_that_the_rule_needs() -> None:
    from features import NAMES as FEATURE_NAMES

    ShrunkRate.of(FEATURE_NAMES)
