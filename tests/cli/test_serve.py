"""`otcrisk serve`: starts, answers, stops cleanly, and refuses early with the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conftest import Seller, contract_request, seller  # noqa: F401 - fixtures of the service's tests
from tests.serving.running import free_port, running

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "serve", *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """State of its own, and our packages wherever the process is started."""
    return {**os.environ, "OTCRISK_HOME": str(tmp_path / "var"), "PYTHONPATH": str(ROOT)}


def refused(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """The end of a `serve` that must not start."""
    return subprocess.run(
        command(*words), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_the_ledger_until_it_is_stopped_and_ends_with_0(
    seller: Seller,  # noqa: F811
    contract_request: dict[str, object],  # noqa: F811
    environment: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    port, log = free_port(), tmp_path / "log.txt"
    words = ("--ledger", str(seller.path), "--champion", str(seller.champion), "--port", str(port), "--json")
    with running(command(*words), port, cwd=tmp_path, env=environment, log=log) as service:
        status, answer = service.ask("POST", "/v1/orders/score", contract_request)
        assert (status, answer["decision"]["outcome"]) == (200, "HOLD")
        assert service.ask("GET", "/livez")[0] == 200
        assert [service.ask("GET", path)[0] for path in ("/", "/docs.json")] == [404, 404]  # BentoML's own pages
        status, page = service.ask("GET", "/console/login")
        assert (status, "There are no keys yet" in page) == (200, True)
        assert service.stop(number) == 0
    document = json.loads(log.read_text(encoding="utf-8"))
    assert document["url"] == f"http://127.0.0.1:{port}"
    assert document["model"] == "1"
    assert (tmp_path / "var" / "decisions.sqlite").is_file()
    assert len(list((tmp_path / "var" / "checkpoints").glob("*.json"))) == 1  # signed when it stopped


def test_a_damaged_champion_ends_with_6_before_the_port_is_bound(
    seller: Seller,  # noqa: F811
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    copy = tmp_path / "champion"
    shutil.copytree(seller.champion, copy)
    model = copy / "late" / "model.txt"
    model.write_text(model.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    done = refused(environment, "--ledger", str(seller.path), "--champion", str(copy))
    assert done.returncode == 6
    assert "late/model.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_a_damaged_model_the_scorecards_answer_where_that_was_asked_for(
    seller: Seller,  # noqa: F811
    contract_request: dict[str, object],  # noqa: F811
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    copy, port = tmp_path / "champion", free_port()
    shutil.copytree(seller.champion, copy)
    (copy / "late" / "model.txt").unlink()
    words = ("--ledger", str(seller.path), "--champion", str(copy), "--port", str(port), "--standby")
    with running(command(*words), port, cwd=tmp_path, env=environment, log=tmp_path / "log.txt") as service:
        status, answer = service.ask("POST", "/v1/orders/score", contract_request)
    assert status == 200
    assert (answer["degraded"]["mode"], answer["degraded"]["causes"]) == ("SCORECARD", ["MODEL_MISSING"])
    assert answer["score"]["credit_score"]


def test_no_champion_ends_with_6_and_says_what_to_do(environment: dict[str, str]) -> None:
    done = refused(environment)
    assert done.returncode == 6
    assert "train" in done.stderr


def test_an_unreachable_database_ends_with_5(seller: Seller, environment: dict[str, str]) -> None:  # noqa: F811
    address = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/ledger"
    done = refused(environment, "--ledger", address, "--champion", str(seller.champion))
    assert done.returncode == 5
    assert "secret" not in done.stderr + done.stdout


def test_a_ledger_that_is_not_there_ends_with_8(seller: Seller, environment: dict[str, str]) -> None:  # noqa: F811
    done = refused(environment, "--ledger", "nowhere.sqlite", "--champion", str(seller.champion))
    assert done.returncode == 8


def test_an_address_beyond_this_machine_is_refused_without_keys(environment: dict[str, str]) -> None:
    for host in ("0.0.0.0", "example.org"):  # noqa: S104 - must be refused
        done = refused(environment, "--host", host)
        assert done.returncode == 3
        assert "otcrisk keys create" in done.stderr


def test_a_port_in_use_ends_with_5(seller: Seller, environment: dict[str, str]) -> None:  # noqa: F811
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = refused(environment, "--champion", str(seller.champion), "--port", port)
    assert done.returncode == 5
    assert "--port" in done.stderr
