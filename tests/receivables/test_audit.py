"""Verification finds whatever was done to the log's file, and checkpoints show what the chain alone cannot."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.main import main
from receivables import checkpoints
from receivables.audit import verify
from receivables.decision_log import DecisionLog
from receivables.errors import UnavailableError
from receivables.signature import SigningKey, TrustedKeys, make_pair, read_key
from tests.receivables.test_decision_log import record

MOMENT = dt.datetime(2026, 11, 20, 9, 14, 5, tzinfo=dt.UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    made = DecisionLog(tmp_path / "decisions.sqlite")
    made.append_all([record(i) for i in range(1, 9)])
    yield made
    made.close()


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    make_pair(tmp_path / "keys")
    return read_key(tmp_path / "keys" / "signing_key.pem")


def trusted(key: SigningKey) -> TrustedKeys:
    return TrustedKeys.of_pem(key.public_pem, "test")


def tamper(log: DecisionLog, *statements: str) -> None:
    with closing(sqlite3.connect(log.path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_an_untouched_log_is_intact(log: DecisionLog) -> None:
    found = verify(log)
    assert (found.records, found.is_intact, found.problems) == (8, True, ())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE decisions SET payload = replace(payload, '0.58', '0.59') WHERE seq = 3", "content does not have its"),
        ("UPDATE decisions SET payload = payload || ' ' WHERE seq = 3", "columns, text or answer"),
        (
            "UPDATE decisions SET response = CAST(replace(CAST(response AS TEXT), 'a', 'b') AS BLOB) WHERE seq = 3",
            "record 3",
        ),
        (
            "UPDATE decisions SET response = CAST(replace(CAST(response AS TEXT), record_sha256, previous_sha256) "
            "AS BLOB) WHERE seq = 3",
            "columns, text or answer",
        ),
        ("UPDATE decisions SET customer_id = 'X' WHERE seq = 3", "columns, text or answer"),
        ("UPDATE decisions SET as_of = '2020' WHERE seq = 3", "columns, text or answer"),
        ("UPDATE decisions SET record_sha256 = replace(record_sha256, 'a', 'b') WHERE seq = 3", "record 3"),
        ("UPDATE decisions SET previous_sha256 = record_sha256 WHERE seq = 3", "does not follow"),
        ("UPDATE decisions SET payload = 'gone' WHERE seq = 3", "cannot be read"),
        ("DELETE FROM decisions WHERE seq = 3", "record 3: is missing"),
        ("DELETE FROM decisions WHERE seq = 1", "record 1: is missing"),
        ("UPDATE decisions SET seq = 30 WHERE seq = 3", "record 3: is missing"),
    ],
)
def test_whatever_is_done_to_a_record_is_found(log: DecisionLog, statement: str, told: str) -> None:
    tamper(log, statement)
    found = verify(log)
    assert not found.is_intact
    assert any(told in problem for problem in found.problems), found.problems


def test_two_records_that_changed_places_are_found(log: DecisionLog) -> None:
    swap = "UPDATE decisions SET seq = {} WHERE seq = {}"
    tamper(log, swap.format(99, 3), swap.format(3, 4), swap.format(4, 99))
    assert not verify(log).is_intact


def test_a_cut_end_shows_only_against_a_checkpoint(log: DecisionLog, key: SigningKey, tmp_path: Path) -> None:
    checkpoints.write(tmp_path / "out", log.head(), MOMENT, key)
    tamper(log, "DELETE FROM decisions WHERE seq > 6")
    points, bad = checkpoints.read(tmp_path / "out", trusted(key))
    assert verify(log).is_intact
    assert not bad
    assert "record 8" in verify(log, points).problems[0]


def test_a_chain_written_anew_shows_only_against_a_checkpoint(
    log: DecisionLog, key: SigningKey, tmp_path: Path
) -> None:
    checkpoints.write(tmp_path / "out", log.head(), MOMENT, key)
    other = DecisionLog(tmp_path / "other.sqlite")
    other.append_all([record(i, amount="9.00") for i in range(1, 9)])
    points, _ = checkpoints.read(tmp_path / "out", trusted(key))
    assert verify(other).is_intact
    assert "record 8 is not the one" in verify(other, points).problems[0]
    other.close()


def test_a_checkpoint_that_was_changed_or_signed_by_a_stranger_is_no_checkpoint(
    log: DecisionLog, key: SigningKey, tmp_path: Path
) -> None:
    path = checkpoints.write(tmp_path / "out", log.head(), MOMENT, key)
    make_pair(tmp_path / "stranger")
    stranger = read_key(tmp_path / "stranger" / "signing_key.pem")
    assert checkpoints.read(tmp_path / "out", trusted(stranger))[0] == []
    path.write_bytes(path.read_bytes().replace(b'"seq":8', b'"seq":7'))
    good, bad = checkpoints.read(tmp_path / "out", trusted(key))
    assert good == []
    assert "not the signature" in bad[0]


def test_a_checkpoint_is_never_overwritten(log: DecisionLog, key: SigningKey, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    checkpoints.write(folder, log.head(), MOMENT, key)
    checkpoints.write(folder, log.head(), MOMENT + dt.timedelta(seconds=1), key)
    assert len(list(folder.glob("*.json"))) == 2
    with pytest.raises(UnavailableError):
        checkpoints.write(tmp_path / "decisions.sqlite", log.head(), MOMENT, key)


def test_the_command_signs_verifies_and_says_what_is_wrong(
    log: DecisionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    assert main(["audit", "checkpoint"]) == 0
    assert main(["audit", "verify"]) == 0
    assert "8 records, 1 checkpoints\nintact" in capsys.readouterr().out
    tamper(log, "DELETE FROM decisions WHERE seq = 8")
    assert main(["audit", "verify"]) == 11
    assert "names record 8, which the log does not hold" in capsys.readouterr().out


def test_the_command_names_a_log_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    assert main(["audit", "verify"]) == 8
    assert "no decision log" in capsys.readouterr().err
