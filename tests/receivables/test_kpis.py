from __future__ import annotations

import dataclasses
import datetime as dt
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivables.aging import Book
from receivables.currencies import Currencies, Rates
from receivables.kpis import BY_NAME, KPIS, example, measure, month_ends, series
from receivables.ledger import Ledger
from receivables.position import Position
from receivables.schema import end_of_day

CONF = Currencies("EUR", "EUR", dt.date(2025, 12, 31), "test", {})
ON = dt.date(2026, 6, 30)

# invoice, customer, EUR, issued, due, settled or None
ROWS = [
    ("1", "a", 900, "2026-01-10", "2026-02-09", "2026-02-09"),  # settled before the window
    ("2", "a", 300, "2026-04-05", "2026-05-05", "2026-05-05"),  # on time
    ("3", "b", 500, "2026-05-10", "2026-06-09", "2026-06-20"),  # 11 days late
    ("4", "b", 400, "2026-05-20", "2026-06-10", None),  # 20 days past due
    ("5", "c", 600, "2026-06-15", "2026-07-15", None),  # not due
    ("6", "a", 200, "2026-02-01", "2026-03-15", None),  # 107 days past due, 50 of it written off
]


def book() -> Book:
    columns = ["invoice_id", "customer_id", "amount_minor", "issued_on", "due_on", "paid_on"]
    frame = pd.DataFrame(ROWS, columns=columns).assign(currency="EUR", net_days=30, observed_until=pd.Timestamp(ON))
    for name in ("issued_on", "due_on", "paid_on"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    frame = frame.assign(known_at=end_of_day(frame["issued_on"]))
    paid = frame[frame["paid_on"].notna()]
    allocations = paid.assign(payment_id="P" + paid["invoice_id"], line=1, cleared_on=paid["paid_on"])
    lost = frame[frame["invoice_id"] == "6"].assign(
        write_off_id="W",
        amount_minor=50,
        written_off_on=pd.Timestamp("2026-06-01"),
        known_at=pd.Timestamp("2026-06-02"),
    )
    known = Ledger.of(
        invoices=frame, allocations=allocations.assign(known_at=end_of_day(paid["paid_on"])), write_offs=lost
    ).known(pd.Timestamp("2026-07-01"))
    return Book.of(known, Rates.of(known, CONF))


def test_the_position_of_a_hand_worked_ledger() -> None:
    found = Position.of(book(), ON)
    assert (found.open_minor, found.current_minor, found.overdue_minor) == (1150, 600, 550)
    assert (found.over_30_minor, found.over_60_minor, found.over_90_minor) == (150, 150, 150)
    assert found.open_month_ago_minor == 1100  # 31 May: 3, 4 and 6, the latter not yet written down
    assert (found.sales_month_minor, found.sales_window_minor, found.sales_year_minor) == (600, 1800, 2900)
    assert (found.settled_n, found.on_time_n, found.settled_minor, found.on_time_minor) == (2, 1, 800, 300)
    assert found.lost_year_minor == 50
    assert found.sales_by_month == ((30, 600), (31, 900), (30, 300), (31, 0), (28, 200), (31, 900))


def test_the_key_figures_of_a_hand_worked_ledger() -> None:
    found = measure(Position.of(book(), ON))
    expected = {
        "dso": 1150 / 1800 * 90,  # 57.5
        "bpdso": 600 / 1800 * 90,  # 30
        "add": 27.5,
        "dso_countback": 30 + 31 * 550 / 900,  # June's 600, then 550 of May's 900
        "cei": 100 * (1100 + 600 - 1150) / (1100 + 600 - 600),  # 50
        "paid_on_time_n": 50.0,
        "paid_on_time_amount": 37.5,
        "overdue_ratio": 100 * 550 / 1150,
        "pct_over_30": 100 * 150 / 1150,
        "pct_over_60": 100 * 150 / 1150,
        "pct_over_90": 100 * 150 / 1150,
        "largest_share": 100 * 600 / 1150,
        "herfindahl": (150**2 + 400**2 + 600**2) / 1150**2,
        "bad_debt_to_sales": 100 * 50 / 2900,
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_figures_that_need_sales_are_unknown_before_the_book_covers_one_window() -> None:
    young = dataclasses.replace(example(), history_days=89)
    assert math.isnan(measure(young)["dso"])
    assert math.isnan(measure(dataclasses.replace(example(), history_days=59))["cei"])


def test_countback_is_unknown_where_all_recorded_sales_do_not_explain_the_balance() -> None:
    assert math.isnan(BY_NAME["dso_countback"].of(dataclasses.replace(example(), open_minor=2000)))


def test_nothing_open_sold_or_settled_gives_no_figure_instead_of_zero() -> None:
    nothing = Position.of(Book.of(Ledger.of(), Rates.of(Ledger.of(), CONF)), ON)
    found = measure(nothing)
    assert {name for name, value in found.items() if not math.isnan(value)} == set()


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 10**12))
def test_dso_is_the_best_possible_plus_the_days_delinquent(current: int, overdue: int, sales: int) -> None:
    position = dataclasses.replace(
        example(), open_minor=current + overdue, current_minor=current, sales_window_minor=sales
    )
    found = measure(position)
    assert found["dso"] == pytest.approx(found["bpdso"] + found["add"])
    assert found["bpdso"] <= found["dso"]


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_herfindahl_lies_between_equal_shares_and_one_customer(open_by_customer: list[int]) -> None:
    position = dataclasses.replace(
        example(), open_minor=sum(open_by_customer), open_by_customer=tuple(open_by_customer)
    )
    index = measure(position)["herfindahl"]
    assert 1 / len(open_by_customer) <= index * (1 + 1e-12)
    assert index <= 1 + 1e-12


def test_the_monthly_series_ends_on_the_day_asked_for_and_agrees_with_it() -> None:
    days = month_ends(book(), ON, months=4)
    assert days == [dt.date(2026, 3, 31), dt.date(2026, 4, 30), dt.date(2026, 5, 31), ON]
    table = series(book(), days)
    assert table.loc[ON].to_dict() == measure(Position.of(book(), ON))
    assert month_ends(book(), dt.date(2026, 6, 15), months=2) == [dt.date(2026, 5, 31), dt.date(2026, 6, 15)]


def test_every_key_figure_is_declared_once_with_unit_formula_and_direction() -> None:
    assert len(BY_NAME) == len(KPIS)
    assert all(kpi.formula and kpi.source and kpi.title for kpi in KPIS)
