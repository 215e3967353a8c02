"""Importing files: mapping, parsing, checks, quarantine, repetition."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from receivables.errors import ConfigError, InputError, MappingError
from receivables.generic import generic_reference, reasons_reference
from receivables.importer import ImportConf, Imported, import_path
from receivables.mapping import read_mapping
from receivables.quarantine import harmless, write_quarantine
from receivables.store import LedgerStore, open_store

SAP = ["document_number", "cust_number", "business_code", "posting_date", "baseline_create_date", "due_in_date"]
SAP += ["clear_date", "total_open_amount", "invoice_currency"]
GOOD = ("D1", "007", "U001", "20260105", "20260106", "20260205", "2026-02-10", "100.50", "USD")


def sap(*rows: tuple[str, ...]) -> str:
    return "\n".join([",".join(SAP), *(",".join(row) for row in rows)]) + "\n"


def changed(**values: str) -> tuple[str, ...]:
    return tuple(values.get(name, value) for name, value in zip(SAP, GOOD, strict=True))


@pytest.fixture
def store(sqlite_url: str):
    with open_store(sqlite_url, create=True) as made:
        yield made


def run(
    store: LedgerStore, path: Path, mapping: str = "sap_extract", observed_until: dt.date | None = None
) -> Imported:
    name, read = read_mapping(mapping)
    return import_path(path, read, name, store, ImportConf.read(), observed_until=observed_until)


def run_text(store: LedgerStore, folder: Path, text: str, mapping: str = "sap_extract") -> Imported:
    path = folder / "extract.csv"
    path.write_text(text, encoding="utf-8")
    return run(store, path, mapping)


def reasons(done: Imported) -> list[tuple[int, str, str, str]]:
    return sorted((p.row, p.column, p.value, p.reason) for p in done.problems)


def dump(store: LedgerStore) -> dict[str, list[tuple[object, ...]]]:
    from receivables.tables_sql import METADATA

    with store._engine.connect() as connection:
        return {name: sorted(map(tuple, connection.execute(table.select()))) for name, table in METADATA.tables.items()}


def test_one_row_becomes_invoice_payment_and_allocation(store: LedgerStore, tmp_path: Path) -> None:
    done = run_text(store, tmp_path, sap(GOOD, changed(document_number="D2", clear_date="", business_code="")))
    ledger = store.read()
    invoice = ledger["invoices"].set_index("invoice_id").loc["D1"]
    assert (invoice["customer_id"], invoice["amount_minor"], invoice["net_days"]) == ("007", 10050, 30)
    assert invoice["known_at"] == pd.Timestamp("2026-01-06")
    assert invoice["observed_until"] == pd.Timestamp("2026-02-10")
    assert ledger["payments"]["payment_id"].tolist() == ["PAY-D1"]
    assert ledger["allocations"]["known_at"].tolist() == [pd.Timestamp("2026-02-11")]
    assert ledger["invoices"]["company_code"].isna().tolist() == [False, True]
    assert ledger["customers"]["segment"].isna().all()
    assert (done.quality.rows_read, done.quality.rows_good, done.problems) == (2, 2, ())


@pytest.mark.parametrize(
    ("values", "column", "reason"),
    [
        ({"invoice_currency": "XYZ"}, "invoice_currency", "unknown_currency"),
        ({"invoice_currency": ""}, "invoice_currency", "blank"),
        ({"total_open_amount": "NaN"}, "total_open_amount", "not_decimal"),
        ({"total_open_amount": "-5.00"}, "total_open_amount", "wrong_sign"),
        ({"total_open_amount": "0.00"}, "total_open_amount", "wrong_sign"),
        ({"total_open_amount": "1.005"}, "total_open_amount", "too_many_decimals"),
        ({"total_open_amount": ""}, "total_open_amount", "blank"),
        ({"total_open_amount": "10000000000.01"}, "total_open_amount", "too_large"),
        ({"posting_date": "20260230"}, "posting_date", "bad_date"),
        ({"posting_date": "18991231"}, "posting_date", "bad_date"),
        ({"due_in_date": "22000101"}, "due_in_date", "bad_date"),
        ({"baseline_create_date": "2026-1-5"}, "baseline_create_date", "bad_date"),
        ({"clear_date": "2026-01-04"}, "clear_date", "cleared_before_issue"),
        ({"document_number": ""}, "document_number", "blank"),
        ({"cust_number": "a\x07b"}, "cust_number", "control_character"),
        ({"cust_number": "a\u202eb"}, "cust_number", "control_character"),
        ({"cust_number": "x" * 1001}, "cust_number", "too_long"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_place_while_good_rows_load(
    store: LedgerStore, tmp_path: Path, values: dict[str, str], column: str, reason: str
) -> None:
    bad = changed(**{"document_number": "BAD", "cust_number": "C9"} | values)
    done = run_text(store, tmp_path, sap(GOOD, bad, changed(document_number="D3")))
    assert reasons(done) == [(3, column, dict(zip(SAP, bad, strict=True))[column], reason)]
    assert store.read()["invoices"]["invoice_id"].tolist() == ["D1", "D3"]
    assert store.read()["customers"]["customer_id"].tolist() == ["007"]  # nothing of the row is loaded
    assert (done.quality.quarantined, done.quality.rows_good) == (1, 2)


def test_customers_named_na_and_007_and_inf_stay_text(store: LedgerStore, tmp_path: Path) -> None:
    names = ["NA", "007", "INF", "nan", "null", "1e5", "0.10"]
    run_text(store, tmp_path, sap(*(changed(document_number=n, cust_number=n) for n in names)))
    assert sorted(store.customer_ids()) == sorted(names)


def test_zeros_are_stripped_only_where_the_mapping_says_so(store: LedgerStore, tmp_path: Path) -> None:
    text = (Path("conf") / "mappings" / "sap_extract.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(
        text.replace('source = "cust_number"', 'source = "cust_number", strip_zeros = true'), encoding="utf-8"
    )
    run_text(store, tmp_path, sap(GOOD, changed(document_number="D2", cust_number="000")), str(own))
    assert store.customer_ids() == ["0", "7"]


def test_due_before_issue_follows_the_mapping(store: LedgerStore, tmp_path: Path) -> None:
    early = changed(document_number="D2", due_in_date="20260104")
    done = run_text(store, tmp_path, sap(GOOD, early))
    assert [(f.check, f.rows) for f in done.quality.findings] == [("due_before_issue", 1)]
    text = (Path("conf") / "mappings" / "sap_extract.toml").read_text(encoding="utf-8")
    strict = tmp_path / "strict.toml"
    strict.write_text(text.replace('due_before_issue = "warn"', 'due_before_issue = "quarantine"'), encoding="utf-8")
    done = run_text(store, tmp_path, sap(GOOD, early), str(strict))
    assert reasons(done) == [(3, "due_in_date", "20260104", "due_before_issue")]


def test_repeated_rows_are_counted_and_contradicting_ones_quarantined(store: LedgerStore, tmp_path: Path) -> None:
    done = run_text(store, tmp_path, sap(GOOD, GOOD, changed(total_open_amount="9.99"), changed(clear_date="")))
    assert done.quality.duplicates == 2  # the open row repeats the invoice and adds nothing
    assert reasons(done) == [(4, "document_number", "D1", "duplicate_key")]
    assert store.read()["invoices"]["amount_minor"].tolist() == [10050]


def test_importing_twice_changes_nothing(ledger_url: str, tmp_path: Path) -> None:
    text = sap(GOOD, changed(document_number="D2", clear_date=""), changed(document_number="D3", invoice_currency="?"))
    with open_store(ledger_url, create=True) as store:
        run_text(store, tmp_path, text)
        before = dump(store)
        again = run_text(store, tmp_path, text)
        assert dump(store) == before
        assert again.quality.batch is None
        assert [table.unchanged for table in again.quality.tables] == [1, 2, 1, 1]


def test_a_later_extract_brings_the_payment_and_extends_the_observation(store: LedgerStore, tmp_path: Path) -> None:
    run_text(store, tmp_path, sap(changed(clear_date="")))
    done = run_text(store, tmp_path, sap(GOOD))
    assert {t.table: (t.inserted, t.updated) for t in done.quality.tables} == {
        "customers": (0, 0),
        "invoices": (0, 1),
        "payments": (1, 0),
        "allocations": (1, 0),
    }


def test_a_row_that_contradicts_the_ledger_is_quarantined_whole(store: LedgerStore, tmp_path: Path) -> None:
    run_text(store, tmp_path, sap(changed(clear_date="")))
    done = run_text(store, tmp_path, sap(changed(total_open_amount="99.00")))
    assert [(p.row, p.reason) for p in done.problems] == [(2, "conflict")]
    assert "'10050' there, '9900' here" in done.problems[0].expected
    assert store.read()["payments"].empty


def test_the_observed_day_can_be_given_and_later_facts_are_found(store: LedgerStore, tmp_path: Path) -> None:
    path = tmp_path / "extract.csv"
    path.write_text(sap(GOOD), encoding="utf-8")
    done = run(store, path, observed_until=dt.date(2026, 2, 1))
    assert store.read()["invoices"]["observed_until"].tolist() == [pd.Timestamp("2026-02-01")]
    assert {f.check for f in done.quality.findings} == {"after_observation"}


def test_a_lonely_late_day_is_suspected_to_be_a_typing_error(store: LedgerStore, tmp_path: Path) -> None:
    done = run_text(store, tmp_path, sap(GOOD, changed(document_number="D2", clear_date="2062-02-10")))
    assert any("lie 13149 days after all others" in warning for warning in done.quality.warnings)


def test_line_numbers_count_what_the_file_shows(store: LedgerStore, tmp_path: Path) -> None:
    multi = changed(document_number="D2", business_code='"two\nlines"')
    bad = changed(document_number="D4", invoice_currency="?")
    done = run_text(store, tmp_path, sap(GOOD, ("",), multi, ("short", "row"), bad))
    assert [(p.row, p.reason) for p in done.problems] == [
        (6, "wrong_field_count"),
        (4, "control_character"),
        (7, "unknown_currency"),
    ]
    assert done.quality.rows_read == 4  # the empty line is no row


@pytest.mark.parametrize(
    ("encoding", "declared"), [("utf-8-sig", "utf-8"), ("cp1252", "cp1252"), ("latin-1", "latin-1")]
)
def test_files_are_read_in_the_encoding_that_the_mapping_names(
    store: LedgerStore, tmp_path: Path, encoding: str, declared: str
) -> None:
    text = (Path("conf") / "mappings" / "sap_extract.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(f'encoding = "{declared}"\ndelimiter = ";"\n{text}', encoding="utf-8")
    path = tmp_path / "extract.csv"
    path.write_text(sap(changed(cust_number="Müller")).replace(",", ";"), encoding=encoding)
    assert run(store, path, str(own)).problems == ()
    assert store.customer_ids() == ["Müller"]


def test_a_parquet_file_loads_like_the_same_csv(store: LedgerStore, tmp_path: Path, sqlite_url: str) -> None:
    day, paid = dt.date(2026, 1, 5), dt.date(2026, 2, 10)
    columns = {
        "document_number": pa.array([1, 2, 3]),
        "cust_number": pa.array(["NA", "007", "INF"]),
        "business_code": pa.array(["U1", None, "U1"]),
        "posting_date": pa.array([day] * 3),
        "baseline_create_date": pa.array([dt.datetime(2026, 1, 5)] * 3, pa.timestamp("ns")),  # noqa: DTZ001
        "due_in_date": pa.array(["20260205"] * 3),
        "clear_date": pa.array([paid, None, None]),
        "total_open_amount": pa.array([0.1, 12345678.91, float("nan")]),
        "invoice_currency": pa.array(["USD"] * 3).dictionary_encode(),
    }
    path = tmp_path / "extract.parquet"
    pq.write_table(pa.table(columns), path)
    done = run(store, path)
    assert reasons(done) == [(3, "total_open_amount", "nan", "not_decimal")]
    invoices = store.read()["invoices"]
    assert invoices["amount_minor"].tolist() == [10, 1234567891]
    assert invoices["customer_id"].tolist() == ["NA", "007"]
    pq.write_table(pa.table(columns | {"total_open_amount": pa.array([Decimal("0.10")] * 3)}), path)
    assert run(store, path).quality.rows_good == 2  # the second contradicts what is stored


CANONICAL = {
    "customers": "customer_id,known_at,segment,country\nC1,2026-01-01T00:30:00+02:00,S1,DE\n",
    "invoices": "invoice_id,customer_id,amount,currency,issued_on,due_on\nI1,C1,100.00,EUR,2026-01-05,2026-02-04\n",
    "payments": "payment_id,customer_id,amount,currency,paid_on,known_at\n"
    "P1,C1,60.00,EUR,2026-02-10,2026-02-12T08:00:00Z\nP2,C1,-60.00,EUR,2026-02-20,\n",
    "allocations": "payment_id,invoice_id,amount,currency,cleared_on\nP1,I1,60.00,EUR,2026-02-10\n",
    "exchange_rates": "currency,base_currency,rate_on,rate\nUSD,EUR,2026-01-01,0.91\n",
}


def write_canonical(folder: Path, **changes: str) -> Path:
    made = folder / "canonical"
    made.mkdir()
    for name, text in (CANONICAL | changes).items():
        (made / f"{name}.csv").write_text(text, encoding="utf-8")
    return made


def test_a_folder_of_canonical_files_fills_the_ledger(ledger_url: str, tmp_path: Path) -> None:
    folder = write_canonical(tmp_path)
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    with open_store(ledger_url, create=True) as store:
        done = run(store, folder, "generic")
        assert done.problems == ()
        ledger = store.read()
        assert any("notes.txt" in warning for warning in done.quality.warnings)
    assert ledger["customers"]["known_at"].tolist() == [pd.Timestamp("2025-12-31 22:30:00")]
    assert ledger["invoices"]["net_days"].tolist() == [30]
    assert ledger["allocations"]["line"].tolist() == [1]
    assert ledger["payments"]["amount_minor"].tolist() == [6000, -6000]
    assert ledger["payments"]["known_at"].tolist() == [pd.Timestamp("2026-02-12 08:00"), pd.Timestamp("2026-02-21")]
    assert ledger["invoices"]["observed_until"].tolist() == [pd.Timestamp("2026-02-20")]


@pytest.mark.parametrize(
    ("table", "row", "column", "reason"),
    [
        ("invoices", "I2,C9,5.00,EUR,2026-01-05,2026-02-04", "customer_id", "unknown_reference"),
        ("invoices", "I2,C1,5.00,EUR,2026-01-05,2026-01-04", "due_on", "due_before_issue"),
        ("allocations", "P1,I9,5.00,EUR,2026-02-10", "invoice_id", "unknown_reference"),
        ("allocations", "P9,I1,5.00,EUR,2026-02-10", "payment_id", "unknown_reference"),
        ("allocations", "P2,I1,5.00,USD,2026-02-10", "currency", "other_currency"),
        ("allocations", "P2,I1,5.00,EUR,2026-01-04", "cleared_on", "cleared_before_issue"),
        ("payments", "P3,C1,0,EUR,2026-02-10,", "amount", "wrong_sign"),
        ("payments", "P3,C1,1,EUR,2026-02-10,2026-02-10 08:00", "known_at", "bad_moment"),
        ("payments", "P3,C1,1,EUR,2026-02-10,2026-13-10T08:00:00Z", "known_at", "bad_moment"),
        ("customers", "C2,2026-01-01T00:00:00Z,,Germany", "country", "bad_country"),
        ("exchange_rates", "GBP,EUR,2026-01-01,0.00", "rate", "bad_rate"),
    ],
)
def test_a_bad_canonical_row_is_quarantined(
    store: LedgerStore, tmp_path: Path, table: str, row: str, column: str, reason: str
) -> None:
    folder = write_canonical(tmp_path, **{table: CANONICAL[table] + row + "\n"})
    done = run(store, folder, "generic")
    line = (CANONICAL[table] + row).count("\n") + 1
    assert [(p.file, p.row, p.column, p.reason) for p in done.problems] == [(f"{table}.csv", line, column, reason)]


@pytest.mark.parametrize(
    ("table", "header", "row"),
    [
        (
            "credit_notes",
            "credit_note_id,customer_id,invoice_id,amount,currency,credited_on",
            "N1,C2,I1,5.00,EUR,2026-02-10",
        ),
        ("dunnings", "dunning_id,customer_id,invoice_id,level,dunned_on", "D1,C2,I1,1,2026-02-10"),
    ],
)
def test_a_row_of_another_customer_than_its_invoice_is_quarantined(
    store: LedgerStore, tmp_path: Path, table: str, header: str, row: str
) -> None:
    customers = CANONICAL["customers"] + "C2,2026-01-01T00:30:00+02:00,S1,DE\n"
    own, general = row.replace("1,C2", "2,C1"), row.replace("1,C2,I1", "3,C2,")
    text = "\n".join((header, row, own, general, ""))
    done = run(store, write_canonical(tmp_path, customers=customers, **{table: text}), "generic")
    assert [(p.file, p.row, p.column, p.reason) for p in done.problems] == [
        (f"{table}.csv", 2, "customer_id", "other_customer")
    ]
    assert store.read()[table]["customer_id"].tolist() == ["C1", "C2"]


def test_what_belongs_to_a_quarantined_invoice_is_quarantined_too(store: LedgerStore, tmp_path: Path) -> None:
    folder = write_canonical(tmp_path, invoices=CANONICAL["invoices"].replace("EUR", "???"))
    done = run(store, folder, "generic")
    assert {(p.file, p.reason) for p in done.problems} == {
        ("invoices.csv", "unknown_currency"),
        ("allocations.csv", "unknown_reference"),
    }


def test_a_single_table_may_refer_to_what_the_ledger_holds(store: LedgerStore, tmp_path: Path) -> None:
    run(store, write_canonical(tmp_path), "generic")
    later = tmp_path / "allocations.csv"
    header = "payment_id,invoice_id,line,amount,currency,cleared_on\n"
    later.write_text(header + "P2,I1,1,41.00,EUR,2026-02-10\nP2,I1,2,1.00,USD,2026-02-10\n", encoding="utf-8")
    done = run(store, later, "generic")
    assert [(p.row, p.reason) for p in done.problems] == [(3, "other_currency")]
    assert len(store.read()["allocations"]) == 2


def test_more_cleared_than_invoiced_is_found_and_loaded(store: LedgerStore, tmp_path: Path) -> None:
    more = CANONICAL["allocations"] + "P2,I1,41.00,EUR,2026-02-10\n"
    done = run(store, write_canonical(tmp_path, allocations=more), "generic")
    assert [(f.check, f.rows) for f in done.quality.findings] == [("over_allocated", 2)]
    assert done.quality.balances[0].difference_minor == -100
    assert len(store.read()["allocations"]) == 2


def test_files_that_are_no_table_are_named_with_the_nearest_table(store: LedgerStore, tmp_path: Path) -> None:
    folder = write_canonical(tmp_path)
    (folder / "invoice.csv").write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(MappingError, match="did you mean invoices"):
        run(store, folder, "generic")
    assert store.sequence() == 0


def test_every_missing_column_is_listed_with_the_nearest_that_was_found(store: LedgerStore, tmp_path: Path) -> None:
    text = sap(GOOD).replace("due_in_date", "due_date").replace("cust_number", "kunnr")
    with pytest.raises(MappingError) as caught:
        run_text(store, tmp_path, text)
    assert "'cust_number'" in str(caught.value)
    assert "'due_in_date'; did you mean due_date?" in str(caught.value)


def test_every_mistake_of_a_mapping_is_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        """meaning = "x"
colour = "red"
delimiter = ";;"
[checks]
due_before_issue = "ignore"
[tables.invoice.columns]
[tables.insolvencies.columns]
customer = { source = "a" }
filed_on = { source = "a", formats = ["%Y-%j"], constant = "x", observed = true }
""",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="unknown key 'colour'"):
        read_mapping(str(path))
    path.write_text(path.read_text(encoding="utf-8").replace('colour = "red"\n', ""), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_mapping(str(path))
    for words in ("delimiter", "checks.due_before_issue", "did you mean invoices", "did you mean customer_id",
                  "known_at: required", "formats", "at most one of"):  # fmt: skip
        assert words in str(caught.value)


def test_an_unknown_mapping_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"known are generic, ibm_sample, sap_extract; did you mean sap_extract\?"):
        read_mapping("sap_extrat")


def test_a_missing_file_is_an_error(store: LedgerStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run(store, tmp_path / "nowhere.csv")


def test_quarantine_cells_cannot_run_as_formulas(store: LedgerStore, tmp_path: Path) -> None:
    evil = ["=1+1", "+1", "-1", "@x"]
    rows = [changed(document_number=f"D{i}", invoice_currency=cell) for i, cell in enumerate(evil)]
    done = run_text(store, tmp_path, sap(*rows, ("=broken", "row")))
    path = tmp_path / "quarantine.csv"
    write_quarantine(path, done.problems)
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
    assert {f"'{cell}" for cell in evil} <= set(cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert harmless("\tx") == "'\tx"


def test_the_documentation_lists_the_tables_and_reasons_that_the_code_has() -> None:
    page = Path("docs/import.md").read_text(encoding="utf-8")
    assert generic_reference().strip() in page
    assert reasons_reference() in page
