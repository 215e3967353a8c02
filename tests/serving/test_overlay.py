"""Open and settled items of the request laid over the ledger: the newer one is believed, no timing is invented."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import INDEX, History, Priors
from features.state import CustomerState
from receivables.currencies import Currencies, Rates
from receivables.ledger import Ledger
from serving.account import Account
from serving.overlay import Overlay, overlay
from serving.schemas import ScoreRequest, read_request

AS_OF_US = int(dt.datetime(2026, 11, 20, 9, 14, 5, tzinfo=dt.UTC).timestamp()) * 1_000_000


def invoice(number: str, issued: str, due: str, amount: int = 10000, currency: str = "EUR") -> dict[str, Any]:
    day = pd.Timestamp(issued)
    return {
        "invoice_id": number, "customer_id": "007", "amount_minor": amount, "currency": currency, "issued_on": day,
        "due_on": pd.Timestamp(due), "net_days": 30, "known_at": day + pd.Timedelta(days=1),
        "observed_until": pd.Timestamp("2026-11-19"),
    }  # fmt: skip


def payment(number: str, paid: str, amount: int = 10000) -> dict[str, Any]:
    day = pd.Timestamp(paid)
    return {
        "payment_id": f"p{number}", "invoice_id": number, "line": 1, "customer_id": "007", "amount_minor": amount,
        "currency": "EUR", "paid_on": day, "cleared_on": day, "known_at": day + pd.Timedelta(days=1),
    }  # fmt: skip


def ledger() -> Ledger:
    """One invoice paid five days late, one half paid, one open."""
    payments = pd.DataFrame([payment("1", "2026-08-15"), payment("2", "2026-10-20", 5000)])
    invoices = [
        invoice("1", "2026-07-11", "2026-08-10"),
        invoice("2", "2026-09-10", "2026-10-10"),
        invoice("3", "2026-10-12", "2026-11-11"),
    ]
    return Ledger.of(invoices=pd.DataFrame(invoices), payments=payments, allocations=payments)


def open_item(number: str, open_amount: str, **changes: object) -> dict[str, Any]:
    return {
        "document_number": number, "posting_date": "2026-09-10", "due_date": "2026-10-10", "amount": "100.00",
        "open_amount": open_amount, "currency": "EUR", **changes,
    }  # fmt: skip


def laid(
    *items: dict[str, Any], complete: bool = True, read_at: str = "2026-11-20T09:14:02Z", base: Ledger | None = None,
    **more: object,
) -> Overlay:  # fmt: skip
    given = {"complete": complete, "read_at": read_at, "items": list(items)}
    return overlay(account(ledger() if base is None else base), order(open_items=given, **more))


def order(**more: object) -> ScoreRequest:
    document: dict[str, Any] = {
        "request_id": "r",
        "as_of": "2026-11-20T09:14:05Z",
        "check_point": "SALES_ORDER",
        "order": {"sales_order": "1", "order_date": "2026-11-20", "currency": "EUR", "gross_amount": "100.00",
                  "payment_terms": {"net_days": 30}},
        "customer": {"payer": "007", "legal_form": "LEGAL_PERSON", "country": "DE"},
        **more,
    }  # fmt: skip
    return read_request(document)


def account(of: Ledger) -> Account:
    return Account.of(of, Rates.of(of, Currencies.read()))


def features(state: CustomerState) -> dict[str, float]:
    x = state.features(AS_OF_US, None, Priors.of(History.of(ledger())))
    return {name: float(x[i]) for name, i in INDEX.items()}


def residuals(found: Overlay) -> dict[str, int]:
    return {number: held.residual for number, held in found.invoices.items()}


def test_what_the_erp_lists_gets_the_erps_open_amount() -> None:
    found = laid(open_item("2", "20.00"), open_item("3", "100.00"))
    assert residuals(found) == {"1": 0, "2": 2000, "3": 10000}
    assert features(found.state)["open_amount"] == 120.0


def test_what_a_complete_list_does_not_name_is_closed_without_counting_as_late_or_on_time() -> None:
    found = laid(open_item("3", "100.00"))
    assert residuals(found) == {"1": 0, "2": 0, "3": 10000}
    before, after = features(account(ledger()).state), features(found.state)
    assert after["open_amount"] == 100.0
    # only invoice 1 was ever seen to be settled, and no credit note appears out of nothing
    for name in ("n_settled", "mean_days_late_365d", "last_days_late", "credit_note_ratio_365d", "days_since_payment"):
        assert after[name] == before[name]


def test_what_a_partial_list_does_not_name_stays_open() -> None:
    assert residuals(laid(open_item("3", "100.00"), complete=False)) == {"1": 0, "2": 5000, "3": 10000}


def test_an_item_that_the_ledger_does_not_hold_is_added() -> None:
    found = laid(open_item("9", "60.00"), complete=False)
    assert residuals(found)["9"] == 6000
    assert features(found.state)["n_open"] == 3


def test_an_invoice_that_the_ledger_thought_settled_is_open_again() -> None:
    found = laid(open_item("1", "100.00"), complete=False)
    assert residuals(found)["1"] == 10000
    assert features(found.state)["n_settled"] == 0


def test_a_credit_item_is_no_invoice() -> None:
    found = laid(open_item("8", "-50.00", amount="-50.00"))
    assert "8" not in found.invoices


def test_items_read_before_the_ledgers_newest_fact_are_not_used() -> None:
    found = laid(open_item("9", "60.00"), read_at="2026-10-20T23:59:59Z")
    assert not found.used_open_items
    assert "9" not in found.invoices
    assert found.warnings == ("open_items are older than the ledger and were not used",)


def test_an_item_in_another_currency_than_the_ledgers_is_left_out_and_said() -> None:
    found = laid(open_item("3", "100.00", currency="USD"), complete=False)
    assert residuals(found)["3"] == 10000
    assert found.warnings


def test_reminders_disputes_and_promises_are_added_once() -> None:
    item = open_item("3", "100.00", dunning_level=2, dispute_status="OPEN", promise_to_pay_date="2026-11-05",
                     promised_amount="100.00")  # fmt: skip
    once = laid(item).state
    known = account(Ledger.of()).with_facts(once.facts())
    request = order(open_items={"complete": True, "read_at": "2026-11-20T09:14:05Z", "items": [item]})
    for found in (once, overlay(known, request).state):
        assert [table for table, _ in found.facts() if table in ("dunnings", "disputes", "promises")] == [
            "dunnings", "disputes", "promises",
        ]  # fmt: skip
    assert features(once)["dunning_level_max_180d"] == 2
    assert features(once)["broken_promise_ratio_365d"] == 1.0


def test_settled_items_alone_are_a_history() -> None:
    items = [
        {"document_number": str(i), "posting_date": f"2026-0{i}-01", "due_date": f"2026-0{i}-28",
         "cleared_on": f"2026-{i + 1:02d}-07", "amount": "100.00", "currency": "EUR"}
        for i in range(3, 9)
    ]  # fmt: skip
    found = laid(base=Ledger.of(), settled_items={"items": items})
    assert set(residuals(found).values()) == {0}
    made = features(found.state)
    assert made["n_settled"] == 6
    assert made["mean_days_late_365d"] == pytest.approx(np.mean([7, 10, 9, 10, 9, 10]), abs=1)


def test_a_settled_item_pays_what_the_ledger_has_open_and_leaves_the_rest_alone() -> None:
    item = {"document_number": "3", "posting_date": "2026-10-12", "due_date": "2026-11-11", "cleared_on": "2026-11-13",
            "amount": "100.00", "currency": "EUR"}  # fmt: skip
    found = laid(complete=False, settled_items={"items": [item, {**item, "document_number": "1"}]})
    assert residuals(found) == {"1": 0, "2": 5000, "3": 0}
    assert features(found.state)["last_days_late"] == 2.0


def test_nothing_that_became_known_after_the_order_is_in_the_view() -> None:
    future = payment("3", "2026-11-20")
    both = pd.DataFrame([payment("1", "2026-08-15"), future])
    base = Ledger.of(invoices=ledger()["invoices"], payments=both, allocations=both)
    found = laid(complete=False, base=base)
    assert residuals(found)["3"] == 10000
    assert all(row["known_at"] <= pd.Timestamp("2026-11-20T09:14:05") for _, row in found.state.facts())
