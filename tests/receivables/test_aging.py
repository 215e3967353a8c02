from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivables.aging import BUCKETS, NAMES, Book, aged, aging, bucket_of
from receivables.currencies import Currencies, Rates
from receivables.ledger import Ledger
from receivables.schema import end_of_day
from receivables.settlements import settlements

CONF = Currencies("EUR", "EUR", dt.date(2025, 12, 31), "test", {"USD": "0.8"})
ON = dt.date(2026, 6, 30)
AS_OF = pd.Timestamp("2026-07-01")

Invoice = tuple[str, str, int, str, str, str]  # id, customer, minor, currency, issued, due
Fact = tuple[str, int, str]  # invoice, minor, day


def days(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    return frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in names})


def made(invoices: list[Invoice], paid: list[Fact] = [], credited: list[Fact] = [], lost: list[Fact] = []) -> Ledger:  # noqa: B006
    columns = ["invoice_id", "customer_id", "amount_minor", "currency", "issued_on", "due_on"]
    frame = days(pd.DataFrame(invoices, columns=columns), "issued_on", "due_on")
    frame = frame.assign(net_days=30, known_at=end_of_day(frame["issued_on"]), observed_until=pd.Timestamp(ON))
    of = frame.set_index("invoice_id")

    def facts(rows: list[Fact], day: str, key: str) -> pd.DataFrame:
        given = days(pd.DataFrame(rows, columns=["invoice_id", "amount_minor", day]), day)
        return given.assign(
            currency=list(of["currency"].reindex(given["invoice_id"])),
            customer_id=list(of["customer_id"].reindex(given["invoice_id"])),
            known_at=end_of_day(given[day]),
            line=1,
            **{key: [f"{key}-{i}" for i in range(len(given))]},
        )

    return Ledger.of(
        invoices=frame,
        allocations=facts(paid, "cleared_on", "payment_id"),
        credit_notes=facts(credited, "credited_on", "credit_note_id"),
        write_offs=facts(lost, "written_off_on", "write_off_id"),
    )


def book(ledger: Ledger) -> Book:
    known = ledger.known(AS_OF)
    return Book.of(known, Rates.of(known, CONF))


GOLDEN = made(
    [
        ("1", "a", 10_000, "EUR", "2026-06-01", "2026-06-30"),  # due today: not overdue
        ("2", "a", 20_000, "EUR", "2026-05-01", "2026-05-31"),  # 30 days, half paid
        ("3", "b", 30_000, "USD", "2026-04-01", "2026-05-30"),  # 31 days, 0.80 EUR each
        ("4", "b", 40_000, "EUR", "2025-01-01", "2025-12-31"),  # 181 days, partly credited
        ("5", "c", 50_000, "EUR", "2026-03-01", "2026-03-31"),  # paid in full
    ],
    paid=[("2", 10_000, "2026-06-10"), ("5", 50_000, "2026-06-30")],
    credited=[("4", 5_000, "2026-06-15")],
)


def test_a_hand_worked_ledger_ages_into_the_right_buckets() -> None:
    row = aging(aged(book(GOLDEN), ON)).loc["all"]
    assert row.to_dict() == {
        "not due": 10_000, "1-30": 10_000, "31-60": 24_000, "61-90": 0, "91-180": 0, "over 180": 35_000, "open": 79_000,
    }  # fmt: skip


def test_each_currency_is_shown_in_its_own_money() -> None:
    table = aging(aged(book(GOLDEN), ON), by=["currency"], money="residual_minor")
    assert table["open"].to_dict() == {"EUR": 55_000, "USD": 30_000}
    assert table.loc["USD", "31-60"] == 30_000


def test_original_amounts_are_never_added_over_currencies() -> None:
    with pytest.raises(ValueError, match="group by currency"):
        aging(aged(book(GOLDEN), ON), money="residual_minor")


def test_an_earlier_day_shows_what_was_open_then() -> None:
    items = aged(book(GOLDEN), dt.date(2026, 6, 9)).set_index("invoice_id")["residual_minor"]
    assert items.to_dict() == {"1": 10_000, "2": 20_000, "3": 30_000, "4": 40_000, "5": 50_000}
    assert aged(book(GOLDEN), dt.date(2025, 6, 1))["invoice_id"].tolist() == ["4"]


def test_without_a_customer_nothing_of_it_is_left_and_the_rest_is_unchanged() -> None:
    full, less = (
        aged(b, ON).set_index("invoice_id")["residual_minor"] for b in (book(GOLDEN), book(GOLDEN).without("a"))
    )
    assert less.to_dict() == full.drop(["1", "2"]).to_dict()


def test_an_empty_book_ages_to_nothing() -> None:
    assert aging(aged(book(Ledger.of()), ON)).to_numpy()[0].tolist() == [0] * (len(NAMES) + 1)


def test_buckets_follow_one_another_without_gap_or_overlap() -> None:
    for earlier, later in itertools.pairwise(BUCKETS):
        assert earlier.last is not None
        assert later.first == earlier.last + 1
        assert bucket_of(np.array([earlier.last, later.first])).tolist() == [
            BUCKETS.index(earlier),
            BUCKETS.index(later),
        ]


DAY = st.dates(dt.date(2025, 6, 1), ON).map(str)
INVOICES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 10**9), st.sampled_from(["EUR", "USD"]), DAY, DAY), max_size=12
)
CLEARINGS = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 10**9), DAY), max_size=20)


@settings(max_examples=30, deadline=None)
@given(INVOICES, CLEARINGS, CLEARINGS)
def test_buckets_sum_to_the_open_balance_of_the_settlements(
    rows: list[tuple[str, int, str, str, str]], paid: list[tuple[int, int, str]], lost: list[tuple[int, int, str]]
) -> None:
    invoices = [(str(i), *row) for i, row in enumerate(rows)]
    facts = [[(str(i), minor, day) for i, minor, day in given if i < len(rows)] for given in (paid, lost)]
    ledger = made(invoices, paid=facts[0], lost=facts[1])
    state = settlements(ledger, as_of=AS_OF)
    items = aged(book(ledger), ON)
    for by in (["currency"], ["customer_id", "currency"]):
        table = aging(items, by=by, money="residual_minor")
        assert (table[list(NAMES)].sum(axis=1) == table["open"]).all()
        expected = state.groupby(by)["residual_minor"].sum()
        assert table["open"].to_dict() == expected[expected > 0].to_dict()
    assert aging(items)["open"].sum() == items["base_minor"].sum()
