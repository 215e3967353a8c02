"""The load generator: what it counts is answered, and what is not 200 is no answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.http_load import BadAnswerError, load


class Answering(BaseHTTPRequestHandler):
    """Answers 200, and 400 to a body that says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append(body)  # type: ignore[attr-defined]
        self.send_response(400 if body == b"bad" else 200)
        self.send_header("Content-Length", "70000")
        self.end_headers()
        self.wfile.write(b"x" * 70_000)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by the library
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.seen = []  # type: ignore[attr-defined]
    made.handle_error = lambda *given: None  # type: ignore[method-assign]  # the load ends in the middle of an answer
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_every_answer_is_timed_and_the_bodies_go_out_in_turn(server: ThreadingHTTPServer) -> None:
    found = load(server.server_port, "/", [b"a", b"b"], connections=2, seconds=0.0, least=20, most=20)
    assert len(found.milliseconds) == 20
    assert found.percentile(50) > 0
    assert found.per_second > 0
    assert set(server.seen[:4]) == {b"a", b"b"}  # type: ignore[attr-defined]


def test_an_answer_other_than_200_ends_the_measurement(server: ThreadingHTTPServer) -> None:
    with pytest.raises(BadAnswerError, match="400"):
        load(server.server_port, "/", [b"bad"], connections=1, seconds=1.0)
