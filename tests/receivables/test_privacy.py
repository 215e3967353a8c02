"""Data of natural persons: unreadable in the file, legible through the log, gone with the key."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from receivables.audit import verify
from receivables.control_log import ControlLog
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.decision_notes import OVERRIDE, DecisionNotes, Note
from receivables.errors import ErasedError, UnavailableError
from receivables.personal import ERASED
from receivables.personal_keys import KEYS_FILE, MASTER_FILE, PersonalKeys
from receivables.policy import Policy
from receivables.privacy import apply_retention, erase, expired, subject_export
from tests.receivables.test_decision_log import record

CANARY = "Zitronenfalter"
NOW = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


def person(number: int = 1, *, customer: str = "P1", year: int = 2026, legal_form: str = "NATURAL_PERSON"):  # type: ignore[no-untyped-def]
    made = record(number)
    answer = {"scored_at": f"{year}-11-20", "score": {"credit_score": 612}, "words": [CANARY], **made.response}
    return replace(
        made,
        customer_id=customer,
        recorded_at=f"{year}-11-20T09:14:05.118000Z",
        request={"customer": {"legal_form": legal_form, "name": CANARY}, **made.request},
        response=answer,
        versions={**made.versions, "reservations": [{"account": CANARY}]},
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    made = DecisionLog(tmp_path / "decisions.sqlite")
    yield made
    made.close()


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def noted(log: DecisionLog, about: DecisionRecord) -> Note:
    note = Note("n1", "q1", OVERRIDE, about.score_id, about.record_sha256, "2026-11-20", {"reason": CANARY})
    with DecisionNotes(log.path) as notes:
        return notes.append(note)


def test_a_person_is_legible_through_the_log_and_nowhere_in_its_files(log: DecisionLog) -> None:
    stored = log.append(person())
    noted(log, stored)
    assert CANARY.encode() not in everything(log.path.parent)
    read = log.get("scr_1")
    assert (read, read.request["customer"]["name"]) == (stored, CANARY)
    assert list(read.response) == list(stored.response)  # sent again byte for byte
    with DecisionNotes(log.path) as notes:
        assert notes.of("scr_1")[0].content == {"reason": CANARY}
    assert log.append(person()) == stored
    assert log.latest_score("P1", "2027") == log.latest_score("P1", "9999")
    assert verify(log).is_intact


def test_a_company_is_stored_as_it_was_said(log: DecisionLog) -> None:
    log.append(person(legal_form="LEGAL_PERSON"))
    assert CANARY.encode() in everything(log.path.parent)
    assert not (log.path.parent / KEYS_FILE).exists()


def test_an_erasure_takes_the_person_and_leaves_the_chain_and_the_others(log: DecisionLog) -> None:
    for number, customer in ((1, "P1"), (2, "P2"), (3, "P1")):
        log.append(person(number, customer=customer))
    noted(log, log.get("scr_1"))
    found = erase(log, "P1", actor="d.officer", reason="asked for", now=NOW)
    assert (found.decisions, len(found.keys), found.plain) == (2, 1, 0)
    for number in (1, 3):
        with pytest.raises(ErasedError):
            log.get(f"scr_{number}")
    assert log.get("scr_2").request["customer"]["name"] == CANARY
    assert [kept.score_id for kept in log.all()] == ["scr_2"]
    assert log.latest_score("P1", "9999") is None
    with DecisionNotes(log.path) as notes:
        assert notes.of("scr_1")[0].content == ERASED
        with pytest.raises(ErasedError):
            notes.append(Note("n2", "q2", OVERRIDE, "scr_1", "x", "2026", {"reason": "late"}))
    verified = verify(log)
    assert (verified.is_intact, verified.records, verified.erased) == (True, 3, 2)
    with ControlLog(log.path) as acts:
        assert [(act.kind, act.subject, act.actor) for act in acts.all()] == [
            ("PERSONAL_DATA_ERASED", "P1", "d.officer")
        ]


def test_the_key_is_overwritten_in_the_file_not_only_unlinked(log: DecisionLog) -> None:
    log.append(person())
    place = log.path.parent / KEYS_FILE
    key_id = log.personal_keys.all("P1")[0].key_id.encode()
    assert key_id in place.read_bytes()
    erase(log, "P1", actor="a", reason="r", now=NOW)
    assert key_id not in place.read_bytes()


def test_an_order_after_an_erasure_gets_a_new_key(log: DecisionLog) -> None:
    log.append(person(1))
    erase(log, "P1", actor="a", reason="r", now=NOW)
    log.append(person(2))
    assert log.get("scr_2").customer_id == "P1"
    with pytest.raises(ErasedError):
        log.get("scr_1")


def test_another_process_that_erases_is_heard_at_once(log: DecisionLog) -> None:
    log.append(person())
    other = DecisionLog(log.path)
    erase(other, "P1", actor="a", reason="r", now=NOW)
    other.close()
    with pytest.raises(ErasedError):
        log.get("scr_1")


def test_ciphertext_that_was_changed_or_moved_is_found(log: DecisionLog) -> None:
    first, second = log.append(person(1)), log.append(person(2))
    payloads = [json.loads(row.payload) for row in log.rows_of("P1")]
    swapped = json.dumps({**payloads[0], "personal": payloads[1]["personal"]})
    with log._transaction():
        log._connection.execute("UPDATE decisions SET payload = ? WHERE score_id = ?", (swapped, first.score_id))
    assert any("cannot be read" in problem for problem in verify(log).problems)
    assert log.get(second.score_id) == second


def test_without_the_master_key_nothing_counts_as_erased_and_no_new_one_is_made(log: DecisionLog) -> None:
    log.append(person())
    (log.path.parent / MASTER_FILE).unlink()
    for ask in (lambda: log.get("scr_1"), lambda: log.append(person(2, customer="P2"))):
        with pytest.raises(UnavailableError, match="master key"):
            ask()
    assert not (log.path.parent / MASTER_FILE).exists()


def test_a_key_that_is_gone_without_an_act_is_an_alarm_and_a_lost_file_is_not_an_erasure(log: DecisionLog) -> None:
    log.append(person())
    log.personal_keys.destroy([key.key_id for key in log.personal_keys.all()])
    assert any("no act of erasure" in problem for problem in verify(log).problems)
    (log.path.parent / KEYS_FILE).unlink()
    with pytest.raises(UnavailableError, match="backup"):
        log.get("scr_1")


def test_a_person_that_cannot_be_recorded_does_not_take_others_with_it(log: DecisionLog) -> None:
    log.append(person(1))
    erase(log, "P1", actor="a", reason="r", now=NOW)
    made = log.append_all([record(2), person(1), record(3)])  # sent again after the erasure
    assert [type(one) for one in made] == [DecisionRecord, ErasedError, DecisionRecord]
    log.append(person(4, customer="P2"))
    (log.path.parent / MASTER_FILE).unlink()
    made = log.append_all([record(5), person(6), record(7)])
    assert [type(one) for one in made] == [DecisionRecord, UnavailableError, DecisionRecord]
    assert log.head()[0] == 6


def test_keys_files_are_for_their_owner_alone(log: DecisionLog) -> None:
    log.append(person())
    for name in (KEYS_FILE, MASTER_FILE):
        assert (log.path.parent / name).stat().st_mode & 0o077 == 0


def test_retention_ends_by_type_of_subject_at_the_end_of_the_year(log: DecisionLog, policy: Policy) -> None:
    for number, year in ((1, 2022), (2, 2023), (3, 2026)):
        log.append(person(number, year=year))
    kept = replace(policy, retention_years=7, retention_years_by_subject={"NATURAL_PERSON": 3})
    assert expired(log, policy, NOW.date()) == []
    keys = expired(log, kept, NOW.date())
    assert [key.year for key in keys] == [2022]
    apply_retention(log, keys, actor="night run", now=NOW)
    assert [found.score_id for found in log.all()] == ["scr_2", "scr_3"]
    assert verify(log).is_intact
    with ControlLog(log.path) as acts:
        (act,) = acts.all()
    assert act.content["keys_by_subject_type_and_year"] == {"NATURAL_PERSON": {"2022": 1}}


@pytest.fixture
def policy() -> Policy:
    from receivables.config import conf_dir
    from receivables.policy import load_policy

    return load_policy(conf_dir() / "policy.toml")


def test_an_export_holds_everything_and_is_itself_recorded(log: DecisionLog) -> None:
    noted(log, log.append(person(1)))
    log.append(person(2, customer="P2"))
    document = subject_export(log, "P1", actor="clerk", now=NOW)
    (decision,) = document["decisions"]
    assert decision["request"]["customer"]["name"] == CANARY
    assert decision["notes"][0]["content"] == {"reason": CANARY}
    assert [act["kind"] for act in document["acts"]] == ["PERSONAL_DATA_EXPORTED"]
    json.dumps(document)


@pytest.mark.parametrize("harm", ["SET payload = replace(payload, 'asked', 'never')", "SET previous_sha256 = 'x'"])
def test_an_act_that_was_changed_is_found_by_the_audit(log: DecisionLog, harm: str) -> None:
    log.append(person())
    erase(log, "P1", actor="a", reason="asked for", now=NOW)
    with log._transaction():
        log._connection.execute(f"UPDATE control_acts {harm}")
    assert any("act act_" in problem for problem in verify(log).problems)


def test_several_processes_agree_on_one_key(tmp_path: Path) -> None:
    keys = [PersonalKeys(tmp_path) for _ in range(4)]
    found = {key.of("P1", "NATURAL_PERSON", 2026) for key in keys}
    assert len(found) == 1
    for key in keys:
        key.close()
