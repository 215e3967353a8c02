"""Customers over HTTP: risk, profile, history, and why the score changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from receivables.aging import NAMES
from serving.account import Account
from serving.app import create_app
from serving.predict import customer_risk
from serving.score_change import OVERDUE, score_change
from serving.standing import microseconds, standing_of
from serving.state import State

AS_OF = "2026-11-20T09:00:00Z"
MOMENT = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=("127.0.0.1", 50_000)) as made:
        yield made


def test_the_risk_of_a_customer_is_about_the_one_that_its_order_is_given(
    client: TestClient, seller: Any, contract_request: dict[str, Any]
) -> None:
    payer = seller.customers()[0]
    found = client.get(f"/v1/customers/{payer}/risk", params={"as_of": AS_OF}).json()
    order = {name: contract_request[name] for name in ("request_id", "check_point", "order", "options")}
    customer = {"payer": payer, "legal_form": "LEGAL_PERSON"}
    answer = client.post("/v1/orders/score", json={**order, "as_of": AS_OF, "customer": customer}).json()
    # peers of an order are those of its terms too, so the rates that are drawn towards them differ a little
    assert found["score"]["credit_score"] == pytest.approx(answer["score"]["credit_score"], abs=5)
    assert found["probabilities"]["default_12m"] == pytest.approx(answer["probabilities"]["default_12m"], rel=0.05)
    assert found["limit"]["exposure_before"] == answer["limit"]["exposure_before"]
    points = [reason["points"] for reason in found["explanation"]["reasons"]]
    assert found["explanation"]["reference"] + sum(points) == found["explanation"]["value"]


def test_a_bad_class_never_comes_without_an_action(client: TestClient, seller: Any) -> None:
    seen = set()
    for payer in seller.customers()[:20]:
        found = client.get(f"/v1/customers/{payer}/risk", params={"as_of": AS_OF}).json()
        assert found["actions"] or found["score"]["risk_class"] not in "DE"
        seen.add(found["score"]["risk_class"])
    assert seen & {"D", "E"}


def test_a_profile_says_who_it_is_how_it_pays_and_what_is_open(client: TestClient, seller: Any) -> None:
    payer = seller.customers()[0]
    found = client.get(f"/v1/customers/{payer}/profile", params={"as_of": AS_OF, "events": 5}).json()
    known = seller.ledger.of_customers([payer])
    assert found["master_data"]["segment"] == known["customers"]["segment"].iloc[0]
    assert found["behaviour"]["n_settled"] > 3
    assert found["life_cycle"] in ("STABLE", "GROWING", "DECLINING")
    assert len(found["timeline"]) == 5
    moments = [event["known_at"] for event in found["timeline"]]
    assert moments == sorted(moments, reverse=True)
    for open_ in found["open"]:
        assert sum(float(open_["aging"][name]) for name in NAMES) == pytest.approx(float(open_["amount"]))


def test_a_history_holds_decisions_scores_and_facts(
    client: TestClient, seller: Any, contract_request: dict[str, Any]
) -> None:
    payer = seller.customers()[1]
    contract_request["customer"]["payer"] = payer
    made = client.post("/v1/orders/score", json=contract_request).json()
    found = client.get(f"/v1/customers/{payer}/history", params={"as_of": "2026-11-21", "months": 3}).json()
    assert [decision["score_id"] for decision in found["decisions"]] == [made["score_id"]]
    assert found["decisions"][0]["outcome"] == made["decision"]["outcome"]
    assert [score["at"] for score in found["scores"]] == [
        "2026-11-21T00:00:00Z", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-09-01T00:00:00Z"
    ]  # fmt: skip
    earlier = client.get(f"/v1/customers/{payer}/risk", params={"as_of": "2026-10-01"}).json()
    assert found["scores"][2]["credit_score"] == earlier["score"]["credit_score"]


def test_the_change_of_a_score_is_credited_to_events_to_the_last_point(client: TestClient, seller: Any) -> None:
    changed = kinds = 0
    for payer in seller.customers()[:12]:
        found = client.get(
            f"/v1/customers/{payer}/score-change", params={"from": "2026-07-01", "to": "2026-11-20"}
        ).json()
        ends = [
            client.get(f"/v1/customers/{payer}/risk", params={"as_of": day}).json()["score"]["credit_score"]
            for day in ("2026-07-01", "2026-11-20")
        ]
        assert [found["score_from"], found["score_to"]] == ends
        assert sum(line["points"] for line in found["lines"]) == found["change"] == ends[1] - ends[0]
        assert sum(found["by_kind"].values()) == found["change"]
        scores = [found["score_from"], *(line["score"] for line in found["lines"])]
        assert all(b - a == line["points"] for a, b, line in zip(scores, scores[1:], found["lines"], strict=False))
        changed += found["change"] != 0
        kinds += len({"PAYMENT", "INVOICE_POSTED", "OVERDUE"} & found["by_kind"].keys())
    assert changed
    assert kinds > 3


def test_an_invoice_that_grows_old_takes_its_points_on_the_day_it_does(state: State) -> None:
    moment = dt.datetime(2026, 9, 1)  # noqa: DTZ001
    account = Account(state.payers.known("nobody", has_items=False).account.state).with_facts(
        ("invoices", {"invoice_id": str(i), "customer_id": "x", "company_code": None, "document_type": None,
                      "amount_minor": 100_000, "currency": "EUR", "issued_on": dt.date(2026, 8, i), "net_days": 30,
                      "due_on": dt.date(2026, 9, i), "observed_until": dt.date(2026, 12, 1), "known_at": moment})
        for i in (3, 4, 5)
    )  # fmt: skip
    found = score_change(account, state.tools.champion, since=moment, until=moment + dt.timedelta(days=110))
    overdue = [line for line in found.lines if line.kind == OVERDUE]
    assert all(line.at.time() == dt.time() for line in overdue)
    for line in overdue:
        days = {(line.at.date() - dt.date(2026, 9, int(number))).days for number in line.references}
        assert days <= {1, 31, 61, 91}
    assert sum(line.points for line in found.lines) == found.after - found.before


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("risk?as_of=yesterday", "query.as_of"),
        ("risk?when=2026-01-01", "query.when"),
        ("history?limit=0", "query.limit"),
        ("profile?events=501", "query.events"),
        ("score-change?from=2026-13-01", "query.from"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(client: TestClient, seller: Any, path: str, field: str) -> None:
    response = client.get(f"/v1/customers/{seller.customers()[0]}/{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SCHEMA")
    assert [problem["field"] for problem in response.json()["error"]["fields"]] == [field]


def test_a_period_that_ends_before_it_begins_is_impossible(client: TestClient, seller: Any) -> None:
    response = client.get(
        f"/v1/customers/{seller.customers()[0]}/score-change", params={"from": "2026-11-20", "to": "2026-07-01"}
    )
    assert (response.status_code, response.json()["error"]["code"]) == (422, "IMPOSSIBLE_VALUES")


@pytest.mark.parametrize("view", ["risk", "profile", "history", "score-change"])
def test_a_customer_that_nobody_knows_is_404(client: TestClient, view: str) -> None:
    response = client.get(f"/v1/customers/nobody/{view}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_what_became_known_later_does_not_change_a_view_of_the_past(state: State, seller: Any) -> None:
    payer = seller.customers()[0]
    moment = dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC)
    known, stands = standing_of(state, payer, moment)
    cut = known.account.as_known(moment.replace(tzinfo=None))
    x = cut.state.features(microseconds(moment), None, state.tools.champion.priors)
    odds = state.tools.champion.default.log_odds(x.reshape(1, -1))
    assert stands.risk == customer_risk(state.tools.champion, float(odds[0]))
    assert stands.account.facts < known.account.facts
    assert replace(stands.facts, as_of=dt.date.min).exposure_before_minor is not None
    assert pd.Timestamp(stands.account.newest) <= pd.Timestamp("2026-08-03 09:00")
