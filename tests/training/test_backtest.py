"""A backtest learns at each origin only what was known, keeps what is finished, and judges what its record holds."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from receivables.errors import ConflictError, EmptyInputError, InputError, NotEnoughDataError, NotFoundError
from receivables.falsify import falsify
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_labels
from tests.training.seller import END, MLFLOW_NOISE, SETTINGS, Seller, quiet_mlflow
from training import backtest_record
from training.backtest import OLDER, PREDICTORS, column, run_span, spans
from training.backtest_figures import Cell, cells, depth, figures
from training.backtest_folder import Folder
from training.backtest_record import Record
from training.backtest_run import Backtest, backtest
from training.dataset import cutoff_after
from training.evaluate import ALL, MINUS, NO_DOMINANT, NO_LARGEST
from training.fit import MODEL, OWN_RATE, SCORECARD
from training.ici import ici
from training.metrics import AUC, log_loss
from training.scores import SEGMENT_RATE

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]

SPLITS = spans(dt.date(2026, 9, 1), dt.date(2026, 10, 1), "month")
ORIGINS = ["2026-09-01", "2026-10-01"]
_FAST = replace(SETTINGS, origins=1, rounds=((20,),))


class Told:
    """Which origins an earlier run had finished."""

    def __init__(self) -> None:
        self.kept: dict[str, bool] = {}

    def __call__(self, origin: str, kept: bool) -> None:
        self.kept[origin] = kept


def _run(ledger: Ledger, root: Path, config: OutcomeConfig, told: Told | None = None, **options: Any) -> Backtest:
    given = {"settings": _FAST, "replicates": 40, "audit": False, **options}
    return backtest(ledger, SPLITS, root=root, config=config, told=told or Told(), **given)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backtest")


@pytest.fixture(scope="module")
def found(seller: Seller, root: Path, config: OutcomeConfig) -> Backtest:
    """Two origins, with the audit."""
    return _run(seller.simulated.ledger, root, config, audit=True)


@pytest.fixture(scope="module")
def record(found: Backtest, root: Path) -> Record:
    return backtest_record.write(found, root)


def _cell(found: Backtest, **wanted: str) -> Cell:
    full = {"by": "all", "group": "all", "slice": ALL, "predictor": MODEL, **wanted}
    (cell,) = [c for c in cells(found.figures) if full.items() <= vars(c).items()]
    return cell


# -- spans ----------------------------------------------------------------------------------------------------------


def test_origins_follow_each_other_and_each_judges_until_the_next() -> None:
    weeks = spans(dt.date(2026, 1, 1), dt.date(2026, 1, 20), "week")
    assert [str(s.cutoff.date()) for s in weeks] == ["2026-01-01", "2026-01-08", "2026-01-15"]
    assert [s.until for s in weeks[:-1]] == [s.cutoff for s in weeks[1:]]


def test_months_from_the_end_of_a_month_do_not_drift() -> None:
    months = spans(dt.date(2026, 1, 31), dt.date(2026, 4, 1), "month")
    assert [str(s.cutoff.date()) for s in months] == ["2026-01-31", "2026-02-28", "2026-03-31"]


@pytest.mark.parametrize(("last", "every"), [(dt.date(2026, 1, 1), "month"), (dt.date(2026, 3, 1), "day")])
def test_an_impossible_span_is_an_input_error(last: dt.date, every: str) -> None:
    with pytest.raises(InputError, match="expected"):
        spans(dt.date(2026, 2, 1), last, every)


# -- what an origin knows -------------------------------------------------------------------------------------------


def test_what_an_origin_learns_and_predicts_ignores_what_became_known_later(
    seller: Seller, found: Backtest, config: OutcomeConfig
) -> None:
    split = SPLITS[0]
    other = falsify(seller.simulated.ledger, split.until, np.random.default_rng(2))
    again = run_span(other, split, settings=_FAST, config=config).predictions
    first = found.scored[found.scored["origin"] == ORIGINS[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first[again.columns], check_exact=True)


def test_every_order_of_the_span_is_scored_once_by_every_predictor(seller: Seller, found: Backtest) -> None:
    invoices = seller.simulated.ledger["invoices"]
    booked = []
    for split, origin in zip(SPLITS, ORIGINS, strict=True):
        issued = invoices[(invoices["issued_on"] >= split.cutoff) & (invoices["issued_on"] < split.until)]
        booked += issued.loc[issued["known_at"] <= split.until, "invoice_id"].tolist()
        assert found.about["booked_later"][origin] == (issued["known_at"] > split.until).sum()
    assert sorted(found.scored["invoice_id"]) == sorted(booked)
    for who in PREDICTORS:
        p = found.scored[column(who, "late_over_5")]
        assert p.dropna().between(0, 1).all()
        expected = ORIGINS[1:] if who == OLDER else ORIGINS
        assert sorted(found.scored.loc[p.notna(), "origin"].unique()) == expected


def test_outcomes_are_the_labels_known_at_the_ledgers_end(
    seller: Seller, found: Backtest, config: OutcomeConfig
) -> None:
    labels = late_labels(
        seller.simulated.ledger, horizons=(0, 30), cutoff=cutoff_after(END), margin_days=config.maturity_margin_days
    ).set_index("invoice_id")
    for target in ("late_over_0", "late_over_30"):
        expected = labels[target].reindex(found.scored["invoice_id"]).to_numpy()
        np.testing.assert_array_equal(found.scored[column("outcome", target)], expected)
    matured = found.about["matured"]["late_over_30"]
    assert matured[ORIGINS[1]]["matured"] < matured[ORIGINS[0]]["matured"] <= matured[ORIGINS[0]]["scored"]


def test_an_origin_before_the_first_invoice_or_without_orders_says_so(seller: Seller, config: OutcomeConfig) -> None:
    early, late = (spans(day, day, "month")[0] for day in (dt.date(2020, 1, 1), dt.date(2027, 1, 1)))
    with pytest.raises(EmptyInputError, match="no invoice was known"):
        run_span(seller.simulated.ledger, early, settings=_FAST, config=config)
    with pytest.raises(EmptyInputError, match="earlier --to"):
        run_span(seller.simulated.ledger, late, settings=_FAST, config=config)


# -- resuming -------------------------------------------------------------------------------------------------------


def test_a_second_run_redoes_no_span_and_finds_the_same_figures(
    seller: Seller, found: Backtest, root: Path, config: OutcomeConfig
) -> None:
    told = Told()
    again = _run(seller.simulated.ledger, root, config, told)
    assert told.kept == dict.fromkeys(ORIGINS, True)
    pd.testing.assert_frame_equal(again.figures, found.figures, check_exact=True)


def test_facts_of_later_months_leave_finished_spans_alone(
    seller: Seller, found: Backtest, root: Path, config: OutcomeConfig
) -> None:
    shorter = seller.simulated.ledger.known(pd.Timestamp("2026-11-10"))
    told = Told()
    earlier = _run(shorter, root, config, told)
    assert told.kept == dict.fromkeys(ORIGINS, True)
    count = earlier.about["matured"]["late_over_0"][ORIGINS[1]]["matured"]
    assert count < found.about["matured"]["late_over_0"][ORIGINS[1]]["matured"]


def test_other_settings_facts_or_damage_make_a_span_anew(
    seller: Seller, found: Backtest, root: Path, config: OutcomeConfig, tmp_path: Path
) -> None:
    place = Folder(root)
    span = place.find(SPLITS[0], _mark(root, ORIGINS[0]))
    assert span is not None
    copy = Folder(tmp_path)
    copy.keep(SPLITS[0], "mark", span)
    assert copy.find(SPLITS[0], "another mark") is None
    kept = copy.find(SPLITS[0], "mark")
    assert kept is not None
    pd.testing.assert_frame_equal(kept.predictions, span.predictions, check_exact=True)
    file = tmp_path / "spans" / ORIGINS[0] / "model" / "model.txt"
    file.write_bytes(file.read_bytes()[:-1])
    assert copy.find(SPLITS[0], "mark") is None


def _mark(root: Path, origin: str) -> str:
    return str(json.loads((root / "spans" / origin / "about.json").read_text(encoding="utf-8"))["key"])


def test_the_mark_of_a_span_depends_on_facts_and_settings_but_not_on_threads(
    seller: Seller, config: OutcomeConfig
) -> None:
    from training.backtest import key

    ledger, split = seller.simulated.ledger, SPLITS[0]
    mark = key(ledger, split, _FAST, config, "code")
    assert key(ledger, split, replace(_FAST, threads=7), config, "code") == mark
    others = {
        key(ledger, split, replace(_FAST, seed=2), config, "code"),
        key(ledger, split, _FAST, replace(config, maturity_margin_days=5), "code"),
        key(ledger, split, _FAST, config, "other code"),
        key(ledger, SPLITS[1], _FAST, config, "code"),
        key(falsify(ledger, split.cutoff, np.random.default_rng(1)), split, _FAST, config, "code"),
    }
    assert len(others - {mark}) == 5


_KILLED = """
import os, signal, sys
from dataclasses import replace
from receivables.outcomes import OutcomeConfig
from receivables.store import open_store
from tests.training.test_backtest import _FAST, SPLITS
from training.backtest_run import backtest
with open_store(sys.argv[1]) as store:
    ledger = store.read()
def told(origin, kept):
    if origin == "2026-10-01":
        os.kill(os.getpid(), signal.SIGKILL)
from pathlib import Path
backtest(ledger, SPLITS, root=Path(sys.argv[2]), settings=_FAST, config=OutcomeConfig.read(), told=told)
"""


def test_a_run_that_was_killed_goes_on_where_it_was(
    seller: Seller, found: Backtest, tmp_path: Path, config: OutcomeConfig
) -> None:
    project = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, seller.ledger_file, str(tmp_path)],
        cwd=project, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    told = Told()
    resumed = _run(seller.simulated.ledger, tmp_path, config, told)
    assert told.kept == {ORIGINS[0]: True, ORIGINS[1]: False}
    pd.testing.assert_frame_equal(resumed.figures, found.figures, check_exact=True)


def test_two_runs_do_not_write_to_one_folder(
    seller: Seller, found: Backtest, root: Path, config: OutcomeConfig
) -> None:
    with Folder(root).claimed(), pytest.raises(ConflictError, match="another backtest"):
        _run(seller.simulated.ledger, root, config)


# -- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_scored_orders(found: Backtest) -> None:
    for origin in ORIGINS:
        rows = found.scored[(found.scored["origin"] == origin) & found.scored[column("outcome", "late_over_0")].notna()]
        y, p = (rows[column(who, "late_over_0")].to_numpy() for who in ("outcome", MODEL))
        cell = _cell(found, by="origin", group=origin, target="late_over_0", metric="log_loss")
        assert cell.value == pytest.approx(float(log_loss(y, p, np.ones(len(y)))), rel=1e-12)
        assert (cell.rows, cell.events, cell.customers) == (len(y), y.sum(), rows["customer_id"].nunique())
        assert cell.low < cell.value < cell.high


def test_every_predictor_metric_and_slice_is_there(found: Backtest) -> None:
    all_rows = [c for c in cells(found.figures) if c.by == "all" and c.target == "late_over_0" and c.slice == ALL]
    assert {c.predictor for c in all_rows if MINUS not in c.predictor} == {
        MODEL, OWN_RATE, SCORECARD, SEGMENT_RATE,
    }  # fmt: skip
    wanted = {"auc", "log_loss", "brier", "ece", "slope", "intercept", "ks", "lift", "ici"}
    assert wanted <= {c.metric for c in all_rows if c.predictor == MODEL}
    days = {c.metric for c in cells(found.figures) if c.target == "days_late" and c.predictor == MODEL}
    assert days == {"mae", "pinball_10", "pinball_50", "pinball_90", "coverage_80", "width_80"}
    by = {c.by for c in cells(found.figures)}
    assert by == {"all", "origin", "segment", "history"}
    slices = {c.slice for c in cells(found.figures) if c.by == "origin"}
    assert {ALL, NO_LARGEST, NO_DOMINANT} <= slices


def test_the_older_model_is_compared_on_the_origins_that_it_scored(found: Backtest) -> None:
    older = {c.group for c in cells(found.figures) if c.by == "origin" and c.predictor == OLDER}
    assert older == {ORIGINS[1]}
    (stability,) = [s for s in found.about["stability"] if s["target"] == "late_over_0"]
    assert 0.5 < stability["rank_correlation"] < 1


def test_the_same_customer_is_left_out_of_every_origin(found: Backtest) -> None:
    frame = found.scored
    largest = frame.loc[frame[column("outcome", "late_over_0")].notna(), "customer_id"].mode()[0]
    for origin in ORIGINS:
        rows = frame[(frame["origin"] == origin) & frame[column("outcome", "late_over_0")].notna()]
        cell = _cell(found, by="origin", group=origin, slice=NO_LARGEST, target="late_over_0", metric="auc")
        assert cell.rows == (rows["customer_id"] != largest).sum()


def test_history_depth_is_told_in_classes() -> None:
    assert depth(np.array([0.0, 1, 2, 3, 9, 10, 49, 50, 9999])).tolist() == [
        "none", "1 to 2", "1 to 2", "3 to 9", "3 to 9", "10 to 49", "10 to 49", "50 and more", "50 and more",
    ]  # fmt: skip


def test_a_group_with_few_outcomes_is_left_out(found: Backtest) -> None:
    few = found.scored.head(12)
    assert figures(few, replicates=5).empty


def test_nothing_matured_is_said(seller: Seller, root: Path, found: Backtest, config: OutcomeConfig) -> None:
    # known on the last day of the last span, with a margin that nothing has outlived
    far = replace(config, maturity_margin_days=400)
    with pytest.raises(NotEnoughDataError):
        backtest(seller.simulated.ledger, SPLITS[1:], root=root / "far", settings=_FAST, config=far, audit=False)


def test_calibration_is_read_without_bins() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.98, 6000)
    y = (rng.random(6000) < p).astype(float)
    w = np.ones(6000)
    assert float(ici(y, p, w)) < 0.02
    too_high = np.clip(p + 0.1, 0, 1)
    assert float(ici(y, too_high, w)) == pytest.approx(0.1, abs=0.02)
    both = ici(y, p, np.stack([w, (y == y) * 2.0]))
    assert both[0] == pytest.approx(both[1])
    assert float(ici(y, np.full(6000, 0.5), w)) == pytest.approx(abs(y.mean() - 0.5), abs=1e-9)


def test_reliability_and_base_rate_add_up_to_the_outcomes(found: Backtest) -> None:
    curve = found.reliability
    rows = curve[(curve["group"] == "all") & (curve["target"] == "late_over_0")]
    y = found.scored[column("outcome", "late_over_0")].dropna()
    assert rows["rows"].sum() == len(y)
    assert (rows["share"] * rows["rows"]).sum() == pytest.approx(y.sum())
    assert (rows["low"] <= rows["high"]).all()
    weeks = found.base_rate[found.base_rate["target"] == "late_over_0"]
    assert (pd.to_datetime(weeks["week"]).dt.dayofweek == 0).all()
    assert weeks["probability"].notna().sum() >= 6
    assert weeks["probability"].isna().any()


def test_the_audit_passes_and_the_leaks_are_shown(found: Backtest) -> None:
    audit = found.about["audit"]
    assert len(audit["checks"]) == 4
    assert {check["verdict"] for check in audit["checks"]} <= {"passed", "not judged"}
    assert [rung["way"].startswith("WRONG") for rung in audit["leakage_gap"][:4]] == [False, True, True, True]


def test_the_most_important_features_are_moved_one_at_a_time(found: Backtest) -> None:
    moved = found.about["sensitivity"]
    weights = [shift["importance"] for shift in moved]
    assert 5 <= len(moved) <= 12
    assert weights == sorted(weights, reverse=True)
    assert any(abs(s["at_high"]["late_over_0"] - s["at_low"]["late_over_0"]) > 0.02 for s in moved)
    stress = [s for s in found.about["stress"] if s["target"] == "late_over_0"]
    assert [s["factor"] for s in stress if s["factor"] == 1.0] == [1.0]
    assert all(s["log_loss_shifted"] <= s["log_loss"] + 1e-9 for s in stress)


# -- the record -----------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back(record: Record, found: Backtest) -> None:
    again = backtest_record.read(record.folder)
    pd.testing.assert_frame_equal(again.figures, found.figures, check_exact=True)
    assert again.about["ledger"] == found.about["ledger"]
    assert len(pd.read_csv(record.folder / "figures.csv")) == len(found.figures)
    for name in ("over_time", "reliability", "base_rate"):
        assert (record.folder / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (record.folder / "pictures" / f"{name}.svg").read_text(encoding="utf-8")[:2000]


def test_a_folder_without_a_backtest_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="otcrisk backtest"):
        backtest_record.read(tmp_path)
    (tmp_path / "backtest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a complete backtest"):
        backtest_record.read(tmp_path)


def test_mlflow_holds_a_parent_run_with_a_child_per_origin(record: Record, tmp_path: Path) -> None:
    from models.registry import connect

    with quiet_mlflow():
        run_id = backtest_record.track(record, name="proof", home=tmp_path)
        client = connect(tmp_path)
        parent = client.get_run(run_id)
        children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert parent.data.tags["data_fingerprint"] == record.about["ledger"]["fingerprint"]
    assert sorted(child.data.params["origin"] for child in children) == ORIGINS
    for child in children:
        cell = next(
            c for c in cells(record.figures)
            if (c.by, c.group, c.slice, c.target, c.predictor, c.metric)
            == ("origin", child.data.params["origin"], ALL, "late_over_0", MODEL, AUC.name)
        )  # fmt: skip
        assert child.data.metrics["by_origin/late_over_0/model/auc"] == cell.value
    names = {file.path for file in client.list_artifacts(run_id)}
    assert {"figures.csv", "figures.parquet", "backtest.json", "pictures"} <= names
    assert "scored.parquet" not in names
    assert backtest_record.read(record.folder).about["run_id"] == run_id
