"""`otcrisk score --explain`: the reasons of a portfolio are those that the service gives, and add up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from features import History, Orders, build_features
from models.champion import load_champion
from models.reasons import OTHER, explanation
from tests.training.seller import MLFLOW_NOISE, Seller
from training import reasons as module
from training.reasons import reasons

SPAN = "2026-10-01:2026-10-31"

pytestmark = [pytest.mark.usefixtures("home"), *(pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE)]


def test_every_invoice_has_the_reasons_of_its_order_in_numbers_that_add_up(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 37)
    words = ["--out", str(tmp_path / "s.parquet"), "--explain", str(tmp_path / "r.parquet"), "--json"]
    assert main(["score", "--ledger", seller.ledger_file, "--issued", SPAN, *words]) == 0
    assert json.loads(capsys.readouterr().out)["reasons"] == str(tmp_path / "r.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.parquet", "s.parquet"]
    scores, told = (pd.read_parquet(tmp_path / name) for name in ("s.parquet", "r.parquet"))
    assert told["invoice_id"].tolist() == scores["invoice_id"].tolist()
    for model in ("late", "default"):
        parts = told[[f"{model}_points_{k}" for k in range(1, 5)]].fillna(0.0).sum(axis=1)
        total = told[f"{model}_reference"] + parts + told[f"{model}_other"]
        assert np.abs(total - told[f"{model}_value"]).max() < 1e-9
    champion, ledger = load_champion(seller.home / "champion"), seller.simulated.ledger
    first, last = (pd.Timestamp(text).date() for text in SPAN.split(":"))
    orders = Orders.of_invoices(ledger, first, last)
    x = build_features(History.of(ledger), orders, champion.priors)
    for i in range(20):
        _, late, default = champion.explained(x[i : i + 1])
        row, scale = told.iloc[i], champion.scale
        both = (
            ("late", explanation(late, x[i], effects=champion.late_effects)),
            ("default", explanation(default, x[i], scale=scale, effects=champion.default_effects)),
        )
        for prefix, found in both:
            lines = [line for line in found.lines if line.code != OTHER]
            for k, line in enumerate(lines, start=1):
                assert (row[f"{prefix}_reason_{k}"], row[f"{prefix}_points_{k}"]) == (line.code, line.points)
            assert row[f"{prefix}_value"] == found.value


def test_reasons_come_chunk_by_chunk(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 10)
    ledger, champion = seller.simulated.ledger, load_champion(seller.home / "champion")
    orders = Orders.of_invoices(ledger, *(pd.Timestamp(text).date() for text in SPAN.split(":"))).take(slice(0, 25))
    assert [len(frame) for frame in reasons(History.of(ledger), orders, champion)] == [10, 10, 5]


def test_a_file_of_reasons_of_another_kind_is_refused_before_any_work(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--out", str(tmp_path / "s.csv"), "--explain", str(tmp_path / "r.csv")]
    assert main(["score", "--ledger", seller.ledger_file, "--issued", SPAN, *words]) == 3
    assert "--explain: expected a file that ends in .parquet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
