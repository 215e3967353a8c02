"""Notes on decisions: recorded once, chained, and held against the log by its audit."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from receivables.audit import verify
from receivables.decision import GENESIS
from receivables.decision_log import DecisionLog
from receivables.decision_notes import OVERRIDE, DecisionNotes, Note
from receivables.errors import ConflictError
from tests.receivables.test_decision_log import record


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    made = DecisionLog(tmp_path / "decisions.sqlite")
    made.append(record(1))
    return made


def note(log: DecisionLog, number: int) -> Note:
    about = next(iter(log.all()))
    return Note(
        f"n{number}", f"r{number}", OVERRIDE, about.score_id, about.record_sha256, "2026-11-20", {"why": number}
    )


def test_notes_are_chained_in_the_order_in_which_they_came(log: DecisionLog) -> None:
    with DecisionNotes(log.path) as notes:
        first, second = (notes.append(note(log, number)) for number in (1, 2))
        assert (first.previous_sha256, second.previous_sha256) == (GENESIS, first.record_sha256)
        assert notes.of(first.score_id) == [first, second]
        assert notes.append(note(log, 1)) == first
        with pytest.raises(ConflictError):
            notes.append(replace(note(log, 1), content={"why": "another"}))
    assert verify(log).is_intact


def test_reading_a_log_without_notes_writes_nothing(log: DecisionLog) -> None:
    with DecisionNotes(log.path) as notes:
        assert notes.of("any") == []
        assert list(notes.problems()) == []
    with sqlite3.connect(log.path) as file:
        assert file.execute("SELECT 1 FROM sqlite_master WHERE name = 'decision_notes'").fetchone() is None


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE decision_notes SET payload = replace(payload, '\"why\":1', '\"why\":9') WHERE seq = 1",
        "DELETE FROM decision_notes WHERE seq = 1",
        "UPDATE decisions SET record_sha256 = 'x'",
    ],
)
def test_the_audit_finds_what_was_done_to_notes(log: DecisionLog, harm: str) -> None:
    with DecisionNotes(log.path) as notes:
        for number in (1, 2):
            notes.append(note(log, number))
    with sqlite3.connect(log.path) as file:
        file.execute(harm)
    verified = verify(log)
    assert not verified.is_intact
    assert any("note n" in problem for problem in verified.problems)
