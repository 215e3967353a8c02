"""`otcrisk import` from the command line: exit codes, files, output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import QUARANTINED, main
from receivables.store import open_store

HEADER = "document_number,cust_number,business_code,posting_date,baseline_create_date,due_in_date,clear_date"
HEADER += ",total_open_amount,invoice_currency"
GOOD = "D1,007,U1,20260105,20260105,20260204,2026-02-10,100.00,USD"
BAD = "D2,NA,U1,20260105,20260105,20260204,,=1+1,USD"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def write(folder: Path, *rows: str) -> str:
    path = folder / "extract.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return str(path)


def run(file: str, ledger: str, *more: str) -> int:
    return main(["import", file, "--mapping", "sap_extract", "--ledger", ledger, *more])


def test_a_clean_import_ends_with_zero_and_says_where_its_reports_are(
    home: Path, tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write(tmp_path, GOOD), sqlite_url) == 0
    out = capsys.readouterr().out
    assert "1 rows read, 1 good, 0 repeated, 0 quarantined; loaded as batch 1" in out
    reports = sorted((home / "reports").iterdir())
    assert [path.suffix for path in reports] == [".html", ".json", ".txt"]
    assert all(str(path) in out for path in reports)
    assert not (home / "quarantine").exists()


def test_bad_rows_end_with_the_quarantine_code_and_its_file(
    home: Path, tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, GOOD, BAD)
    assert run(file, sqlite_url, "--json") == QUARANTINED == 9
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == {"read": 2, "good": 1, "duplicates": 0, "quarantined": 1}
    text = Path(document["files"]["quarantine"]).read_text(encoding="utf-8")
    assert '"extract.csv","3","total_open_amount","\'=1+1","not_decimal"' in text
    with open_store(sqlite_url) as store:
        assert store.read()["invoices"]["invoice_id"].tolist() == ["D1"]


def test_a_second_import_changes_nothing_and_says_so(
    home: Path, tmp_path: Path, ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, GOOD)
    assert run(file, ledger_url) == 0
    assert run(file, ledger_url) == 0
    assert "nothing changed" in capsys.readouterr().out
    with open_store(ledger_url) as store:
        assert store.sequence() == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.csv", "--mapping", "sap_extract", "--ledger", "L"], 3, "no such file"),
        (["FILE", "--mapping", "sap_extrat", "--ledger", "L"], 4, "did you mean sap_extract"),
        (["FILE", "--mapping", "ibm_sample", "--ledger", "L"], 3, "missing column"),
        (["FILE", "--mapping", "sap_extract", "--ledger", "postgresql://a:pw@127.0.0.1:1/x"], 5, "cannot be reached"),
        (["FILE", "--mapping", "sap_extract", "--ledger", "L", "--observed-until", "soon"], 3, "YYYY-MM-DD"),
    ],
)
def test_each_kind_of_failure_has_its_exit_code_and_says_what_to_do(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    given = {"FILE": write(tmp_path, GOOD), "L": str(tmp_path / "ledger.sqlite")}
    assert main(["import", *(given.get(word, word) for word in arguments)]) == code
    error = capsys.readouterr().err
    assert words in error
    assert "pw@" not in error
    assert not (home / "reports").exists()


def test_a_stale_quarantine_file_of_the_same_extract_is_removed(home: Path, tmp_path: Path, sqlite_url: str) -> None:
    late = GOOD.replace("20260204", "20260104")
    strict = tmp_path / "strict.toml"
    text = (Path("conf") / "mappings" / "sap_extract.toml").read_text(encoding="utf-8")
    strict.write_text(text.replace('due_before_issue = "warn"', 'due_before_issue = "quarantine"'), encoding="utf-8")
    file = write(tmp_path, late)
    assert main(["import", file, "--mapping", str(strict), "--ledger", sqlite_url]) == 9
    assert len(list((home / "quarantine").iterdir())) == 1
    assert run(file, sqlite_url) == 0
    assert list((home / "quarantine").iterdir()) == []
