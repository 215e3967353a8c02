from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.store import open_store
from tests.reports import examples
from tests.reports.html_page import read

ID = "scr_01KADX7T2M8Q1J9V4Z6S3C5B7E"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = str(tmp_path / "ledger.sqlite")
    with open_store(path, create=True) as store:
        store.load(dict(examples.customer_ledger().frames), source="example", fingerprint="1")
    return path


@pytest.fixture
def decision(home: Path) -> DecisionRecord:
    log = DecisionLog(home / "decisions.sqlite")
    stored = log.append(
        examples.made_record(examples.read("decision_request.json"), examples.read("decision_response.json"))
    )
    log.close()
    return stored


def test_a_decision_is_written_under_home_and_the_terminal_says_what_and_where(
    decision: DecisionRecord, home: Path, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "decision", ID, "--ledger", ledger]) == 0
    file = home / "reports" / f"decision-{ID}.html"
    said = capsys.readouterr().out
    assert said.startswith("Hold: order of 49,980.00 EUR from Nordwerk Anlagenbau GmbH\n")
    assert said.endswith(f"report: {file}\n")
    assert "41 settled invoices and 3 open ones" in " ".join(read(file.read_text(encoding="utf-8")).text.split())
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_request_id_finds_its_decision_and_json_is_one_document(
    decision: DecisionRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my report.html"
    assert main(["report", "decision", decision.request_id, "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(out)
    assert document["score_id"] == ID
    assert document["explanations"][0]["value"] == 620
    assert out.exists()


def test_a_portfolio_is_written_as_of_the_last_observed_day_or_the_day_asked_for(
    home: Path, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "portfolio", "--ledger", ledger]) == 0
    assert "1 customer owes 96.4k EUR on 3 invoices" in capsys.readouterr().out
    assert (home / "reports" / "portfolio-2026-11-19.html").exists()
    assert main(["report", "--json", "portfolio", "--ledger", ledger, "--as-of", "2026-06-30"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["as_of"], document["event"]) == ("2026-06-30", None)
    assert document["open_minor"] > 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["decision", "scr_none"], 8, "scr_none"),
        (["decision", ID, "--ledger", "/nowhere/ledger.sqlite"], 8, "/nowhere/ledger.sqlite"),
        (["portfolio", "--ledger", "/nowhere/ledger.sqlite"], 8, "/nowhere/ledger.sqlite"),
        (["portfolio", "--ledger", "LEDGER", "--as-of", "soon"], 3, "YYYY-MM-DD"),
        (["portfolio", "--ledger", "LEDGER", "--champion", "/nowhere"], 6, "/nowhere"),
        (["portfolio", "--ledger", "LEDGER", "--out", "/proc/no.html"], 5, "/proc/no.html"),
    ],
)
def test_what_goes_wrong_is_named_with_its_exit_code(
    decision: DecisionRecord, ledger: str, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *(ledger if word == "LEDGER" else word for word in words)]) == code
    assert said in capsys.readouterr().err


def test_without_a_decision_log_nothing_is_created(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "decision", ID]) == 8
    assert "score an order first" in capsys.readouterr().err
    assert not home.exists()


def test_an_empty_ledger_is_refused(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "empty.sqlite")
    open_store(path, create=True).close()
    assert main(["report", "portfolio", "--ledger", path]) == 3
    assert "no invoices" in capsys.readouterr().err


def test_a_report_that_cannot_be_finished_leaves_the_one_before_untouched(
    decision: DecisionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "report.html"
    assert main(["report", "decision", ID, "--out", str(out)]) == 0
    before = out.read_text(encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(["report", "decision", ID, "--out", str(out)]) == 5
    assert out.read_text(encoding="utf-8") == before
    assert list(out.parent.iterdir()) == [out]
