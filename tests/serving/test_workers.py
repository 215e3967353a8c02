"""Workers: one that is killed is replaced, all are replaced in turn, the last orders are answered before the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from receivables.audit import verify
from receivables.decision_log import DecisionLog
from tests.serving.live import loaded
from tests.serving.random_orders import random_order
from tests.serving.running import Running, free_port, running

ROOT = Path(__file__).resolve().parents[2]
DRAIN = 2.0


@pytest.fixture(scope="module")
def service(seller: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    folder, port = tmp_path_factory.mktemp("workers"), free_port()
    environment = {**os.environ, "OTCRISK_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    words = ("--ledger", str(seller.path), "--champion", str(seller.champion), "--port", str(port))
    command = [sys.executable, "-m", "cli.main", "serve", *words, "--workers", "2", "--drain", str(DRAIN)]
    with running(command, port, cwd=folder, env=environment, log=folder / "log.txt") as made:
        yield made, folder


@pytest.fixture(scope="module")
def documents(seller: Any) -> list[dict[str, Any]]:
    dice = random.Random(5)
    return [random_order(dice, seller.customers(), number) for number in range(20)]


def workers(service: Running) -> set[int]:
    command = ["ps", "-o", "pid=", "--ppid", str(service.process.pid)]
    return {int(line) for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()}


def started(service: Running) -> int:
    """How many workers have said that they are ready."""
    text = str(service.ask("GET", "/metrics")[1])
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("otcrisk_worker_starts_total "))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:  # of the worker that has just been killed
            pass
        time.sleep(0.05)
    return False


def test_a_killed_worker_is_replaced_and_no_order_is_lost(
    service: tuple[Running, Path], documents: list[dict[str, Any]]
) -> None:
    process, folder = service
    assert until(lambda: len(workers(process)) == 2 and started(process) == 2)
    with loaded([process.port], documents, clients=4, name="kill") as found:
        for number in range(2):
            victim = min(workers(process))
            os.kill(victim, signal.SIGKILL)
            assert until(lambda n=number: started(process) == 3 + n)  # type: ignore[misc]
    assert found.failed == []
    assert found.answered > 0
    log = DecisionLog(folder / "decisions.sqlite")
    records = {record.request_id: record.score_id for record in log.all()}
    assert found.score_ids.items() <= records.items()
    assert verify(log).is_intact
    log.close()


def test_workers_are_replaced_in_turn_while_orders_are_answered(
    service: tuple[Running, Path], documents: list[dict[str, Any]]
) -> None:
    process, _ = service
    before, count = workers(process), started(process)
    with loaded([process.port], documents, clients=4, name="roll") as found:
        process.process.send_signal(signal.SIGHUP)
        assert until(lambda: started(process) == count + 2 and not before & workers(process))
    assert found.failed == []
    assert found.answered > 0


def test_before_the_end_it_says_not_ready_and_goes_on_answering(
    service: tuple[Running, Path], documents: list[dict[str, Any]]
) -> None:
    process, _ = service
    process.process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert until(lambda: process.ask("GET", "/readyz")[0] == 503, DRAIN)
    status, _ = process.ask("POST", "/v1/orders/score", {**documents[0], "request_id": "last"})
    assert status == 200
    assert process.process.wait(60) == 0
    assert time.monotonic() - begun >= DRAIN * 0.9


def test_workers_end_when_the_parent_was_killed() -> None:
    script = (
        "import os, time\n"
        "from serving.workers import Supervisor\n"
        "def work(row, ready):\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "Supervisor(1, work).run()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert until(lambda: not Path(f"/proc/{worker}").exists(), 20.0)
