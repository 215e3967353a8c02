"""Recorded decisions over HTTP: replayed, overridden by those who may, contested; nothing of it changes the record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from receivables.decision_notes import DecisionNotes
from serving.app import create_app
from serving.state import State


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=("127.0.0.1", 50_000)) as made:
        yield made


@pytest.fixture
def score_id(client: TestClient, contract_request: dict[str, Any], seller: Any) -> str:
    contract_request["customer"]["payer"] = seller.customers()[0]
    return str(client.post("/v1/orders/score", json=contract_request).json()["score_id"])


def override(**changes: str) -> dict[str, Any]:
    given = {"request_id": "o1", "outcome": "APPROVE", "reason": "paid this morning", "reason_code": "PAYMENT_ARRANGED",
             "approver": "r.lee", "role": "CHIEF_FINANCIAL_OFFICER"}  # fmt: skip
    return given | changes


def test_a_replay_reproduces_the_answer_byte_for_byte(client: TestClient, score_id: str) -> None:
    found = client.post(f"/v1/decisions/{score_id}/replay").json()
    assert (found["reproduced"], found["same_versions"]) == (True, True)
    assert found["differences"] == []
    assert found["answer"]["score_id"] == score_id


def test_a_replay_under_another_policy_says_what_is_different(client: TestClient, state: State, score_id: str) -> None:
    policy = replace(state.tools.policy, version="next", sha256="0" * 64, checks=())
    client.app.state.serving = replace(state, tools=replace(state.tools, policy=policy))  # type: ignore[attr-defined]
    found = client.post(f"/v1/decisions/{score_id}/replay").json()
    assert (found["reproduced"], found["same_versions"]) == (False, False)
    assert set(found["versions"]) == {"policy", "policy_sha256"}
    assert {"where": "decision.policy_version", "recorded": state.tools.policy.version, "now": "next"} in found[
        "differences"
    ]


def test_an_override_is_recorded_beside_the_decision_and_leaves_it_as_it_was(
    client: TestClient, state: State, score_id: str
) -> None:
    before = state.log.get(score_id)
    made = client.post(f"/v1/decisions/{score_id}/override", json=override())
    assert made.status_code == 200
    assert state.log.get(score_id) == before
    (note,) = client.get(f"/v1/decisions/{score_id}").json()["notes"]
    assert note["content"] == override()
    assert (note["kind"], note["decision_sha256"]) == ("OVERRIDE", before.record_sha256)
    assert note["record_sha256"] == made.json()["record_sha256"]


def test_sending_a_note_again_records_it_once_and_another_one_under_its_id_is_a_conflict(
    client: TestClient, score_id: str
) -> None:
    path = f"/v1/decisions/{score_id}/override"
    first, again = (client.post(path, json=override()).json() for _ in range(2))
    assert first == again
    other = client.post(path, json=override(reason="another one"))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"role": "AUTOMATIC"}, 422, "role"),
        ({"role": "SALES"}, 422, "role"),
        ({"outcome": "MAYBE"}, 400, "outcome"),
        ({"reason": ""}, 400, "reason"),
        ({"more": "x"}, 400, "more"),
    ],
)
def test_an_override_that_the_policy_does_not_know_is_refused(
    client: TestClient, score_id: str, changes: dict[str, str], status: int, field: str
) -> None:
    response = client.post(f"/v1/decisions/{score_id}/override", json=override(**changes))
    assert response.status_code == status
    assert [problem["field"] for problem in response.json()["error"]["fields"]] == [field]


def test_a_role_may_hold_more_than_it_may_approve(
    client: TestClient, contract_request: dict[str, Any], state: State
) -> None:
    contract_request["order"]["gross_amount"] = "400000.00"
    path = f"/v1/decisions/{client.post('/v1/orders/score', json=contract_request).json()['score_id']}/override"
    small = override(role="CREDIT_ANALYST")
    assert client.post(path, json=small).status_code == 422
    assert client.post(path, json=small | {"outcome": "HOLD"}).status_code == 200


def test_a_contest_is_recorded_and_may_be_answered_by_an_override(client: TestClient, score_id: str) -> None:
    given = {"request_id": "c1", "reason": "the invoice is disputed", "raised_by": "customer", "grounds": "DATA_ERROR"}
    made = client.post(f"/v1/decisions/{score_id}/contest", json=given).json()
    assert made["note_id"].startswith("cnt_")
    client.post(f"/v1/decisions/{score_id}/override", json=override(contest_id=made["note_id"]))
    notes = client.get(f"/v1/decisions/{score_id}").json()["notes"]
    assert [note["kind"] for note in notes] == ["CONTEST", "OVERRIDE"]
    assert notes[1]["previous_sha256"] == notes[0]["record_sha256"]


def test_a_changed_note_is_found_out(client: TestClient, state: State, score_id: str) -> None:
    client.post(f"/v1/decisions/{score_id}/override", json=override())
    with DecisionNotes(state.log.path) as notes:
        assert list(notes.problems()) == []
    with sqlite3.connect(state.log.path) as file:
        file.execute("UPDATE decision_notes SET payload = replace(payload, 'r.lee', 'm.roe')")
    with DecisionNotes(state.log.path) as notes:
        assert len(list(notes.problems())) == 1


@pytest.mark.parametrize("what", ["replay", "override", "contest"])
def test_a_decision_that_nobody_made_is_404(client: TestClient, what: str) -> None:
    response = client.post(f"/v1/decisions/none/{what}", json={})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")
