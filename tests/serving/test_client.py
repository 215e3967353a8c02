"""examples/client.py: it tries again where that is safe, and says what was refused."""

from __future__ import annotations

import doctest
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import pytest


class Scripted(BaseHTTPRequestHandler):
    """Answers what the script says, one status after the other, and remembers what it was asked."""

    script: list[tuple[int, Any]]
    asked: list[tuple[str, str, dict[str, str], Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.asked.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
        status, document = self.script.pop(0)
        payload = json.dumps(document).encode() if document is not None else b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST  # noqa: N815 - the name that the base class calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class has
        """Silent."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(Scripted):
        script: list[tuple[int, Any]] = []  # noqa: RUF012 - one class per test
        asked: list[tuple[str, str, dict[str, str], Any]] = []  # noqa: RUF012 - as above

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def client_of(example_client: ModuleType, server: HTTPServer, **settings: Any) -> Any:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return example_client.Client(url, first_pause_seconds=0.0, **settings)


BUSY = {"error": {"code": "UNAVAILABLE", "message": "not ready", "fields": [], "request_id": "r1"}}


def test_a_busy_service_is_asked_again_with_the_same_key(example_client: ModuleType, server: HTTPServer) -> None:
    handler: Any = server.RequestHandlerClass
    handler.script += [(503, BUSY), (502, None), (200, {"score_id": "s"})]
    client = client_of(example_client, server, headers={"Authorization": "Bearer k"})
    assert client.score({"request_id": "r1"}, deadline_ms=400) == {"score_id": "s"}
    assert len({json.dumps(document) for *_, document in handler.asked}) == 1
    for _, path, headers, _ in handler.asked:
        assert path == "/v1/orders/score"
        assert (headers["Idempotency-Key"], headers["X-Deadline-Ms"]) == ("r1", "400")
        assert headers["Authorization"] == "Bearer k"


def test_a_refusal_is_told_and_not_tried_again(example_client: ModuleType, server: HTTPServer) -> None:
    handler: Any = server.RequestHandlerClass
    problem = {"field": "order.currency", "problem": "Field required"}
    refusal = {"code": "SCHEMA", "message": "no", "fields": [problem], "request_id": "r1"}
    handler.script += [(400, {"error": refusal})]
    with pytest.raises(example_client.RefusedError, match="400 SCHEMA: no") as caught:
        client_of(example_client, server).score({"request_id": "r1"})
    assert caught.value.fields == [problem]
    assert len(handler.asked) == 1


def test_it_gives_up_after_the_last_attempt(example_client: ModuleType, server: HTTPServer) -> None:
    handler: Any = server.RequestHandlerClass
    handler.script += [(503, BUSY)] * 3
    with pytest.raises(example_client.RefusedError, match="503"):
        client_of(example_client, server, attempts=3).decision("s/1")
    assert [path for _, path, *_ in handler.asked] == ["/v1/decisions/s%2F1"] * 3


def test_a_service_that_is_not_there_is_a_connection_error(example_client: ModuleType) -> None:
    client = example_client.Client("http://127.0.0.1:9", first_pause_seconds=0.0, attempts=2)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        client.customer("007")


def test_its_examples_in_the_docs_are_right(example_client: ModuleType) -> None:
    assert doctest.testmod(example_client).failed == 0
