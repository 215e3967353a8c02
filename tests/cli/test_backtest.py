"""`otcrisk backtest`: what it prints, for people and for machines, and how it says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import backtest
from cli.main import main
from receivables.errors import NotEnoughDataError
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from tests.reports.test_validation_report import made, record_of
from tests.training.seller import END, MLFLOW_NOISE

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]
_DAYS = ("--from", "2026-09-01", "--to", "2026-10-01")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twenty customers over two months: too little to learn from."""
    path = str(tmp_path_factory.mktemp("short") / "ledger.sqlite")
    with open_store(path, create=True) as store:
        store.load(dict(simulate(20, 2, 3, END, SimulationConfig.read()).ledger.frames), source="s", fingerprint="s")
    return path


def test_people_read_every_origin_the_whole_the_audit_and_the_warning() -> None:
    text = backtest._text(record_of(made()), "run77")
    for words in (
        "trained at 2 origins, judged with outcomes known by the end of 2026-11-19",
        "late_over_0",
        "2026-09-01",
        "without the largest customer",
        "without the customer with most events",
        "model - rule [95 %]",
        "passed: features do not see the future",
        "WARNING, wrong on purpose",
        "coverage_80",
        "otcrisk report validation",
    ):
        assert words in text, words


def test_a_leak_is_told_apart_from_a_clean_run_and_from_no_audit() -> None:
    about = made().about
    leaky = dict(about["audit"], checks=[{**about["audit"]["checks"][0], "verdict": "failed"}])
    assert backtest._leaks(record_of(made(audit=leaky))) == ["12 values"]
    assert backtest._leaks(record_of(made())) == []
    assert backtest._leaks(record_of(made(audit=None))) == []
    assert "not run (--no-audit)" in backtest._text(record_of(made(audit=None)), "run77")


def test_machines_read_strict_json() -> None:
    document = json.loads(json.dumps(backtest._document(record_of(made())), allow_nan=False))
    assert {"auc", "log_loss", "slope", "mae"} <= {figure["metric"] for figure in document["figures"]}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--ledger", "/nowhere/ledger.sqlite", *_DAYS), 8, "/nowhere/ledger.sqlite"),
        (("--ledger", "SHORT", "--from", "1.9.2026", "--to", "2026-10-01"), 3, "YYYY-MM-DD"),
        (("--ledger", "SHORT", "--from", "2026-11-01", "--to", "2026-10-01"), 3, "not before --from"),
        (("--ledger", "SHORT", "--from", "2026-01-01", "--to", "2026-01-01"), 3, "no invoice was known"),
        (("--ledger", "SHORT", "--from", "2026-11-10", "--to", "2026-11-10", "--every", "week"), 7, "expected"),
        (("--ledger", "SHORT", *_DAYS, "--out", "/proc/none"), 5, "/proc/none"),
    ],
)
def test_what_goes_wrong_is_named_with_its_exit_code(
    home: Path, short: str, words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", *(short if word == "SHORT" else word for word in words)]) == code
    assert said in capsys.readouterr().err
    assert not list(home.rglob("*.parquet"))


def test_settings_of_a_file_are_those_of_the_run_and_wrong_ones_are_named(
    home: Path, short: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import backtest_run

    found: list[Any] = []

    def stop(*args: Any, settings: Any, **rest: Any) -> None:
        found.append(settings)
        raise NotEnoughDataError("enough seen")

    monkeypatch.setattr(backtest_run, "backtest", stop)
    file = tmp_path / "settings.toml"
    file.write_text("judged_share = 0.4\n[late_params]\nnum_leaves = 5\n")
    words = ["backtest", "--ledger", short, *_DAYS, "--seed", "3", "--settings", str(file)]
    assert main(words) == 7
    assert (found[0].judged_share, found[0].late_params, found[0].seed) == (0.4, {"num_leaves": 5}, 3)
    file.write_text("leaves = 5\n")
    assert main(words) == 4
    assert "leaves" in capsys.readouterr().err


@pytest.mark.slow
def test_the_real_extract_passes_its_leak_audit(
    extract_path: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = str(tmp_path / "real.sqlite")
    assert main(["import", str(extract_path), "--mapping", "sap_extract", "--ledger", ledger]) in (0, 9)
    capsys.readouterr()
    words = ["backtest", "--ledger", ledger, "--from", "2019-04-01", "--to", "2019-05-01", "--json"]
    assert main(words) == 0
    first: Any = json.loads(capsys.readouterr().out)
    assert {check["verdict"] for check in first["audit"]["checks"]} == {"passed"}
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err.count("kept from an earlier run") == 2
    assert json.loads(captured.out)["figures"] == first["figures"]
    assert main(["report", "validation"]) == 0
