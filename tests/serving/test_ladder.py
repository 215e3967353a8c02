"""The degraded ladder: each rung answers where the one above cannot, and every answer says on which it stands."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.champion import load_standby
from models.late import LateModel
from models.standby import StandbyLate
from receivables.appetite import When
from receivables.errors import ArtefactError, UnavailableError
from receivables.fallback import Fallback, Unscored
from receivables.store import open_store
from serving.app import create_app
from serving.payers import Payers
from serving.state import State, Tools
from tests.serving.running import HERE

SCORE = "/v1/orders/score"


def answer_of(state: State, document: dict[str, Any]) -> dict[str, Any]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as client:
        response = client.post(SCORE, json=document)
    assert response.status_code == 200, response.text
    return dict(response.json())


def asked(state: State, document: dict[str, Any]) -> dict[str, Any]:
    """The answer, which a replay gives again on the same rung."""
    answer = answer_of(state, document)
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as client:
        replayed = client.post(f"/v1/decisions/{answer['score_id']}/replay").json()
    assert replayed["differences"] == []
    assert state.log.get(answer["score_id"]).versions["mode"] == answer["degraded"]["mode"]
    return answer


@pytest.fixture
def order(contract_request: dict[str, Any], seller: Any) -> dict[str, Any]:
    contract_request["customer"]["payer"] = seller.customers()[0]
    return contract_request


def broken(*given: object, **more: object) -> Any:
    raise ArithmeticError("a tree fell")


def without_approvals(tools: Tools, **terms: Any) -> Tools:
    return replace(tools, policy=replace(tools.policy, fallback=replace(tools.policy.fallback, **terms)))


def test_a_whole_service_answers_in_full(state: State, order: dict[str, Any]) -> None:
    assert asked(state, order)["degraded"] == {"is_degraded": False, "mode": "FULL", "causes": []}


def test_a_failing_model_is_replaced_by_scorecards(
    state: State, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LateModel, "explained", broken)
    answer = asked(state, order)
    assert (answer["degraded"]["mode"], answer["degraded"]["causes"]) == ("SCORECARD", ["MODEL_FAILED"])
    assert 0 < answer["probabilities"]["late_over_0"] < 1
    assert answer["score"]["credit_score"]
    assert answer["explanations"][0]["reasons"]
    assert answer["decision"]["decided_by"] != "MODEL"


def test_where_the_scorecards_fail_too_the_rules_decide(
    state: State, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LateModel, "explained", broken)
    monkeypatch.setattr(StandbyLate, "explained", broken)
    answer = asked(state, order)
    assert answer["degraded"]["mode"] == "RULES"
    assert answer["degraded"]["causes"] == ["MODEL_FAILED", "SCORECARD_FAILED"]
    assert answer["probabilities"]["late_over_0"] is None
    assert answer["decision"]["outcome"] in ("REVIEW", "HOLD")
    assert answer["actions"]


def test_a_champion_without_scorecards_goes_down_to_the_rules(
    state: State, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LateModel, "explained", broken)
    state.tools = replace(state.tools, champion=replace(state.tools.champion, standby=None))
    assert asked(state, order)["degraded"]["causes"] == ["MODEL_FAILED", "NO_SCORECARD"]


def test_when_most_of_the_time_is_over_the_scorecards_answer(state: State, order: dict[str, Any]) -> None:
    state.tools = without_approvals(state.tools, model_share=0.0)
    answer = asked(state, order)
    assert answer["degraded"]["mode"] == "SCORECARD"
    assert answer["degraded"]["causes"][0] == "DEADLINE_MODEL"


def test_an_old_ledger_is_scored_with_and_flagged(state: State, order: dict[str, Any]) -> None:
    known = state.payers.known(order["customer"]["payer"], has_items=True)
    loaded = known.loaded_at
    assert loaded is not None
    assert asked(state, order)["degraded"]["mode"] == "FULL"
    state.payers._loaded_at = loaded - dt.timedelta(hours=73)
    answer = asked(state, {**order, "request_id": "old"})
    state.payers._loaded_at = loaded
    assert (answer["degraded"]["mode"], answer["degraded"]["causes"]) == ("STALE", ["LEDGER_OLD"])
    assert answer["probabilities"]["late_over_0"] > 0
    assert answer["data_quality"]["confidence"] == "LOW"


@pytest.fixture
def cut_off(state: State, seller: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A service whose ledger cannot be reached; it has read the first customer before."""
    with open_store(str(seller.path)) as store:
        payers = Payers(store, state.tools.rates)
        payers.known(seller.customers()[0], has_items=False)

        def unreachable() -> int:
            raise UnavailableError("ledger: cannot be reached")

        monkeypatch.setattr(store, "sequence", unreachable)
        yield replace(state, payers=payers)


def test_a_customer_in_memory_is_scored_while_the_ledger_is_away(
    cut_off: State, state: State, order: dict[str, Any]
) -> None:
    del order["open_items"]
    full = asked(state, {**order, "request_id": "before"})
    answer = answer_of(cut_off, order)
    assert (answer["degraded"]["mode"], answer["degraded"]["causes"]) == ("STALE", ["LEDGER_UNAVAILABLE"])
    assert answer["probabilities"] == full["probabilities"]


def unscored(cut_off: State, document: dict[str, Any], terms: Fallback) -> dict[str, Any]:
    """The answer for a customer of whom nothing is known."""
    document = {k: v for k, v in document.items() if k != "open_items"}
    document["customer"] = {**document["customer"], "payer": "nobody", "customer_credit_group": "KEY_ACCOUNT"}
    document["credit_account"] = {"currency": "EUR"}
    cut_off.tools = replace(cut_off.tools, policy=replace(cut_off.tools.policy, fallback=terms))
    return dict(asked(cut_off, document)["decision"])


SMALL = Fallback(approve=(Unscored("SMALL", When(segments=("KEY_ACCOUNT",), up_to={"EUR": "50000.00"})),))


def test_without_a_score_an_order_is_reviewed(cut_off: State, order: dict[str, Any]) -> None:
    found = unscored(cut_off, order, Fallback())
    assert (found["outcome"], found["decided_by"], found["credit_status"]) == ("REVIEW", "FALLBACK", "B")


def test_without_a_score_an_order_under_the_cap_goes_through(cut_off: State, order: dict[str, Any]) -> None:
    found = unscored(cut_off, order, SMALL)
    assert (found["outcome"], found["decided_by"], found["human_review_required"]) == ("APPROVE", "FALLBACK", False)


@pytest.mark.parametrize("change", [{"gross_amount": "50000.01"}, {"currency": "USD"}])
def test_above_the_cap_or_in_another_currency_it_does_not(
    cut_off: State, order: dict[str, Any], change: dict[str, str]
) -> None:
    order["order"] |= change
    assert unscored(cut_off, order, SMALL)["outcome"] == "REVIEW"


def test_a_check_that_fails_counts_without_a_score(cut_off: State, order: dict[str, Any]) -> None:
    order["order"]["gross_amount"] = "80000.00"
    large = Fallback(approve=(Unscored("LARGE", When(up_to={"EUR": "90000.00"})),))
    order["credit_account"] = {"currency": "EUR"}
    document = {k: v for k, v in order.items() if k != "open_items"}
    document["customer"] = {**document["customer"], "payer": "nobody"}
    cut_off.tools = without_approvals(cut_off.tools, **dataclasses.asdict(Fallback()) | {"approve": large.approve})
    found = asked(cut_off, document)["decision"]
    assert (found["outcome"], found["decided_by"]) == ("REVIEW", "POLICY")


def test_the_time_counts_from_when_the_request_came_in(
    state: State, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = state.payers.kept

    def slow(*given: Any, **more: Any) -> Any:
        time.sleep(0.05)
        return kept(*given, **more)

    monkeypatch.setattr(state.payers, "kept", slow)
    order["options"]["timeout_ms"] = 60
    assert "DEADLINE_MODEL" in answer_of(state, order)["degraded"]["causes"]


@pytest.mark.parametrize("damaged", ["standby.json", "rating.json", "priors.json", "manifest.json"])
def test_scorecards_that_were_changed_do_not_stand_in(seller: Any, tmp_path: Path, damaged: str) -> None:
    copy = tmp_path / "champion"
    shutil.copytree(seller.champion, copy)
    assert load_standby(copy).is_standby
    text = (copy / damaged).read_text(encoding="utf-8")
    (copy / damaged).write_text(text.replace("1", "2", 1), encoding="utf-8")
    with pytest.raises(ArtefactError):
        load_standby(copy)
