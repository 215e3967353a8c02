"""`otcrisk train`: what it prints, for people and for machines, and how it says that it cannot."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from cli import train
from cli.main import main
from cli.output import emit
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from tests.training.seller import AS_OF, END, Seller, make_seller


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def seller(tmp_path_factory: pytest.TempPathFactory) -> Seller:
    return make_seller(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twenty customers over two months: too little to learn from."""
    path = str(tmp_path_factory.mktemp("short") / "ledger.sqlite")
    with open_store(path, create=True) as store:
        store.load(dict(simulate(20, 2, 3, END, SimulationConfig.read()).ledger.frames), source="s", fingerprint="s")
    return path


def test_people_read_the_event_the_figures_beside_the_rule_and_the_verdict(seller: Seller) -> None:
    text = train._text(seller.trained, AS_OF)
    for words in (
        "known by the end of 2026-09-19",
        "event learnt: serious delinquency",
        "out of time, origins",
        "model - rule [95 %]",
        "cold start",
        "mean absolute error",
        "champion: there is no champion yet",
        "otc-late-payment version 1, otc-default version 1",
    ):
        assert words in text


def test_machines_read_one_document_without_nan(seller: Seller, capsys: pytest.CaptureFixture[str]) -> None:
    emit(train._document(seller.trained, AS_OF), argparse.Namespace(json=True))
    document = json.loads(capsys.readouterr().out)
    assert document["cutoff"] == "2026-09-20T00:00:00"
    assert document["event"]["label"] == "serious delinquency"
    assert document["verdict"]["promoted"] is True
    assert {"auc", "log_loss", "brier", "slope"} <= {figure["metric"] for figure in document["figures"]}


def test_a_ledger_that_is_not_there_ends_with_code_eight_and_leaves_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--ledger", str(tmp_path / "none.sqlite")]) == 8
    assert "none.sqlite" in capsys.readouterr().err
    assert not (tmp_path / "none.sqlite").exists()
    assert not home.exists()


def test_a_day_before_the_first_invoice_is_an_input_error(
    home: Path, short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--ledger", short, "--as-of", "2020-01-01"]) == 3
    assert "no invoice was known at 2020-01-02" in capsys.readouterr().err
    assert not home.exists()


def test_a_day_that_is_none_is_an_input_error(home: Path, short: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--ledger", short, "--as-of", "30.04.2019"]) == 3
    assert "YYYY-MM-DD" in capsys.readouterr().err
    assert not home.exists()


def test_too_few_events_end_with_code_seven_and_list_what_each_event_had(
    home: Path, short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--ledger", short, "--json"]) == 7
    captured = capsys.readouterr()
    for event in ("default_12m", "serious_delinquency_1m"):
        assert event in captured.err
    assert json.loads(captured.out)["error"]["code"] == "NOT_ENOUGH_DATA"
    assert not (home / "champion").exists()
