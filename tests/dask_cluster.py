"""A real Dask cluster on loopback: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent


@contextmanager
def process(*words: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    # nothing listens beyond this machine; workers find the package as an installation would have it
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
    with (folder / f"{words[0]}.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """Address of a scheduler on loopback."""
    note = folder / "scheduler.json"
    words = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(note))
    with process(*words, folder=folder):
        wait_for(note.exists)
        yield address_in(note)


def address_in(note: Path) -> str:
    import json

    found: list[str] = []

    def read() -> bool:
        try:
            found.append(json.loads(note.read_text())["address"])
        except ValueError:  # still being written
            return False
        return True

    wait_for(read)
    return found[0]


def worker(address: str, folder: Path) -> Any:
    words = ("worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
    return process(*words, "--local-directory", str(folder), folder=folder)


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_workers(address: str, n: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(n, timeout=60)


@contextmanager
def cluster(folder: Path, *, workers: int) -> Iterator[str]:
    """Address of a scheduler with so many workers, each of one thread."""
    with ExitStack() as running:
        address = running.enter_context(scheduler(folder))
        for _ in range(workers):
            running.enter_context(worker(address, folder))
        wait_for_workers(address, workers)
        yield address
