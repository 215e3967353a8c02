"""Events over HTTP: the ledger stays current, nothing is counted twice or dropped, and the next score sees them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from receivables.store import LedgerStore, open_store
from receivables.tables_sql import LOAD_BATCHES
from serving.app import create_app
from serving.payers import Payers
from serving.state import State
from tests.serving.running import HERE

EVENTS, CONFLICTS = "/v1/events", "/v1/events/conflicts"


@pytest.fixture
def store(ledger_url: str) -> Iterator[LedgerStore]:
    """An empty ledger, in each database."""
    with open_store(ledger_url, create=True) as made:
        yield made


@pytest.fixture
def live(state: State, store: LedgerStore) -> State:
    return replace(state, payers=Payers(store, state.tools.rates))


@pytest.fixture
def client(live: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = live
    with TestClient(app, client=HERE) as made:
        yield made


def event(kind: str, number: str, payer: str = "100", **values: Any) -> dict[str, Any]:
    return {"source": "S4P", "document_type": kind[:2], "document_number": number, "fiscal_year": 2026, "type": kind,
            "payer": payer, "recorded_at": "2026-11-02T08:00:00Z", **values}  # fmt: skip


def invoice(number: str, amount: str = "1000.00", **values: Any) -> dict[str, Any]:
    dates = {"posting_date": "2026-09-01", "due_date": "2026-10-01"}
    return event("INVOICE_POSTED", number, **{"amount": amount, "currency": "EUR", **dates, **values})


def payment(number: str, of: str | None, amount: str = "1000.00", **values: Any) -> dict[str, Any]:
    about = {"amount": amount, "currency": "EUR", "value_date": "2026-10-11", "invoice": of}
    return event("PAYMENT_CLEARED", number, **{**about, **values})


def posted(client: TestClient, *events: dict[str, Any]) -> list[str]:
    """The status of each."""
    response = client.post(EVENTS, json={"events": list(events)})
    assert response.status_code == 200, response.text
    return [result["status"] for result in response.json()["results"]]


def open_amount(client: TestClient, payer: str = "100", as_of: str = "2026-11-20T09:00:00Z") -> str | None:
    """The exposure that the next score rests on."""
    order = {"sales_order": "1", "order_date": as_of[:10], "currency": "EUR", "gross_amount": "10.00",
             "payment_terms": {"net_days": 30}}  # fmt: skip
    document = {"request_id": f"r{random.random()}", "as_of": as_of, "check_point": "QUOTE", "order": order,
                "customer": {"payer": payer, "legal_form": "LEGAL_PERSON"},
                "options": {"dry_run": True, "timeout_ms": 60_000}}  # fmt: skip
    answer = client.post("/v1/orders/score", json=document)
    assert answer.status_code == 200, answer.text
    exposure: str | None = answer.json()["limit"]["exposure_before"]
    return exposure


def test_the_next_score_sees_an_invoice_its_part_payment_and_its_payment(client: TestClient) -> None:
    assert open_amount(client) == "0.00"
    assert posted(client, invoice("9001")) == ["APPLIED"]
    assert open_amount(client) == "1000.00"
    assert posted(client, payment("P1", "9001", "400.00", type="PARTIAL_PAYMENT")) == ["APPLIED"]
    assert open_amount(client) == "600.00"
    assert posted(client, payment("P2", "9001", "600.00")) == ["APPLIED"]
    assert open_amount(client) == "0.00"


def test_the_same_event_again_changes_nothing(client: TestClient, store: LedgerStore) -> None:
    assert posted(client, invoice("9001"), invoice("9001")) == ["APPLIED", "DUPLICATE"]
    before = store.sequence()
    assert posted(client, invoice("9001", recorded_at="2026-11-03T08:00:00Z")) == ["DUPLICATE"]
    assert (store.sequence(), store.rows("invoices")) == (before, 1)


def test_another_content_under_the_same_key_is_kept_as_a_conflict_and_not_applied(client: TestClient) -> None:
    posted(client, invoice("9001"))
    changed = invoice("9001", amount="2000.00")
    assert posted(client, changed, changed) == ["CONFLICT", "CONFLICT"]
    (conflict,) = client.get(CONFLICTS).json()["conflicts"]
    assert (conflict["document_number"], conflict["document"]["values"]["amount_minor"]) == ("9001", 200_000)
    assert open_amount(client) == "1000.00"
    # a new version does not edit an invoice either
    assert posted(client, {**changed, "version": 2}) == ["CONFLICT"]
    assert "amount_minor" in client.get(CONFLICTS).json()["conflicts"][1]["reason"]


def test_a_payment_before_its_invoice_is_held_and_clears_it_when_it_comes(
    client: TestClient, store: LedgerStore
) -> None:
    assert posted(client, payment("P1", "9001")) == ["HELD"]
    assert (store.rows("payments"), store.rows("allocations")) == (1, 0)
    assert posted(client, invoice("9001")) == ["APPLIED"]
    assert store.rows("allocations") == 1
    assert open_amount(client) == "0.00"


def test_a_reversed_payment_opens_the_invoice_again_and_edits_nothing(client: TestClient, store: LedgerStore) -> None:
    posted(client, invoice("9001"), payment("P1", "9001"))
    undo = event("REVERSAL", "R1", posting_date="2026-10-20", reverses=line("PA", "P1"))
    assert posted(client, undo) == ["APPLIED"]
    assert open_amount(client) == "1000.00"
    assert (store.rows("payments"), store.rows("allocations")) == (2, 2)
    again = event("REVERSAL", "R2", posting_date="2026-10-21", reverses=line("PA", "P1"))
    assert posted(client, again) == ["CONFLICT"]


def line(kind: str, number: str) -> dict[str, Any]:
    return {"source": "S4P", "document_type": kind, "document_number": number, "fiscal_year": 2026}


def test_a_reversal_before_what_it_reverses_is_held(client: TestClient) -> None:
    undo = event("REVERSAL", "R1", posting_date="2026-10-20", reverses=line("IN", "9001"))
    assert posted(client, undo) == ["HELD"]
    posted(client, invoice("9001"))
    assert open_amount(client) == "0.00"


def test_a_merge_counts_from_its_day_and_can_be_undone(client: TestClient) -> None:
    posted(client, invoice("9001"), invoice("9002", payer="200", amount="500.00"))
    merge = event("CUSTOMER_MERGED", "M1", payer="200", into="100", merged_on="2026-11-02")
    assert posted(client, merge) == ["APPLIED"]
    assert open_amount(client) == open_amount(client, "200") == "1500.00"
    assert open_amount(client, as_of="2026-11-02T07:00:00Z") != "1500.00"
    undo = event("REVERSAL", "R1", payer="200", posting_date="2026-11-10", reverses=line("CU", "M1"))
    assert posted(client, {**undo, "recorded_at": "2026-11-10T08:00:00Z"}) == ["APPLIED"]
    assert (open_amount(client), open_amount(client, "200")) == ("1000.00", "500.00")
    assert open_amount(client, as_of="2026-11-05T07:00:00Z") == "1500.00"


def test_a_live_source_has_told_of_its_invoices_up_to_the_day_before_its_last_events(
    client: TestClient, store: LedgerStore
) -> None:
    posted(client, invoice("9001"))
    assert store.read()["invoices"]["observed_until"].dt.date.tolist() == [dt.date(2026, 11, 2)]
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    with store.writing() as connection:
        connection.execute(LOAD_BATCHES.update().values(loaded_at=yesterday))
    posted(client, invoice("9002", payer="200"))
    observed = store.read()["invoices"].set_index("invoice_id")["observed_until"].dt.date
    assert observed["9001"] == max(yesterday.date(), dt.date(2026, 11, 2))


def test_a_payment_for_anothers_invoice_is_a_conflict(client: TestClient) -> None:
    posted(client, invoice("9001"))
    assert posted(client, payment("P1", "9001", payer="200")) == ["CONFLICT"]
    assert open_amount(client) == "1000.00"


def everything() -> list[dict[str, Any]]:
    """One event of each type and what they refer to."""
    money = {"amount": "100.00", "currency": "EUR", "invoice": "9001"}
    return [
        invoice("9001"), invoice("9002", amount="300.00"), payment("P1", "9001", "150.00", type="PARTIAL_PAYMENT"),
        payment("P2", "9002", "300.00"), event("CREDIT_NOTE", "C1", posting_date="2026-09-20", **money),
        event("DUNNED", "D1", dunned_on="2026-10-15", level=2, invoice="9001"),
        event("DISPUTE_OPENED", "K1", case="K1", opened_on="2026-10-16", **money),
        event("DISPUTE_CLOSED", "K2", case="K1", closed_on="2026-10-20", result="SELLER_RIGHT"),
        event("PROMISE_MADE", "Z1", made_on="2026-10-16", promised_for="2026-10-20", **money),
        event("PROMISE_BROKEN", "Z2", broken_on="2026-10-21", invoice="9001"),
        event("LIMIT_CHANGED", "L1", amount="5000.00", currency="EUR", valid_from="2026-10-01"),
        event("TERMS_CHANGED", "T1", valid_from="2026-10-01", net_days=14),
        event("WRITE_OFF", "W1", posting_date="2026-10-30", **money),
        event("INSOLVENCY", "I1", filed_on="2026-10-31"),
        event("REVERSAL", "R1", posting_date="2026-10-25", reverses=line("PA", "P2")),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_and_one_by_one_or_together_end_in_the_same_account(
    client: TestClient, live: State, store: LedgerStore, seed: int
) -> None:
    events = everything()
    random.Random(seed).shuffle(events)
    live.payers.known("100", has_items=False)  # in memory from the start, and kept current
    cut = seed * 5
    for one in events[:cut]:
        posted(client, one)
    statuses = posted(client, *events[cut:])
    assert not {"CONFLICT", "REFUSED"} & set(statuses)
    moment = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
    in_memory = live.payers.known("100", has_items=False, as_of=moment).account
    anew = Payers(store, live.tools.rates).known("100", has_items=False, as_of=moment).account
    assert dict(in_memory.invoices) == dict(anew.invoices)
    assert {number: held.residual for number, held in anew.invoices.items()} == {"9001": 65_000, "9002": 30_000}
    assert (in_memory.levels, in_memory.disputes, in_memory.limits) == (anew.levels, anew.disputes, anew.limits)
    assert anew.is_insolvent
    as_of, priors = int(moment.timestamp()) * 1_000_000, live.tools.champion.priors
    one, other = (a.state.features(as_of, None, priors) for a in (in_memory, anew))
    assert one.tobytes() == other.tobytes()


def test_an_event_that_cannot_be_read_is_refused_alone_and_names_its_fields(client: TestClient) -> None:
    wrong = [
        {"type": "INVOICE_POSTED"},
        "no event",
        invoice("1", amount="0.00"),
        invoice("2", due_date="2026-08-01"),
        invoice("3", recorded_at="2199-01-01T00:00:00Z"),
        {**invoice("4"), "type": "INVOICE_PAINTED"},
    ]
    response = client.post(EVENTS, json={"events": [*wrong, invoice("5")]})
    *refused, applied = response.json()["results"]
    assert [r["status"] for r in refused] == ["REFUSED"] * len(wrong)
    assert applied["status"] == "APPLIED"
    assert {f["field"] for f in refused[0]["error"]["fields"]} >= {"source", "payer", "amount", "posting_date"}
    assert [r["error"]["code"] for r in refused] == ["SCHEMA", "SCHEMA", *["IMPOSSIBLE_VALUES"] * 3, "SCHEMA"]


def test_another_process_sees_the_change_of_the_payer_and_keeps_the_others(
    client: TestClient, live: State, store: LedgerStore
) -> None:
    posted(client, invoice("9001"), invoice("9002", payer="200"))
    other = Payers(store, live.tools.rates)
    first = [other.known(payer, has_items=False).account for payer in ("100", "200")]
    posted(client, payment("P1", "9001"))
    again = [other.known(payer, has_items=False).account for payer in ("100", "200")]
    assert again[0].invoices["9001"].residual == 0
    assert again[1] is first[1]


def test_without_a_ledger_events_are_refused(state: State) -> None:
    app = create_app()
    app.state.serving = replace(state, payers=Payers(None, state.tools.rates))
    with TestClient(app, client=HERE) as client:
        assert client.post(EVENTS, json={"events": [invoice("1")]}).status_code == 503
        assert client.get(CONFLICTS).json() == {"conflicts": []}
