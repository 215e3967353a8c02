"""The real extract and the IBM sample, held against sums made without our code."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from receivables.importer import ImportConf, Imported, import_path
from receivables.ledger import Ledger
from receivables.mapping import read_mapping
from receivables.money import exponent
from receivables.store import open_store


def imported(path: Path, mapping: str, url: str) -> tuple[Imported, Ledger]:
    name, read = read_mapping(mapping)
    with open_store(url, create=True) as store:
        done = import_path(path, read, name, store, ImportConf.read())
        return done, store.read()


def totals(frame: pd.DataFrame) -> dict[str, Decimal]:
    sums = frame.groupby("currency")["amount_minor"].sum().to_dict()
    return {code: Decimal(int(minor)).scaleb(-exponent(code)) for code, minor in sums.items()}


def test_every_row_of_the_extract_is_loaded_to_the_cent(extract_path: Path, ledger_url: str) -> None:
    issued: defaultdict[str, Decimal] = defaultdict(Decimal)
    cleared: defaultdict[str, Decimal] = defaultdict(Decimal)
    with extract_path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        issued[row["invoice_currency"]] += Decimal(row["total_open_amount"])
        if row["clear_date"]:
            cleared[row["invoice_currency"]] += Decimal(row["total_open_amount"])
    done, ledger = imported(extract_path, "sap_extract", ledger_url)
    assert len(rows) == 17_727 == len(ledger["invoices"])
    assert len(ledger["payments"]) == len(ledger["allocations"]) == 15_827
    assert len(ledger["customers"]) == 808
    assert totals(ledger["invoices"]) == issued
    assert totals(ledger["payments"]) == totals(ledger["allocations"]) == cleared
    assert set(ledger["invoices"]["observed_until"]) == {pd.Timestamp("2019-06-30")}
    quality = done.quality
    assert (quality.rows_good, quality.quarantined, quality.duplicates) == (17_727, 0, 0)
    assert [(f.check, f.rows) for f in quality.findings] == [("due_before_issue", 65)]
    assert {b.currency: b.invoices for b in quality.balances} == {"USD": 16_296, "CAD": 1_431}
    assert all(b.difference_minor == 0 for b in quality.balances)


def test_every_field_of_the_extract_is_where_it_belongs(extract_path: Path, sqlite_url: str) -> None:
    _, ledger = imported(extract_path, "sap_extract", sqlite_url)
    invoices = ledger["invoices"].set_index("invoice_id")
    paid = ledger["allocations"].set_index("invoice_id")["cleared_on"]
    with extract_path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[::7]:
        invoice = invoices.loc[row["document_number"]]
        baseline, due = pd.Timestamp(row["baseline_create_date"]), pd.Timestamp(row["due_in_date"])
        assert invoice["customer_id"] == row["cust_number"]
        assert (invoice["issued_on"], invoice["due_on"]) == (pd.Timestamp(row["posting_date"]), due)
        assert invoice["net_days"] == (due - baseline).days
        assert (row["document_number"] in paid.index) is bool(row["clear_date"])
        if row["clear_date"]:
            assert paid[row["document_number"]] == pd.Timestamp(row["clear_date"])


def test_the_ibm_sample_knows_no_dispute_before_its_settlement(sample_path: Path, sqlite_url: str) -> None:
    done, ledger = imported(sample_path, "ibm_sample", sqlite_url)
    assert (done.quality.rows_good, done.quality.quarantined) == (2_466, 0)
    assert (len(ledger["customers"]), len(ledger["disputes"])) == (100, 561)
    assert set(ledger["invoices"]["currency"]) == {"USD"}
    assert ledger["customers"]["country"].isna().all()
    settled = ledger["allocations"].set_index("invoice_id")["cleared_on"]
    disputes = ledger["disputes"]
    assert (disputes["known_at"].to_numpy() > settled[disputes["invoice_id"]].to_numpy()).all()
    with pytest.raises(KeyError):
        settled["no such invoice"]
