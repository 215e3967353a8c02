"""One file's text into drafts of ledger rows, as the mapping says; what cannot be read goes to the quarantine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from receivables.mapping import Condition, Field, TableMapping
from receivables.merging import among
from receivables.parsing import (
    REASONS,
    Parsed,
    Refusal,
    blank,
    parse_country,
    parse_currency,
    parse_dates,
    parse_listed,
    parse_moments,
    parse_money,
    parse_rate,
    parse_text,
    parse_whole,
)
from receivables.quarantine import Draft, Quarantine
from receivables.reading import Extract
from receivables.schema import BY_NAME, Column, Kind, Table, end_of_day

_Sign = Callable[[pd.Series], pd.Series]


def _not_above_zero(minor: pd.Series) -> pd.Series:
    return minor <= 0


#: Amounts that are refused, by table; everywhere else an amount must be above zero.
_WRONG_SIGNS: Final[dict[str, _Sign]] = {
    "payments": lambda minor: minor == 0,
    "allocations": lambda minor: minor == 0,
    "limit_changes": lambda minor: minor < 0,
}


def draft_table(name: str, mapped: TableMapping, extract: Extract, quarantine: Quarantine, max_chars: int) -> Draft:
    """The table's rows out of the extract; refused rows keep arbitrary values and are noted in the quarantine.

    `observed_until` is NaT where it is to be filled with the last observed day.
    """
    table = BY_NAME[name]
    text = extract.frame[_holds(mapped.when, extract.frame)] if mapped.when else extract.frame
    draft = Draft(name, extract, mapped, text)
    made: dict[str, pd.Series] = {}
    # money is read last: its digits depend on the currency
    for column in sorted(table.columns, key=lambda each: each.kind is Kind.MONEY):
        parsed = _column(table, column, mapped.columns.get(column.name), text, made, max_chars)
        made[column.name] = parsed.values
        for refusal in parsed.refusals:
            if refusal.mask.any():
                rows = text.index.to_numpy()[refusal.mask]
                expected = _expected(refusal.reason, column)
                quarantine.refuse(draft, rows, refusal.source or column.name, refusal.reason, expected)
    return replace(draft, frame=pd.DataFrame({column: made[column] for column in table.names}, index=text.index))


def _holds(condition: Condition, text: pd.DataFrame) -> np.ndarray:
    values = text[condition.column]
    held: np.ndarray = among(values, pd.Series(condition.equals)) if condition.equals else ~blank(values)
    return held


def _column(
    table: Table, column: Column, field: Field | None, text: pd.DataFrame, made: dict[str, pd.Series], max_chars: int
) -> Parsed:
    """One ledger column: parsed from its source, with the stand-in where that is blank, and blanks refused."""
    source, untranslated = _source(field, text)
    parsed = _parsed(table, column, source, field or Field(), made, max_chars)
    absent = blank(source) & ~untranslated
    values, refusals = parsed.values, (Refusal(untranslated, "unlisted_value"), *parsed.refusals)
    if field and field.observed:
        absent[:] = False  # filled once the whole import has been seen
    elif field and (field.end_of or field.days_between) and absent.any():
        other = _stand_in(field, text)
        values = values.where(~absent, other.values.fillna(0).astype("int64") if field.days_between else other.values)
        absent, stood_in = absent & other.values.isna().to_numpy(), absent
        refusals += tuple(Refusal(each.mask & stood_in, each.reason, each.source) for each in other.refusals)
    for refusal in refusals:
        absent = absent & ~refusal.mask
    return Parsed(values, (*refusals, Refusal(absent & (not column.nullable), "blank")))


def _source(field: Field | None, text: pd.DataFrame) -> tuple[pd.Series, np.ndarray]:
    """The source's text after translation, and where no translation is listed."""
    nowhere = np.zeros(len(text), bool)
    if field is None or field.source not in text:
        given = field.constant if field and field.constant else ""
        return pd.Series(given, index=text.index, dtype="str"), nowhere
    values = text[field.source]
    filled = ~blank(values)
    if field.constant:
        values = values.where(filled, field.constant)
        filled = np.ones(len(text), bool)
    if field.values:
        unlisted = ~among(values, pd.Series(list(field.values))) & filled
        return values.map(field.values).astype("str").fillna(""), unlisted
    if field.strip_zeros:
        values = values.str.lstrip("0").where(values.str.strip("0") != "", values.str[:1])
    return (values.where(~filled, field.prefix + values), nowhere) if field.prefix else (values, nowhere)


def _parsed(
    table: Table, column: Column, text: pd.Series, field: Field, made: dict[str, pd.Series], max_chars: int
) -> Parsed:
    if column.kind is Kind.DATE:
        return parse_dates(text, field.formats)
    if column.kind is Kind.MOMENT:
        return parse_moments(text)
    if column.kind is Kind.WHOLE:
        return parse_whole(text)
    if column.kind is Kind.RATE:
        return parse_rate(text)
    if column.kind is Kind.CURRENCY:
        return parse_currency(text)
    if column.kind is Kind.MONEY:
        return _money(table, text, made["currency"])
    if column.values:
        return parse_listed(text, column.values)
    return parse_country(text) if column.name == "country" else parse_text(text, max_chars=max_chars)


def _money(table: Table, text: pd.Series, currency: pd.Series) -> Parsed:
    parsed = parse_money(text, currency.fillna(""))
    refused = blank(text) | currency.isna().to_numpy()
    for refusal in parsed.refusals:
        refused = refused | refusal.mask
    wrong = _WRONG_SIGNS.get(table.name, _not_above_zero)
    unknown = parse_currency(currency.fillna("")).refusals[0].mask
    signed = wrong(parsed.values).to_numpy(bool) & ~refused & ~unknown
    return Parsed(parsed.values, (*parsed.refusals, Refusal(signed, "wrong_sign")))


def _stand_in(field: Field, text: pd.DataFrame) -> Parsed:
    """The end of a source day, or the days between two; null where there is none."""
    if field.end_of:
        days = _days(field, text, field.end_of)
        return Parsed(end_of_day(days.values), days.refusals)
    first, last = (_days(field, text, name) for name in field.days_between)
    return Parsed((last.values - first.values).dt.days, (*first.refusals, *last.refusals))


def _days(field: Field, text: pd.DataFrame, source: str) -> Parsed:
    parsed = parse_dates(_text(text, source), field.formats)
    return Parsed(parsed.values, tuple(Refusal(each.mask, each.reason, source) for each in parsed.refusals))


def _text(text: pd.DataFrame, column: str) -> pd.Series:
    """A source column; one that the file does not have is blank."""
    return text[column] if column in text else pd.Series("", index=text.index, dtype="str")


def _expected(reason: str, column: Column) -> str:
    if reason == "unlisted_value" and column.values:
        return f"expected one of {', '.join(column.values)}"
    return REASONS[reason]
