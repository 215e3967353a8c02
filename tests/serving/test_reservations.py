"""Approved orders reserve room in the limit: two that come in together cannot both take the last of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from receivables.decision_log import DecisionLog
from receivables.store import LedgerStore, open_store
from serving.app import create_app
from serving.payers import Payers
from serving.scoring import decide_now
from serving.state import State
from tests.serving.running import HERE

SCORE = "/v1/orders/score"


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[LedgerStore]:
    """An empty ledger."""
    with open_store(sqlite_url, create=True) as made:
        yield made


@pytest.fixture
def lenient(state: State, ledger: LedgerStore) -> State:
    """Only the use of the limit decides, so that what the models say is no matter."""
    policy = state.tools.policy
    limit_only = replace(
        policy, checks=tuple(rule for rule in policy.checks if rule.check == "CREDIT_LIMIT_UTILISATION")
    )
    return replace(state, tools=replace(state.tools, policy=limit_only), payers=Payers(ledger, state.tools.rates))


@pytest.fixture
def client(lenient: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = lenient
    with TestClient(app, client=HERE) as made:
        yield made


def order(number: str, *, amount: str = "600.00", payer: str = "100", **more: Any) -> dict[str, Any]:
    """An order over six tenths of the limit."""
    request_id = more.pop("request_id", f"{payer}-{number}")
    return {
        "request_id": request_id, "as_of": more.pop("as_of", "2026-11-20T09:00:00Z"),
        "check_point": more.pop("check_point", "SALES_ORDER"),
        "order": {"sales_order": number, "order_date": "2026-11-20", "currency": "EUR", "gross_amount": amount,
                  "payment_terms": {"net_days": 30}},
        "customer": {"payer": payer, "legal_form": "LEGAL_PERSON", **more.pop("customer", {})},
        "credit_account": {"currency": "EUR", "credit_limit_amount": "1000.00", **more.pop("account", {})},
        "options": {"timeout_ms": 60_000, **more.pop("options", {})},
        **more,
    }  # fmt: skip


def answered(client: TestClient, document: dict[str, Any]) -> dict[str, Any]:
    response = client.post(SCORE, json=document)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def outcome(answer: dict[str, Any]) -> str:
    return str(answer["decision"]["outcome"])


def test_the_second_order_sees_what_the_first_has_taken(client: TestClient) -> None:
    assert outcome(answered(client, order("1"))) == "APPROVE"
    second = answered(client, order("2"))
    assert (outcome(second), second["limit"]["exposure_before"]) == ("HOLD", "600.00")
    assert any("reserved" in warning for warning in second["data_quality"]["warnings"])


def test_of_orders_that_come_in_together_only_as_many_are_approved_as_there_is_room_for(
    client: TestClient, lenient: State
) -> None:
    gate = threading.Barrier(8)

    def ask(number: int) -> str:
        gate.wait()
        return outcome(answered(client, order(str(number), amount="300.00")))

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(8)))
    assert outcomes.count("APPROVE") == 3
    assert sum(held.amount_minor for held in lenient.log.reserved("100").held) == 90_000


def test_two_services_on_one_log_do_not_both_take_the_last_of_a_limit(lenient: State) -> None:
    other = replace(lenient, log=DecisionLog(lenient.log.path))
    gate = threading.Barrier(2)

    def ask(service: State, number: str, payer: str) -> str:
        gate.wait()
        record, _ = decide_now(service, order(number, payer=payer), {})
        return str(record.response["decision"]["outcome"])

    with ThreadPoolExecutor(2) as pool:
        for turn in range(5):
            found = pool.map(ask, (lenient, other), ("a", "b"), [f"p{turn}"] * 2)
            assert sorted(found) == ["APPROVE", "HOLD"]
    other.journal.close()
    other.log.close()


def test_the_same_sales_order_asked_for_again_does_not_stand_in_its_own_way(client: TestClient) -> None:
    assert outcome(answered(client, order("1"))) == "APPROVE"
    again = answered(client, order("1", request_id="again", check_point="DELIVERY", amount="700.00"))
    assert (outcome(again), again["limit"]["exposure_before"]) == ("APPROVE", "0.00")


def test_an_order_that_is_held_when_asked_for_again_gives_its_room_back(client: TestClient) -> None:
    answered(client, order("1"))
    assert outcome(answered(client, order("1", request_id="larger", amount="1100.00"))) == "HOLD"
    assert outcome(answered(client, order("2"))) == "APPROVE"


def test_a_quote_and_a_dry_run_reserve_nothing(client: TestClient, lenient: State) -> None:
    answered(client, order("1", check_point="QUOTE"))
    answered(client, order("2", options={"dry_run": True}))
    assert lenient.log.reserved("100").held == ()


def test_a_reservation_ends_with_the_approval(client: TestClient) -> None:
    first = answered(client, order("1"))
    late = order("2", as_of=first["valid_until"])
    assert outcome(answered(client, late)) == "APPROVE"


def test_the_invoice_takes_the_place_of_the_reservation(client: TestClient) -> None:
    answered(client, order("1"))
    invoice = {
        "source": "S4P", "document_type": "RV", "document_number": "9001", "fiscal_year": 2026, "payer": "100",
        "type": "INVOICE_POSTED", "amount": "600.00", "currency": "EUR", "posting_date": "2026-11-20",
        "due_date": "2026-12-20", "sales_order": "1", "recorded_at": "2026-11-20T08:00:00Z",
    }  # fmt: skip
    assert client.post("/v1/events", json={"events": [invoice]}).json()["results"][0]["status"] == "APPLIED"
    second = answered(client, order("2", amount="100.00"))
    assert second["limit"]["exposure_before"] == "600.00"


def test_an_erp_that_states_its_open_orders_is_taken_to_know_of_an_older_approval(client: TestClient) -> None:
    answered(client, order("1"))
    stated = {"exposure": {"open_order_amount": "600.00", "open_item_amount": "0.00"}}
    soon = answered(client, order("2", as_of="2026-11-20T09:01:00Z", account=stated))
    assert soon["limit"]["exposure_before"] == "1200.00"
    later = answered(client, order("3", as_of="2026-11-20T10:00:00Z", account=stated))
    assert later["limit"]["exposure_before"] == "600.00"


def test_a_group_with_one_credit_account_shares_its_exposure_and_its_reservations(
    client: TestClient, ledger: LedgerStore
) -> None:
    day = pd.Timestamp("2026-10-01")
    customers = pd.DataFrame(
        [{"customer_id": c, "parent_id": p, "known_at": day} for c, p in (("H", None), ("A", "H"), ("B", "H"))]
    )
    invoices = pd.DataFrame(
        [{"invoice_id": f"I{c}", "customer_id": c, "amount_minor": 10_000, "currency": "EUR", "issued_on": day,
          "due_on": day, "net_days": 0, "known_at": day, "observed_until": day} for c in ("H", "A", "B")]
    )  # fmt: skip
    ledger.load({"customers": customers, "invoices": invoices}, source="t", fingerprint="1")
    group = {"credit_account_parent": "H"}
    first = answered(client, order("1", payer="A", customer=group))
    assert (first["limit"]["exposure_before"], outcome(first)) == ("300.00", "APPROVE")
    second = answered(client, order("2", payer="B", customer=group))
    assert (Decimal(second["limit"]["exposure_before"]), outcome(second)) == (Decimal("900.00"), "HOLD")
    # what is held for the group's sake says whose account it is
    said = "exposure includes the open items of 2 more customers of the group (credit account H)"
    assert said in second["data_quality"]["warnings"]
    analyst = next(a for a in second["actions"] if a["code"] == "ROUTE_TO_CREDIT_ANALYST")
    assert analyst["parameters"]["credit_account"] == "H"
    alone = answered(client, order("3", payer="C", amount="2000.00"))
    assert outcome(alone) == "HOLD"
    assert not any("credit_account" in action["parameters"] for action in alone["actions"])


def test_an_answer_with_reservations_is_reproduced(client: TestClient) -> None:
    answered(client, order("1"))
    second = answered(client, order("2"))
    answered(client, order("3", amount="100.00"))
    replayed = client.post(f"/v1/decisions/{second['score_id']}/replay").json()
    assert replayed["reproduced"], replayed["differences"]
