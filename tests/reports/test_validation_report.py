"""The validation report says what the record holds, no more: every figure is one of it, every claim is covered."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from reports import render, validation_document, validation_figures
from reports.validation_words import Cells, compared, sentences
from tests.reports.html_page import HOSTILE, Page, read
from training import backtest_record
from training.backtest import PREDICTORS
from training.backtest_figures import Cell
from training.backtest_record import Record
from training.backtest_run import Backtest
from training.evaluate import ALL, COLD_START, MINUS, NO_DOMINANT, NO_LARGEST
from training.fit import MODEL

ORIGINS = ("2026-08-01", "2026-09-01")
_TARGETS = ("late_over_0", "late_over_5", "late_over_15", "late_over_30")
_METRICS = ("auc", "log_loss", "brier", "ece", "slope", "intercept", "ks", "lift", "ici")


def _cells(segment: str) -> Iterator[Cell]:
    """Every figure a different number, so that none can pass for another."""
    rng = np.random.default_rng(4)
    places = [("all", "all", name) for name in (ALL, NO_LARGEST, NO_DOMINANT, COLD_START)]
    places += [("origin", origin, ALL) for origin in ORIGINS]
    places += [("segment", segment, ALL), ("history", "none", ALL), ("history", "50 and more", ALL)]
    for place in places:
        for target in _TARGETS:
            for who in (*PREDICTORS, *(f"{MODEL}{MINUS}{other}" for other in PREDICTORS[1:])):
                for metric in _METRICS[:3] if MINUS in who else _METRICS:
                    value = rng.uniform(-0.1, 0.02) if MINUS in who else rng.uniform(0.1, 0.9)
                    yield Cell(*place, target, who, metric, 900, 70, 300, value, value - 0.031, value + 0.031)
        for who in (MODEL, "own median", "due date", f"{MODEL}{MINUS}own median"):
            value = rng.uniform(2, 4)
            yield Cell(*place, "days_late", who, "mae", 800, 70, 250, value, value - 0.5, value + 0.5)
        for metric in ("pinball_50", "coverage_80", "width_80"):
            value = rng.uniform(0.7, 0.9)
            yield Cell(*place, "days_late", MODEL, metric, 800, 70, 250, value, value - 0.05, value + 0.05)


def _about() -> dict[str, Any]:
    span = {
        "known_invoices": 4000, "learnt_invoices": 3500, "learnt_customers": 90, "rounds": 150, "calibration": "none",
        "learnt_events": {"late_over_0": 1500, "late_over_30": 60}, "scored_orders": 1000,
    }  # fmt: skip
    probability = {"late_over_0": 0.41, "late_over_5": 0.12, "late_over_30": 0.02}
    shift = {
        "feature": "late_over_0_rate", "meaning": "share paid late", "importance": 0.71, "low": 0.1, "high": 0.9,
        "probability": probability, "at_low": {k: v / 2 for k, v in probability.items()},
        "at_high": {k: v * 2 for k, v in probability.items()}, "auc": 0.81, "auc_without": 0.74,
    }  # fmt: skip
    stress = {"event_share": 0.2, "mean_probability": 0.41, "log_loss": 0.51, "ece": 0.21, "intercept": -1.0}
    rung = {"target": "late_over_0", "rows": 900, "log_loss": 0.44, "low": 0.0, "high": 0.0}
    return {
        "ledger": {"fingerprint": "ab" * 32, "rows": {"invoices": 6000}, "customers": 100,
                   "issued_from": "2025-10-01", "issued_to": "2026-11-18", "known_by": "2026-11-19"},
        "origins": list(ORIGINS),
        "until": "2026-10-01",
        "settings": {"seed": 1},
        "outcomes": {"horizons_days": [0, 5, 15, 30], "maturity_margin_days": 2},
        "feature_set_version": "fs-1",
        "code": "cd" * 32,
        "spans": [{"origin": origin, **span} for origin in ORIGINS],
        "matured": {t: {o: {"scored": 1000, "matured": 900} for o in ORIGINS} for t in (*_TARGETS, "days_late")},
        "booked_later": dict.fromkeys(ORIGINS, 1),
        "stability": [{"origin": ORIGINS[1], "target": "late_over_0", "orders": 1000.0, "rank_correlation": 0.97,
                       "mean_distance": 0.03, "moved_by_10_points": 0.05}],
        "sensitivity": [shift],
        "stress": [{"target": "late_over_0", "factor": f, **stress, "log_loss_shifted": 0.4} for f in (0.5, 2.0)],
        "audit": {
            "checks": [{"name": "features do not see the future", "verdict": "passed", "said": "12 values"}],
            "leakage_gap": [{"way": way, "auc": auc, "flattered": auc - 0.87, **rung}
                            for way, auc in (("honest", 0.87), ("WRONG: at random", 0.91))],
        },
        "run_id": "run77",
    }  # fmt: skip


def made(segment: str = "TRADE", **about: Any) -> Backtest:
    """A backtest out of thin air."""
    bins = np.arange(10)
    curves = [
        pd.DataFrame({"group": g, "target": t, "bin": bins, "rows": 90, "probability": bins / 10 + 0.03,
                      "share": bins / 10 + 0.02, "low": bins / 10, "high": bins / 10 + 0.09})
        for g in ("all", *ORIGINS) for t in _TARGETS
    ]  # fmt: skip
    weeks = pd.date_range("2026-06-01", periods=14, freq="7D").strftime("%Y-%m-%d")
    said = np.where(np.arange(14) < 9, np.nan, 0.31)
    drift = [
        pd.DataFrame({"week": weeks, "target": t, "rows": 120, "share": 0.3, "low": 0.22, "high": 0.39,
                      "probability": said}) for t in _TARGETS
    ]  # fmt: skip
    figures = pd.DataFrame([asdict(cell) for cell in _cells(segment)])
    scored = pd.DataFrame({"invoice_id": ["1"]})
    return Backtest(scored, figures, pd.concat(curves), pd.concat(drift), {**_about(), **about})


def record_of(found: Backtest) -> Record:
    """The record that would be written of it."""
    return Record(Path(), found.figures, found.reliability, found.base_rate, found.about)


def page(found: Backtest) -> Page:
    return read(render("validation.html", validation_figures(record_of(found))))


def words(found: Page) -> str:
    return " ".join(found.text.split())


@pytest.fixture(scope="module")
def shown() -> str:
    return words(page(made()))


def test_every_part_of_a_validation_is_there(shown: str) -> None:
    for part in (
        "Data and lineage", "Assumptions and maturity of outcomes", "Out of time, origin by origin", "Challengers",
        "Discrimination", "Calibration", "Drift of the base rate", "Segments, history and single customers",
        "Days late", "Sensitivity and stress", "Stability", "Leak audit", "Customer model", "Monitoring",
        "Limits of use", "Approvals", "ab" * 32, "cd" * 32, "run77", "2 orders booked only after",
    ):  # fmt: skip
        assert part in shown, part


def test_the_figures_of_the_page_are_those_of_the_written_record(tmp_path: Path) -> None:
    """Read back from the CSV that a run leaves, by a way of its own."""
    backtest_record.write(made(), tmp_path)
    text = words(read(render("validation.html", validation_figures(backtest_record.read(tmp_path)))))
    with (tmp_path / "figures.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["by"] in ("all", "origin") and row["slice"] == ALL]
    digits = {"auc": 3, "ks": 3, "lift": 2, "slope": 2, "intercept": 2, "log_loss": 4, "ece": 4, "ici": 4}
    checked = 0
    for row in rows:
        if row["predictor"] != MODEL or row["metric"] not in digits:
            continue
        if row["by"] == "origin" and row["metric"] in ("ks", "lift"):
            continue
        value, low, high = (f"{float(row[name]):.{digits[row['metric']]}f}" for name in ("value", "low", "high"))
        assert f"{value} [{low}, {high}]" in text, row
        checked += 1
    assert checked == len(_TARGETS) * (8 + 2 * 6)


def test_machines_read_the_record_itself() -> None:
    found = made()
    document = json.loads(json.dumps(validation_document(record_of(found)), allow_nan=False))
    assert len(document["figures"]) == len(found.figures)
    assert document["ledger"]["fingerprint"] == "ab" * 32


def test_no_difference_is_claimed_whose_interval_holds_zero() -> None:
    def gap(low: float, high: float) -> Cell:
        return Cell("all", "all", ALL, "late_over_0", "x", "log_loss", 9, 9, 9, (low + high) / 2, low, high)

    assert compared(gap(-0.2, 0.01)) == "no clear difference"
    assert compared(gap(-0.2, -0.01)) == "better"
    assert compared(gap(0.01, 0.2)) == "worse"
    assert compared(gap(0.01, 0.2), lower_is_better=False) == "better"
    assert compared(gap(float("nan"), float("nan"))) == "not judged"


def test_the_opening_sentences_own_up_to_what_is_not_shown() -> None:
    found = made()
    rows = [Cell(**row) for row in found.figures.to_dict(orient="records")]
    rule = f"{MODEL}{MINUS}own late rate"
    told = {"late_over_0": (-0.2, -0.1), "late_over_5": (-0.1, 0.1), "late_over_15": (0.1, 0.2)}
    changed = [
        replace(c, value=sum(told[c.target]) / 2, low=told[c.target][0], high=told[c.target][1])
        if c.predictor == rule and c.target in told else c
        for c in rows if c.target != "late_over_30"
    ]  # fmt: skip
    text = " ".join(sentences(Cells.of(changed), found.about))
    assert "beat the customer's own late rate for late at all." in text
    assert "For more than 5 days late the interval of the difference includes 0" in text
    assert "For more than 15 days late its probabilities are worse" in text
    assert "found nothing that had seen the future" in text


def test_a_failed_or_missing_audit_is_said_first() -> None:
    failed = _about()["audit"]
    failed["checks"][0]["verdict"] = "failed"
    assert "leak audit FAILED (features do not see the future)" in words(page(made(audit=failed)))
    assert "not proven to be free of leaks" in words(page(made(audit=None)))


def test_leaky_figures_are_called_wrong(shown: str) -> None:
    assert "Wrong on purpose." in shown
    assert "WRONG: at random" in shown


def test_a_segments_name_never_becomes_markup() -> None:
    assert "onerror=alert(1)" in page(made(segment=HOSTILE)).text


def test_the_customer_model_is_shown_with_its_own_run() -> None:
    figure = {"target": "serious_delinquency_6m", "slice": "all", "metric": "auc", "rows": 500, "events": 60,
              "value": 0.8123, "low": 0.7, "high": None}  # fmt: skip
    figures = [{**figure, "predictor": MODEL, "high": 0.9}, {**figure, "predictor": "worst days past due", "low": None}]
    other = [{**figure, "target": "serious_delinquency_3m", "value": 0.7654} for figure in figures]
    events = ["serious_delinquency_6m", "serious_delinquency_3m"]
    training = {"run_id": "run55", "events": events, "figures": [*figures, *other]}
    text = words(read(render("validation.html", validation_figures(record_of(made()), training=training))))
    assert "serious delinquency within 6 months" in text
    assert "serious delinquency within 3 months" in text
    assert "0.8123 [0.7000, 0.9000]" in text
    assert "0.7654 [0.7000, 0.9000]" in text
    assert "run55" in text


def test_the_command_writes_the_page_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    assert main(["report", "validation"]) == 8
    assert "otcrisk backtest" in capsys.readouterr().err
    folder = tmp_path / "home" / "backtest"
    folder.mkdir(parents=True)
    backtest_record.write(made(), folder)
    assert main(["report", "validation"]) == 0
    said = capsys.readouterr().out
    file = tmp_path / "home" / "reports" / "validation-2026-08-01-2026-11-19.html"
    assert said.startswith("At 2 origins from 1 Aug 2026 to 1 Sep 2026")
    assert said.endswith(f"report: {file}\n")
    assert file.exists()
