"""A training run leaves in MLflow, and in the champion folder, all that it should and no pickle."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.basis import ACCEPTED, REFUSED
from models.champion import load_champion
from receivables.outcomes import OutcomeConfig
from tests.training.seller import CUTOFF, MLFLOW_NOISE, SETTINGS, Seller, train_again
from training.dataset import DefaultData, Known
from training.fit import LateFit
from training.fit_default import fit_default
from training.registered import champion_of

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]

MODELS = ("otc-late-payment", "otc-default")
CARDS = {f"card_{use}.{kind}" for use in ("late", "default") for kind in ("md", "html")}
TABLES = {"figures.json", "by_month.json", "by_segment.json"}
_DRAWN = ("calibration", "calibration_default", "by_month", "shap_late", "shap_default")
PICTURES = {f"pictures/{name}.png" for name in _DRAWN}


@pytest.fixture
def client(seller: Seller) -> Any:
    from models.registry import connect

    return connect(seller.home)


def _documents(seller: Seller) -> Path:
    (place,) = seller.home.glob(f"mlartifacts/*/{seller.trained.run_id}/artifacts")
    return place


def _card(seller: Seller, name: str) -> str:
    return (_documents(seller) / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODELS)
def test_the_first_run_registers_both_models_as_champions(seller: Seller, client: Any, name: str) -> None:
    assert seller.trained.verdict.promoted
    assert (seller.home / "mlflow.db").is_file()
    found = client.get_model_version_by_alias(name, "champion")
    assert (str(found.version), found.run_id) == (seller.trained.versions[name], seller.trained.run_id)
    assert found.tags["training_cutoff"] == CUTOFF.isoformat()


def test_the_run_logs_fingerprint_parameters_and_figures(seller: Seller, client: Any) -> None:
    run = client.get_run(seller.trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["data_fingerprint"] == seller.trained.fingerprint
    assert run.data.params["cutoff"] == str(CUTOFF)
    assert run.data.params["late.learning_rate"] == "0.4"
    assert run.data.params["event"] == seller.trained.event.name
    for name in ("auc", "brier", "log_loss", "ece", "slope", "ks", "lift", "auc_low", "auc_high"):
        assert f"late_over_0/all/model/{name}" in run.data.metrics
    assert "late_over_0/without_the_largest_customer/model/auc" in run.data.metrics


def test_figures_are_logged_by_month_and_by_segment(seller: Seller, client: Any) -> None:
    history = client.get_metric_history(seller.trained.run_id, "late_over_0/by_month/model/log_loss")
    months = {point.step for point in history}
    assert len(months) >= 2
    assert all(202_601 <= month <= 202_609 for month in months)
    by_segment = json.loads(_card(seller, "by_segment.json"))["late_over_0"]["model"]
    assert "TRADE" in by_segment
    assert {"rows", "auc", "log_loss", "brier"} <= set(by_segment["TRADE"])


def test_pictures_cards_and_tables_lie_with_the_run(seller: Seller) -> None:
    place = _documents(seller)
    present = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert present >= CARDS | TABLES | PICTURES
    for picture in PICTURES:
        assert (place / picture).read_bytes().startswith(b"\x89PNG")
    shown = {name: _card(seller, f"card_{name}.html").count("data:image/png;base64,") for name in ("late", "default")}
    assert shown == {"late": 3, "default": 2}


def test_cards_state_the_data_and_the_cut_off(seller: Seller) -> None:
    for name in sorted(CARDS):
        card = _card(seller, name)
        assert seller.trained.fingerprint in card
        assert "2026-09-20" in card


def test_the_event_within_another_horizon_has_a_verdict_figures_and_a_card_of_its_own(seller: Seller) -> None:
    champion = load_champion(seller.trained.champion)
    assert champion.beside is not None
    name = champion.beside.event.name
    assert name != seller.trained.event.name
    assert champion.beside.basis_.rating_basis in (ACCEPTED, REFUSED)
    assert {f.metric for f in seller.trained.figures if f.target == name} >= {"auc", "log_loss"}
    assert champion.beside.basis_.text() in html.unescape(_card(seller, f"card_{name}.html"))


def test_the_weaker_event_is_named_and_never_called_default(seller: Seller) -> None:
    assert seller.trained.event.name.startswith("serious_delinquency")
    card = _card(seller, "card_default.md")
    assert "serious delinquency" in card
    # settings of LightGBM and feature names may hold the word, sentences about the event may not
    assert not re.search(r"\b(probability of|likely .*) default\b", card, re.IGNORECASE)
    event = load_champion(seller.home / "champion").default.event
    assert (event.label, event.is_default) == ("serious delinquency", False)
    assert "default" not in event.text()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_no_pickle_lies_anywhere_in_the_state(seller: Seller) -> None:
    everything = [path for path in _files(seller.home) if path.suffix != ".db"]
    assert len(everything) > 30
    for path in everything:
        assert path.suffix not in (".pkl", ".pickle", ".joblib", ".cloudpickle", ".npy"), path
        data = path.read_bytes()
        # every pickle since protocol 2 begins with 0x80 and its protocol, and ends with a full stop
        assert not (data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and data.endswith(b".")), path
        if path.suffix != ".py":
            assert b"cloudpickle" not in data, path


def test_the_champion_folder_and_the_registered_version_hold_the_same_models(seller: Seller) -> None:
    served = load_champion(seller.home / "champion")
    kept = champion_of(seller.trained.versions["otc-late-payment"], seller.home)
    assert served.late.to_files() == kept.late.to_files()
    assert served.default.to_files() == kept.default.to_files()
    assert served.manifest["training_cutoff"] == CUTOFF.isoformat()
    standing = served.manifest["metrics"]["score_percentiles"]
    assert len(standing) == 101
    assert standing == sorted(standing)
    assert served.scale.score_min <= standing[0] < standing[-1] <= served.scale.score_max
    assert served.manifest["run_id"] == seller.trained.run_id


def test_the_same_seed_gives_the_same_model_to_the_last_byte(seller: Seller, late_fit: LateFit) -> None:
    folder = seller.home / "champion" / "late"
    for name, data in late_fit.model.to_files().items():
        assert (folder / name).read_bytes() == data, name


def test_the_same_seed_gives_the_same_default_model(seller: Seller, config: OutcomeConfig) -> None:
    data = DefaultData.of(Known.at(seller.simulated.ledger, CUTOFF), config)
    again = fit_default(data, SETTINGS).model
    for name, written in again.to_files().items():
        assert (seller.home / "champion" / "default" / name).read_bytes() == written, name


@pytest.fixture(scope="module")
def second(seller: Seller, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A second training with --promote in a copy of the first one's state."""
    home = tmp_path_factory.mktemp("second") / "home"
    shutil.copytree(seller.home / "champion", home / "champion")
    return home, train_again(seller.simulated, home, promote=True)


def test_a_second_run_without_newer_outcomes_registers_challengers_and_leaves_the_champion(
    seller: Seller, second: tuple[Path, Any]
) -> None:
    from models.registry import champion_version, connect

    home, made = second
    assert not made.verdict.promoted
    assert "have matured since the champion's cut-off" in made.verdict.reason
    client = connect(home)
    for name in MODELS:
        assert champion_version(client, name) is None
        assert client.get_model_version_by_alias(name, "challenger").run_id == made.run_id
    assert load_champion(home / "champion").manifest["run_id"] == seller.trained.run_id
