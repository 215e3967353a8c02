from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivables.currencies import Currencies, Rates
from receivables.errors import ConfigError
from receivables.ledger import Ledger
from receivables.money import convert_minor

CONF = Currencies("EUR", "EUR", dt.date(2025, 12, 31), "test", {"USD": "0.8", "JPY": "0.006", "KWD": "2.75"})


def rates(*rows: tuple[str, str, str, str, str]) -> Rates:
    columns = ["currency", "base_currency", "rate_on", "rate", "known_at"]
    frame = pd.DataFrame(rows, columns=columns)
    return Rates.of(Ledger.of(exchange_rates=frame), CONF)


def one(made: Rates, minor: int, currency: str, on: str) -> int:
    return int(made.convert(np.array([minor]), np.array([currency]), np.array([on], "datetime64[D]"))[0])


def test_the_latest_rate_that_was_known_before_the_day_counts() -> None:
    made = rates(
        ("USD", "EUR", "2026-01-01", "0.90", "2026-01-02"),
        ("USD", "EUR", "2026-02-01", "0.95", "2026-02-02"),
    )
    assert one(made, 1000, "USD", "2026-01-31") == 900
    assert one(made, 1000, "USD", "2026-02-01") == 900  # February's rate becomes known when the first day ends
    assert one(made, 1000, "USD", "2026-02-02") == 950


def test_before_the_first_known_rate_the_indicative_one_counts_and_is_reported() -> None:
    made = rates(("USD", "EUR", "2026-01-01", "0.90", "2026-01-02"))
    assert one(made, 1000, "USD", "2025-12-31") == 800
    used = made.indicative(np.array(["USD", "EUR"]), np.array(["2025-12-31", "2025-12-31"], "datetime64[D]"))
    assert [(f.currency, f.rate) for f in used] == [("USD", Decimal("0.8"))]
    assert made.indicative(np.array(["USD"]), np.array(["2026-01-02"], "datetime64[D]")) == ()


def test_a_rate_of_an_earlier_day_that_is_learnt_late_does_not_replace_a_newer_one() -> None:
    made = rates(
        ("USD", "EUR", "2026-02-01", "0.95", "2026-02-02"),
        ("USD", "EUR", "2026-01-15", "0.50", "2026-03-01"),
    )
    assert one(made, 1000, "USD", "2026-03-05") == 950


def test_a_rate_quoted_the_other_way_round_is_inverted() -> None:
    assert one(rates(("EUR", "USD", "2026-01-01", "1.25", "2026-01-01")), 1000, "USD", "2026-01-01") == 800


def test_minor_units_of_the_two_currencies_may_differ() -> None:
    made = rates()
    assert one(made, 1000, "JPY", "2026-01-01") == 600  # 1000 yen x 0.006 = 6.00 EUR
    assert one(made, 1000, "KWD", "2026-01-01") == 275  # 1.000 dinar x 2.75 = 2.75 EUR


def test_a_currency_without_any_rate_is_named_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"no rate for XAF.*exchange_rates"):
        one(rates(), 1, "XAF", "2026-01-01")


def test_the_ledgers_own_need_for_indicative_rates_is_listed() -> None:
    invoices = pd.DataFrame(
        {
            "invoice_id": ["1"], "customer_id": ["007"], "amount_minor": [5], "currency": ["USD"], "net_days": [30],
            "issued_on": ["2026-01-01"], "due_on": ["2026-01-31"], "known_at": ["2026-01-02"],
            "observed_until": ["2026-01-31"],
        }
    )  # fmt: skip
    assert [f.currency for f in Rates.of(Ledger.of(invoices=invoices), CONF).fallbacks] == ["USD"]
    assert Rates.of(Ledger.of(invoices=invoices), CONF, base="USD").fallbacks == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1),
    st.decimals("0.000001", "20000", places=6),
    st.sampled_from(["JPY", "USD", "KWD"]),
)
def test_the_vectorised_conversion_equals_the_decimal_one_to_the_last_unit(
    amounts: list[int], rate: Decimal, code: str
) -> None:
    made = rates((code, "EUR", "2026-01-01", str(rate), "2026-01-01"))
    days = np.full(len(amounts), "2026-01-05", "datetime64[D]")
    got = made.convert(np.array(amounts), np.array([code] * len(amounts)), days)
    assert got.tolist() == [convert_minor(a, code, "EUR", rate) for a in amounts]


def test_the_shipped_configuration_reads_and_every_rate_is_a_positive_decimal() -> None:
    shipped = Currencies.read()
    assert all(Decimal(rate) > 0 for rate in shipped.rates.values())
    assert shipped.rate("USD", "USD") == 1


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["EUR", "USD", "JPY", "KWD"]),
    st.dates(dt.date(2025, 1, 1), dt.date(2026, 6, 1)),
)
def test_one_amount_converts_as_a_batch_does(minor: int, currency: str, day: dt.date) -> None:
    made = rates(
        ("USD", "EUR", "2026-01-01", "0.90", "2026-01-02"), ("EUR", "JPY", "2026-02-01", "170.3", "2026-02-02")
    )
    number = day.toordinal() - dt.date(1970, 1, 1).toordinal()
    for _ in range(2):
        assert made.convert_one(minor, currency, number) == one(made, minor, currency, day.isoformat())
