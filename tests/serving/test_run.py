"""What workers are forked from: everything that they need is there, and nothing that must not cross a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import json, os, sys, threading
from serving import logs
from serving.run import bind, prepare_to_fork, serve
from serving.state import load_state
tools, _ = prepare_to_fork(sys.argv[1])
named = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
held = {"threads": threading.active_count(), "files": [name for name in named if name.endswith((".sqlite", "-wal"))]}
before, listening = set(sys.modules), bind("127.0.0.1", 0)
if not os.fork():
    def ready():
        print(json.dumps(held | {"imported": sorted(set(sys.modules) - before)}), flush=True)
        os._exit(0)
    logs.start("WARNING")
    serve(load_state(tools), listening, ready=ready)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.fixture(scope="module")
def found(seller: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the parent held before the fork, and what a worker imported until it was ready."""
    home = str(tmp_path_factory.mktemp("home"))
    names = {"OTCRISK_HOME": home, "OTCRISK_CHAMPION": str(seller.champion), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _PROGRAM, str(seller.path)]
    done = subprocess.run(
        command, env={**os.environ, **names}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_worker_imports_nothing(found: dict[str, Any]) -> None:
    assert found["imported"] == []


def test_the_parent_has_no_other_thread(found: dict[str, Any]) -> None:
    assert found["threads"] == 1


def test_the_parent_holds_neither_log_nor_ledger_open(found: dict[str, Any]) -> None:
    assert found["files"] == []
