"""The Bento: built with the champion inside, served by BentoML from another directory without our installation."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from receivables.decision import wire
from receivables.errors import ArtefactError
from serving.build import PACKAGES, build
from serving.schemas import read_request
from serving.score import Occasion, score_order
from serving.state import State
from tests.serving.running import HERE, free_port, running

ROOT = Path(__file__).resolve().parents[2]
#: Run by every Python that the Bento starts: takes the repository off the path, however it came there.
ALONE = f"""
import sys
sys.path[:] = [path for path in sys.path if path.rstrip("/") != {str(ROOT)!r}]
"""


@pytest.fixture(scope="module")
def bento(seller: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(seller.champion, tmp_path_factory.mktemp("store"))


def test_holds_what_the_service_needs_and_nothing_that_trains_or_reports(bento: Path) -> None:
    source = bento / "src"
    held = {path.name for path in source.iterdir() if path.is_dir()}
    assert held == {*PACKAGES, "conf", "champion"}
    assert (source / "champion" / "manifest.json").is_file()
    assert not list(source.rglob("*.pyc"))


def test_asks_for_no_tracking_plotting_or_drift_library(bento: Path) -> None:
    wanted = (bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8")
    assert "lightgbm" in wanted
    assert not any(name in wanted for name in ("mlflow", "shap", "evidently", "matplotlib", "scikit-learn"))


def test_a_damaged_champion_is_refused_before_anything_is_built(seller: Any, tmp_path: Path) -> None:
    copy = tmp_path / "champion"
    shutil.copytree(seller.champion, copy)
    (copy / "priors.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"priors\.json"):
        build(copy, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("path", ["/", "/docs.json", "/schema.json", "/assets/", "/readyz/", "/healthz/x", "/%0A"])
def test_bentoml_has_no_page_of_its_own_beside_its_probes(path: str) -> None:
    from serving.service import OtcRisk

    answer = TestClient(OtcRisk.to_asgi(is_main=True), client=HERE).get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_answers_elsewhere_as_we_do_here(
    bento: Path, seller: Any, state: State, contract_request: dict[str, Any], tmp_path: Path
) -> None:
    site, port = tmp_path / "site", free_port()
    site.mkdir()
    (site / "sitecustomize.py").write_text(ALONE, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(site),
        "OTCRISK_HOME": str(tmp_path / "var"),
        "OTCRISK_LEDGER": str(seller.path),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    payer = seller.customers()[0]
    document = {**contract_request, "customer": {**contract_request["customer"], "payer": payer}}
    with running(command, port, cwd=tmp_path, env=environment, log=tmp_path / "log.txt") as service:
        status, answer = service.ask("POST", "/v1/orders/score", document)
        assert status == 200
        hidden = [service.ask("GET", path)[0] for path in ("/", "/docs.json", "/schema.json")]
        assert hidden == [404] * 3
        status, text = service.ask("GET", "/metrics")
        assert status == 200
        assert 'otcrisk_requests_total{route="/v1/orders/score",method="POST",status="200"} 1' in text
        service.stop()
    known = state.payers.known(payer, has_items=True)
    record = score_order(
        read_request(document),
        document,
        known=known,
        tools=state.tools,
        occasion=Occasion.at(dt.datetime.now(dt.UTC)),
    )
    here = json.loads(wire(record.response))
    for name in ("probabilities", "explanations", "decision", "score", "limit", "loss", "actions", "model"):
        assert answer[name] == here[name]
    assert (tmp_path / "var" / "decisions.sqlite").is_file()
