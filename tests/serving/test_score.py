"""The invariants of the scoring contract, on orders of a simulated seller scored by models that learnt from it."""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from models.basis import ACCEPTED, REFUSED, UNJUDGED, RatingBasis
from models.belt import Belt, Line
from models.calibration import Calibration
from models.champion import load_champion
from models.default import DefaultModel
from models.event import Event
from models.intervals import DEPTHS, Intervals, Tails
from receivables.currencies import Currencies
from receivables.decision import PreviousScore, wire
from receivables.ledger import Ledger
from serving.assess import RISKY, Assessment, assess
from serving.payers import Knowledge, Payers
from serving.rates import RateBook
from serving.schemas import read_request
from serving.score import Occasion, score_order
from serving.state import State, Tools

NOW = dt.datetime(2026, 11, 20, 9, 14, 5, 118000, tzinfo=dt.UTC)


def order(payer: str, *, amount: str = "4200.00", request_id: str = "r1", **customer: object) -> dict[str, Any]:
    """A plain order of the day after the simulated ledger ends."""
    return {
        "request_id": request_id,
        "as_of": "2026-11-20T09:00:00Z",
        "check_point": "SALES_ORDER",
        "order": {"sales_order": "1", "order_date": "2026-11-20", "currency": "EUR", "gross_amount": amount,
                  "prepaid_amount": "100.00", "payment_terms": {"net_days": 30}},
        "customer": {"payer": payer, "legal_form": "LEGAL_PERSON", **customer},
        "credit_account": {"currency": "EUR", "credit_limit_amount": "900000.00",
                           "credit_limit_valid_to": "2027-12-31"},
        "options": {"timeout_ms": 60_000},
    }  # fmt: skip


def scored(document: dict[str, Any], known: Knowledge, tools: Tools, previous: PreviousScore | None = None) -> Any:
    """The response, as somebody on the other side of the wire reads it."""
    occasion = Occasion.at(NOW)
    record = score_order(
        read_request(document), document, known=known, tools=tools, occasion=occasion, previous=previous
    )
    return json.loads(wire(record.response))


def assessed(document: dict[str, Any], state: State) -> Assessment:
    known = state.payers.known(document["customer"]["payer"], has_items=False)
    return assess(read_request(document), known, state.tools)


NOTHING = Knowledge.of(Ledger.of(), RateBook(Currencies.read()), is_synchronised=False)


@pytest.fixture(scope="module")
def answers(seller: Any, tools: Tools, payers: Payers) -> list[dict[str, Any]]:
    """Answers for thirty customers with orders from small to far too large."""
    made = []
    for i, payer in enumerate(seller.customers()[:30]):
        document = order(payer, amount=f"{200 * 3 ** (i % 8)}.00", request_id=f"r{i}")
        made.append(scored(document, payers.known(payer, has_items=False), tools))
    return made


def test_the_probabilities_are_one_law(answers: list[dict[str, Any]]) -> None:
    for p in (answer["probabilities"] for answer in answers):
        assert p["on_time"] + p["late"] + p["very_late"] == pytest.approx(1, abs=1e-12)
        assert p["late_over_0"] == pytest.approx(1 - p["on_time"], abs=1e-12)
        assert p["late_over_0"] >= p["late_over_30"] >= p["late_over_60"] >= p["late_over_90"]
        assert p["very_late"] == p[f"late_over_{p['very_late_after_days']}"]
        assert 0 < p["default_12m"] < 1


def test_the_median_date_is_after_the_due_date_exactly_when_late_is_likelier_than_not(
    answers: list[dict[str, Any]],
) -> None:
    seen = set()
    for answer in answers:
        dates, is_late = answer["expected_payment"], answer["probabilities"]["late_over_0"] > 0.5
        assert (dates["median_date"] > dates["due_date"]) == is_late
        assert dates["earliest_date"] <= dates["median_date"] <= dates["latest_date"]
        seen.add(is_late)
    assert seen == {True, False}


def test_reference_and_reasons_add_up_to_the_value_exactly(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert [e["target"] for e in answer["explanations"]] == ["default_12m", "late_over_0"]
        for explanation in answer["explanations"]:
            parts = [Decimal(str(reason["points"])) for reason in explanation["reasons"]]
            assert Decimal(str(explanation["reference"])) + sum(parts) == Decimal(str(explanation["value"]))
            assert [reason["rank"] for reason in explanation["reasons"]] == list(range(1, len(parts) + 1))
            assert explanation["reasons"][-1]["code"] == "OTHER"


def test_the_unrounded_contributions_add_up_to_the_served_probability(seller: Any, state: State) -> None:
    for payer in seller.customers()[:10]:
        document = order(payer)
        known = state.payers.known(payer, has_items=False)
        record = score_order(
            read_request(document), document, known=known, tools=state.tools, occasion=Occasion.at(NOW)
        )
        for name, p in (("late", "late_over_0"), ("default", "default_12m")):
            parts = record.contributions[name]
            total = parts["reference"] + math.fsum(parts["values"].values())
            assert total == pytest.approx(parts["total"], abs=1e-9)
            assert 1 / (1 + math.exp(-total)) == pytest.approx(record.response["probabilities"][p], abs=1e-6)


def test_the_score_is_that_of_the_probability(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        score, p = answer["score"], answer["probabilities"]["default_12m"]
        scale = score["scale"]
        log_odds = math.log((1 - p) / p / scale["base_odds"])
        exact = scale["base_score"] + scale["points_to_double_odds"] / math.log(2) * log_odds
        assert score["credit_score"] == pytest.approx(min(max(exact, scale["min"]), scale["max"]), abs=0.501)
        assert answer["explanations"][0]["value"] == pytest.approx(exact, abs=0.501)


def test_the_exposure_after_is_before_plus_gross_less_prepaid(answers: list[dict[str, Any]]) -> None:
    for i, answer in enumerate(answers):
        limit = {name: Decimal(answer["limit"][name]) for name in ("exposure_before", "exposure_after")}
        assert limit["exposure_after"] - limit["exposure_before"] == 200 * 3 ** (i % 8) - 100


def test_the_loss_is_computed_from_the_probability_that_is_shown(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        loss, p = answer["loss"], Decimal(str(answer["probabilities"]["late_over_90"]))
        exact = p * Decimal(str(loss["loss_given_default"])) * Decimal(loss["exposure_at_default"])
        assert abs(Decimal(loss["expected_credit_loss"]) - exact) <= Decimal("0.005")
        assert loss["expected_profit"] is None


def test_a_risky_order_never_comes_without_something_to_do(answers: list[dict[str, Any]]) -> None:
    risky = [a for a in answers if a["decision"]["outcome"] in ("REVIEW", "HOLD") or a["score"]["risk_class"] in RISKY]
    assert risky
    assert all(a["actions"] and all(action["why"] for action in a["actions"]) for a in risky)


def test_the_checks_decide_what_the_answer_says(answers: list[dict[str, Any]]) -> None:
    assert len({a["decision"]["outcome"] for a in answers}) >= 3
    for answer in answers:
        decision = answer["decision"]
        failed = [check for check in decision["checks"] if check["result"] == "FAIL"]
        assert (decision["outcome"] == "APPROVE") <= (not failed)
        assert decision["credit_status"] == ("B" if decision["outcome"] in ("REVIEW", "HOLD") else "A")
        assert answer["compliance"]["solely_automated"] is not decision["human_review_required"]


def test_the_contract_request_gets_every_field_of_the_contract_response(
    state: State, contract_request: dict[str, Any], contract_response: dict[str, Any]
) -> None:
    answer = scored(contract_request, NOTHING, state.tools)
    assert list(answer) == list(contract_response)
    for name, block in contract_response.items():
        if isinstance(block, dict):
            assert set(answer[name]) == set(block), name
    for name in ("decision", "explanations", "actions"):
        expected = contract_response[name]["checks"] if name == "decision" else contract_response[name]
        given = answer[name]["checks"] if name == "decision" else answer[name]
        assert all(set(line) == set(expected[0]) for line in given)
    assert set(answer["explanations"][0]["reasons"][0]) == set(contract_response["explanations"][0]["reasons"][0])


def test_the_contract_request_gets_the_decision_limit_and_dates_of_the_contract_response(
    state: State, contract_request: dict[str, Any], contract_response: dict[str, Any]
) -> None:
    answer = scored(contract_request, NOTHING, state.tools)
    for name in ("outcome", "credit_status", "decided_by", "human_review_required"):
        assert answer["decision"][name] == contract_response["decision"][name]
    assert answer["decision"]["checks"][:4] == contract_response["decision"]["checks"][:4]
    for name in ("current_limit", "exposure_before", "exposure_after", "utilisation_before", "utilisation_after",
                 "available_before"):  # fmt: skip
        assert answer["limit"][name] == contract_response["limit"][name]
    assert answer["expected_payment"]["due_date"] == contract_response["expected_payment"]["due_date"]
    for name in ("as_of", "valid_until"):
        assert answer[name] == contract_response[name]
    assert answer["audit"]["retain_until"] == contract_response["audit"]["retain_until"]
    overdue = next(a for a in answer["actions"] if a["code"] == "REQUEST_PAYMENT_OF_OVERDUE")
    assert overdue["parameters"]["document_numbers"] == ["9000771203"]


def test_the_same_question_gets_the_same_bytes_but_for_ids_times_and_hashes(
    seller: Any, state: State, contract_request: dict[str, Any]
) -> None:
    contract_request["customer"]["payer"] = seller.customers()[0]
    payer = state.payers.known(seller.customers()[0], has_items=True)
    first, second = (scored(copy.deepcopy(contract_request), payer, state.tools) for _ in range(2))
    assert first["score_id"] != second["score_id"]
    for answer in (first, second):
        del answer["score_id"], answer["timing_ms"], answer["audit"]["audit_id"]
    assert wire(first) == wire(second)


def test_an_order_is_scored_alike_from_the_payers_part_and_from_the_whole_ledger(seller: Any, state: State) -> None:
    for payer in seller.customers()[:5]:
        document = order(payer)
        from_store = scored(document, state.payers.known(payer, has_items=False), state.tools)
        part = Knowledge.of(seller.ledger.of_customers([payer]), state.tools.rates, is_synchronised=True)
        of_whole = scored(document, part, state.tools)
        assert from_store["probabilities"] == of_whole["probabilities"]
        assert from_store["explanations"] == of_whole["explanations"]


def test_what_became_known_after_the_order_does_not_change_the_answer(seller: Any, state: State) -> None:
    payer = seller.customers()[0]
    document = {**order(payer), "as_of": "2026-08-03T09:00:00Z"}
    document["order"]["order_date"] = "2026-08-03"
    everything = state.payers.known(payer, has_items=False)
    moment, part = pd.Timestamp("2026-08-03T09:00:00"), seller.ledger.of_customers([payer])
    frames = {name: frame[frame["known_at"] <= moment] for name, frame in part.frames.items()}
    until_then = Knowledge.of(Ledger.of(**frames), state.tools.rates, is_synchronised=True)
    until_then = replace(until_then, loaded_at=everything.loaded_at)
    assert until_then.account.facts < everything.account.facts
    full, cut = scored(document, everything, state.tools), scored(document, until_then, state.tools)
    for name in ("probabilities", "explanations", "decision", "limit", "actions", "score"):
        assert full[name] == cut[name]


def test_no_amount_is_approvable_where_something_else_stands_in_the_way(seller: Any, state: State) -> None:
    document = order(seller.customers()[0])
    document["credit_account"]["is_blocked"] = True
    found = assessed(document, state)
    assert (found.decision.outcome, found.approvable_minor, found.alternatives) == ("HOLD", 0, ())


def test_an_unknown_customer_is_a_cold_start_and_no_error(state: State) -> None:
    unknown = state.payers.known("nobody", has_items=False)
    answer = scored(order("nobody"), unknown, state.tools)
    quality = answer["data_quality"]
    assert (quality["cold_start"], quality["settled_invoices"], quality["confidence"]) == (True, 0, "LOW")
    assert "wadl_90d" in quality["missing_features"]
    assert "customer.country" in quality["missing_features"]
    assert answer["limit"]["exposure_before"] == "0.00"
    assert answer["degraded"] == {"is_degraded": False, "mode": "FULL", "causes": []}


def test_a_caller_without_a_ledger_is_scored_on_the_items_it_sends(state: State) -> None:
    document = order("77")
    late = [
        {"document_number": str(i), "posting_date": f"2026-{i:02d}-01", "due_date": f"2026-{i:02d}-11",
         "cleared_on": f"2026-{i + 1:02d}-15", "amount": "1000.00", "currency": "EUR"}
        for i in range(1, 10)
    ]  # fmt: skip
    bad = scored({**document, "settled_items": {"items": late}}, NOTHING, state.tools)
    on_time = [{**item, "cleared_on": item["due_date"]} for item in late]
    good = scored({**document, "settled_items": {"items": on_time}}, NOTHING, state.tools)
    assert bad["data_quality"]["settled_invoices"] == good["data_quality"]["settled_invoices"] == 9
    assert bad["probabilities"]["late_over_0"] > good["probabilities"]["late_over_0"]
    # without a ledger and without a complete list nobody knows what is open
    assert good["limit"]["exposure_before"] is None
    assert good["decision"]["checks"][0]["result"] == "NOT_EVALUATED"


def test_without_any_history_at_hand_the_rules_decide_and_a_person_reviews(state: State) -> None:
    dark = replace(NOTHING, mode="RULES", causes=("LEDGER_UNAVAILABLE",))
    answer = scored(order("007"), dark, state.tools)
    assert (answer["decision"]["outcome"], answer["decision"]["decided_by"]) == ("REVIEW", "FALLBACK")
    assert answer["degraded"] == {"is_degraded": True, "mode": "RULES", "causes": ["LEDGER_UNAVAILABLE"]}
    assert answer["score"]["credit_score"] is None
    assert answer["explanations"] == []
    assert answer["actions"]


def test_a_weaker_event_goes_by_its_own_name_everywhere(seller: Any, state: State) -> None:
    tools = replace(state.tools, champion=load_champion(seller.weaker))
    payer = seller.customers()[0]
    answer = scored(order(payer), state.payers.known(payer, has_items=False), tools)
    assert "serious_delinquency_3m" in answer["probabilities"]
    assert "serious_delinquency_3m_interval" in answer["probabilities"]
    first = answer["explanations"][0]
    assert (first["model"], first["target"]) == ("serious_delinquency", "serious_delinquency_3m")
    # the contract's names of the loss figures are the only place where the word may stand
    del answer["loss"]
    assert "default" not in json.dumps(answer)


def test_a_natural_person_gets_a_human_review_and_a_notice(state: State) -> None:
    document = order("nobody")
    document["customer"]["legal_form"] = "NATURAL_PERSON"
    answer = scored(document, state.payers.known("nobody", has_items=False), state.tools)
    assert answer["decision"]["human_review_required"]
    assert answer["compliance"]["subject_type"] == "NATURAL_PERSON"
    assert [notice["code"] for notice in answer["compliance"]["notices"]] == ["HUMAN_REVIEW_OF_NATURAL_PERSON"]


def test_what_we_do_not_know_yet_is_null_and_never_invented(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        p = answer["probabilities"]
        assert (p["interval_level"], p["late_over_0_interval"], p["default_12m_interval"]) == (None, None, None)
        assert answer["expected_payment"]["observed_coverage_90d"] is None


def test_a_model_that_was_judged_says_how_sure_it_is(seller: Any, state: State) -> None:
    line = Line(0.1, 0.9, 0.02, 0.01, 0.0, 100)
    tails = Tails(0.8, (0.1,) * len(DEPTHS), (50,) * len(DEPTHS), 0.7914)
    belt, champion = Belt((line,) * len(DEPTHS)), state.tools.champion
    late = replace(champion.late, belt=belt, intervals=Intervals((tails,)))
    tools = replace(
        state.tools, champion=replace(champion, late=late, default=champion.default.judged(RatingBasis(), belt))
    )
    payer = seller.customers()[0]
    answer = scored(order(payer), state.payers.known(payer, has_items=False), tools)
    low, high = answer["probabilities"]["late_over_0_interval"]
    assert 0 < low < answer["probabilities"]["late_over_0"] < high < 1
    low, high = answer["probabilities"]["default_12m_interval"]
    assert 0 < low < answer["probabilities"]["default_12m"] < high < 1
    assert answer["probabilities"]["interval_level"] == 0.9
    assert answer["expected_payment"]["observed_coverage_90d"] == 0.791


@pytest.mark.parametrize(("shift", "is_less"), [(-2.0, True), (2.0, False)])
def test_the_event_within_another_horizon_is_answered_beside_and_never_contradicts(
    seller: Any, state: State, shift: float, is_less: bool
) -> None:
    payer, champion = seller.customers()[0], state.tools.champion
    event = Event("default_6m", "default", 90, 180, True)
    other = DefaultModel.from_files(champion.late.names, event, champion.default.to_files())
    other = other.calibrated(Calibration("affine", 1.0, shift))
    tools = replace(state.tools, champion=replace(champion, beside=other))
    p = scored(order(payer), state.payers.known(payer, has_items=False), tools)["probabilities"]
    assert 0 < p["default_6m"] <= p["default_12m"]
    assert (p["default_6m"] < p["default_12m"]) == is_less
    assert p["default_6m_interval"] is None
    dark = replace(NOTHING, mode="RULES", causes=("LEDGER_UNAVAILABLE",))
    assert scored(order("007"), dark, tools)["probabilities"]["default_6m"] is None


def test_a_rating_that_rests_on_the_worst_days_past_due_alone_is_said_to(seller: Any, state: State) -> None:
    payer, champion = seller.customers()[0], state.tools.champion
    for verdict, is_said in ((ACCEPTED, False), (UNJUDGED, False), (REFUSED, True)):
        default = champion.default.judged(RatingBasis(verdict, "as measured"), Belt())
        tools = replace(state.tools, champion=replace(champion, default=default))
        answer = scored(order(payer), state.payers.known(payer, has_items=False), tools)
        warnings = " ".join(answer["data_quality"]["warnings"])
        assert ("rests on the worst days past due alone" in warnings) == is_said


def test_the_previous_score_is_that_of_the_decision_before(seller: Any, state: State) -> None:
    payer = seller.customers()[0]
    known = state.payers.known(payer, has_items=False)
    document = order(payer)
    before = score_order(read_request(document), document, known=known, tools=state.tools, occasion=Occasion.at(NOW))
    state.log.append(before)
    previous = state.log.latest_score(payer, before="2026-11-20T10:00:00.000000Z")
    answer = scored(document, known, state.tools, previous=previous)
    assert answer["score"]["previous_credit_score"] == before.response["score"]["credit_score"]
    assert answer["score"]["previous_scored_at"] == "2026-11-20T09:14:05.118Z"


def test_an_order_in_another_currency_is_converted_for_the_limit_only(seller: Any, state: State) -> None:
    payer = seller.customers()[0]
    document = order(payer, amount="100000")
    document["order"] |= {"currency": "JPY", "prepaid_amount": "0"}
    answer = scored(document, state.payers.known(payer, has_items=False), state.tools)
    limit = answer["limit"]
    added = Decimal(limit["exposure_after"]) - Decimal(limit["exposure_before"])
    assert limit["currency"] == "EUR"
    assert 300 < added < 1200
    assert answer["loss"]["exposure_at_default"] == "100000"


def test_explanations_are_left_out_where_nobody_wants_them(seller: Any, state: State) -> None:
    document = order(seller.customers()[0])
    document["options"]["explain"] = "NONE"
    known = state.payers.known(seller.customers()[0], has_items=False)
    assert scored(document, known, state.tools)["explanations"] == []


def test_alternatives_are_dropped_when_the_time_is_up_and_the_answer_says_so(seller: Any, state: State) -> None:
    document = order(seller.customers()[0])
    document["options"] |= {"timeout_ms": 1, "explain": "NONE"}
    known = state.payers.known(seller.customers()[0], has_items=False)
    answer = scored(document, known, state.tools)
    assert answer["degraded"] == {"is_degraded": True, "mode": "FULL", "causes": ["DEADLINE_COUNTERFACTUALS"]}
    assert answer["limit"]["max_approvable_gross_amount"] is None
