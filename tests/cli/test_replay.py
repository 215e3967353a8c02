"""`otcrisk replay`: every recorded decision comes out to the last bit, and one that was changed does not."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from models.late import LateModel
from receivables.store import open_store
from serving import scoring
from serving.payers import Payers
from serving.state import State
from tests.serving.conftest import Seller, payers, seller, state, tools  # noqa: F401 - fixtures of the service's tests
from tests.serving.random_orders import random_order


@pytest.fixture
def recorded(state: State, seller: Seller, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """A log of decisions on every rung of the ladder."""
    dice = random.Random(3)
    orders = [random_order(dice, seller.customers(), number) for number in range(12)]
    for document in orders[:8]:
        scoring.decide_now(state, document, {})
    with monkeypatch.context() as patched:
        patched.setattr(LateModel, "explained", lambda *given, **more: 1 / 0)
        for document in orders[8:10]:
            scoring.decide_now(state, document, {})
    with open_store(str(seller.path)) as store:
        away = replace(state, payers=Payers(store, state.tools.rates))
        away.payers.catch_up()  # as the service does at its start
        away.payers.ledger_calls.is_open = True
        for document in orders[10:]:
            scoring.decide_now(away, document, {})
    return state.log.path


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["replay", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_every_decision_comes_out_to_the_last_bit(
    recorded: Path,
    seller: Seller,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--all", "--log", str(recorded), "--champion", str(seller.champion))
    code, found = replayed(capsys, *words)
    assert (code, found["different"]) == (0, 0)
    assert found["same"] >= 10
    code, found = replayed(capsys, *words, "--ledger", str(seller.path))
    assert found["examples"] == []
    assert (code, found["different"]) == (0, 0)


def test_another_process_gives_the_same(
    recorded: Path,
    seller: Seller,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--all", "--log", str(recorded), "--champion", str(seller.champion), "--processes", "2")
    assert replayed(capsys, *words)[1]["different"] == 0


def changed(log: Path, name: str, value: object) -> str:
    """The id of a decision in which one recorded feature is another."""
    with closing(sqlite3.connect(log)) as connection, connection:
        score_id, payload = connection.execute(
            'SELECT score_id, payload FROM decisions WHERE payload LIKE \'%"features":{"%\' ORDER BY seq'
        ).fetchone()
        document = json.loads(payload)
        document["features"][name] = value
        connection.execute(
            "UPDATE decisions SET payload = ? WHERE score_id = ?", (json.dumps(document, sort_keys=True), score_id)
        )
    return str(score_id)


def test_a_changed_feature_is_found(
    recorded: Path,
    seller: Seller,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    score_id = changed(recorded, "overdue_ratio", 0.987)
    words = (score_id, "--log", str(recorded), "--champion", str(seller.champion))
    code, found = replayed(capsys, *words)
    assert (code, found["different"]) == (14, 1)
    assert score_id in found["examples"][0]


def test_a_model_that_is_not_at_hand_is_said(
    recorded: Path,
    seller: Seller,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = replayed(capsys, "--all", "--log", str(recorded), "--champion", str(seller.weaker))
    assert (code, found["same"]) == (0, 0)
    assert any("not at hand" in why for why in found["left_out"])


def test_one_or_all_must_be_named(tmp_path: Path) -> None:
    assert main(["replay", "--log", str(tmp_path / "x")]) == 3
    assert main(["replay", "--all", "--log", str(tmp_path / "x")]) == 8
