"""The service's own checkpoints: signed now and then and at the end, only when there is something new."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from receivables import checkpoints
from receivables.audit import verify
from receivables.decision_log import DecisionLog
from receivables.signature import SIGNING, SIGNING_FILE, make_pair, trusted_keys
from serving.checkpointing import Checkpointing
from tests.proof.journal_proofs import record


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "decisions.sqlite")


def test_what_was_decided_is_signed_when_the_service_stops(log: DecisionLog, tmp_path: Path) -> None:
    writing = Checkpointing(log, place=tmp_path / "points")
    log.append(record(1))
    writing.close()
    points, bad = checkpoints.read(tmp_path / "points", trusted_keys())
    assert bad == []
    assert [(point.seq, point.record_sha256) for point in points] == [log.head()]
    assert verify(log, points).is_intact
    log.close()


def test_nothing_new_is_not_signed_again(log: DecisionLog, tmp_path: Path) -> None:
    log.append(record(1))
    writing = Checkpointing(log, place=tmp_path / "points", every=0.01)
    time.sleep(0.1)
    writing.close()
    assert not (tmp_path / "points").exists()
    log.close()


def test_it_signs_while_the_service_runs(log: DecisionLog, tmp_path: Path) -> None:
    writing = Checkpointing(log, place=tmp_path / "points", every=0.01)
    log.append(record(1))
    until = time.monotonic() + 10
    while not list((tmp_path / "points").glob("*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(list((tmp_path / "points").glob("*.json"))) == 1
    writing.close()
    log.close()


def test_a_place_that_cannot_be_written_stops_nothing(
    log: DecisionLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "points").write_text("a file", encoding="ascii")
    writing = Checkpointing(log, place=tmp_path / "points")
    log.append(record(1))
    writing.close()
    assert "no checkpoint" in caplog.text
    log.close()


def test_without_a_key_that_is_trusted_nothing_is_signed_and_none_is_made(
    log: DecisionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pair(tmp_path / "stranger")
    for path in (tmp_path / "nowhere.pem", tmp_path / "stranger" / SIGNING_FILE):
        monkeypatch.setenv(SIGNING, str(path))
        writing = Checkpointing(log, place=tmp_path / "points")
        log.append(record(1))
        writing.close()
    assert not (tmp_path / "points").exists()
    assert not (tmp_path / "nowhere.pem").exists()
    log.close()
