"""The service over HTTP: paths, the error envelope, idempotency, batches, hostile callers."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from receivables.access_keys import SCOPES, AccessKeys
from receivables.credit_checks import CHECKS
from receivables.decision import fingerprint
from receivables.errors import UnavailableError
from receivables.remedies import PARAMETERS
from receivables.store import open_store
from serving import ladder
from serving.app import MAX_BODY, PATHS, create_app
from serving.auth import ANY, KeyRing
from serving.payers import Payers
from serving.problems import CODES
from serving.state import State
from serving.warm import _ORDER as PLAIN_ORDER
from tests.serving.running import HERE

SCORE = "/v1/orders/score"
JSON = {"Content-Type": "application/json"}
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    # what the service does not catch would be raised here, and fail the test
    with TestClient(app, client=HERE) as made:
        yield made


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error of an answer that must be a refusal in the one envelope."""
    assert response.status_code == status
    assert CODES[code][0] == status
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "fields", "request_id"]
    assert body["error"]["code"] == code
    assert body["error"]["request_id"]
    return dict(body["error"])


def test_the_contract_example_is_answered_recorded_and_found_again(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    response = client.post(SCORE, json=contract_request)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer["request_id"] == contract_request["request_id"]
    record = state.log.get(answer["score_id"])
    assert record.request == contract_request
    assert record.response == answer
    assert record.digest() == record.record_sha256 == answer["audit"]["record_sha256"]
    assert answer["audit"]["input_sha256"] == fingerprint(contract_request)
    found = client.get(f"/v1/decisions/{answer['score_id']}").json()
    assert found["response"] == answer
    assert found["versions"]["policy_sha256"] == state.tools.policy.sha256
    assert len(found["features"]) == len(state.tools.champion.late.names)


def test_the_same_request_again_gets_the_same_bytes_and_one_record(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    first, second = (client.post(SCORE, json=contract_request) for _ in range(2))
    assert first.content == second.content
    assert "idempotent-replay" not in first.headers
    assert second.headers["idempotent-replay"] == "true"
    assert len(list(state.log.all())) == 1


def test_another_body_under_the_same_id_or_key_is_a_conflict(
    client: TestClient, contract_request: dict[str, Any]
) -> None:
    assert client.post(SCORE, json=contract_request, headers={"Idempotency-Key": "k1"}).status_code == 200
    changed = {**contract_request, "check_point": "QUOTE"}
    error = refused(client.post(SCORE, json=changed), 409, "CONFLICT")
    assert error["request_id"] == contract_request["request_id"]
    other = {**contract_request, "request_id": "another"}
    refused(client.post(SCORE, json=other, headers={"Idempotency-Key": "k1"}), 409, "CONFLICT")


def test_sixteen_callers_at_once_with_one_request_get_one_answer(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.post(SCORE, json=contract_request), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(list(state.log.all())) == 1


def test_callers_at_once_with_different_orders_each_get_their_own_answer(
    client: TestClient, seller: Any, contract_request: dict[str, Any]
) -> None:
    def ask(i: int) -> Any:
        document = json.loads(json.dumps(contract_request))
        document["request_id"] = f"r{i}"
        document["customer"]["payer"] = seller.customers()[i % 8]
        del document["open_items"]
        return client.post(SCORE, json=document).json()

    alone = [ask(i)["probabilities"] for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, range(8, 40)))
    assert [answer["probabilities"] for answer in together] == alone * 4


def test_a_dry_run_is_answered_and_leaves_no_trace(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    contract_request["options"]["dry_run"] = True
    answer = client.post(SCORE, json=contract_request).json()
    assert answer["audit"]["record_sha256"] is None
    assert list(state.log.all()) == []
    refused(client.get(f"/v1/decisions/{answer['score_id']}"), 404, "NOT_FOUND")


def test_each_order_of_a_batch_is_answered_or_refused_on_its_own(
    client: TestClient, contract_request: dict[str, Any]
) -> None:
    orders = [
        contract_request,
        {**contract_request, "check_point": "QUOTE"},
        {**contract_request, "request_id": "two", "customer": {}},
        "no order",
        {**contract_request, "request_id": "three", "order": {**contract_request["order"], "gross_amount": "-1.00"}},
        contract_request,
    ]
    results = client.post("/v1/orders/score-batch", json={"orders": orders}).json()["results"]
    assert [result["status"] for result in results] == [200, 409, 400, 400, 422, 200]
    assert results[5]["answer"] == results[0]["answer"]
    assert results[2]["error"]["request_id"] == "two"
    assert {field["field"] for field in results[2]["error"]["fields"]} == {"customer.payer", "customer.legal_form"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"orders": []}, 400, "SCHEMA"),
        ({"orders": {}}, 400, "SCHEMA"),
        ({"orders": [1], "more": 1}, 400, "SCHEMA"),
        ([], 400, "SCHEMA"),
        ({"orders": [1] * 101}, 413, "TOO_LARGE"),
    ],
)
def test_a_batch_of_the_wrong_form_is_refused_as_a_whole(
    client: TestClient, body: object, status: int, code: str
) -> None:
    refused(client.post("/v1/orders/score-batch", json=body), status, code)


def test_the_current_model_says_what_answers(client: TestClient, state: State) -> None:
    found = client.get("/v1/models/current").json()
    assert found["explained_by"] == {"late": "quadrature", "default": "scorecard"}
    assert found["model"]["version"] == "1"
    assert found["event"]["name"] == "default_12m"
    assert found["policy"] == {"version": state.tools.policy.version, "sha256": state.tools.policy.sha256}
    assert set(found["files"]) >= {"late/model.txt", "priors.json", "rating.json"}


@pytest.mark.parametrize(
    "path", ["/", "/docs.json", "/v1", "/v1/orders/score/", "/v1/decisions/", "/%00", "/../etc/passwd"]
)
def test_an_unknown_path_is_404_in_the_envelope(client: TestClient, path: str) -> None:
    refused(client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SCORE, "POST"),
        ("DELETE", SCORE, "POST"),
        ("OPTIONS", SCORE, "POST"),
        ("POST", "/v1/models/current", "GET"),
        ("PUT", "/v1/decisions/x", "GET"),
    ],
)
def test_another_method_is_405_and_says_which_one(client: TestClient, method: str, path: str, allowed: str) -> None:
    response = client.request(method, path)
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_anything_but_json_is_415(client: TestClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    refused(client.post(SCORE, content=b"{}", headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_that_is_too_large_is_413_with_and_without_a_stated_length(client: TestClient) -> None:
    refused(client.post(SCORE, content=b" " * (MAX_BODY + 1), headers=JSON), 413, "TOO_LARGE")
    chunks = (b" " * 65_536 for _ in range(MAX_BODY // 65_536 + 1))
    refused(client.post(SCORE, content=chunks, headers=JSON), 413, "TOO_LARGE")


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_strict_json_is_400(client: TestClient, body: bytes) -> None:
    refused(client.post(SCORE, content=body, headers=JSON), 400, "MALFORMED_JSON")


@pytest.mark.parametrize(("name", "value"), [("Idempotency-Key", "x" * 129), ("X-Deadline-Ms", "soon")])
def test_a_header_of_the_wrong_form_is_400(
    client: TestClient, contract_request: dict[str, Any], name: str, value: str
) -> None:
    error = refused(client.post(SCORE, json=contract_request, headers={name: value}), 400, "SCHEMA")
    assert [field["field"] for field in error["fields"]] == [f"headers.{name}"]


def test_the_callers_deadline_is_kept_to(client: TestClient, contract_request: dict[str, Any]) -> None:
    answer = client.post(SCORE, json=contract_request, headers={"X-Deadline-Ms": "0"}).json()
    assert answer["degraded"]["mode"] == "SCORECARD"
    assert answer["degraded"]["causes"] == ["DEADLINE_MODEL", "DEADLINE_COUNTERFACTUALS", "DEADLINE_EXPLANATIONS"]
    assert answer["explanations"] == []
    assert answer["decision"]["checks"]


def test_a_refused_request_is_not_recorded_and_may_be_corrected_under_the_same_id(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    wrong = {**contract_request, "check_point": "NOWHERE"}
    refused(client.post(SCORE, json=wrong), 400, "SCHEMA")
    assert list(state.log.all()) == []
    assert client.post(SCORE, json=contract_request).status_code == 200


def test_a_decision_that_cannot_be_recorded_is_not_given(
    client: TestClient, state: State, contract_request: dict[str, Any]
) -> None:
    blocker = sqlite3.connect(state.log.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    state.log._connection.execute("PRAGMA busy_timeout=50")
    response = client.post(SCORE, json=contract_request)
    refused(response, 503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
    blocker.close()
    assert client.post(SCORE, json=contract_request).status_code == 200


def test_before_the_state_is_loaded_the_answer_is_503() -> None:
    with TestClient(create_app(), client=HERE) as client:
        refused(client.post(SCORE, content=b"{}", headers=JSON), 503, "UNAVAILABLE")


def test_an_unexpected_failure_is_a_500_in_the_envelope_and_logs_no_value(
    client: TestClient,
    contract_request: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise ZeroDivisionError("customer 100482 Nordwerk")

    monkeypatch.setattr(ladder, "score_order", fail)
    error = refused(client.post(SCORE, json=contract_request), 500, "INTERNAL")
    assert error["message"] == "the request could not be answered"
    assert "ZeroDivisionError" in caplog.text
    assert "100482" not in caplog.text


def test_a_ledger_out_of_reach_degrades_the_answer_and_does_not_prevent_it(
    state: State, seller: Any, contract_request: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(str(seller.path)) as store:

        def unreachable() -> int:
            raise UnavailableError("ledger: cannot be reached")

        app = create_app()
        app.state.serving = replace(state, payers=Payers(store, state.tools.rates))
        monkeypatch.setattr(store, "sequence", unreachable)
        with TestClient(app, client=HERE) as client:
            with_items = client.post(SCORE, json=contract_request).json()
            bare = {k: v for k, v in contract_request.items() if k != "open_items"} | {"request_id": "bare"}
            without = client.post(SCORE, json=bare).json()
    assert (with_items["degraded"]["mode"], with_items["degraded"]["causes"]) == ("STALE", ["LEDGER_UNAVAILABLE"])
    assert with_items["probabilities"]["late_over_0"] > 0
    assert without["degraded"]["mode"] == "RULES"
    assert without["decision"]["decided_by"] == "POLICY"
    assert without["decision"]["outcome"] == "HOLD"


def test_a_load_into_the_ledger_is_seen_by_the_next_order(state: State, seller: Any, tmp_path: Path) -> None:
    place = str(tmp_path / "ledger.sqlite")
    payer = seller.customers()[0]
    part = seller.ledger.of_customers([payer])
    early = part["invoices"].iloc[:10]
    with open_store(place, create=True) as store:
        store.load({"invoices": early}, source="t", fingerprint="1")
        payers = Payers(store, state.tools.rates)
        assert len(payers.known(payer, has_items=False).account.invoices) == 10
        store.load({"invoices": part["invoices"]}, source="t", fingerprint="2")
        assert len(payers.known(payer, has_items=False).account.invoices) == len(part["invoices"])


def test_the_openapi_document_names_every_path_every_error_and_the_whole_request(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    statuses = {str(status) for status, _ in CODES.values()} - {"404"}
    assert set(document["paths"][SCORE]["post"]["responses"]) == {"200", *statuses}
    schema = document["components"]["schemas"]["ScoreRequest"]
    assert set(schema["required"]) == {"request_id", "as_of", "check_point", "order", "customer"}
    assert schema["additionalProperties"] is False


def test_the_order_of_the_warm_up_is_an_ordinary_order(client: TestClient) -> None:
    assert client.post(SCORE, json=PLAIN_ORDER).status_code == 200


@pytest.mark.parametrize("name", ["order.json", "order_stateless.json"])
def test_each_example_order_runs(client: TestClient, name: str) -> None:
    document = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    response = client.post(SCORE, json=document)
    assert response.status_code == 200
    assert response.json()["score"]["credit_score"]


def test_the_pages_of_the_api_document_every_error_code_check_and_remedy() -> None:
    page = (EXAMPLES.parent / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [name for name in (*CODES, *CHECKS, *PARAMETERS) if f"`{name}`" not in page]
    assert not missing


SCOPES_OF_PATHS = [(path, scope) for path in PATHS for scope in SCOPES]


@pytest.fixture
def guarded(state: State, tmp_path: Path) -> Iterator[tuple[TestClient, AccessKeys]]:
    keys = AccessKeys(tmp_path / "access")
    keys.create("somebody", ["admin"], now=dt.datetime.now(dt.UTC))
    app = create_app()
    app.state.serving = replace(state, keys=KeyRing(keys))
    with TestClient(app, client=("192.0.2.1", 50_000)) as made:
        yield made, keys


def test_without_keys_only_programs_on_this_machine_are_answered(state: State) -> None:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=("192.0.2.1", 50_000)) as stranger:
        refused(stranger.get("/v1/models/current"), 401, "UNAUTHORIZED")
    with TestClient(app, client=HERE) as near:
        assert near.get("/v1/models/current").status_code == 200
        refused(near.get("/v1/models/current", headers={"X-Forwarded-For": "192.0.2.1"}), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(("path", "scope"), SCOPES_OF_PATHS, ids=lambda value: getattr(value, "path", value))
def test_a_path_answers_keys_of_its_scope_and_no_others(
    guarded: tuple[TestClient, AccessKeys], path: Any, scope: str
) -> None:
    client, keys = guarded
    text, _ = keys.create("x", [scope], now=dt.datetime.now(dt.UTC))
    place = path.path.replace("{", "").replace("}", "")
    answer = client.request(path.method, place, headers={"Authorization": f"Bearer {text}"})
    if scope == path.scope or path.scope == ANY:
        assert answer.status_code not in (401, 403)
    else:
        refused(answer, 403, "FORBIDDEN")
    refused(client.request(path.method, place), 401, "UNAUTHORIZED")


def test_a_strangers_body_is_not_read(guarded: tuple[TestClient, AccessKeys]) -> None:
    client, _ = guarded
    refused(client.post(SCORE, content=b" " * (MAX_BODY + 1), headers=JSON), 401, "UNAUTHORIZED")


def test_a_key_bound_to_a_company_code_scores_its_orders_only(
    guarded: tuple[TestClient, AccessKeys], contract_request: dict[str, Any]
) -> None:
    client, keys = guarded
    text, _ = keys.create("x", ["score"], now=dt.datetime.now(dt.UTC), company_codes=["2000"])
    headers = {"Authorization": f"Bearer {text}"}
    error = refused(client.post(SCORE, json=contract_request, headers=headers), 403, "FORBIDDEN")
    assert error["request_id"] == contract_request["request_id"]
    contract_request["order"]["company_code"] = "2000"
    assert client.post(SCORE, json=contract_request, headers=headers).status_code == 200


def test_a_key_bound_to_a_company_code_reads_nothing_that_is_not_told_apart_by_it(
    guarded: tuple[TestClient, AccessKeys],
) -> None:
    client, keys = guarded
    text, _ = keys.create("x", ["review"], now=dt.datetime.now(dt.UTC), company_codes=["2000"])
    refused(client.get("/v1/decisions/x", headers={"Authorization": f"Bearer {text}"}), 403, "FORBIDDEN")
