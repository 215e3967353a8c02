"""`otcrisk promote`: every check is printed, the exit code says the decision, and MLflow keeps it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.main import REFUSED, main
from models.champion import load_champion
from receivables.access_keys import AccessKeys
from tests.training.seller import MLFLOW_NOISE, Seller, make_seller

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]


@pytest.fixture(scope="module")
def seller(tmp_path_factory: pytest.TempPathFactory) -> Seller:
    return make_seller(tmp_path_factory.getbasetemp())


@pytest.fixture
def home(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of the training run, its champion laid aside."""
    monkeypatch.setenv("OTCRISK_HOME", str(seller.home))
    return seller.home


def _said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_champion_itself_is_refused_as_a_challenger_and_the_run_says_why(
    seller: Seller, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (home / "champion" / "manifest.json").read_bytes()
    words = ["promote", "--ledger", seller.ledger_file, "--challenger", "1", "--approved-by", "ben", "--json"]
    assert main([*words, "--dry-run"]) == REFUSED
    document = _said(capsys)
    assert document["promoted"] is False
    assert {"pass", "fail"} <= {check["verdict"] for check in document["checks"]}
    assert document["versions"] == dict(seller.trained.versions)
    assert (home / "champion" / "manifest.json").read_bytes() == before


def test_without_a_champion_it_is_signed_put_in_place_and_recorded(
    seller: Seller, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.registry import champion_version, connect

    aside = shutil.move(home / "champion", home / "aside")
    try:
        assert main(["promote", "--ledger", seller.ledger_file, "--challenger", "1"]) == 0
        text = capsys.readouterr().out
        assert "loads and scores its golden vectors" in text
        assert text.rstrip().endswith("promoted: there is no champion yet")
        assert load_champion(home / "champion").manifest["run_id"] == seller.trained.run_id
        client = connect()
        (place,) = home.glob(f"mlartifacts/*/{seller.trained.run_id}/artifacts/promotion.json")
        assert json.loads(place.read_text())["promoted"] is True
        assert client.get_run(seller.trained.run_id).data.tags["verdict"] == "champion"
        assert champion_version(client, "otc-late-payment") == "1"
    finally:
        shutil.rmtree(home / "champion", ignore_errors=True)
        shutil.move(aside, home / "champion")


def test_a_challenger_that_nobody_registered_is_not_found(seller: Seller, home: Path) -> None:
    assert main(["promote", "--ledger", seller.ledger_file, "--challenger", "99"]) == 8
    assert main(["promote", "--ledger", seller.ledger_file]) == 8


@pytest.fixture
def keys(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Keys of two persons who may promote."""
    monkeypatch.setenv("OTCRISK_ACCESS", str(tmp_path / "access"))
    kept = AccessKeys(tmp_path / "access")
    return {name: kept.create(name, ["admin"], now=dt.datetime.now(dt.UTC))[0] for name in ("ann", "ben")}


def test_with_keys_a_promotion_is_proposed_with_one_and_approved_with_another(
    seller: Seller, home: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["promote", "--ledger", seller.ledger_file, "--challenger", "1", "--json"]
    assert main([*words, "--approved-by", "ben"]) == 3  # a name alone proves nothing
    assert main(["train", "--ledger", seller.ledger_file, "--promote", "--approved-by", "ben"]) == 3
    monkeypatch.setenv("OTCRISK_KEY", keys["ann"])
    aside = shutil.move(home / "champion", home / "aside")
    try:
        capsys.readouterr()
        assert main([*words, "--propose"]) == 0
        change = _said(capsys)["change"]
        assert not (home / "champion").exists()
        assert main([*words, "--change", change]) == 3  # not approved yet
        assert main(["changes", "approve", change, "--reason", "mine", "--json"]) == 3  # by the same person
        monkeypatch.setenv("OTCRISK_KEY", keys["ben"])
        assert main(["changes", "approve", change, "--reason", "checked", "--json"]) == 0
        assert main([*words, "--change", change]) == 0
        assert load_champion(home / "champion").manifest["run_id"] == seller.trained.run_id
        assert main([*words, "--change", change]) == 3  # once
        capsys.readouterr()
        assert main(["changes", "show", change, "--json"]) == 0
        assert _said(capsys)["change"]["state"] == "CHANGE_APPLIED"
    finally:
        shutil.rmtree(home / "champion", ignore_errors=True)
        shutil.move(aside, home / "champion")
