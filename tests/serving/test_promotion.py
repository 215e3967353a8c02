"""A promoted champion takes over without a lost order; a bad one never does."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.champion import load_champion
from serving.app import create_app
from serving.promotion import Promotions
from serving.state import State
from serving.warm import _ORDER as ORDER
from tests.serving.running import HERE


@pytest.fixture
def folder(seller: Any, tmp_path: Path) -> Path:
    shutil.copytree(seller.champion, tmp_path / "champion")
    return tmp_path / "champion"


@pytest.fixture
def watched(state: State, folder: Path) -> Iterator[State]:
    watch = Promotions(state, folder=folder, load=load_champion, every=0.01)
    yield state
    watch.close()


def promote(other: Path, folder: Path) -> None:
    """As a promotion does it: the whole folder at once."""
    shutil.copytree(other, folder.with_name("draft"))
    folder.rename(folder.with_name("before"))
    folder.with_name("draft").rename(folder)


def wait(until: Any) -> None:
    for _ in range(3_000):
        if until():
            return
        time.sleep(0.01)
    raise AssertionError("it has not happened")


def test_orders_are_answered_throughout_and_by_the_new_champion_at_the_end(
    watched: State, seller: Any, folder: Path
) -> None:
    app = create_app()
    app.state.serving = watched
    before = watched.tools
    events: list[str] = []
    with TestClient(app, client=HERE) as client:

        def ask(number: int) -> None:
            body = {**ORDER, "request_id": f"r{number}", "options": {"dry_run": True, "timeout_ms": 60_000}}
            answer = client.post("/v1/orders/score", json=body)
            assert answer.status_code == 200, answer.text
            events.append(answer.json()["explanations"][0]["target"])

        ask(0)
        promotion = threading.Thread(target=promote, args=(seller.weaker, folder))
        promotion.start()
        number = 1
        while events[-1] == "default_12m" and number < 2_000:
            ask(number)
            number += 1
        promotion.join()
    assert (events[0], events[-1]) == ("default_12m", "serious_delinquency_3m")
    watched.tools = before


def test_a_damaged_champion_is_told_and_the_old_one_serves_on(
    watched: State, seller: Any, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = watched.tools
    damaged = tmp_path / "damaged"
    shutil.copytree(seller.weaker, damaged)
    (damaged / "priors.json").write_text("{}", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        promote(damaged, folder)
        wait(lambda: "is not served" in caplog.text)
    assert watched.tools is before
