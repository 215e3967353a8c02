"""The decision log in PostgreSQL: once each, resumable, verified like the log, never in the way of a decision."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from cli.main import main
from receivables.control_log import ControlLog
from receivables.decision_log import DecisionLog
from receivables.decision_notes import DecisionNotes
from receivables.errors import ConflictError, InputError, OtcRiskError, UnavailableError
from receivables.journal import Journal
from receivables.privacy import erase
from receivables.shipper import NODE, SHIP_TO, Shipper, node_of
from receivables.shipping import CONFLICT, nodes, ship
from tests.receivables.test_decision_log import record
from tests.receivables.test_decision_notes import note
from tests.receivables.test_privacy import person

NOW = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    made = DecisionLog(tmp_path / "decisions.sqlite")
    yield made
    made.close()


def filled(log: DecisionLog, first: int, last: int) -> None:
    log.append_all([replace(record(1, request_id=f"r{i}"), score_id=f"s{i}") for i in range(first, last + 1)])


def shipped(url: str) -> list[tuple[str, int, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT node, seq, score_id FROM shipped_decisions ORDER BY node, seq").fetchall()  # type: ignore[return-value]


def test_every_row_is_copied_once_and_a_second_pass_goes_on_where_the_first_ended(
    log: DecisionLog, postgres_url: str
) -> None:
    filled(log, 1, 25)
    with DecisionNotes(log.path) as notes:
        notes.append(note(log, 1))
    first = ship(log.path, postgres_url, "a", now=NOW, batch=10)
    assert first.rows == {"decisions": 25, "decision_notes": 1, "control_acts": 0}
    filled(log, 26, 30)
    assert ship(log.path, postgres_url, "a", now=NOW).rows["decisions"] == 5
    assert ship(log.path, postgres_url, "a", now=NOW).rows["decisions"] == 0
    assert [seq for _, seq, _ in shipped(postgres_url)] == list(range(1, 31))
    assert nodes(postgres_url) == [("a", 30)]


def test_the_copy_is_verified_like_the_log_and_tampering_with_it_is_found(
    log: DecisionLog, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(log.path.parent))
    monkeypatch.setenv(SHIP_TO, postgres_url)
    monkeypatch.setenv(NODE, "a")
    filled(log, 1, 5)
    log.append_all([person(6), person(7, customer="P2")])
    erase(log, "P1", actor="a", reason="asked", now=NOW)
    assert main(["ship"]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", "--shipped", "a", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["records"], told["erased"], told["intact"]) == (7, 1, True)
    with psycopg.connect(postgres_url) as connection:
        assert b"Zitronenfalter" not in b"".join(
            bytes(payload, "utf-8") for (payload,) in connection.execute("SELECT payload FROM shipped_decisions")
        )
        connection.execute("UPDATE shipped_decisions SET payload = replace(payload, '0.58', '0.59') WHERE seq = 3")
    assert main(["audit", "verify", "--shipped", "a", "--json"]) == 11
    assert main(["audit", "verify", "--shipped", "b", "--json"]) == 8


def test_without_the_keys_of_persons_the_copy_is_verified_unopened(
    log: DecisionLog, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    log.append(person(1))
    ship(log.path, postgres_url, "a", now=NOW)
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv(SHIP_TO, postgres_url)
    assert main(["audit", "verify", "--shipped", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sealed"] == 1


def test_two_nodes_that_answered_one_request_are_a_recorded_conflict_that_the_first_wins(
    log: DecisionLog, postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    other = DecisionLog(tmp_path / "b" / "decisions.sqlite")
    filled(log, 1, 3)
    other.append_all([replace(record(1, request_id="r2"), score_id="t2"), replace(record(4), score_id="t4")])
    assert ship(log.path, postgres_url, "a", now=NOW).conflicts == 0
    assert ship(other.path, postgres_url, "b", now=NOW).conflicts == 1
    ship(other.path, postgres_url, "b", now=NOW)
    with psycopg.connect(postgres_url) as connection:
        first = dict(connection.execute("SELECT request_id, node FROM shipped_requests").fetchall())
        found = connection.execute("SELECT request_id, node, first_node FROM shipped_conflicts").fetchall()
    assert (first["r2"], found) == ("a", [("r2", "b", "a")])
    with ControlLog(other.path) as acts:
        assert [(act.kind, act.subject, act.content["first_node"]) for act in acts.all()] == [(CONFLICT, "t2", "a")]
    assert [score for node, _, score in shipped(postgres_url) if node == "b"] == ["t2", "t4"]  # kept, to be explained
    other.close()


def test_a_log_that_was_written_anew_is_not_shipped_over_the_old_one(
    log: DecisionLog, postgres_url: str, tmp_path: Path
) -> None:
    filled(log, 1, 3)
    ship(log.path, postgres_url, "a", now=NOW)
    (tmp_path / "b").mkdir()
    anew = DecisionLog(tmp_path / "b" / "decisions.sqlite")
    filled(anew, 10, 14)
    with pytest.raises(ConflictError, match="written anew"):
        ship(anew.path, postgres_url, "a", now=NOW)
    assert len(shipped(postgres_url)) == 3
    anew.close()


def until(happened: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The server's process for the first connection, stopped as soon as it is connected to."""
    stopped: list[int] = []
    connect = psycopg.connect

    def freezing(*words: Any, **more: Any) -> psycopg.Connection[Any]:
        made = connect(*words, **more)
        if not stopped:
            stopped.append(made.info.backend_pid)
            os.kill(made.info.backend_pid, signal.SIGSTOP)
        return made

    monkeypatch.setattr("receivables.shipping.psycopg", SimpleNamespace(connect=freezing, Error=psycopg.Error))
    yield stopped
    for process in stopped:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def test_a_frozen_database_holds_up_no_decision_and_loses_none(
    log: DecisionLog, postgres_url: str, frozen: list[int]
) -> None:
    journal, shipper = Journal(log), Shipper(log.path, postgres_url, every=0.05)
    until(lambda: frozen)
    waited = []
    for i in range(100):
        begun = time.monotonic()
        journal.append(replace(record(1, request_id=f"r{i}"), score_id=f"s{i}"))
        waited.append(time.monotonic() - begun)
    assert count_shipped(postgres_url) == 0  # it hangs, and nobody waited
    assert sorted(waited)[98] < 1.0
    os.kill(frozen[0], signal.SIGCONT)
    until(lambda: count_shipped(postgres_url) == 100)
    shipper.close(10.0)
    journal.close()


def test_connections_that_are_killed_lose_nothing_and_repeat_nothing(log: DecisionLog, postgres_url: str) -> None:
    journal, shipper = Journal(log), Shipper(log.path, postgres_url, every=0.01)
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for i in range(100):
            journal.append(replace(record(1, request_id=f"r{i}"), score_id=f"s{i}"))
            if i % 10 == 0:
                admin.execute(others)
        until(lambda: count_shipped(postgres_url) == 100)
    shipper.close(10.0)
    journal.close()
    assert [seq for _, seq, _ in shipped(postgres_url)] == list(range(1, 101))


def count_shipped(url: str) -> int:
    try:
        return len(shipped(url))
    except psycopg.Error:
        return 0


def test_what_goes_wrong_is_said_without_the_address_and_its_password(log: DecisionLog) -> None:
    filled(log, 1, 1)
    with pytest.raises(UnavailableError) as caught:
        ship(log.path, "postgresql://u:s3cret@127.0.0.1:1/none", "a", now=NOW)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(InputError):
        ship(log.path, "postgresql://127.0.0.1:1/none", "no node!", now=NOW)


def test_a_shipper_that_hangs_is_left_behind_when_the_service_ends(log: DecisionLog) -> None:
    released, hangs = threading.Event(), threading.Event()

    def hanging(*args: object, **options: object) -> object:
        hangs.set()
        released.wait(30)
        raise OtcRiskError

    shipper = Shipper(log.path, "postgresql://none", every=0.01, once=hanging)  # type: ignore[arg-type]
    assert hangs.wait(30)
    begun = time.monotonic()
    shipper.close(0.2)
    assert time.monotonic() - begun < 5.0
    released.set()


def test_a_node_keeps_the_name_that_was_made_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NODE, raising=False)
    assert node_of(tmp_path) == node_of(tmp_path)
    monkeypatch.setenv(NODE, "berlin-1")
    assert node_of(tmp_path) == "berlin-1"
