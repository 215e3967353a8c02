"""A service in a process of its own, for tests: started, waited for, asked, stopped."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Compiling the feature kernel in a new place takes a while on a busy machine.
START_SECONDS = 240.0
#: A caller on this machine, as the test client names itself.
HERE = ("127.0.0.1", 50_000)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A process that listens on a port of this machine."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, Any]:
        """Status and body, as JSON where it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            text = response.read().decode()
            is_json = response.headers.get("content-type") == "application/json"
            return response.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running(command: Sequence[str], port: int, *, cwd: Path, env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """The process, ready to be asked; what it prints goes to `log`."""
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=cwd, env=dict(env), stdout=out, stderr=subprocess.STDOUT, text=True)
    found = Running(process, port)
    try:
        _wait(found, log)
        yield found
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def _wait(found: Running, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and found.process.poll() is None:
        try:
            if found.ask("GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready: {log.read_text(encoding='utf-8')[-3000:]}")
