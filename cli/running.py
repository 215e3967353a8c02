"""The service as a child process: started, waited for until ready, asked, and stopped cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from receivables.errors import UnavailableError

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
#: The service is on this machine: no proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def running_service(ledger: str, *, port: int, log: Path) -> Iterator[str]:
    """Base URL of `otcrisk serve` on `ledger` while the block runs; port 0 takes a free one.

    Raises UnavailableError with the end of the log where it does not become ready.
    """
    port = port or _free_port()
    command = [sys.executable, "-m", "cli.main", "serve", "--ledger", ledger, "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(process, url, log)
        yield url
    finally:
        _stop(process)


def post(url: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON that the service answers to a JSON body; raises UnavailableError with the answer's text on an error."""
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own http URL
    try:
        with _OPENER.open(request, timeout=30) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        raise UnavailableError(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from None


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with _OPENER.open(f"{url}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    raise UnavailableError(f"the service at {url} did not become ready; the end of {log}:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
