"""What a request must hold, what it may hold, and what is refused with 400 or 422."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from serving.plausible import require_possible
from serving.problems import ApiError
from serving.schemas import read_request

CONVERTIBLE = frozenset({"EUR", "USD", "JPY", "KWD"})
MINIMUM: dict[str, Any] = {
    "request_id": "r1",
    "as_of": "2026-11-20T09:14:05Z",
    "check_point": "SALES_ORDER",
    "order": {
        "sales_order": "0000482917",
        "order_date": "2026-11-20",
        "currency": "EUR",
        "gross_amount": "49980.00",
        "payment_terms": {"net_days": 30},
    },
    "customer": {"payer": "007", "legal_form": "LEGAL_PERSON"},
}


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document with the value at a dotted path; "..." leaves the key out."""
    made = copy.deepcopy(document)
    part: Any = made
    *parents, last = path.split(".")
    for name in parents:
        part = part[int(name)] if name.isdecimal() else part.setdefault(name, {})
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return made


def refusal(document: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        require_possible(read_request(document), CONVERTIBLE)
    return caught.value


def test_the_contract_request_is_read_with_all_its_fields(contract_request: dict[str, Any]) -> None:
    request = read_request(contract_request)
    require_possible(request, CONVERTIBLE)
    assert request.order.due_date == dt.date(2026, 12, 25)
    assert request.order.sales_order == "0000482917"
    assert request.as_of == dt.datetime(2026, 11, 20, 9, 14, 5, tzinfo=dt.UTC)


def test_the_required_fields_are_enough() -> None:
    require_possible(read_request(MINIMUM), CONVERTIBLE)


@pytest.mark.parametrize(
    "path",
    ["request_id", "as_of", "check_point", "order", "order.sales_order", "order.order_date", "order.currency",
     "order.gross_amount", "order.payment_terms", "order.payment_terms.net_days", "customer", "customer.payer",
     "customer.legal_form"],
)  # fmt: skip
def test_each_required_field_is_missed(path: str) -> None:
    error = refusal(changed(MINIMUM, path, ...))
    assert (error.status, error.code) == (400, "SCHEMA")
    assert [p.field for p in error.fields] == [path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unknown", 1),
        ("order.unknown", 1),
        ("order.payment_terms.unknown", None),
        ("customer.payer", 7),
        ("customer.payer", ""),
        ("customer.payer", "x" * 65),
        ("customer.legal_form", "COMPANY"),
        ("customer.country", "Germany"),
        ("order.gross_amount", 49980),
        ("order.gross_amount", 49980.0),
        ("order.gross_amount", "49,980.00"),
        ("order.gross_amount", "1e5"),
        ("order.gross_amount", "٤٩"),
        ("order.gross_amount", " 1.00"),
        ("order.gross_amount", "1.00\n"),
        ("order.currency", "eur"),
        ("order.order_date", "20.11.2026"),
        ("order.order_date", "2026-02-30"),
        ("order.order_date", 20261120),
        ("order.payment_terms.net_days", "30"),
        ("order.payment_terms.net_days", 30.0),
        ("order.payment_terms.net_days", True),
        ("as_of", "2026-11-20T09:14:05"),
        ("as_of", "2026-11-20"),
        ("as_of", 1795166045),
        ("as_of", "2026-11-20T25:00:00Z"),
        ("check_point", "sales_order"),
        ("options.language", "tlh"),
        ("open_items", {"items": []}),
        ("customer.external_ratings", [{"agency": "X"}]),
    ],
)
def test_a_value_of_the_wrong_type_is_a_schema_error_at_its_field(path: str, value: object) -> None:
    error = refusal(changed(MINIMUM, path, value))
    assert (error.status, error.code) == (400, "SCHEMA")
    assert all(p.field.startswith(path) for p in error.fields)


@pytest.mark.parametrize("document", [None, [], "text", 1, True])
def test_a_document_that_is_no_object_is_a_schema_error(document: object) -> None:
    assert refusal(document).status == 400


def item(**changes: object) -> dict[str, Any]:
    plain = {"document_number": "1", "posting_date": "2026-09-10", "due_date": "2026-10-10", "amount": "100.00",
             "open_amount": "100.00", "currency": "EUR"}  # fmt: skip
    return {**plain, **changes}


def items(*made: dict[str, Any], read_at: str = "2026-11-20T09:14:02Z") -> dict[str, Any]:
    return {"complete": True, "read_at": read_at, "items": list(made)}


def settled(**changes: object) -> dict[str, Any]:
    plain = {"document_number": "1", "posting_date": "2026-09-10", "due_date": "2026-10-10",
             "cleared_on": "2026-10-12", "amount": "100.00", "currency": "EUR"}  # fmt: skip
    return {"items": [{**plain, **changes}]}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("order.order_date", "1066-10-14", "order.order_date"),
        ("order.order_date", "2200-01-01", "order.order_date"),
        ("as_of", "1899-12-31T00:00:00Z", "as_of"),
        ("order.payment_terms.net_days", -1, "order.payment_terms.net_days"),
        ("order.payment_terms.net_days", 10**9, "order.payment_terms.net_days"),
        ("order.currency", "XYZ", "order.gross_amount"),
        ("order.currency", "CLP", "order.currency"),
        ("order.gross_amount", "0.00", "order.gross_amount"),
        ("order.gross_amount", "-1.00", "order.gross_amount"),
        ("order.gross_amount", "1.005", "order.gross_amount"),
        ("order.gross_amount", "99999999999999.00", "order.gross_amount"),
        ("order.prepaid_amount", "49980.01", "order.prepaid_amount"),
        ("order.secured_amount", "-0.01", "order.secured_amount"),
        ("customer.customer_since", "2027-01-01", "customer.customer_since"),
        ("credit_account", {"currency": "EUR", "credit_limit_amount": "-1.00"}, "credit_account.credit_limit_amount"),
        ("credit_account", {"currency": "XXX"}, "credit_account.currency"),
        ("credit_account", {"currency": "JPY", "credit_limit_amount": "1.50"}, "credit_account.credit_limit_amount"),
        ("open_items", items(read_at="2026-11-20T09:14:06Z"), "open_items.read_at"),
        ("open_items", items(item(), item()), "open_items.items[1].document_number"),
        ("open_items", items(item(due_date="2026-09-09")), "open_items.items[0].due_date"),
        ("open_items", items(item(posting_date="2026-11-22", due_date="2027-01-01")),
         "open_items.items[0].posting_date"),
        ("open_items", items(item(open_amount="100.01")), "open_items.items[0].open_amount"),
        ("open_items", items(item(open_amount="-1.00")), "open_items.items[0].open_amount"),
        ("open_items", items(item(open_amount="0.00")), "open_items.items[0].open_amount"),
        ("open_items", items(item(currency="CHF")), "open_items.items[0].currency"),
        ("open_items", items(item(dunning_level=10)), "open_items.items[0].dunning_level"),
        ("settled_items", settled(cleared_on="2026-11-22"), "settled_items.items[0].cleared_on"),
        ("settled_items", settled(cleared_on="2026-09-09"), "settled_items.items[0].cleared_on"),
        ("settled_items", settled(amount="-1.00"), "settled_items.items[0].amount"),
        ("options.reason_limit", 0, "options.reason_limit"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(path: str, value: object, field: str) -> None:
    error = refusal(changed(MINIMUM, path, value))
    assert (error.status, error.code) == (422, "IMPOSSIBLE_VALUES")
    assert field in [p.field for p in error.fields]


def test_every_problem_is_listed_at_once_and_no_value_is_repeated() -> None:
    document = changed(changed(MINIMUM, "order.gross_amount", "-77.77"), "order.prepaid_amount", "-88.88")
    error = refusal(changed(document, "open_items", items(item(amount="66.666"))))
    assert {p.field for p in error.fields} >= {
        "order.gross_amount", "order.prepaid_amount", "open_items.items[0].amount"
    }  # fmt: skip
    text = str(error.envelope("r"))
    assert not any(value in text for value in ("77.77", "88.88", "66.666"))


def test_money_is_exact_in_currencies_of_none_two_and_three_digits() -> None:
    for currency, amount in (("JPY", "49980"), ("EUR", "0.01"), ("KWD", "1.005")):
        document = changed(changed(MINIMUM, "order.currency", currency), "order.gross_amount", amount)
        require_possible(read_request(document), CONVERTIBLE)


@pytest.mark.parametrize(
    ("baseline", "due"), [("BILLING_DATE", "2026-12-25"), ("ORDER_DATE", "2026-12-20"), ("DELIVERY_DATE", "2026-12-24")]
)
def test_the_due_date_counts_from_the_baseline(contract_request: dict[str, Any], baseline: str, due: str) -> None:
    request = read_request(changed(contract_request, "order.payment_terms.baseline", baseline))
    assert request.order.due_date.isoformat() == due


def test_an_id_stays_the_text_that_it_is() -> None:
    for payer in ("007", "NA", "null", " 1 ", "1e5", "Ä-17"):
        assert read_request(changed(MINIMUM, "customer.payer", payer)).customer.payer == payer
