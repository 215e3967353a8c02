"""Metrics: what was asked shows under its template, and no caller can make them grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.metrics import Meter
from serving.state import State
from tests.serving.running import HERE


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as made:
        yield made


def series(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_requests_decisions_and_times_are_counted_under_their_template(
    client: TestClient, contract_request: dict[str, Any]
) -> None:
    before = series(client)
    client.post("/v1/orders/score", json=contract_request)
    client.get("/v1/customers/SECRET-17/risk")
    after = series(client)
    grown = {name for name, value in after.items() if value > before.get(name, 0.0)}
    assert 'otcrisk_requests_total{route="/v1/orders/score",method="POST",status="200"}' in grown
    assert 'otcrisk_request_seconds_count{route="/v1/customers/{payer}/risk"}' in grown
    assert 'otcrisk_decisions_total{mode="FULL",outcome="HOLD"}' in grown


def test_random_paths_and_methods_add_no_series_and_no_text(client: TestClient) -> None:
    client.get("/nowhere")
    client.request("BREW", "/v1/orders/score")
    before = series(client)
    for i in range(200):
        client.get(f"/nowhere/{os.urandom(8).hex()}/{i}")
        client.request(f"M{i}", "/v1/orders/score")
    assert series(client).keys() == before.keys()


def test_buckets_hold_those_below_them() -> None:
    meter = Meter([("/a", "GET")], (200,))
    for seconds in (0.0005, 0.015, 0.015, 60.0):
        meter.request("/a", "GET", 200, seconds)
    text = meter.text().decode()
    found = [line.rpartition(" ")[2] for line in text.splitlines() if 'bucket{route="/a"' in line]
    assert found == ["1", "1", "1", "1", "3", "3", "3", "3", "3", "3", "3", "4"]


def test_what_a_forked_worker_counts_is_seen_by_the_others() -> None:
    meter = Meter([("/a", "GET")], (200,))
    meter.started(0)
    child = os.fork()
    if not child:
        meter.started(1)
        meter.request("/a", "GET", 200, 0.1)
        os._exit(0)
    os.waitpid(child, 0)
    meter.request("/a", "GET", 200, 0.1)
    text = meter.text().decode()
    assert 'otcrisk_requests_total{route="/a",method="GET",status="200"} 2' in text
    assert "otcrisk_worker_starts_total 2" in text
