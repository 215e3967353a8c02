"""The whole path, once, in child processes that cannot reach a network."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cli.running import running_service
from receivables.errors import UnavailableError
from receivables.store import open_store

_ROOT = Path(__file__).parent.parent.parent
_BLOCKED = _ROOT / "tests" / "blocked_network"
_SIZE = ("--customers", "80", "--months", "14", "--seed", "7")


class Demo:
    """A finished `otcrisk demo --json`: its document, what it announced, where its state lies."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.egress = home / "egress.log"
        done = self.otcrisk("demo", *_SIZE, "--json")
        assert done.returncode == 0, done.stderr
        self.announced = done.stderr
        self.document: dict[str, Any] = json.loads(done.stdout)

    def otcrisk(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """One verb in a process of its own, on the same state."""
        return _python("-m", "cli.main", *words, home=self.home, egress=self.egress, **variables)


def _python(*words: str, home: Path, egress: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **variables,
        "OTCRISK_HOME": str(home),
        "EGRESS_LOG": str(egress),
        "PYTHONPATH": os.pathsep.join([str(_BLOCKED), str(_ROOT)]),
    }
    for name in ("DO_NOT_TRACK", "BENTOML_DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        environment.pop(name, None)  # the product itself must see to it
    command = [sys.executable, *words]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=500)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("home"))


def test_the_demo_goes_from_a_simulated_ledger_to_a_decision_with_reasons(demo: Demo) -> None:
    answer = demo.document["answer"]
    assert answer["decision"]["outcome"] in {"APPROVE", "APPROVE_WITH_CONDITIONS", "REVIEW", "HOLD"}
    assert [explanation["target"] for explanation in answer["explanations"]][-1] == "late_over_0"
    assert all(explanation["reasons"] for explanation in answer["explanations"])
    for step in ("simulate", "import", "train", "serve", "report decision", "report portfolio", "drift"):
        assert f"s] otcrisk {step} " in demo.announced
    assert "Decision: " in demo.announced


def test_the_demo_leaves_the_reports_where_it_says(demo: Demo) -> None:
    names = {file.name.partition("-")[0] for file in Path(demo.document["reports"]).glob("*.html")}
    assert {"decision", "portfolio", "drift"} <= names


def test_no_customer_is_named_in_tracking_in_logs_or_on_the_drift_page(demo: Demo) -> None:
    with open_store(demo.document["ledger"]) as store:
        named = re.compile("|".join(sorted(store.read()["customers"]["customer_id"].unique())))
    found = [demo.home / "mlflow.db", *demo.home.glob("mlartifacts/**/*"), *demo.home.glob("*/serve.log")]
    found += list((demo.home / "reports").glob("drift-*"))
    files = [file for file in found if file.is_file() and file.suffix != ".py"]  # our own code, with examples
    assert {".db", ".parquet", ".log", ".html"} <= {file.suffix for file in files}
    read = {file: pd.read_parquet(file).to_csv() if file.suffix == ".parquet" else _text(file) for file in files}
    assert [file.name for file, text in read.items() if named.search(text)] == []


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def test_nothing_tries_to_reach_a_network(demo: Demo) -> None:
    attempts = demo.egress.read_text(encoding="utf-8") if demo.egress.exists() else ""
    assert attempts == ""


def test_the_guard_of_the_network_notes_an_attempt(tmp_path: Path) -> None:
    log = tmp_path / "egress.log"
    code = "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)"
    assert _python("-c", code, home=tmp_path, egress=log).returncode != 0
    assert "getaddrinfo example.org" in log.read_text(encoding="utf-8")


def test_the_service_of_the_demo_has_ended(demo: Demo) -> None:
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    commands = [(process / "cmdline").read_bytes() for process in processes if (process / "cmdline").exists()]
    assert not any(str(demo.home).encode() in command for command in commands)


def test_the_drift_figures_of_the_demo_lie_beside_the_page(demo: Demo) -> None:
    (file,) = Path(demo.document["reports"]).glob("drift-*.json")
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert file.with_suffix(".html").exists()
    assert figures["reference"]["orders"] > 300
    assert {column["column"] for column in figures["columns"]} > {"score/late_over_0", "master data/segment"}
    assert figures["evidently"]["metrics"]


def test_drift_that_cannot_be_judged_ends_with_its_own_code(demo: Demo) -> None:
    words = ("--reference", "2026-05-01:2026-07-31", "--current", "2026-10-30:2026-10-31", "--json")
    done = demo.otcrisk("drift", "--ledger", demo.document["ledger"], *words)
    assert done.returncode == 7
    assert json.loads(done.stdout)["error"]["code"] == "NOT_ENOUGH_DATA"


def test_drift_ends_with_a_code_that_a_scheduler_can_act_on(demo: Demo) -> None:
    conf = demo.home / "conf"
    shutil.copytree(_ROOT / "conf", conf)
    checks = conf / "drift.toml"
    # every history is a year older: with this column among the alerts, that is drift
    checks.write_text(checks.read_text(encoding="utf-8").replace('"NOTE"', '"ALERT"'), encoding="utf-8")
    spans = ("--reference", "2025-10-01:2026-01-31", "--current", "2026-07-01:2026-10-31")
    done = demo.otcrisk("drift", "--ledger", demo.document["ledger"], *spans, OTCRISK_CONF=str(conf))
    assert done.returncode == 10, done.stderr
    assert "Drift: DRIFT" in done.stdout


def test_a_service_that_cannot_start_is_an_error_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    with (
        pytest.raises(UnavailableError, match="did not become ready"),
        running_service(str(tmp_path / "no.sqlite"), port=0, log=tmp_path / "serve.log"),
    ):
        pytest.fail("there is no ledger to serve")
