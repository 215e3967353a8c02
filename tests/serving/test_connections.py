"""Connections with limits: heads without end and requests that never arrive are ended; others are not disturbed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from serving import connections
from serving.connections import LimitedProtocol


async def _hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 0.4)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_hello, http=LimitedProtocol, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def call(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back, nothing where the connection was reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            return connection.recv(65536)
        except ConnectionError:
            return b""


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


def test_a_request_that_arrives_is_answered(port: int) -> None:
    assert call(port, HEAD + b"Content-Length: 2\r\n\r\n{}").endswith(b"ok")


def test_a_head_without_end_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 60.0)  # it is not the time that ends it
    found = call(port, HEAD, *(b"X-A: " + b"a" * 30_000 + b"\r\n" for _ in range(100)))
    assert found == b"" or found.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("start", [b"", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{"])
def test_a_request_that_does_not_arrive_is_ended(port: int, start: bytes) -> None:
    begun = time.monotonic()
    assert call(port, start) == b""
    assert time.monotonic() - begun < 10


def test_a_byte_now_and_then_does_not_keep_it(port: int) -> None:
    assert call(port, HEAD, *(b"x" for _ in range(12)), pause=0.1) == b""


def test_five_hundred_slow_callers_hold_up_nobody(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
    try:
        for connection in slow:
            connection.sendall(HEAD)
        begun = time.monotonic()
        assert call(port, HEAD + b"Content-Length: 2\r\n\r\n{}").endswith(b"ok")
        assert time.monotonic() - begun < 5
    finally:
        for connection in slow:
            connection.close()
