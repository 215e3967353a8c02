"""The decision log: durable, chained, one answer per request, whoever asks at the same time."""

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from receivables.decision import GENESIS, DecisionRecord, canonical, fingerprint, wire
from receivables.decision_log import DecisionLog
from receivables.errors import ConflictError, NotFoundError, UnavailableError


def record(number: int = 1, *, request_id: str | None = None, amount: str = "1.00") -> DecisionRecord:
    request = {"request_id": request_id or f"r{number}", "amount": amount}
    return DecisionRecord(
        score_id=f"scr_{number}",
        request_id=request["request_id"],
        idempotency_key=request["request_id"],
        customer_id="007",
        as_of=f"2026-11-{10 + number:02d}T09:14:05.000000Z",
        recorded_at="2026-11-20T09:14:05.118000Z",
        input_sha256=fingerprint(request),
        request=request,
        response={
            "score_id": f"scr_{number}",
            "audit": {"audit_id": "a", "record_sha256": None, "previous_record_sha256": None},
        },
        features={"late_over_0_rate": 0.1 + 0.2, "wadl_90d": None},
        contributions={"late": {"reference": -0.42, "total": 0.16, "values": {"late_over_0_rate": 0.58}}},
        versions={"policy": "credit-policy@2026.1"},
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    made = DecisionLog(tmp_path / "decisions.sqlite")
    yield made
    made.close()


def test_what_was_appended_is_read_back_exactly_also_by_another_process(log: DecisionLog) -> None:
    stored = log.append(record())
    other = DecisionLog(log.path)
    assert other.get("scr_1") == stored == log.by_request("r1")
    assert other.get("scr_1").features["late_over_0_rate"] == 0.30000000000000004
    other.close()


def test_each_record_names_the_hash_of_the_one_before_in_itself_and_in_the_response(log: DecisionLog) -> None:
    first, second = log.append(record(1)), log.append(record(2))
    assert first.previous_sha256 == GENESIS
    assert second.previous_sha256 == first.record_sha256 == second.response["audit"]["previous_record_sha256"]
    assert second.response["audit"]["record_sha256"] == second.record_sha256 == second.digest()


@pytest.mark.parametrize(
    "field", ["customer_id", "as_of", "request", "response", "features", "contributions", "versions"]
)
def test_a_record_that_was_changed_in_any_field_does_not_have_its_hash_any_more(log: DecisionLog, field: str) -> None:
    stored = log.append(record())
    value = getattr(stored, field)
    changed = "changed" if isinstance(value, str) else {**value, "added": 1}
    assert replace(stored, **{field: changed}).digest() != stored.record_sha256


def test_the_same_request_again_gives_the_stored_record_and_adds_none(log: DecisionLog) -> None:
    stored = log.append(record(1))
    again = log.append(replace(record(2, request_id="r1"), input_sha256=stored.input_sha256))
    assert again == stored
    assert [r.score_id for r in log.all()] == ["scr_1"]


def test_another_body_under_the_same_request_id_or_key_is_a_conflict(log: DecisionLog) -> None:
    log.append(record(1))
    with pytest.raises(ConflictError):
        log.append(record(2, request_id="r1", amount="2.00"))
    with pytest.raises(ConflictError):
        log.append(replace(record(3), idempotency_key="r1"))
    with pytest.raises(ConflictError):
        log.answered("r1", "r1", "0" * 64)
    assert len(list(log.all())) == 1


def test_the_latest_decision_of_a_customer_is_by_as_of_and_may_be_bounded(log: DecisionLog) -> None:
    for number in (2, 3, 1):
        log.append(record(number))
    latest, before = log.latest("007"), log.latest("007", before="2026-11-13T09:14:05.000000Z")
    assert latest is not None
    assert before is not None
    assert (latest.score_id, before.score_id) == ("scr_3", "scr_2")
    assert log.latest("7") is None


def test_an_unknown_score_id_is_an_error_and_an_unknown_request_is_not(log: DecisionLog) -> None:
    with pytest.raises(NotFoundError, match="scr_9"):
        log.get("scr_9")
    assert log.by_request("r9") is None


def test_racing_threads_and_connections_give_one_record_per_request_and_an_unbroken_chain(log: DecisionLog) -> None:
    logs = [log, DecisionLog(log.path)]
    start = threading.Barrier(8)

    def append(i: int) -> str:
        if i < 8:
            start.wait()
        return logs[i % 2].append(record(i, request_id=f"r{i // 4}")).score_id

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(append, range(40)))
    assert all(len(set(answered[i : i + 4])) == 1 for i in range(0, 40, 4))
    stored = list(log.all())
    assert len(stored) == 10
    assert [r.previous_sha256 for r in stored] == [GENESIS, *(r.record_sha256 for r in stored[:-1])]
    assert all(r.digest() == r.record_sha256 for r in stored)
    logs[1].close()


def write_forever(path: str) -> None:
    """Appends records and prints the number of each once it is acknowledged, until killed."""
    log = DecisionLog(Path(path))
    for number in itertools.count(1):
        log.append(replace(record(1, request_id=f"k{number}"), score_id=f"s{number}"))
        print(number, flush=True)


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path, here = tmp_path / "decisions.sqlite", Path(__file__).resolve()
    paths = f"import sys; sys.path[:0] = [{str(here.parents[2])!r}, {str(here.parent)!r}]"
    script = f"{paths}; import test_decision_log; test_decision_log.write_forever({str(path)!r})"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(50)]
        process.kill()
        acknowledged = [int(line) for line in (*lines, *process.stdout) if line.endswith("\n")]
    log = DecisionLog(path)
    stored = {r.request_id for r in log.all()}
    assert len(acknowledged) >= 50
    assert {f"k{i}" for i in acknowledged} <= stored
    log.close()


def test_durability_is_asked_of_the_database(log: DecisionLog) -> None:
    # a kill proves nothing about a power cut; these two settings do (2 is FULL)
    assert log._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert log._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_log_that_cannot_be_written_says_so_and_stores_nothing(log: DecisionLog) -> None:
    log.append(record(1))
    blocker = sqlite3.connect(log.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    log._connection.execute("PRAGMA busy_timeout=50")
    with pytest.raises(UnavailableError, match="cannot be written"):
        log.append(record(2))
    blocker.execute("ROLLBACK")
    blocker.close()
    assert log.append(record(2)).previous_sha256 == log.get("scr_1").record_sha256


def test_a_file_that_is_no_log_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    path.write_text("not a database, but long enough to be looked at as one" * 40, encoding="utf-8")
    with pytest.raises(UnavailableError):
        DecisionLog(path)


def test_the_stored_bytes_are_those_that_were_sent(log: DecisionLog) -> None:
    stored = log.append(record())
    with closing(sqlite3.connect(log.path)) as reader:
        (sent,) = reader.execute("SELECT response FROM decisions").fetchone()
    assert sent == wire(stored.response)
    assert json.loads(canonical(stored.payload()))["response"]["audit"]["record_sha256"] is None


@pytest.mark.parametrize(
    "document",
    [
        {"p": [0.1, 1e-4, 9.9e-05, 1e-05, 1.5e-07, 0.0, -0.0, 123456789.125, 1e15], "n": None, "b": True},
        {"text": 'é "quoted" \\ \x01 \x7f \u2028 \n one-e-two', "big": 2**70, "small": -(2**63)},
        {"frame": np.float64(0.5), "nested": [{"a": (1, 2)}, []]},
    ],
)
def test_what_is_sent_is_what_python_writes(document: dict[str, object]) -> None:
    assert wire(document) == json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
