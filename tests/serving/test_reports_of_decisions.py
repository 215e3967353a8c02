"""The reports on what the service really answers: decisions of either event, and portfolios under their champions."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path

import pytest

from cli.example import example_order
from cli.main import main
from features import FEATURES
from models import load_champion
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from reports import decision_figures, render
from serving.scoring import decide_now
from serving.state import State
from tests.reports.html_page import Page, read
from tests.serving.conftest import END, Seller


def decided(seller: Seller, state: State) -> DecisionRecord:
    order = example_order(seller.ledger, request_id="order-1")
    order["options"] = {"timeout_ms": 60_000}
    decide_now(state, order, {})
    found = state.log.by_request("order-1")
    assert found is not None
    return found


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_the_report_of_a_served_decision_shows_what_was_answered(seller: Seller, state: State) -> None:
    record = decided(seller, state)
    figures = decision_figures(record, FEATURES, ledger=seller.ledger)
    text = words(read(render("decision.html", figures)))
    for explanation in record.response["explanations"]:
        assert all(reason["text"] in text for reason in explanation["reasons"])
    for picture in figures["waterfalls"]:
        reference, *points, value = (Decimal(row[1]) for row in picture.rows)
        assert reference + sum(points) == value
    for check in record.response["decision"]["checks"]:
        assert not check["message"] or check["message"] in text
    assert record.record_sha256 in text
    assert "from the ledger, as known at the time of the decision" in text


def test_under_the_weaker_champion_no_page_speaks_of_default(seller: Seller, state: State) -> None:
    tools = dataclasses.replace(state.tools, champion=load_champion(seller.weaker))
    record = decided(seller, dataclasses.replace(state, tools=tools))
    text = words(read(render("decision.html", decision_figures(record, FEATURES, ledger=seller.ledger)))).lower()
    assert "serious delinquency within 3 months" in text
    assert "default" not in text


@pytest.mark.parametrize("folder", ["champion", "weaker"])
def test_the_portfolio_is_rated_by_the_champion_in_the_words_of_its_event(
    seller: Seller, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "portfolio.html"
    champion = getattr(seller, folder)
    options = ["--ledger", str(seller.path), "--champion", str(champion), "--out", str(out), "--json"]
    assert main(["report", "portfolio", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    text = words(read(out.read_text(encoding="utf-8")))
    assert document["as_of"] == END.isoformat()
    assert sum(document["ratings"].values()) > 10
    assert document["watch_list"]
    event = load_champion(champion).default.event
    assert event.text() in text
    assert ("Expected loss is probability" in text) == event.is_default
    assert ("default" in text.lower()) == event.is_default


def test_a_decision_is_reported_from_the_log_by_its_score_id(
    seller: Seller, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = decided(seller, state)
    assert DecisionLog(tmp_path / "decisions.sqlite").get(record.score_id) == record
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    assert main(["report", "decision", record.score_id, "--ledger", str(seller.path)]) == 0
    said = capsys.readouterr().out
    file = tmp_path / "reports" / f"decision-{record.score_id}.html"
    assert str(file) in said
    assert read(file.read_text(encoding="utf-8")).text
