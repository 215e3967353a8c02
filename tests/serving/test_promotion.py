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

from models.champion import Champion, load_champion
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


def test_a_champion_that_was_promoted_before_the_watch_began_is_taken_over_and_the_one_that_serves_is_not_loaded_again(
    state: State, seller: Any, folder: Path
) -> None:
    before, loaded = state.tools, []

    def load(place: Path) -> Champion:
        loaded.append(place)
        return load_champion(place)

    watch = Promotions(state, folder=folder, load=load, every=0.01)
    time.sleep(0.2)  # many looks
    watch.close()
    assert loaded == []
    promote(seller.weaker, folder)
    watch = Promotions(state, folder=folder, load=load, every=0.01)
    wait(lambda: state.tools is not before)
    watch.close()
    assert state.tools.champion.manifest == load_champion(folder).manifest
    state.tools = before


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
