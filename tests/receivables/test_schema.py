"""The canonical tables keep the promises that stores, importers and features rely on."""

from __future__ import annotations

import pandas as pd
import pytest

from receivables.ledger import Ledger
from receivables.schema import TABLES, Kind, Table, conform, empty, end_of_day

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@each_table
def test_every_fact_says_when_it_became_known(table: Table) -> None:
    assert table["known_at"].kind is Kind.MOMENT
    assert not table["known_at"].nullable


@each_table
def test_keys_are_columns_that_are_never_null(table: Table) -> None:
    assert all(not table[name].nullable for name in table.key)
    assert len(set(table.names)) == len(table.names)


@each_table
def test_money_is_never_a_float_and_always_has_its_currency(table: Table) -> None:
    for column in table.of_kind(Kind.MONEY):
        assert empty(table.name)[column.name].dtype == "int64"
        assert table["currency"].kind is Kind.CURRENCY


@each_table
def test_conforming_twice_is_conforming_once(table: Table) -> None:
    once = empty(table.name)
    pd.testing.assert_frame_equal(conform(table.name, once), once)


def test_a_required_column_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"insolvencies\.filed_on"):
        conform("insolvencies", pd.DataFrame({"customer_id": ["A"], "known_at": [pd.Timestamp("2026-01-01")]}))


def test_a_fact_with_only_a_date_is_known_at_the_midnight_that_ends_its_day() -> None:
    known = end_of_day(pd.Series([pd.Timestamp("2026-02-28")]))
    assert known.tolist() == [pd.Timestamp("2026-03-01")]
    frame = pd.DataFrame({"customer_id": ["A"], "filed_on": [pd.Timestamp("2026-02-28")], "known_at": known})
    ledger = Ledger.of(insolvencies=frame)
    assert ledger.known(pd.Timestamp("2026-02-28 23:59:59"))["insolvencies"].empty
    assert len(ledger.known(pd.Timestamp("2026-03-01"))["insolvencies"]) == 1
