"""Promises that ordinary tests keep: those tests are run, and each counts as a try."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

from tests.proof.tally import Tally

_ROOT: Final = Path(__file__).resolve().parents[2]


def run(promise: str, aim: str, *tests: str, choose: str = "") -> Tally:
    """What pytest says of `tests`, of those that `choose` (as of -k) picks; skipped ones are no tries."""
    tally = Tally(promise, aim)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [*tests, *(["-k", choose] if choose else []), "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *words], cwd=_ROOT, check=False, stdout=subprocess.DEVNULL)
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest has just written it
            broken = [child for child in case if child.tag in ("failure", "error")]
            if not any(child.tag == "skipped" for child in case):
                tally.count([f"{case.get('classname')}::{case.get('name')}"] if broken else [])
    return tally
