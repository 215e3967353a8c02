"""The short form of every promise, and that each proof can fail: it does where the protection is taken out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from receivables.decision import GENESIS, DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.errors import UnavailableError
from receivables.quarantine import Quarantine
from tests.proof import artefact_proofs, hostile_proofs, import_proofs, journal_proofs
from tests.proof.table import PROOFS, Proof


@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.short], ids=lambda proof: proof.name)
def test_the_promise_is_kept(proof: Proof) -> None:
    assert proof.short is not None
    found = proof.short()
    assert found.tried > 0
    assert found.failed == 0, found.examples


def test_power_cuts_lose_decisions_where_the_disk_is_not_waited_for() -> None:
    assert journal_proofs.power_cuts(150, synchronous="NORMAL").failed > 0


def test_disk_errors_lose_decisions_where_failures_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    original = DecisionLog.append_all

    def careless(self: DecisionLog, records: list[DecisionRecord]) -> list[DecisionRecord]:
        try:
            return list(original(self, records))  # type: ignore[arg-type]
        except UnavailableError:
            return [record.sealed(GENESIS) for record in records]

    monkeypatch.setattr(DecisionLog, "append_all", careless)
    assert journal_proofs.disk_errors(range(20, 60, 10)).failed > 0


def test_races_give_two_answers_where_nothing_looks_for_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: DecisionLog, records: list[DecisionRecord]) -> list[DecisionRecord]:
        return [record.sealed(GENESIS) for record in records]

    monkeypatch.setattr(DecisionLog, "append_all", forgetful)
    assert journal_proofs.races(3).failed > 0


def test_tampering_is_not_found_where_hashes_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receivables.decision_log.Stored.problems", lambda self, previous: iter(()))
    assert journal_proofs.tampers(60).failed > 0


def test_damaged_models_serve_other_scores_where_neither_binding_nor_trial_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.golden.require_binding", lambda found: None)
    monkeypatch.setattr("models.trial.tried", lambda found: None)
    assert artefact_proofs.damages(120).failed > 0


def test_a_lost_record_is_found_after_a_kill(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "decisions.sqlite")
    log.append(journal_proofs.record(1))
    log.close()
    gone = replace(journal_proofs.record(2)).score_id
    assert journal_proofs.lost(log.path, {"scr_1"}) == []
    assert journal_proofs.lost(log.path, {"scr_1", gone}) == [f"acknowledged but gone: {gone}"]


def test_damaged_bodies_are_server_errors_where_reading_is_not_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.handlers.parse", json.loads)
    assert hostile_proofs.bodies(100).failed > 0


def test_extracts_lose_rows_where_the_quarantine_forgets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quarantine, "rows", 0)
    assert import_proofs.extracts(10).failed > 0
