from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from features import FEATURES
from receivables.decision import DecisionRecord
from receivables.ledger import Ledger
from receivables.schema import end_of_day
from reports import decision_document, decision_figures, file_name, render
from tests.reports.examples import made_record
from tests.reports.html_page import HOSTILE, Page, read


def report(record: DecisionRecord, ledger: Ledger | None = None) -> Page:
    return read(render("decision.html", decision_figures(record, FEATURES, ledger=ledger)))


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_the_page_opens_with_the_verdict_its_cause_and_what_is_expected(record: DecisionRecord) -> None:
    text = words(report(record))
    for said in (
        "Hold: order of 49,980.00 EUR from Nordwerk Anlagenbau GmbH",
        "Exposure after order exceeds the credit limit by 20,880.00 EUR.",
        "Payment is expected around 27 Dec 2026, 2 days after the due date; the chance of late payment is 54%",
        "A person has to confirm it.",
        "Default within 12 months 3.4% 2.1% to 5.4% (90% interval)",
        "Ask the customer to pay what is overdue",
        "document numbers 9000771203",
    ):
        assert said in text


def test_every_reason_check_action_alternative_and_hash_of_the_answer_is_on_the_page(record: DecisionRecord) -> None:
    text, response = words(report(record)), record.response
    for explanation in response["explanations"]:
        assert all(reason["text"] in text for reason in explanation["reasons"])
    assert text.count(" FAIL ") == 1
    assert text.count(" PASS ") == 4
    assert "Have open items paid first" in text
    for hashed in (record.record_sha256, record.input_sha256, record.previous_sha256, record.versions["policy_sha256"]):
        assert hashed in text


def test_every_model_input_is_listed_with_its_meaning_and_what_it_added(record: DecisionRecord) -> None:
    text = words(report(record))
    for feature in FEATURES:
        assert feature.name in text
        assert " ".join(feature.meaning.split()) in text
        assert f"{record.contributions['default']['values'][feature.name]:+.4f}" in text


def test_the_printed_parts_of_a_waterfall_add_up_exactly(record: DecisionRecord) -> None:
    for picture in decision_figures(record, FEATURES)["waterfalls"]:
        reference, *points, value = (Decimal(row[1]) for row in picture.rows)
        assert reference + sum(points) == value
        assert "The parts add up to the value exactly." in picture.description


def test_parts_that_do_not_add_up_are_owned_up_to(request_body: Any, response_body: Any) -> None:
    response_body["explanations"][0]["value"] = 621
    picture = decision_figures(made_record(request_body, response_body), FEATURES)["waterfalls"][0]
    assert "Rounding leaves +1." in picture.description


def weaker(response: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(response).replace("default_12m", "serious_delinquency_6m")
    return dict(json.loads(text))


def test_the_weaker_event_is_never_called_default(request_body: Any, response_body: Any) -> None:
    text = words(report(made_record(request_body, weaker(response_body))))
    assert "Serious delinquency within 6 months 3.4%" in text
    assert "the risk of serious delinquency within 6 months" in text
    features = " ".join(f"{feature.meaning} {feature.null_meaning}" for feature in FEATURES).lower()
    assert text.lower().count("default") == features.count("default")


def test_the_payment_history_is_what_was_known_when_the_order_was_decided(
    record: DecisionRecord, customer_ledger: Ledger
) -> None:
    before = render("decision.html", decision_figures(record, FEATURES, ledger=customer_ledger))
    frames = dict(customer_ledger.frames)
    open_item = frames["invoices"][frames["invoices"]["invoice_id"] == "9000771203"]
    paid_on = pd.Series([pd.Timestamp("2026-11-20")], index=open_item.index)
    later = open_item.assign(
        payment_id="later", paid_on=paid_on, cleared_on=paid_on, line=1, known_at=end_of_day(paid_on)
    )
    for table in ("payments", "allocations"):
        frames[table] = pd.concat([frames[table], later[frames[table].columns.intersection(later.columns)]])
    after = render("decision.html", decision_figures(record, FEATURES, ledger=Ledger.of(**frames)))  # type: ignore[arg-type]
    assert after == before
    assert "41 settled invoices and 3 open ones, from the ledger" in words(Page(before))


@pytest.mark.parametrize("ledger", [None, Ledger.of()], ids=["no ledger", "a ledger without the customer"])
def test_without_a_history_in_the_ledger_the_items_of_the_request_are_shown(
    record: DecisionRecord, ledger: Ledger | None
) -> None:
    text = words(report(record, ledger))
    assert "0 settled invoices and 3 open ones, from the items sent with the request." in text
    assert "96,400.00 EUR open on 20 Nov 2026, 21,300.00 EUR of it past due." in text


def test_settled_items_of_the_request_are_drawn_too(request_body: Any, response_body: Any) -> None:
    item = {"posting_date": "2026-08-01", "due_date": "2026-08-31", "amount": "10.00", "currency": "EUR"}
    items = [{**item, "document_number": n, "cleared_on": "2026-09-04"} for n in ("S1", "S2")]
    request_body["settled_items"] = {"items": items}
    text = words(report(made_record(request_body, response_body)))
    assert "2 settled invoices and 3 open ones" in text
    assert "paid 4 Sep 2026, 4 days late" in text


def test_a_customer_without_any_invoice_is_said_to_be_scored_without_history(
    request_body: Any, response_body: Any
) -> None:
    del request_body["open_items"]
    assert "No invoices of this customer are known" in words(report(made_record(request_body, response_body)))


def test_a_degraded_answer_without_models_still_makes_a_report(request_body: Any, response_body: Any) -> None:
    for block in ("score", "probabilities", "expected_payment", "loss", "limit"):
        response_body[block] = None
    response_body.update(
        explanations=[],
        counterfactuals=[],
        degraded={"is_degraded": True, "mode": "RULES", "causes": ["MODEL_UNAVAILABLE"]},
    )
    response_body["data_quality"].update(confidence="LOW", cold_start=True, feature_as_of=None, ledger_loaded_at=None)
    text = words(report(made_record(request_body, response_body)))
    assert "Answered in rules mode." in text
    assert "low confidence in the data." in text
    assert "No credit limit was given or is known." in text


def replaced(value: Any, hostile: str) -> Any:
    """Every free text of a request replaced."""
    free = {
        "name", "business_partner", "payer", "sold_to", "sales_order", "document_number", "scheme", "code", "agency",
        "score", "customer_credit_group", "credit_account_parent", "system_id", "company_code", "order_type",
    }  # fmt: skip
    if isinstance(value, dict):
        return {k: hostile if k in free else replaced(v, hostile) for k, v in value.items()}
    return [replaced(v, hostile) for v in value] if isinstance(value, list) else value


def test_text_from_the_erp_and_the_answer_never_becomes_markup(request_body: Any, response_body: Any) -> None:
    response = copy.deepcopy(response_body)
    for explanation in response["explanations"]:
        for reason in explanation["reasons"]:
            reason.update(text=HOSTILE, code=HOSTILE)
    response["decision"]["checks"][0].update(check=HOSTILE, message=HOSTILE, actual=HOSTILE)
    response["decision"].update(policy_version=HOSTILE)
    response["actions"][0].update(code=HOSTILE, owner=HOSTILE, parameters={HOSTILE: [HOSTILE]}, why=[HOSTILE])
    response["counterfactuals"][0].update(change=HOSTILE, parameters={HOSTILE: HOSTILE})
    response["data_quality"].update(warnings=[HOSTILE], missing_features=[HOSTILE])
    response["model"].update(name=HOSTILE)
    response["compliance"].update(notices=[{"code": "X", "text": HOSTILE}])
    page = report(made_record(replaced(request_body, HOSTILE), response))
    assert page.text.count("onerror=alert(1)") > 20
    assert "49</" not in page.text  # the template syntax inside the text was not evaluated


def test_the_machine_readable_form_holds_the_answer_as_it_was_given(record: DecisionRecord) -> None:
    document = json.loads(json.dumps(decision_document(record), allow_nan=False))
    assert document["decision"]["outcome"] == "HOLD"
    assert document["event"] == "default_12m"
    assert document["explanations"] == record.response["explanations"]


def test_a_score_id_cannot_lead_out_of_the_folder_of_reports() -> None:
    assert file_name("../../etc/passwd") == "etc-passwd"
    assert file_name("") == "report"
