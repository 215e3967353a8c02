"""`otcrisk serve`: starts, answers, stops cleanly, and refuses early with the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "serving"))

from conftest import Seller, seller  # noqa: E402, F401 - the fixture of the service's own tests
from running import free_port, running  # noqa: E402


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "serve", *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "OTCRISK_HOME": str(tmp_path / "var"), "PYTHONPATH": str(ROOT)}
