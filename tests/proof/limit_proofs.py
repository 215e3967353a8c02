"""Promises about too much: huge bodies and heads, callers that dawdle, and a service that goes on for long."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from tests.proof import world
from tests.proof.tally import Tally
from tests.serving.live import loaded
from tests.serving.running import Running

_HEAD: Final = b"POST /v1/orders/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def oversize(callers: int, *, tries: int, most_ms: float = 50.0) -> Tally:
    """Bodies of 50 MB, heads of 300 MB and `callers` that send a byte now and then, while orders are scored."""
    tally = Tally("oversize is refused early and disturbs nobody", "413 <= 50 ms, RSS +<= 64 MB, scoring p99 +<= 20 %")
    with world.served() as ((service,), _):
        documents = world.orders(20, counterfactuals=False)
        with loaded([service.port], documents, clients=1, pause=0.01, name="warm"):
            time.sleep(3.0)
        with loaded([service.port], documents, clients=1, pause=0.01, name="calm") as calm:
            time.sleep(6.0)
        before, times = _resident(service), list[float]()
        slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(callers)]
        for connection in slow:
            connection.sendall(_HEAD)
        with loaded([service.port], documents, clients=1, pause=0.01, name="busy") as busy:
            time.sleep(6.0)
        for connection in slow:
            connection.close()
        most = before
        for _ in range(tries):
            begun = time.perf_counter()
            status = _huge_body(service.port)
            times.append((time.perf_counter() - begun) * 1_000.0)
            tally.count([] if status.startswith(b"HTTP/1.1 413") else [f"50 MB body: {status!r}"])
            most = max(most, _resident(service))
        tally.count(_huge_head(service.port))
        most = max(most, _resident(service))
        tally.count([] if not busy.failed else [f"{len(busy.failed)} orders failed beside slow callers"])
    tally.figures = {
        "refused_after_ms_p50": round(float(np.percentile(times, 50)), 1),
        "refused_after_ms_max": round(max(times), 1),
        "rss_growth_mb": round(most - before, 1),
        "order_p99_calm_ms": round(float(np.percentile(calm.seconds, 99)) * 1_000.0, 1),
        "order_p99_beside_slow_callers_ms": round(float(np.percentile(busy.seconds, 99)) * 1_000.0, 1),
    }
    tally.count([f"413 after {max(times):.0f} ms"] if max(times) > most_ms else [], tries=0)
    calm_p99, busy_p99 = (tally.figures[f"order_p99_{name}_ms"] for name in ("calm", "beside_slow_callers"))
    tally.count([f"order p99 {busy_p99} ms, calm {calm_p99} ms"] if busy_p99 > 1.2 * calm_p99 else [], tries=0)
    tally.count([f"RSS +{most - before:.0f} MB"] if most - before > 64.0 else [], tries=0)
    return tally


def soak(seconds: float) -> Tally:
    """Orders for a while; memory and open files in the second half of it, when what is kept on purpose is kept."""
    tally = Tally("soak: memory and files stay flat", "8 h or 5 M requests, RSS slope < 1 MB/100k, files flat")
    with world.served() as ((service,), _), loaded([service.port], world.orders(200), clients=3, name="soak") as found:
        time.sleep(seconds / 2.0)
        at, memory, files = found.answered, _resident(service), _files(service)
        time.sleep(seconds / 2.0)
        grown, more = _resident(service) - memory, found.answered - at
        opened = _files(service) - files
    tally.count(
        [f"{len(found.failed)} failed, the first: {found.failed[0]}"] if found.failed else [], tries=found.answered
    )
    slope = grown * 100_000 / max(more, 1)
    tally.count([f"RSS {slope:.0f} MB per 100,000 orders"] if slope > 1.0 else [], tries=0)
    tally.figures = {
        "rss_growth_mb": round(grown, 1), "orders_meanwhile": more, "rss_mb_per_100k": round(slope, 1), "files": opened,
    }  # fmt: skip
    return tally


def _huge_body(port: int) -> bytes:
    """The start of the answer to a stated 50 MB; as much is sent as is taken."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with suppress(ConnectionError):
            connection.sendall(_HEAD + b"Content-Length: 50000000\r\n\r\n" + b"[" * 65_536)
        return _received(lambda: connection.recv(4_096))


def _huge_head(port: int) -> list[str]:
    """Sends header after header; what is wrong where the connection is still open after 300 MB."""
    line = b"X-A: " + b"a" * 8_000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(_HEAD)
            for _ in range(300_000_000 // len(line)):
                connection.sendall(line)
        except ConnectionError:
            return []
    return ["300 MB of headers were taken"]


def _received(receive: Callable[[], bytes]) -> bytes:
    try:
        return receive()
    except ConnectionError:
        return b"reset"


def _resident(service: Running) -> float:
    text = Path(f"/proc/{service.process.pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * 4096 / 1_000_000


def _files(service: Running) -> int:
    return sum(1 for _ in Path(f"/proc/{service.process.pid}/fd").iterdir())
