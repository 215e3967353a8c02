"""The stand-in table: signed, valid for a while, applied by the client, and heard of afterwards."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from cli.main import main
from receivables import standin
from receivables.errors import ArtefactError
from receivables.signature import trusted_keys
from serving.app import create_app
from serving.state import State
from tests.serving.running import HERE

ADVICE = "/v1/decisions/advice"


def now() -> dt.datetime:
    """A moment after the table was issued."""
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def folder(seller: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a table, which lies in table.json too."""
    made = tmp_path_factory.mktemp("standin")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OTCRISK_HOME", str(made))
        words = ["--ledger", str(seller.path), "--champion", str(seller.champion), "--out", str(made / "table.json")]
        assert main(["standin", *words]) == 0
    return made


@pytest.fixture
def stand_in(example_client: ModuleType, folder: Path) -> Any:
    return example_client.StandIn.load(folder / "table.json")


@pytest.fixture
def client(state: State, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("OTCRISK_HOME", str(folder))
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as made:
        yield made


@pytest.fixture
def order(contract_request: dict[str, Any], stand_in: Any) -> dict[str, Any]:
    contract_request["customer"]["payer"] = next(name for name, c in stand_in.table["customers"].items() if c == "A")
    contract_request["order"]["gross_amount"] = "6000.00"
    return contract_request


def advised(stand_in: Any, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    stand_in.decide(order, now())
    return {**stand_in.advices.pop(), **changes}


def test_the_client_approves_up_to_the_sum_and_reviews_the_rest(stand_in: Any, order: dict[str, Any]) -> None:
    assert stand_in.decide(order, now()) == "APPROVE"
    assert stand_in.decide({**order, "request_id": "two"}, now()) == "REVIEW"
    unknown = {**order, "customer": {**order["customer"], "payer": "nobody"}}
    assert stand_in.decide(unknown, now()) == "REVIEW"


def test_a_table_that_has_run_out_approves_nothing(stand_in: Any, order: dict[str, Any]) -> None:
    assert stand_in.decide(order, now() + dt.timedelta(hours=25)) == "REVIEW"
    assert stand_in.decide(order, now() - dt.timedelta(hours=1)) == "REVIEW"


def test_an_advice_is_recorded_once_flagged_and_chained(
    client: TestClient, state: State, stand_in: Any, order: dict[str, Any]
) -> None:
    advice = advised(stand_in, order)
    first, second = (client.post(ADVICE, json=advice) for _ in range(2))
    assert first.status_code == 200, first.text
    assert first.content == second.content
    answer = first.json()
    assert (answer["decision"]["outcome"], answer["decision"]["decided_by"]) == ("APPROVE", "FALLBACK")
    assert answer["degraded"] == {"is_degraded": True, "mode": "RULES", "causes": ["STAND_IN"]}
    (record,) = state.log.all()
    assert record.versions["stand_in"]["table_sha256"] == stand_in.sha256
    assert record.digest() == record.record_sha256
    customer = order["customer"]
    assert state.log.reserved(customer.get("credit_account_parent") or customer["payer"]).held


def test_another_advice_under_the_same_id_is_a_conflict(
    client: TestClient, stand_in: Any, order: dict[str, Any]
) -> None:
    advice = advised(stand_in, order)
    assert client.post(ADVICE, json=advice).status_code == 200
    assert client.post(ADVICE, json={**advice, "outcome": "REVIEW"}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"decided_at": "2020-01-01T00:00:00Z"}, standin.EXPIRED),
        ({"table_sha256": "0" * 64}, standin.UNKNOWN_TABLE),
    ],
)
def test_what_the_table_does_not_bear_out_is_recorded_and_said(
    client: TestClient, stand_in: Any, order: dict[str, Any], changes: dict[str, str], cause: str
) -> None:
    answer = client.post(ADVICE, json=advised(stand_in, order, **changes)).json()
    assert answer["degraded"]["causes"] == ["STAND_IN", cause]
    assert answer["decision"]["human_review_required"]


def test_an_approval_beyond_the_table_is_said(client: TestClient, stand_in: Any, order: dict[str, Any]) -> None:
    order["order"]["gross_amount"] = "10000.01"
    answer = client.post(ADVICE, json=advised(stand_in, order, outcome="APPROVE")).json()
    assert answer["degraded"]["causes"] == ["STAND_IN", standin.DEVIATES]


def test_a_changed_table_is_not_believed(
    client: TestClient, folder: Path, stand_in: Any, order: dict[str, Any]
) -> None:
    table = standin.read(folder / "standin", stand_in.sha256, trusted_keys())
    raised = table.__class__(**{**vars(table), "up_to": {"A": {"EUR": "999999.00"}}})
    signature = (folder / "table.json").read_bytes().partition(b"\n")[2]
    (folder / "standin" / f"{raised.sha256}.json").write_bytes(raised.data + b"\n" + signature)
    with pytest.raises(ArtefactError):
        standin.read(folder / "standin", raised.sha256, trusted_keys())
    answer = client.post(ADVICE, json=advised(stand_in, order, table_sha256=raised.sha256)).json()
    assert answer["degraded"]["causes"] == ["STAND_IN", standin.NOT_SIGNED]


@pytest.mark.parametrize("changes", [{"outcome": "MAYBE"}, {"table_sha256": "x"}, {"more": 1}, {"request": {}}])
def test_an_advice_of_the_wrong_form_is_refused(
    client: TestClient, stand_in: Any, order: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert client.post(ADVICE, json=advised(stand_in, order, **changes)).status_code == 400


def test_the_client_falls_back_and_reports_when_the_service_is_back(
    example_client: ModuleType, client: TestClient, stand_in: Any, order: dict[str, Any], state: State
) -> None:
    silent = example_client.Client("http://127.0.0.1:9", attempts=1)
    assert example_client.decided(silent, stand_in, order, now()) == "APPROVE"
    assert len(stand_in.advices) == 1

    class Back:
        """A client whose service is the one of this test."""

        def ask(self, method: str, path: str, document: Any) -> dict[str, Any]:
            response = client.request(
                method, path, content=json.dumps(document), headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 200
            return dict(response.json())

    example_client.report(Back(), stand_in)
    assert stand_in.advices == []
    assert len(list(state.log.all())) == 1
