"""The log: one line of JSON per event, whatever a caller sends, and no value of a request in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving import ladder, logs
from serving.app import create_app
from serving.state import State
from tests.serving.running import HERE


class Log:
    """What was logged, read back line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self._listener = logs.start("INFO", self.stream)

    def lines(self) -> list[dict[str, Any]]:
        """Every line, as JSON."""
        self._listener.stop()
        found = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        self._listener.start()
        return found

    def close(self) -> None:
        self._listener.stop()


@pytest.fixture
def log() -> Iterator[Log]:
    names = ("otcrisk", "uvicorn", "bentoml")
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).level) for name in names}
    made = Log()
    yield made
    made.close()
    for name, (handlers, level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, True
        logger.setLevel(level)


@pytest.fixture
def client(state: State) -> Iterator[TestClient]:
    app = create_app()
    app.state.serving = state
    with TestClient(app, client=HERE) as made:
        yield made


def test_an_order_is_told_with_its_ids_and_without_its_values(
    client: TestClient, log: Log, contract_request: dict[str, Any]
) -> None:
    answer = client.post("/v1/orders/score", json=contract_request, headers={"X-Request-Id": "trace-1"})
    (line,) = log.lines()
    assert line["request_id"] == answer.headers["x-request-id"] == "trace-1"
    assert (line["route"], line["method"], line["status"]) == ("/v1/orders/score", "POST", 200)
    assert line["score_id"] == answer.json()["score_id"]
    assert line["mode"] == "FULL"
    assert len(line["customer"]) == 16
    payer = contract_request["customer"]["payer"]
    assert payer not in log.stream.getvalue()
    assert contract_request["order"]["gross_amount"] not in log.stream.getvalue()


INJECTED = 'x\n{"level": "INFO", "message": "forged"}\r\u2028\x1b[2J'


def test_nothing_that_a_caller_sends_makes_a_line_of_its_own(
    client: TestClient, log: Log, contract_request: dict[str, Any]
) -> None:
    client.get("/v1/customers/x%0a%7b%22message%22%3a%22forged%22%7d/risk")
    client.get("/x%0d%0aforged")
    client.get("/nowhere", headers={"X-Request-Id": "a b\tforged"})
    client.post("/v1/orders/score", json={**contract_request, "request_id": INJECTED})
    logging.getLogger("otcrisk.serving").error("said: %s", INJECTED)
    lines = log.lines()
    assert len(lines) == 5
    text = log.stream.getvalue()
    assert text.count("\n") == 5
    assert "\u2028" not in text
    assert "\x1b" not in text
    assert sum("forged" in json.dumps(line) for line in lines) == 1


def test_a_failure_is_found_under_the_id_that_the_caller_got(
    client: TestClient, log: Log, contract_request: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise ZeroDivisionError("customer 100482 Nordwerk")

    monkeypatch.setattr(ladder, "score_order", fail)
    answer = client.post("/v1/orders/score", json=contract_request)
    assert answer.status_code == 500
    lines = [line for line in log.lines() if line.get("request_id") == answer.json()["error"]["request_id"]]
    assert {line["level"] for line in lines} == {"ERROR", "INFO"}
    assert "Nordwerk" not in log.stream.getvalue()


def test_a_library_is_quoted_without_what_it_was_given(log: Log) -> None:
    logging.getLogger("uvicorn.error").warning("bad request from %s", "DE89370400440532013000")
    (line,) = log.lines()
    assert line["message"] == "bad request from %s"
