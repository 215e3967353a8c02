"""Orders under load against a service in processes of its own, by clients that try once more, as a caller should."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Load:
    """What the clients saw: orders answered, given up after the second try, times in seconds, ids by request."""

    answered: int = 0
    again: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    score_ids: dict[str, str] = field(default_factory=dict)
    moments: list[tuple[float, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def loaded(
    ports: Sequence[int], documents: Sequence[dict[str, Any]], *, clients: int = 8, pause: float = 0.0, name: str = "n"
) -> Iterator[Load]:
    """Clients ask over and over while the block runs; one that fails tries once more, on a new connection."""
    found, ended = Load(), threading.Event()
    threads = [
        threading.Thread(target=_client, args=(number, ports, documents, pause, name, found, ended))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _client(
    number: int,
    ports: Sequence[int],
    documents: Sequence[dict[str, Any]],
    pause: float,
    name: str,
    found: Load,
    ended: threading.Event,
) -> None:
    connection, count, place = None, 0, number
    while not ended.is_set():
        request_id = f"{name}-{number}-{count}"
        document = {**documents[(number + count) % len(documents)], "request_id": request_id}
        body, problem, answer = json.dumps(document).encode(), "", None
        begun = time.monotonic()
        for attempt in range(2):
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", ports[place % len(ports)], timeout=10)
                connection.request("POST", "/v1/orders/score", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read()
                if response.status == 200:
                    answer = json.loads(text)
                    break
                problem = f"{response.status} {text[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
            if connection is not None:
                connection.close()
            connection, place = None, place + 1
            with found.lock:
                found.again += 1
            time.sleep(0.1 if attempt == 0 else 0.0)
        took = time.monotonic() - begun
        with found.lock:
            _note(found, request_id, answer, problem, took)
        count += 1
        if pause:
            time.sleep(pause)
    if connection is not None:
        connection.close()


def _note(found: Load, request_id: str, answer: dict[str, Any] | None, problem: str, took: float) -> None:
    if answer is None:
        found.failed.append(f"{request_id}: {problem}")
        return
    mode = answer["degraded"]["mode"]
    found.answered += 1
    found.seconds.append(took)
    found.modes[mode] = found.modes.get(mode, 0) + 1
    found.score_ids[request_id] = answer["score_id"]
    found.moments.append((time.monotonic(), mode))
