"""Columns of text into columns of the ledger: strict, exact, a whole column at a time.

Every parser takes stripped text (blank is the empty string) and returns values with the rows it refuses; a refused
row's value is arbitrary but of the column's dtype.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from receivables.money import EXPONENTS, MAX_MINOR
from receivables.schema import FIRST_YEAR, LAST_YEAR

#: Why a value is refused: code in the quarantine file, meaning.
REASONS: Final[dict[str, str]] = {
    "blank": "a required value is missing",
    "too_long": "the value is longer than conf/import.toml allows",
    "control_character": "the value holds a control or invisible character",
    "bad_date": f"expected a real calendar day from {FIRST_YEAR} to {LAST_YEAR} in one of the mapping's formats",
    "bad_moment": f"expected a moment from {FIRST_YEAR} to {LAST_YEAR} with offset, as 2026-03-31T17:05:00+02:00",
    "bad_number": "expected a whole number of at most nine digits",
    "bad_rate": "expected a positive plain decimal",
    "unknown_currency": "expected an ISO 4217 code such as EUR",
    "bad_country": "expected a country's two letters of ISO 3166, such as DE",
    "unlisted_value": "the value is none of those allowed",
    "not_decimal": "expected a plain decimal such as 1234.56, neither NaN nor infinite",
    "too_many_decimals": "more decimal places than the currency has",
    "too_large": f"beyond {MAX_MINOR} minor units",
    "wrong_sign": "expected an amount above zero; payments may be negative (a reversal), a credit limit may be zero",
}
_INVISIBLE: Final = "[\\x00-\\x1f\\x7f-\\x9f\\x{200b}-\\x{200f}\\x{2028}-\\x{202e}\\x{2060}-\\x{206f}\\x{feff}]"
_AMOUNT: Final = r"^(?P<sign>[+-]?)(?P<whole>[0-9]{1,15})(?:\.(?P<part>[0-9]{1,6}))?$"
_MOMENT: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_DATE_PARTS: Final = {"%Y": "(?P<y>[0-9]{4})", "%m": "(?P<m>[0-9]{2})", "%d": "(?P<d>[0-9]{2})"} | {
    "%-m": "(?P<m>[0-9]{1,2})",
    "%-d": "(?P<d>[0-9]{1,2})",
}
_MICRO_DIGITS: Final = 6


@dataclass(frozen=True)
class Refusal:
    """Rows refused for one reason, for what `source` holds where that is not the column that was parsed."""

    mask: np.ndarray
    reason: str
    source: str = ""


@dataclass(frozen=True)
class Parsed:
    """A column's values and the rows that are refused."""

    values: pd.Series
    refusals: tuple[Refusal, ...] = ()


def blank(text: pd.Series) -> np.ndarray:
    """Where there is no value."""
    empty: np.ndarray = (text == "").to_numpy(bool)
    return empty


def parse_text(text: pd.Series, *, max_chars: int) -> Parsed:
    """Text as given; blank is null. Refuses control and invisible characters and what is too long."""
    arrow = _arrow(text)
    hidden = _mask(pc.match_substring_regex(arrow, _INVISIBLE))
    too_long = _mask(pc.greater(pc.utf8_length(arrow), max_chars))
    values = text.where(~blank(text))
    return Parsed(values, (Refusal(hidden, "control_character"), Refusal(too_long, "too_long")))


def parse_listed(text: pd.Series, allowed: Iterable[str], reason: str = "unlisted_value") -> Parsed:
    """Text that is one of `allowed`; blank is null."""
    listed = _by_unique(text, frozenset(allowed).__contains__, bool)
    unlisted = ~listed & ~blank(text)
    return Parsed(text.where(~blank(text)), (Refusal(unlisted, reason),))


def parse_currency(text: pd.Series) -> Parsed:
    """ISO 4217 codes, in capitals."""
    return parse_listed(text, EXPONENTS, "unknown_currency")


def parse_country(text: pd.Series) -> Parsed:
    """Two capital letters; blank is null."""
    wrong = ~_matches(text, "^[A-Z]{2}$") & ~blank(text)
    return Parsed(text.where(~blank(text)), (Refusal(wrong, "bad_country"),))


def parse_dates(text: pd.Series, formats: Sequence[str]) -> Parsed:
    """Days as datetime64[us] at midnight; blank is NaT.

    >>> parse_dates(pd.Series(["20190228", "20190230"], dtype="str"), ["%Y%m%d"]).refusals[0].mask.tolist()
    [False, True]
    """
    patterns = [date_pattern(each) for each in formats]
    days = _by_unique(text, partial(_day, patterns=patterns))
    values = pd.Series(days.astype("datetime64[us]"), index=text.index)
    return Parsed(values, (Refusal(values.isna().to_numpy() & ~blank(text), "bad_date"),))


def parse_moments(text: pd.Series) -> Parsed:
    """RFC 3339 moments as naive datetime64[us] in UTC; blank is NaT."""
    shaped = _matches(text, _MOMENT)
    stamps = pd.to_datetime(text.where(shaped), format="ISO8601", utc=True, errors="coerce")
    values = stamps.dt.tz_localize(None).astype("datetime64[us]")
    outside = ~values.dt.year.between(FIRST_YEAR, LAST_YEAR).to_numpy()
    return Parsed(values, (Refusal(outside & ~blank(text), "bad_moment"),))


def parse_whole(text: pd.Series) -> Parsed:
    """Whole numbers as int64; refused and blank ones are 0."""
    shaped = _matches(text, "^-?[0-9]{1,9}$")
    values = text.where(shaped, "0").astype("int64")
    return Parsed(values, (Refusal(~shaped & ~blank(text), "bad_number"),))


def parse_rate(text: pd.Series) -> Parsed:
    """Positive plain decimals, kept as text."""
    shaped = _matches(text, r"^[0-9]{1,12}(\.[0-9]{1,12})?$") & _matches(text, "[1-9]")
    return Parsed(text.where(~blank(text)), (Refusal(~shaped & ~blank(text), "bad_rate"),))


def parse_money(text: pd.Series, currency: pd.Series) -> Parsed:
    """Minor units as int64, exactly as `receivables.money.parse_minor` has them; 0 where refused or blank.

    Rows of an unknown currency are 0 and not refused here: their currency is.

    >>> amounts = pd.Series(["49980.00", "120", "1.005"], dtype="str")
    >>> parse_money(amounts, pd.Series(["EUR", "JPY", "KWD"])).values.tolist()
    [4998000, 120, 1005]
    """
    parts = pc.extract_regex(_arrow(text), _AMOUNT)
    shaped = _mask(pc.is_valid(parts))
    whole, micro = _whole(parts, "whole"), _micro(parts)
    digits = _by_unique(currency, lambda code: EXPONENTS.get(code, _MICRO_DIGITS), np.int64)
    known = _by_unique(currency, lambda code: code in EXPONENTS, bool)
    unit = 10 ** (_MICRO_DIGITS - digits)
    too_many = shaped & known & (micro % unit != 0)
    # beyond the largest amount nothing is multiplied, so that nothing overflows
    small = np.where(whole <= MAX_MINOR, whole, 0)
    minor = small * 10**digits + micro // unit
    too_large = shaped & known & ~too_many & ((whole > MAX_MINOR) | (minor > MAX_MINOR))
    negative = _mask(pc.equal(pc.struct_field(parts, "sign"), "-"))
    good = shaped & known & ~too_many & ~too_large
    values = pd.Series(np.where(good, np.where(negative, -minor, minor), 0), index=text.index)
    return Parsed(
        values,
        (
            Refusal(~shaped & ~blank(text), "not_decimal"),
            Refusal(too_many, "too_many_decimals"),
            Refusal(too_large, "too_large"),
        ),
    )


def date_pattern(text: str) -> re.Pattern[str]:
    """The regular expression of a date format; `%m` wants two digits, `%-m` one or two.

    >>> bool(date_pattern("%Y%m%d").fullmatch("2019111"))
    False
    """
    parts = re.split("(%-?[Ymd])", text)
    return re.compile("".join(_DATE_PARTS.get(part, re.escape(part)) for part in parts))


def _day(text: str, patterns: Sequence[re.Pattern[str]]) -> np.datetime64:
    for pattern in patterns:
        found = pattern.fullmatch(text)
        if found and FIRST_YEAR <= int(found["y"]) <= LAST_YEAR:
            try:
                return np.datetime64(dt.date(int(found["y"]), int(found["m"]), int(found["d"])), "D")
            except ValueError:
                continue
    return np.datetime64("NaT", "D")


def _by_unique(text: pd.Series, value: Callable[[str], Any], dtype: Any = "datetime64[D]") -> np.ndarray:
    """`value` of each text, computed once per distinct text."""
    codes, distinct = pd.factorize(text, use_na_sentinel=False)
    found = np.array([value(str(each)) for each in distinct], dtype=dtype)
    return found[codes] if len(text) else np.empty(0, dtype)


def _whole(parts: pa.Array, name: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.struct_field(parts, name), "0").cast(pa.int64()).to_numpy(zero_copy_only=False))


def _micro(parts: pa.Array) -> np.ndarray:
    """The digits after the point, as millionths."""
    padded = pc.utf8_rpad(pc.fill_null(pc.struct_field(parts, "part"), ""), _MICRO_DIGITS, "0")
    return np.asarray(padded.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _matches(text: pd.Series, pattern: str) -> np.ndarray:
    return _mask(pc.match_substring_regex(_arrow(text), pattern))


def _arrow(text: pd.Series) -> pa.Array:
    made = pa.array(text, type=pa.string(), from_pandas=True)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _mask(values: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)
