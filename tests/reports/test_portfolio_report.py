from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pandas as pd
import pytest

from receivables.currencies import Currencies
from receivables.kpis import KPIS
from receivables.ledger import Ledger
from receivables.schema import end_of_day
from reports import portfolio_document, portfolio_figures, render
from tests.reports.examples import ledger_of
from tests.reports.html_page import HOSTILE, Page, read

ON = dt.date(2026, 6, 30)
CONF = Currencies("EUR", "EUR", dt.date(2025, 12, 31), "test rates", {"USD": "0.8", "CAD": "0.6"})
Row = tuple[str, str, int, str, str, str, str | None]


def rows(customer: str = "b") -> list[Row]:
    """Monthly invoices of a (paid on time), and of another customer (paid 28 days late), the last ones open."""
    made: list[Row] = []
    for i, issued in enumerate(pd.date_range("2025-05-05", "2026-06-05", freq="MS") + pd.Timedelta(days=4)):
        due = issued + pd.Timedelta(days=30)
        for name, minor, late in (("a", 1_000_000, 0), (customer, 250_000, 28)):
            paid = due + pd.Timedelta(days=late)
            settled = str(paid.date()) if paid <= pd.Timestamp(ON) else None
            made.append((f"{name}{i}", name, minor, "EUR", str(issued.date()), str(due.date()), settled))
    return [*made, ("u1", "c", 100_000, "USD", "2026-02-01", "2026-03-03", None)]


def figures(ledger: Ledger, on: dt.date = ON) -> dict[str, Any]:
    return portfolio_figures(ledger, on, conf=CONF, champion=None, loss_given_default=0.5)


def page(ledger: Ledger, on: dt.date = ON) -> Page:
    return read(render("portfolio.html", figures(ledger, on)))


def words(found: Page) -> str:
    return " ".join(found.text.split())


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return ledger_of(rows(), until=str(ON))


def test_the_page_opens_with_the_state_of_the_book_in_words(ledger: Ledger) -> None:
    text = words(page(ledger))
    # open: June of a, June of b (due 5 July), May of b (due 4 June, 26 days late), 800 EUR of c since 3 March
    assert (
        "3 customers owe 15.8k EUR on 4 invoices; 3.3k EUR (21%) is past due, 800 EUR of it by more than 90 days."
        in text
    )
    assert "Of what is more than 30 days past due, 100% is owed by one customer, c." in text


def test_the_aging_table_adds_up_over_buckets_and_currencies(ledger: Ledger) -> None:
    header, table = figures(ledger)["aging_table"]
    cells = {line[0]: [int(cell.replace(",", "")) for cell in line[1:]] for line in table}
    assert header[0] == "currency"
    assert cells["EUR"] == [12_500, 2_500, 0, 0, 0, 0, 15_000]
    assert cells["USD"] == [0, 0, 0, 0, 1_000, 0, 1_000]
    assert cells["all in EUR"] == [12_500, 2_500, 0, 0, 800, 0, 15_800]


def test_figures_are_shown_without_the_customers_that_could_turn_them_alone(ledger: Ledger) -> None:
    found = figures(ledger)
    assert found["dominant"] == {"largest balance": "a", "most invoices seriously late": "c"}
    header, table = found["comparison"]
    assert header == ["figure", "all customers", "without a", "without c"]
    overdue = next(line for line in table if line[0] == "Overdue")
    assert overdue[1:] == ["20.9%", "56.9%", "16.7%"]  # 3,300 of 15,800; 3,300 of 5,800; 2,500 of 15,000


def test_without_a_champion_the_page_says_so_and_ranks_by_what_is_long_overdue(ledger: Ledger) -> None:
    text = words(page(ledger))
    assert "There is no champion model yet" in text
    found = figures(ledger)["watch_list"]
    assert [(w.customer_id, w.at_risk, w.reason) for w in found] == [
        ("c", "800 EUR", "1 invoice past due, the oldest by 119 days")
    ]


def test_every_key_figure_is_printed_with_its_formula(ledger: Ledger) -> None:
    text = words(page(ledger))
    for kpi in KPIS:
        assert kpi.title in text
        assert kpi.formula in text


def test_indicative_exchange_rates_are_owned_up_to(ledger: Ledger) -> None:
    assert "1 USD = 0.8 EUR was used (test rates; 31 Dec 2025)" in words(page(ledger))


def test_a_ledger_without_the_reporting_currency_is_shown_in_its_own() -> None:
    only = [row for row in rows() if row[3] == "USD"]
    assert figures(ledger_of(only, until=str(ON)))["base"] == "USD"


def test_facts_that_became_known_later_change_nothing(ledger: Ledger) -> None:
    early = dt.date(2026, 3, 31)
    cut = ledger.known(pd.Timestamp("2026-04-01"))
    assert len(cut["invoices"]) < len(ledger["invoices"])
    assert portfolio_document(figures(ledger, early)) == portfolio_document(figures(cut, early))


def test_money_that_is_not_allocated_is_named(ledger: Ledger) -> None:
    day = pd.Series([pd.Timestamp("2026-06-01")])
    extra = pd.DataFrame({"payment_id": ["X"], "customer_id": ["a"], "amount_minor": [12_300], "currency": ["EUR"]})
    extra = extra.assign(paid_on=day, known_at=end_of_day(day))
    frames = {**ledger.frames, "payments": pd.concat([ledger["payments"], extra])}
    notes = figures(Ledger.of(**frames))["notes"]  # type: ignore[arg-type]
    assert "Received but not allocated to invoices, and therefore not deducted: 123.00 EUR." in notes


def test_a_clean_up_of_the_books_on_one_day_is_pointed_out() -> None:
    made = rows()
    for i in range(5):
        made.append((f"x{i}", "d", 1000, "EUR", f"2026-01-{i + 1:02d}", "2026-02-01", "2026-04-30"))
    assert any("probably a clean-up" in note for note in figures(ledger_of(made, until=str(ON)))["notes"])


def test_a_customers_id_and_segment_never_become_markup() -> None:
    customers = pd.DataFrame(
        {"customer_id": ["a", "c", HOSTILE], "segment": [HOSTILE] * 3, "known_at": pd.Timestamp("2000-01-01")}
    )
    made = [*rows(HOSTILE), ("h", HOSTILE, 5_000_000, "EUR", "2026-01-01", "2026-01-31", None)]
    text = page(ledger_of(made, until=str(ON), customers=customers)).text
    assert text.count("onerror=alert(1)") > 5


@pytest.mark.parametrize(
    "on", [dt.date(2020, 1, 1), dt.date(2025, 5, 6)], ids=["before the first invoice", "first day"]
)
def test_an_early_day_gives_a_page_without_invented_figures(ledger: Ledger, on: dt.date) -> None:
    text = words(page(ledger, on))
    assert "nan" not in text.lower().split()
    assert math.isnan(figures(ledger, on)["kpis"]["dso"])


def test_the_machine_readable_form_is_strict_json(ledger: Ledger) -> None:
    document = json.loads(json.dumps(portfolio_document(figures(ledger)), allow_nan=False))
    assert (document["open_minor"], document["overdue_minor"], document["currency"]) == (1_580_000, 330_000, "EUR")
    assert document["months"]["2025-06-30"]["dso"] is None
    assert document["kpis"]["overdue_ratio"] == pytest.approx(100 * 3300 / 15800)
