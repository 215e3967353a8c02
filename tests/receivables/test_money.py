"""Exact money: one amount at a time and a whole column at a time give the same."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivables.errors import InputError
from receivables.money import EXPONENTS, MAX_MINOR, convert_minor, exponent, format_minor, parse_minor, spoken
from receivables.parsing import parse_money

currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "XXX", ""])
plain = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**13), max_value=10**13).map(str)
odd = st.sampled_from(["", "nan", "inf", "1e5", "1,5", "--1", "+1.50", "-0", "0.000", ".5", "5.", "1 2", "١٢", "0x10"])
tiny = st.from_regex(r"[+-]?[0-9]{1,16}(\.[0-9]{0,7})?", fullmatch=True)


@given(st.lists(st.tuples(st.one_of(plain, odd, tiny), currencies), min_size=1, max_size=20))
def test_a_column_parses_as_its_amounts_do_one_by_one(rows: list[tuple[str, str]]) -> None:
    text = pd.Series([amount for amount, _ in rows], dtype="str")
    parsed = parse_money(text, pd.Series([code for _, code in rows], dtype="str"))
    refused = [any(refusal.mask[i] for refusal in parsed.refusals) for i in range(len(rows))]
    for i, (amount, code) in enumerate(rows):
        try:
            expected = parse_minor(amount, code)
        except InputError:
            assert refused[i] or amount == "" or code not in EXPONENTS
            assert parsed.values.iloc[i] == 0
        else:
            assert not refused[i]
            assert parsed.values.iloc[i] == expected


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(sorted(EXPONENTS)))
def test_an_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    text = format_minor(minor, currency)
    assert parse_minor(text, currency) == minor
    assert Decimal(text).as_tuple().exponent == -exponent(currency)


@pytest.mark.parametrize("text", ["NaN", "inf", "1e3", "1.234", "1,00", "", " 1", "9" * 16, "10000000000.01"])
def test_an_amount_that_is_no_plain_decimal_of_the_currency_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="amount"):
        parse_minor(text, "EUR")


def test_a_float_would_have_lost_this_cent() -> None:
    assert parse_minor("9007199254.93", "USD") == 900719925493
    text = pd.Series(["9007199254.93"], dtype="str")
    assert parse_money(text, pd.Series(["USD"], dtype="str")).values.tolist() == [900719925493]


def test_conversion_rounds_half_to_even_between_different_digits() -> None:
    assert convert_minor(1, "USD", "JPY", Decimal(150)) == 2  # 1.5 yen
    assert convert_minor(5, "USD", "EUR", Decimal("0.5")) == 2  # 2.5 cents
    assert convert_minor(100, "JPY", "KWD", Decimal("0.002")) == 200
    assert spoken(-123456, "KWD") == "-123.456 KWD"
