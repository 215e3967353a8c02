"""`otcrisk privacy`: a person gets a copy, is erased, and what the policy does not keep any longer ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import main
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.errors import ErasedError
from receivables.store import open_store
from tests.reports import examples
from tests.reports.html_page import HOSTILE, read

WORDS = ("--by", "d.officer")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DecisionLog]:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    made = DecisionLog(tmp_path / "decisions.sqlite")
    yield made
    made.close()


def person(name: str = "Nora Beispiel") -> DecisionRecord:
    """The contract's decision, about a sole trader."""
    request, response = (examples.read(f"decision_{part}.json") for part in ("request", "response"))
    request["customer"] |= {"legal_form": "NATURAL_PERSON", "name": name}
    response["audit"] |= {"record_sha256": None, "previous_record_sha256": None}
    notice = {"code": "HUMAN_REVIEW", "text": "A person must review the decision."}
    response["compliance"] = {"subject_type": "NATURAL_PERSON", "solely_automated": False, "notices": [notice]}
    made = examples.made_record(request, response)
    return replace(made, record_sha256="", previous_sha256="", recorded_at="2026-11-20T09:14:05.118000Z")


def test_the_copy_for_a_person_says_what_was_decided_by_which_data_and_how_to_object(
    log: DecisionLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = log.append(person(f"Nora {HOSTILE}"))
    assert main(["privacy", "export", record.customer_id, *WORDS, "--json"]) == 0
    data, page = map(Path, json.loads(capsys.readouterr().out)["files"])
    assert json.loads(data.read_text(encoding="utf-8"))["decisions"][0]["request"] == record.request
    text = " ".join(read(page.read_text(encoding="utf-8")).text.split())
    for said in (
        "Hold: order of 49,980.00 EUR",
        "Days late have risen",
        "Reduce the order",
        "Not decided by a machine",
    ):
        assert said in text
    assert HOSTILE in text
    assert "<script" not in page.read_text(encoding="utf-8")
    assert all(file.stat().st_mode & 0o077 == 0 for file in (data, page))


def test_an_erasure_is_done_said_and_seen_by_the_audit(log: DecisionLog, capsys: pytest.CaptureFixture[str]) -> None:
    record = log.append(person())
    assert main(["privacy", "erase", record.customer_id, *WORDS, "--reason", "asked"]) == 0
    assert "1 decisions erased: 1 keys destroyed" in capsys.readouterr().out
    with pytest.raises(ErasedError):
        log.get(record.score_id)
    assert main(["audit", "verify"]) == 0
    assert "1 records (1 erased)" in capsys.readouterr().out
    assert main(["report", "decision", record.score_id]) == 8
    assert "erased" in capsys.readouterr().err


def test_retention_says_what_would_end_before_it_ends_it(log: DecisionLog, capsys: pytest.CaptureFixture[str]) -> None:
    log.append(replace(person(), recorded_at="2016-11-20T09:14:05.118000Z"))
    assert main(["privacy", "retention", *WORDS, "--dry-run"]) == 0
    assert "1 keys would be destroyed" in capsys.readouterr().out
    assert len(list(log.all())) == 1
    assert main(["privacy", "retention", *WORDS]) == 0
    assert list(log.all()) == []


def test_a_customer_without_decisions_is_not_found(log: DecisionLog) -> None:
    assert main(["privacy", "export", "nobody", *WORDS]) == 8
    assert main(["privacy", "erase", "nobody", *WORDS, "--reason", "x"]) == 8


def test_a_copy_may_hold_what_the_ledger_holds_too(
    log: DecisionLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = log.append(person())
    with open_store(str(tmp_path / "ledger.sqlite"), create=True) as store:
        store.load(dict(examples.customer_ledger().frames), source="test", fingerprint="1")
    words = ["--ledger", str(tmp_path / "ledger.sqlite"), "--json"]
    assert main(["privacy", "export", record.customer_id, *WORDS, *words]) == 0
    (data, _) = map(Path, json.loads(capsys.readouterr().out)["files"])
    rows = json.loads(data.read_text(encoding="utf-8"))["ledger"]["invoices"]
    assert len(rows) > 1
    assert {row["customer_id"] for row in rows} == {record.customer_id}
