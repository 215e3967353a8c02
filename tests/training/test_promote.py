"""A new model takes over only where it passes the gate on orders that neither model has learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.calibration import Calibration
from models.champion import Champion, champion_of, load_champion, read_candidate
from models.inputs import directions
from receivables.config import conf_dir
from receivables.errors import ArtefactError, ConfigError
from tests.training.seller import CUTOFF, Seller
from training import checks, heldout
from training.dataset import LateData
from training.evidence import Evidence, of_event, of_lateness
from training.fit import MODEL, LateFit, judged_late
from training.gate import Check, Gate, Verdict
from training.promote import Challenger, Decision, challenge, current_champion, decide
from training.registered import fetch

GATE = Gate.read()
#: The gate for the small models of the tests: not well calibrated, and the default model is a scorecard of few events,
#: which is held to no direction.
EASY = replace(
    GATE,
    replicates=200,
    calibration=replace(GATE.calibration, minimum_events=10**9),
    monotone=replace(GATE.monotone, violations=1.0),
    reasons=replace(GATE.reasons, faithful=0.0, stable=0.0),
)


@pytest.fixture(scope="module")
def older(seller: Seller, late_fit: LateFit) -> Champion:
    """The champion as if it had been trained at the first origin: what came after is new to it."""
    champion = load_champion(seller.home / "champion")
    return replace(champion, manifest={**champion.manifest, "training_cutoff": late_fit.splits[0].cutoff.isoformat()})


@pytest.fixture(scope="module")
def worse(older: Champion) -> Champion:
    """The same with log-odds shifted by four."""
    return replace(older, late=older.late.calibrated(Calibration("intercept", intercept=4.0)))


@pytest.fixture(scope="module")
def frame(late_data: LateData, late_fit: LateFit) -> Any:
    """The held-out predictions of the run."""
    orders = late_data.orders.take(late_fit.heldout.rows)
    return heldout.late_frame(orders, judged_late(late_data, late_fit).predictors[MODEL])


@pytest.fixture(scope="module")
def make(seller: Seller, late_data: LateData, frame: Any) -> Any:
    """Makes the challenger of the run with its evidence against a champion."""
    found = read_candidate(seller.home / "champion")
    model = champion_of(found)
    event = of_event(late_data.known, fetch("1", seller.home).event, challenger=model, champion=None)

    def challenger(champion: Champion | None) -> Challenger:
        late = of_lateness(late_data, frame, challenger=model, champion=champion, margin_days=2)
        return Challenger(found, checks.trial_check(found), model, late, event, "anna")

    return challenger


def _named(decision: Decision) -> Mapping[str, Check]:
    return {check.name: check for check in decision.checks}


def test_without_a_champion_the_first_is_promoted_by_the_checks_that_need_none(make: Any, tmp_path: Path) -> None:
    champion, why = current_champion(tmp_path / "champion")
    decision = decide(make(champion), champion, why, GATE, approved_by=None)
    assert decision.promoted
    assert decision.reason == "there is no champion yet"
    found = _named(decision)
    assert found["loads and scores its golden vectors"].verdict is Verdict.PASS
    assert found["explanations add up"].verdict is Verdict.PASS
    assert found["monotone: late over 0 days"].verdict is Verdict.PASS
    assert found["better on what neither has learnt"].verdict is Verdict.NOT_JUDGED
    assert found["calibrated: late_over_0 slope"].figure is not None


def test_a_damaged_champion_is_replaced_and_the_decision_says_why(make: Any, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    champion, why = current_champion(tmp_path)
    decision = decide(make(None), champion, why, GATE, approved_by=None)
    assert decision.promoted
    assert "cannot be used" in decision.reason


def _fails(found: object) -> None:
    raise ArtefactError("trial: signal 6")


def test_a_first_model_that_fails_its_trial_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.checks.tried", _fails)
    decision = decide(make(None), None, "there is no champion yet", GATE, approved_by="ben")
    assert not decision.promoted
    assert "signal 6" in decision.reason


def test_nothing_is_done_here_with_what_ended_a_child(
    seller: Seller, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.checks.tried", _fails)
    monkeypatch.setattr("training.promote.champion_of", lambda found: pytest.fail("must not be opened"))
    with pytest.raises(ArtefactError, match="signal 6"):
        challenge(seller.simulated.ledger, fetch("1", seller.home), None, cutoff=CUTOFF, config=config)


def test_a_first_model_whose_explanations_do_not_add_up_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    challenger = make(None)

    def explain(self: object, *args: object, **options: object) -> None:
        raise ArtefactError("an explanation does not add up")

    monkeypatch.setattr(type(challenger.model.late), "explain", explain)
    decision = decide(challenger, None, "there is no champion yet", GATE, approved_by="ben")
    assert not decision.promoted
    assert "does not add up" in decision.reason


def test_a_better_model_is_promoted_once_a_second_person_approves(worse: Champion, make: Any) -> None:
    decision = decide(make(worse), worse, "", EASY, approved_by="ben")
    found = _named(decision)
    better = found["better on what neither has learnt"]
    assert better.verdict is Verdict.PASS
    assert better.figure is not None
    assert better.figure < 0
    # the shifted champion explains itself by the same trees
    assert found["reasons agree with the champion's"].figure == 1.0
    assert decision.promoted, decision.reason
    assert (decision.approved_by, decision.trained_by) == ("ben", "anna")


@pytest.mark.parametrize("name", [None, " ", "Anna "])
def test_nobody_approves_the_own_model(worse: Champion, make: Any, name: str | None) -> None:
    decision = decide(make(worse), worse, "", EASY, approved_by=name)
    assert not decision.promoted
    assert "approved by a second person" in decision.reason
    alone = replace(EASY, four_eyes=False)
    assert decide(make(worse), worse, "", alone, approved_by=name).promoted


def test_a_model_that_is_not_better_stays_a_challenger(older: Champion, make: Any) -> None:
    # the champion has in truth learnt these very orders, so nothing beats it on them
    decision = decide(make(older), older, "", EASY, approved_by="ben")
    assert not decision.promoted
    assert _named(decision)["better on what neither has learnt"].verdict is Verdict.FAIL


def test_nothing_is_proven_on_too_few_outcomes(older: Champion, make: Any) -> None:
    newest = replace(older, manifest={**older.manifest, "training_cutoff": "2027-01-01"})
    decision = decide(make(newest), newest, "", EASY, approved_by="ben")
    assert not decision.promoted
    assert "better on what neither has learnt: no 100 outcomes" in decision.reason


def test_only_orders_since_the_champions_cut_off_are_judged(
    older: Champion, make: Any, late_data: LateData, frame: Any
) -> None:
    everything = make(older).late
    middle = np.datetime64("2026-08-01")
    later = replace(older, manifest={**older.manifest, "training_cutoff": str(middle)})
    fewer = make(later).late
    since = set(heldout.keys(late_data.orders.take(late_data.orders.as_of >= middle)))
    assert 0 < len(fewer.x) < len(everything.x)
    assert len(fewer.x) == sum(key in since for key in frame[heldout.KEY])


def test_a_model_that_goes_against_a_declared_direction_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    challenger: Challenger = make(None)
    monkeypatch.setattr(checks, "directions", lambda inputs: {name: -sign for name, sign in directions(inputs).items()})
    found, _ = checks.monotone_checks(challenger.model, challenger.late, GATE)
    assert found.verdict is Verdict.FAIL
    assert "late_over_0_rate" in found.detail


def test_reasons_that_are_not_faithful_are_refused_and_what_was_not_measured_is_said(make: Any) -> None:
    model = make(None).model
    told = {"late_over_0/reasons_faithful": 0.7, "late_over_0/reasons_stable": 0.9}
    changed = replace(model, manifest={**model.manifest, "metrics": told})
    found = [check.verdict for check in checks.reason_checks(changed, GATE)]
    assert found == [Verdict.FAIL, Verdict.PASS, Verdict.NOT_JUDGED, Verdict.NOT_JUDGED]


def _evidence(p: float, n: int = 4000) -> Evidence:
    r = np.random.default_rng(3)
    truth = r.uniform(0.05, 0.6, n)
    y = (r.random(n) < truth).astype(np.float64)
    said = np.clip(truth * p, 0.001, 0.999)
    customers = np.array([f"c{i % 200}" for i in range(n)], dtype=object)
    return Evidence(customers, np.empty((n, 0)), {"late_over_0": y}, {"late_over_0": said}, None)


def test_probabilities_that_are_half_too_high_are_not_calibrated() -> None:
    sound = list(checks.calibration_checks(_evidence(1.0), ["late_over_0"], GATE))
    assert [check.verdict for check in sound] == [Verdict.PASS] * 3
    high = {check.name: check.verdict for check in checks.calibration_checks(_evidence(1.5), ["late_over_0"], GATE)}
    assert high["calibrated: late_over_0 intercept"] is Verdict.FAIL
    assert high["calibrated: late_over_0 ece"] is Verdict.FAIL


def test_a_registered_challenger_speaks_for_itself_about_what_came_after_its_cut_off(
    seller: Seller, older: Champion, config: Any
) -> None:
    registered = fetch("1", seller.home)
    end = CUTOFF + (seller.simulated.ledger["invoices"]["issued_on"].max() - CUTOFF)
    found = challenge(seller.simulated.ledger, registered, older, cutoff=end, config=config)
    own = found.late.outcomes["late_over_0"]
    assert registered.trained_by == "anna"
    assert len(own) > len(registered.late)
    assert np.isnan(own).any()
    law = older.late.law(found.late.x[-1:])
    assert found.late.challenger["late_over_0"][-1] == law.late_over(0)[0]


def test_every_mistake_in_the_gates_file_is_named_at_once(tmp_path: Path) -> None:
    text = (conf_dir() / "promotion.toml").read_text(encoding="utf-8")
    path = tmp_path / "promotion.toml"
    path.write_text(
        text.replace("confidence = 0.95", "confidence = 2.0").replace("slope = [0.8, 1.25]", "slope = [1.25]")
    )
    with pytest.raises(ConfigError) as caught:
        Gate.read(path)
    assert "confidence" in str(caught.value)
    assert "calibration" in str(caught.value)
