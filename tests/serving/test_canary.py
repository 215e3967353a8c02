"""A word in every text of an order about a person is found in no log, no refusal and no file of the service."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.state import State

CANARY: Final = "zitronenfalter"
ORDERS: Final = "/v1/orders/score"


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=("127.0.0.1", 50_000), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def order(contract_request: dict[str, Any], seller: Any) -> dict[str, Any]:
    """An order of a natural person; every text that means nothing to the service holds the word."""
    made = contract_request
    made["request_id"] = f"{CANARY}-request"
    made["customer"] |= {"payer": seller.customers()[0], "legal_form": "NATURAL_PERSON", "name": CANARY}
    made["customer"] |= {"sold_to": CANARY, "credit_account_parent": CANARY}
    made["order"] |= {"sales_order": CANARY, "order_type": CANARY[:10]}
    made["extensions"] = {"note": CANARY}
    return made


def bad_orders(good: dict[str, Any]) -> list[Any]:
    order, customer = good["order"], good["customer"]
    return [
        {**good, "as_of": CANARY},
        {**good, "check_point": CANARY},
        {**good, "order": {**order, "currency": CANARY, "gross_amount": CANARY}},
        {**good, "customer": {**customer, "country": CANARY, "legal_form": CANARY}},
        {**good, "order": {**order, "sales_order": "other"}},
        {**good, "customer": {**customer, "name": f"{CANARY}\u202e"}, "request_id": "r2"},
        CANARY,
    ]


def test_neither_refusals_nor_logs_repeat_what_was_sent(
    client: TestClient, order: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = client.post(ORDERS, json=order)
    assert answer.status_code == 200, answer.text
    refused = [client.post(ORDERS, json=document) for document in bad_orders(order)]
    refused += [client.get(f"/v1/decisions/{CANARY}"), client.get(f"/v1/customers/{CANARY}/risk")]
    override = f"/v1/decisions/{answer.json()['score_id']}/override"
    refused.append(client.post(override, json={"reason": CANARY, "role": CANARY, "approver": CANARY}))
    assert {response.status_code for response in refused} <= {400, 404, 409, 422}
    errors = [response.json()["error"] | {"request_id": ""} for response in refused]  # the sender's own id comes back
    assert [error for error in errors if CANARY in json.dumps(error)] == []
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))]
    assert [line for line in ours if CANARY in line] == []
    assert CANARY not in "".join(capfd.readouterr())
    assert CANARY not in client.get("/metrics").text


def test_a_failure_of_our_own_is_logged_without_the_value_that_caused_it(
    client: TestClient, order: dict[str, Any], state: State, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(state.log, "answered", lambda *of: {}[f"{CANARY} {of}"])
    response = client.post(ORDERS, json=order)
    assert response.status_code == 500
    assert CANARY not in json.dumps(response.json()["error"] | {"request_id": ""})
    ours = [record for record in caplog.records if record.name.startswith("otcrisk")]
    assert ours
    assert not any(CANARY in record.getMessage() or record.exc_info for record in ours)


def test_a_person_is_legible_through_the_service_alone_until_erased(
    client: TestClient, order: dict[str, Any], state: State
) -> None:
    answer = client.post(ORDERS, json=order).json()
    path = f"/v1/decisions/{answer['score_id']}"
    note = {"request_id": "c1", "reason": CANARY, "raised_by": CANARY, "grounds": "OTHER"}
    assert client.post(f"{path}/contest", json=note).status_code == 200
    assert client.post(ORDERS, json=order).json() == answer
    assert client.post(f"{path}/replay").json()["reproduced"]
    assert client.get(path).json()["request"]["customer"]["name"] == CANARY
    assert legible_texts(state.log.path.parent) == []
    state.log.personal_keys.destroy([key.key_id for key in state.log.personal_keys.all()])
    for response in (client.get(path), client.post(f"{path}/replay"), client.post(ORDERS, json=order)):
        assert (response.status_code, response.json()["error"]["code"]) == (410, "ERASED")
    history = client.get(f"/v1/customers/{answer_payer(order)}/history").json()
    assert history["decisions"] == []
    assert client.post(ORDERS, json=order | {"request_id": "after"}).status_code == 200


def answer_payer(order: dict[str, Any]) -> str:
    return str(order["customer"]["payer"])


def legible_texts(folder: Path) -> list[str]:
    """Names and free texts that lie in the files; ids, by which a record is found, may."""
    found = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    keys = ("name", "note", "order_type", "sold_to", "reason", "raised_by")
    return [key for key in keys if f'"{key}":"{CANARY}'.encode() in found]
