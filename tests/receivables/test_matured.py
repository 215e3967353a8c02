"""The share of answered payment intervals that held: which outcomes count, and what a moment could know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from receivables import matured
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.matured import Coverage, Invoiced, Served, observed_coverage, outcomes
from receivables.store import LedgerStore, open_store

TODAY = dt.date(2026, 11, 20)
DUE, EARLIEST, LATEST = dt.date(2026, 10, 1), dt.date(2026, 9, 29), dt.date(2026, 10, 20)
ORDER = Served("100", "1", "EUR", 100_00, dt.date(2026, 9, 1), DUE, EARLIEST, LATEST)
PAID = Invoiced("100", "EUR", 100_00, dt.date(2026, 9, 1), DUE, TODAY, dt.date(2026, 10, 10), is_paid=True)


@pytest.fixture
def store(ledger_url: str) -> Iterator[LedgerStore]:
    with open_store(ledger_url, create=True) as made:
        yield made


@pytest.mark.parametrize(
    ("settled_on", "held"), [(EARLIEST, True), (LATEST, True), (LATEST + dt.timedelta(days=1), False), (None, False)]
)
def test_an_interval_held_where_the_invoice_was_paid_on_one_of_its_days(settled_on: Any, held: bool) -> None:
    invoice = replace(PAID, settled_on=settled_on, is_paid=settled_on is not None)
    assert outcomes([ORDER], [invoice], day=TODAY) == [held]


@pytest.mark.parametrize(
    "invoices",
    [
        [],
        [PAID, PAID],
        [replace(PAID, observed_until=LATEST - dt.timedelta(days=1))],
        [replace(PAID, is_paid=False, is_credited=True)],
        [replace(PAID, due_on=DUE + dt.timedelta(days=8))],
        [replace(PAID, issued_on=dt.date(2026, 8, 31))],
    ],
)
def test_what_cannot_be_told_does_not_count(invoices: list[Invoiced]) -> None:
    assert outcomes([ORDER], invoices, day=TODAY) == []


def test_one_invoice_is_never_the_outcome_of_two_orders() -> None:
    assert outcomes([ORDER, replace(ORDER, sales_order="2")], [PAID], day=TODAY) == []


def test_decisions_and_ledger_give_the_share_and_nothing_known_later_counts(
    store: LedgerStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matured, "FEWEST", 3)
    log = DecisionLog(tmp_path / "decisions.sqlite")
    # the third is paid in time, but that becomes known too late; the fourth's interval ended long ago
    for number, latest in (("1", LATEST), ("2", LATEST), ("3", LATEST), ("4", dt.date(2026, 8, 1))):
        log.append(decision(number, latest))
    log.close()
    known = {"1": "2026-10-11", "2": "2026-10-12", "3": f"{TODAY}", "4": "2026-10-11"}
    store.load(ledger(known), source="t", fingerprint="1")
    assert observed_coverage(log.path, store, day=TODAY, level=0.8) == Coverage(2 / 3, 3, TODAY)
    assert observed_coverage(log.path, store, day=TODAY + dt.timedelta(days=1), level=0.8) == Coverage(
        1.0, 3, TODAY + dt.timedelta(days=1)
    )
    assert observed_coverage(log.path, store, day=TODAY, level=0.9) is None


def decision(number: str, latest: dt.date) -> DecisionRecord:
    order = {"sales_order": number, "currency": "EUR", "gross_amount": f"{number}00.00", "order_date": "2026-09-01"}
    expected = {"due_date": f"{DUE}", "earliest_date": f"{EARLIEST}", "latest_date": f"{latest}", "interval_level": 0.8}
    return DecisionRecord(
        score_id=f"scr_{number}", request_id=number, idempotency_key=number, customer_id="100",
        as_of="2026-09-01T09:00:00.000000Z", recorded_at="2026-09-01T09:00:00.000000Z", input_sha256=number * 64,
        request={"check_point": "SALES_ORDER", "order": order, "customer": {"payer": "100"}},
        response={"expected_payment": expected, "audit": {}}, features={}, contributions={}, versions={},
    )  # fmt: skip


def ledger(known: dict[str, str]) -> dict[str, pd.DataFrame]:
    """An invoice for each order, paid on 10 October, and when the payment became known."""
    begun, paid = pd.Timestamp("2026-09-01"), pd.Timestamp("2026-10-10")
    invoices = [
        {"invoice_id": n, "customer_id": "100", "amount_minor": int(n) * 100_00, "currency": "EUR", "issued_on": begun,
         "due_on": pd.Timestamp(DUE), "net_days": 30, "known_at": begun, "observed_until": pd.Timestamp(TODAY)}
        for n in known
    ]  # fmt: skip
    payments = [
        {"payment_id": n, "customer_id": "100", "amount_minor": int(n) * 100_00, "currency": "EUR", "paid_on": paid,
         "known_at": pd.Timestamp(at)} for n, at in known.items()
    ]  # fmt: skip
    cleared = [
        {"payment_id": n, "invoice_id": n, "line": 1, "amount_minor": int(n) * 100_00, "currency": "EUR",
         "cleared_on": paid, "known_at": pd.Timestamp(at)} for n, at in known.items()
    ]  # fmt: skip
    return {
        "invoices": pd.DataFrame(invoices),
        "payments": pd.DataFrame(payments),
        "allocations": pd.DataFrame(cleared),
    }
