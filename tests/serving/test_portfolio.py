"""The portfolio over HTTP: every figure adds up to the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from models.law import PaymentLaw
from receivables.aging import NAMES, aged
from receivables.provision import provision
from serving.app import create_app
from serving.cash_forecast import paid_by_day
from serving.state import State
from serving.whole import book_of

ON = "2026-11-19"


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=("127.0.0.1", 50_000)) as made:
        yield made


@pytest.fixture(scope="module")
def open_minor(seller: Any) -> int:
    """The ledger's open balance on the day, in minor units of the book's currency."""
    known = seller.ledger.known(pd.Timestamp("2026-11-20"))
    return int(aged(book_of(known), dt.date(2026, 11, 19))["base_minor"].sum())


def minor(text: str) -> int:
    return int(Decimal(text) * 100)


def test_key_figures_come_with_formula_unit_direction_and_the_quarter_before(
    client: TestClient, open_minor: int
) -> None:
    found = client.get("/v1/portfolio/kpis").json()
    assert found["on"] == ON
    assert minor(found["open"]) == open_minor
    names = [kpi["name"] for kpi in found["kpis"]]
    assert {"dso", "add", "cei"} <= set(names)
    assert all(kpi["formula"] and kpi["unit"] and kpi["better"] for kpi in found["kpis"])


@pytest.mark.parametrize("by", ["none", "customer", "segment", "currency"])
def test_aging_adds_up_to_the_open_balance_however_it_is_grouped(client: TestClient, by: str, open_minor: int) -> None:
    found = client.get("/v1/portfolio/aging", params={"on": ON, "by": by, "limit": 1000}).json()
    assert sum(minor(row["open"]) for row in found["rows"]) == minor(found["total"]["open"]) == open_minor
    for row in found["rows"]:
        assert sum(minor(row[name]) for name in NAMES) == minor(row["open"])


def test_every_customer_that_owed_on_either_day_is_in_one_cell_of_the_migration(
    client: TestClient, open_minor: int
) -> None:
    found = client.get("/v1/portfolio/migration", params={"on": ON, "from": "2026-08-31"}).json()
    assert sum(minor(cell["open"]) for cell in found["cells"]) == open_minor
    assert len({(cell["from"], cell["to"]) for cell in found["cells"]}) == len(found["cells"])
    assert {cell["from"] for cell in found["cells"]} <= set("ABCDE-")


def test_the_provision_matrix_reconciles_with_the_ledger(client: TestClient, open_minor: int) -> None:
    found = client.get("/v1/portfolio/provision", params={"on": ON}).json()
    assert minor(found["open"]) == sum(minor(line["open"]) for line in found["lines"]) == open_minor
    assert minor(found["provision"]) == sum(minor(line["provision"]) for line in found["lines"]) > 0
    rates = [line["loss_rate"] for line in found["lines"]]
    assert rates == sorted(rates)
    assert found["month_ends"] > 0


def test_the_loss_rates_use_no_month_end_whose_horizon_has_not_passed(seller: Any) -> None:
    day = dt.date(2026, 6, 30)
    known, later = (seller.ledger.known(pd.Timestamp(text)) for text in ("2026-07-01", "2026-11-20"))
    early, late = (provision(book_of(view), day, loss_given_default=0.5) for view in (known, later))
    # what became known later may change what was open then, never which month ends count
    assert early.month_ends == late.month_ends


def test_expected_cash_and_what_comes_later_add_up_to_the_open_balance(client: TestClient, open_minor: int) -> None:
    found = client.get("/v1/portfolio/cash-forecast", params={"on": ON, "weeks": 8}).json()
    assert minor(found["open"]) == open_minor
    expected = sum(minor(week["expected"]) for week in found["weeks"]) + minor(found["later_or_never"])
    assert expected == pytest.approx(open_minor, abs=len(found["weeks"]))
    assert all(minor(w["low"]) <= minor(w["expected"]) <= minor(w["high"]) for w in found["weeks"])
    assert found["weeks"][0]["from"] == "2026-11-20"


def test_an_open_invoice_is_paid_by_the_law_given_that_it_is_open() -> None:
    law = PaymentLaw((0, 10), np.array([[0.5, 0.25]]))
    paid = paid_by_day(law, np.array([0]), 10)
    # half of those open on the due date are paid within ten days
    assert paid.sum() == pytest.approx(0.5)
    # an invoice far before its due date is certainly open today
    assert paid_by_day(law, np.array([-30]), 20).sum() == pytest.approx(0.0)
    assert paid_by_day(law, np.array([500]), 10).sum() == 0.0


def test_the_worklist_is_ordered_by_what_is_at_stake_and_always_says_what_to_do(client: TestClient) -> None:
    found = client.get("/v1/collections/worklist", params={"on": ON, "limit": 30}).json()
    stakes = [minor(entry["at_stake"]) for entry in found["entries"]]
    assert stakes == sorted(stakes, reverse=True)
    assert stakes[0] > 0
    assert all(entry["actions"] for entry in found["entries"])
    assert all(minor(entry["at_stake"]) <= minor(entry["open"]) for entry in found["entries"])
    assert any(action["code"] == "REQUEST_PAYMENT_OF_OVERDUE" for e in found["entries"] for action in e["actions"])


def test_a_service_without_a_ledger_has_no_portfolio(state: State) -> None:
    from dataclasses import replace

    from serving.payers import Payers

    app = create_app()
    app.state.serving = replace(state, payers=Payers(None, state.tools.rates))
    with TestClient(app, client=("127.0.0.1", 50_000)) as client:
        response = client.get("/v1/portfolio/kpis")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")
