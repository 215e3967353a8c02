"""Every ERP's document becomes the same order, and every answer a document of the ERP."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from receivables.adapters import Adapter, Field, from_answer, load_adapter, names_of, problems_of, to_request
from receivables.errors import ConfigError, InputError, MappingError
from serving.plausible import require_possible
from serving.schemas import read_request

FIXTURES = Path(__file__).resolve().parents[2] / "examples" / "adapters"
NAMES = names_of()


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_same_order_in_every_erp_is_the_same_scoring_request(name: str) -> None:
    made = to_request(load_adapter(name), document(name))
    request = read_request(made)
    require_possible(request, {"EUR"})
    assert made["as_of"] == "2026-11-20T09:14:05Z"
    order, customer, account = made["order"], made["customer"], made["credit_account"]
    assert (order["sales_order"], order["order_date"]) == ("0000482917", "2026-11-20")
    assert (order["gross_amount"], order["currency"]) == ("49980.00", "EUR")
    assert order["requested_delivery_date"] == "2026-11-24"
    assert order["payment_terms"]["net_days"] == 30
    assert (customer["payer"], customer["legal_form"], customer["country"]) == ("100482", "LEGAL_PERSON", "DE")
    assert (account["currency"], account["credit_limit_amount"]) == ("EUR", "150000.00")
    assert account.get("is_blocked", False) is False
    (item,) = made["open_items"]["items"]
    assert (item["document_number"], item["open_amount"]) == ("9000771203", "21300.00")
    assert (item["posting_date"], item["due_date"]) == ("2026-09-10", "2026-10-10")
    assert made["open_items"]["complete"] is True


HELD = {
    "sap_s4hana": {"OverallCreditStatus": "B", "CreditReleasedUntil": "2026-11-21"},
    "dynamics_365": {"CreditHoldStatus": "OnHold", "CreditHoldReason": "HOLD"},
    "business_central": {"status": "Pending Approval"},
    "oracle_fusion": {"Approved": "N", "HoldName": "CREDIT_CHECK_FAILURE"},
    "odoo": {"x_credit_state": "blocked", "x_credit_rating": "R06"},
    "erpnext": {"custom_credit_hold": 1},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_held_order_is_held_in_the_erp(name: str, contract_response: dict[str, Any]) -> None:
    made = from_answer(load_adapter(name), contract_response)
    assert {key: made[key] for key in HELD[name]} == HELD[name]
    assert contract_response["score_id"] in made.values()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("outcome", ["APPROVE", "APPROVE_WITH_CONDITIONS", "REVIEW", "HOLD"])
def test_every_outcome_has_a_word_in_every_erp(name: str, outcome: str, contract_response: dict[str, Any]) -> None:
    answer = copy.deepcopy(contract_response)
    answer["decision"] |= {"outcome": outcome, "credit_status": "A" if outcome.startswith("APPROVE") else "B"}
    before = from_answer(load_adapter(name), contract_response)
    assert (from_answer(load_adapter(name), answer) == before) is (outcome == "HOLD")


def test_values_that_do_not_fit_are_told_all_at_once() -> None:
    wrong = document("sap_s4hana")
    wrong["SalesOrder"] |= {"SalesOrderDate": "soon", "TotalTaxAmount": "7980.001"}
    wrong["BusinessPartner"]["BusinessPartnerCategory"] = "9"
    wrong["OpenItems"][0]["AmountInTransactionCurrency"] = "many"
    with pytest.raises(InputError) as caught:
        to_request(load_adapter("sap_s4hana"), wrong)
    message = str(caught.value)
    assert message.startswith("SAP S/4HANA: 5 value(s) do not fit")
    for part in ("SalesOrder.SalesOrderDate", "EUR has 2 decimal places", "expected one of 1, 2, 3", "OpenItems[0]."):
        assert part in message


def test_what_is_absent_stays_absent() -> None:
    bare = document("odoo")
    del bare["partner"]["credit_limit"], bare["moves"]
    made = to_request(load_adapter("odoo"), bare)
    assert "credit_limit_amount" not in made["credit_account"]
    assert "items" not in made["open_items"]


def test_a_map_with_contradictions_is_refused_with_all_of_them(tmp_path: Path) -> None:
    wrong = Field(to="order.gross_amount", path="x", value="y", kind="amount")
    adapter = Adapter("x", "X", "", (wrong, Field(to="a", path="b", kind="day")), ())
    assert len(list(problems_of(adapter))) == 3
    (tmp_path / "x.toml").write_text(
        'name = "x"\ntitle = "X"\nverified = ""\nresponse = []\nrequest = [{ to = "a", path = "b", kind = "day" }]\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="expected a kind"):
        load_adapter("x", tmp_path)
    with pytest.raises(MappingError, match="expected one of x"):
        load_adapter("y", tmp_path)


def test_no_adapter_claims_to_be_verified_and_the_page_says_so() -> None:
    page = (FIXTURES.parents[1] / "docs" / "adapters.md").read_text(encoding="utf-8")
    for name in NAMES:
        adapter = load_adapter(name)
        assert f"`{name}`" in page
        assert adapter.verified or f"| `{name}` | {adapter.title} | unverified |" in page


def test_the_command_turns_a_document_into_a_request_and_an_answer_into_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], contract_response: dict[str, Any]
) -> None:
    assert main(["adapt", str(FIXTURES / "odoo.json"), "--adapter", "odoo"]) == 0
    assert json.loads(capsys.readouterr().out)["customer"]["payer"] == "100482"
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(contract_response), encoding="utf-8")
    assert main(["adapt", str(answer), "--adapter", "odoo", "--answer"]) == 0
    assert json.loads(capsys.readouterr().out)["x_credit_state"] == "blocked"
    assert main(["adapt", str(answer), "--adapter", "none"]) == 3
