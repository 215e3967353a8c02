"""A small HTTP/1.1 load generator for this machine: keep-alive connections, bounded in number and time."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

_HOST: Final = "127.0.0.1"


@dataclass
class Load:
    """What came of it: milliseconds of every answer, answers per second of the wall clock."""

    milliseconds: np.ndarray
    per_second: float

    def percentile(self, q: float) -> float:
        """Milliseconds that q per cent of the answers stay within."""
        return float(np.percentile(self.milliseconds, q))


class BadAnswerError(RuntimeError):
    """A server gave something other than 200."""


@dataclass
class _Connection:
    open: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    expected: int = -1

    def is_answered(self) -> bool:
        """Reads what is there; whether the answer is complete."""
        self.received += self.open.recv(262_144)
        if self.expected < 0:
            head, end, _ = self.received.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise BadAnswerError(bytes(self.received[:600]).decode(errors="replace"))
            lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            length = next(int(value) for name, _, value in lines if name == b"content-length")
            self.expected = len(head) + 4 + length
        return len(self.received) >= self.expected


def load(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    least: int = 30,
    most: int = 50_000,
) -> Load:
    """Sends the bodies in turn over as many connections, each waiting for its answer before it asks again.

    It ends after `seconds` or `most` answers, not before `least`. Raises BadAnswerError for any answer but 200, OSError
    where the server cannot be reached or is silent for 30 seconds.
    """
    requests = [_request(path, body) for body in bodies]
    found: list[float] = []
    with selectors.DefaultSelector() as waiting:
        opened = [_Connection(socket.create_connection((_HOST, port), timeout=30)) for _ in range(connections)]
        try:
            for connection in opened:
                connection.open.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting.register(connection.open, selectors.EVENT_READ, connection)
            begin = time.perf_counter()
            asked = 0
            for connection in opened:
                _ask(connection, requests[asked % len(requests)])
                asked += 1
            while len(found) < least or (len(found) < most and time.perf_counter() - begin < seconds):
                ready = waiting.select(30)
                if not ready:
                    raise TimeoutError(f"port {port}: no answer for 30 seconds")
                for key, _ in ready:
                    connection = key.data
                    if len(found) < most and connection.is_answered():
                        found.append(time.perf_counter() - connection.sent_at)
                        _ask(connection, requests[asked % len(requests)])
                        asked += 1
            wall = time.perf_counter() - begin
        finally:
            for connection in opened:
                connection.open.close()
    return Load(np.array(found) * 1000.0, len(found) / wall)


def _ask(connection: _Connection, request: bytes) -> None:
    connection.received, connection.expected = bytearray(), -1
    connection.sent_at = time.perf_counter()
    connection.open.sendall(request)


def _request(path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1", f"Host: {_HOST}", "Content-Type: application/json", f"Content-Length: {len(body)}"
    )  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + body
