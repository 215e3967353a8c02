"""The coverage of answered payment dates: told to orders from its day on, the same when made again, not waited for."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from receivables.errors import UnavailableError
from receivables.matured import Coverage
from serving import coverage
from serving.app import create_app
from serving.coverage import CoverageWatch
from serving.state import State
from tests.serving.running import HERE

FOUND = Coverage(0.81234, 250, dt.date(2026, 11, 20))


@pytest.fixture
def informed(state: State) -> State:
    return replace(state, coverage=FOUND)


@pytest.fixture
def client(informed: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = informed
    with TestClient(app, client=HERE) as made:
        yield made


def answered(client: TestClient, document: dict[str, Any], as_of: str) -> dict[str, Any]:
    asked = {**document, "request_id": as_of, "as_of": as_of, "open_items": None}
    answer: dict[str, Any] = client.post("/v1/orders/score", json=asked).json()
    return answer


def test_an_order_is_told_what_was_known_by_its_day_and_is_made_again_alike(
    client: TestClient, informed: State, contract_request: dict[str, Any]
) -> None:
    before = answered(client, contract_request, "2026-11-19T23:59:59Z")
    assert before["expected_payment"]["observed_coverage_90d"] is None  # what training says of this champion
    today = answered(client, contract_request, "2026-11-20T00:00:00Z")
    assert today["expected_payment"]["observed_coverage_90d"] == 0.812
    informed.coverage = replace(FOUND, share=0.5)
    again = client.post(f"/v1/decisions/{today['score_id']}/replay").json()
    assert again["reproduced"], again["differences"]


def test_the_current_model_says_where_the_figure_comes_from(client: TestClient, informed: State) -> None:
    def shown() -> Any:
        return client.get("/v1/models/current").json()["observed_coverage_90d"]

    assert shown() == {"share": 0.812, "source": "DECISIONS", "outcomes": 250, "as_of": "2026-11-20"}
    informed.coverage = None
    assert shown() == {"share": None, "source": "TRAINING", "outcomes": None, "as_of": None}


def test_the_ledger_is_read_when_it_or_the_day_has_changed_and_a_failure_keeps_the_figure(
    informed: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    days, asked = [dt.date(2026, 11, 20)], list[dt.date]()

    def find(*args: Any, day: dt.date, level: float) -> Coverage:
        asked.append(day)
        if len(asked) == 3:
            raise UnavailableError("gone")
        return replace(FOUND, day=day)

    monkeypatch.setattr(coverage, "observed_coverage", find)
    informed.coverage = None
    watch = CoverageWatch(informed, every=0.01, today=lambda: days[-1])
    try:
        until(lambda: informed.coverage == FOUND)
        time.sleep(0.1)
        assert len(asked) == 1
        days.append(dt.date(2026, 11, 21))
        until(lambda: informed.coverage == replace(FOUND, day=days[-1]))
        days.append(dt.date(2026, 11, 22))
        until(lambda: len(asked) == 4)
    finally:
        watch.close()
    assert informed.coverage == replace(FOUND, day=days[-1])


def until(holds: Any) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)
