"""A default model that does not beat the worst days past due is refused, and what is served then says so."""

from __future__ import annotations

import numpy as np
import pytest

from models import Calibration, DefaultModel, Scorecard
from models.basis import ACCEPTED, REFUSED, UNJUDGED, RatingBasis
from models.belt import Belt
from models.event import DEFAULT_12M
from models.numbers import Floats, sigmoid
from receivables.errors import ArtefactError
from receivables.outcomes import EventRule
from training.fit import Heldout
from training.fit_default import WORST_DAYS, rating_basis

EVENT = EventRule("default_12m", "default", days_past_due=90, horizon_days=365)


def heldout(margins: Floats, rule: Floats) -> Heldout:
    challengers = {WORST_DAYS: {EVENT.name: sigmoid(rule)}}
    return Heldout(np.arange(len(margins)), margins, challengers, "out of time")


def judged(model_knows: float, rule_knows: float) -> RatingBasis:
    r = np.random.default_rng(0)
    truth: Floats = r.normal(-1.0, 1.5, 3000)
    outcomes = (r.random(3000) < sigmoid(truth)).astype(np.float64)
    customers = np.repeat(np.arange(600).astype(str).astype(object), 5)
    made = heldout(-1.0 + model_knows * (truth + 1.0), -1.0 + rule_knows * (truth + 1.0))
    return rating_basis(made, outcomes, customers, EVENT)


def test_a_model_that_knows_more_is_accepted_and_one_that_knows_less_refused() -> None:
    better, worse = judged(1.0, 0.2), judged(0.2, 1.0)
    assert (better.rating_basis, worse.rating_basis) == (ACCEPTED, REFUSED)
    assert "log-loss difference -" in better.reason
    assert "log-loss difference +" in worse.reason
    assert "ratings rest on that number" in worse.reason


def test_a_model_that_says_the_same_as_the_one_number_is_refused() -> None:
    assert judged(0.7, 0.7).is_refused


def test_the_verdict_is_kept_with_the_model_and_survives_a_calibration() -> None:
    r = np.random.default_rng(1)
    x = r.normal(size=(500, 1))
    card = Scorecard.fit(x, r.random(500) < sigmoid(x[:, 0]), names=("worst",))
    model = DefaultModel.of_scorecard(card, event=DEFAULT_12M, names=("other", "worst"))
    assert model.basis_.rating_basis == UNJUDGED
    served = model.calibrated(Calibration("affine", 0.9, 0.1)).judged(RatingBasis(REFUSED, "no better"), Belt())
    again = DefaultModel.from_files(("other", "worst"), DEFAULT_12M, served.to_files())
    rows = np.column_stack([r.normal(size=500), x])
    assert again.basis_ == RatingBasis(REFUSED, "no better")
    assert np.array_equal(again.probability(rows), served.probability(rows))
    found = again.explain(rows)
    assert not found.values[:, 0].any()
    assert np.array_equal(found.probability, again.probability(rows))


def test_a_verdict_of_another_form_is_refused() -> None:
    with pytest.raises(ArtefactError, match="rating basis"):
        RatingBasis.from_dict({"rating_basis": "accepted", "why": "x"})
