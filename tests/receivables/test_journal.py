"""Group commit: one transaction for all who wait, each with its own result, nothing acknowledged before it is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.errors import ConflictError, UnavailableError
from receivables.journal import Journal
from tests.receivables.test_decision_log import record


class SlowLog(DecisionLog):
    """Counts transactions, and holds the first one until `go`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.go, self.batches = threading.Event(), []

    def append_all(self, records: Sequence[DecisionRecord]) -> list[DecisionRecord | ConflictError]:
        self.go.wait(10)
        self.batches.append(len(records))
        return super().append_all(records)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowLog]:
    made = SlowLog(tmp_path / "decisions.sqlite")
    yield made
    made.close()


def test_those_who_wait_share_one_transaction(slow: SlowLog) -> None:
    journal = Journal(slow)
    futures = [journal.submit(record(i)) for i in range(1, 21)]
    slow.go.set()
    assert [future.result(10).score_id for future in futures] == [f"scr_{i}" for i in range(1, 21)]
    journal.close()
    assert sum(slow.batches) == 20
    assert len(slow.batches) <= 2  # the first was taken alone


def test_nobody_is_answered_before_the_record_is_stored(slow: SlowLog) -> None:
    journal = Journal(slow)
    future = journal.submit(record(1))
    assert not future.done()
    assert slow.head()[0] == 0
    slow.go.set()
    assert future.result(10).score_id == "scr_1"
    assert slow.head()[0] == 1
    journal.close()


def test_a_conflict_of_one_does_not_touch_the_others(slow: SlowLog) -> None:
    journal = Journal(slow)
    given = [record(1), record(2, request_id="r1", amount="2.00"), record(3)]
    futures = [journal.submit(each) for each in given]
    slow.go.set()
    assert futures[0].result(10).score_id == "scr_1"
    with pytest.raises(ConflictError):
        futures[1].result(10)
    assert futures[2].result(10).previous_sha256 == futures[0].result(10).record_sha256
    journal.close()


def test_racing_callers_of_one_request_get_one_record(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "decisions.sqlite")
    journal = Journal(log)
    with ThreadPoolExecutor(16) as pool:
        same = [replace(record(1), score_id=f"scr_{i}") for i in range(64)]
        found = {stored.score_id for stored in pool.map(journal.append, same)}
    assert len(found) == 1
    assert log.head()[0] == 1
    journal.close()
    log.close()


def test_a_log_that_cannot_be_written_fails_every_caller_and_the_next_batch_is_tried_anew(tmp_path: Path) -> None:
    class FailingOnce(DecisionLog):
        failed = False

        def append_all(self, records: Sequence[DecisionRecord]) -> list[DecisionRecord | ConflictError]:
            if not self.failed:
                self.failed = True
                raise UnavailableError("disk full")
            return super().append_all(records)

    log = FailingOnce(tmp_path / "decisions.sqlite")
    journal = Journal(log)
    with pytest.raises(UnavailableError, match="disk full"):
        journal.append(record(1))
    assert journal.append(record(1)).score_id == "scr_1"
    journal.close()
    log.close()


def test_closing_writes_what_waits_and_refuses_what_comes_after(slow: SlowLog) -> None:
    journal = Journal(slow)
    future = journal.submit(record(1))
    slow.go.set()
    journal.close()
    journal.close()
    assert future.result(0).score_id == "scr_1"
    with pytest.raises(UnavailableError, match="closed"):
        journal.append(record(2))
