"""A challenger scores what was answered, off the path: its failures and its slowness stay its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.champion import load_champion
from serving import shadow
from serving.app import create_app
from serving.shadow import WAITING, Shadow
from serving.state import State
from serving.warm import _ORDER as ORDER
from tests.serving.running import HERE


@pytest.fixture
def watched(state: State, seller: Any, tmp_path: Path) -> Iterator[State]:
    tools = replace(state.tools, champion=load_champion(seller.weaker))
    state.shadow = Shadow(tools, tmp_path / "shadow.jsonl")
    yield state
    state.shadow.close()


def ask(state: State, number: int, **customer: str) -> Any:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as client:
        body = {
            **ORDER,
            "customer": ORDER["customer"] | customer,
            "request_id": f"r{number}",
            "options": {"timeout_ms": 60_000},
        }
        return client.post("/v1/orders/score", json=body)


def test_a_recorded_answer_is_scored_by_the_challenger_too(watched: State, tmp_path: Path) -> None:
    answer = ask(watched, 1).json()
    ask(watched, 1)  # a repetition is no new order
    assert watched.shadow is not None
    watched.shadow.close()
    (line,) = (tmp_path / "shadow.jsonl").read_text(encoding="utf-8").splitlines()
    found = json.loads(line)
    assert found["score_id"] == answer["score_id"]
    assert found["champion"]["late_over_0"] == answer["probabilities"]["late_over_0"]
    assert found["challenger"]["late_over_0"] > 0
    watched.shadow = Shadow(watched.tools, tmp_path / "again.jsonl")


def test_of_a_person_nothing_is_kept_that_leads_back_to_the_decision(watched: State, tmp_path: Path) -> None:
    answer = ask(watched, 1, legal_form="NATURAL_PERSON").json()
    assert watched.shadow is not None
    watched.shadow.close()
    text = (tmp_path / "shadow.jsonl").read_text(encoding="utf-8")
    found = json.loads(text)
    assert answer["score_id"] not in text
    assert (found["score_id"], len(found["as_of"]), len(found["recorded_at"])) == (None, 10, 10)
    watched.shadow = Shadow(watched.tools, tmp_path / "again.jsonl")


def test_a_challenger_that_fails_changes_no_answer_and_is_told_without_values(
    watched: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def fail(*given: object) -> None:
        raise ZeroDivisionError("payer 100482")

    monkeypatch.setattr(shadow, "assess", fail)
    with caplog.at_level(logging.ERROR):
        assert ask(watched, 2).status_code == 200
        assert watched.shadow is not None
        watched.shadow.close()
    assert "ZeroDivisionError" in caplog.text
    assert "100482" not in caplog.text
    watched.shadow = Shadow(watched.tools, tmp_path / "again.jsonl")


def test_orders_beyond_the_queue_are_left_out(tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shadow, "_score", lambda self: None)  # it takes nothing out
    full = Shadow(state.tools, tmp_path / "shadow.jsonl")
    given: Any = None
    assert [full.offer(given, given, given) for _ in range(WAITING + 1)] == [True] * WAITING + [False]
