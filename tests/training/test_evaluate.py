"""`otcrisk evaluate`: known scores get known figures, unmatured outcomes do not count, wrong files are explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from receivables.outcomes import late_column, late_labels
from tests.training.seller import AS_OF, END, Seller
from training.dataset import cutoff_after
from training.scoring import COLUMNS, HORIZONS

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def labels(seller: Seller) -> pd.DataFrame:
    """What happened to the invoices of August, as known at the end."""
    ledger = seller.simulated.ledger
    found = late_labels(ledger, horizons=HORIZONS, cutoff=cutoff_after(END), margin_days=2)
    invoices = ledger["invoices"][["invoice_id", "customer_id", "issued_on"]]
    joined = found.merge(invoices, on="invoice_id")
    return joined[joined["issued_on"].between("2026-08-01", "2026-08-31")].reset_index(drop=True)


@pytest.fixture(scope="module")
def constant(labels: pd.DataFrame) -> pd.DataFrame:
    """A file of scores that says 0.3 of everything."""
    scores = pd.DataFrame({"invoice_id": labels["invoice_id"], "customer_id": labels["customer_id"]})
    scores = scores.assign(
        **{late_column(k): 0.3 for k in HORIZONS},
        expected_days_late=0.0,
        median_days_late=0,
        earliest_days_late=-3,
        latest_days_late=3,
    )
    scores = scores.assign(default_probability=0.1, credit_score=600, rating="R06")
    return scores[list(COLUMNS)]


@pytest.fixture(scope="module")
def perfect(labels: pd.DataFrame, constant: pd.DataFrame) -> pd.DataFrame:
    """One that knew what would happen; 0.5 where nothing has matured."""
    return constant.assign(**{late_column(k): labels[late_column(k)].fillna(0.5) for k in HORIZONS})


def _evaluate(seller: Seller, scores: pd.DataFrame, folder: Path, *words: str) -> int:
    path = folder / "scores.csv"
    scores.to_csv(path, index=False)
    return main(["evaluate", "--ledger", seller.ledger_file, "--scores", str(path), *words])


def _document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def _figure(document: Any, metric: str, target: str = "late_over_0", slice_: str = "all") -> Any:
    wanted = {"target": target, "slice": slice_, "predictor": "model", "metric": metric}
    (found,) = [f for f in document["figures"] if wanted.items() <= f.items()]
    return found


def test_perfect_scores_have_auc_one_and_brier_zero(
    seller: Seller, perfect: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, perfect, tmp_path, "--json") == 0
    document = _document(capsys)
    assert _figure(document, "auc")["value"] == 1
    assert _figure(document, "brier")["value"] == 0
    assert _figure(document, "auc", "late_over_5")["value"] == 1


def test_a_constant_has_auc_one_half_and_the_brier_score_of_the_late_share(
    seller: Seller, constant: pd.DataFrame, labels: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant, tmp_path, "--json") == 0
    document, y = _document(capsys), labels["late_over_0"].dropna()
    auc, brier = _figure(document, "auc"), _figure(document, "brier")
    assert auc["value"] == 0.5
    assert (auc["rows"], auc["events"]) == (len(y), y.sum())
    assert brier["value"] == pytest.approx(((y - 0.3) ** 2).mean(), abs=1e-12)
    assert brier["low"] < brier["value"] < brier["high"]


def test_outcomes_that_have_not_matured_do_not_count_and_are_said(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_by = "2026-09-10"
    ledger = seller.simulated.ledger
    then = late_labels(
        ledger, horizons=HORIZONS, cutoff=cutoff_after(pd.Timestamp(known_by).date()), margin_days=2
    ).set_index("invoice_id")["late_over_0"]
    y = then.reindex(constant["invoice_id"])
    assert _evaluate(seller, constant, tmp_path, "--known-by", known_by, "--json") == 0
    document = _document(capsys)
    rows = _figure(document, "auc")["rows"]
    assert rows == y.notna().sum()
    assert 0 < rows < len(constant)
    assert sum(document["excluded"]["late_over_0"].values()) == len(constant) - rows
    assert document["known_by"] == known_by
    assert _evaluate(seller, constant, tmp_path, "--known-by", known_by) == 0
    text = capsys.readouterr().out
    assert "not matured" in text
    assert f"known by the end of {known_by}" in text


def test_nothing_matured_ends_with_code_seven(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant, tmp_path, "--known-by", "2026-08-02") == 7
    assert "choose a later --known-by" in capsys.readouterr().err


def test_the_table_shows_the_rule_beside_the_model_and_the_slices(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant, tmp_path) == 0
    text = capsys.readouterr().out
    for words in ("own late rate", "segment rate", "without the largest customer", "95 % intervals", "late_over_0"):
        assert words in text


def test_the_share_of_outcomes_inside_the_interval_is_counted(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant.assign(earliest_days_late=-999, latest_days_late=999), tmp_path, "--json") == 0
    assert _days(_document(capsys), "coverage_80")["value"] == 1.0
    assert _evaluate(seller, constant, tmp_path, "--json") == 0
    document = _document(capsys)
    assert 0.1 < _days(document, "coverage_80")["value"] < 0.9
    assert _days(document, "mae")["value"] == pytest.approx(_days(document, "mae", "due date")["value"])


def _days(document: dict[str, Any], metric: str, who: str = "model") -> dict[str, Any]:
    (found,) = [
        f for f in document["figures"]
        if (f["target"], f["metric"], f["predictor"]) == ("days_late", metric, who)
    ]  # fmt: skip
    return found


def test_invoices_that_the_ledger_does_not_hold_are_counted_and_left_out(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant, tmp_path, "--json") == 0
    before = _figure(_document(capsys), "brier")
    stranger = constant.head(2).assign(invoice_id=["nobody-1", "nobody-2"])
    assert _evaluate(seller, pd.concat([constant, stranger]), tmp_path, "--json") == 0
    document = _document(capsys)
    assert document["excluded"]["late_over_0"]["not in the ledger by then"] == 2
    assert _figure(document, "brier") == before


def test_a_file_of_unknown_invoices_only_is_an_error(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers = constant.head(3).assign(invoice_id=["x", "y", "z"])
    assert _evaluate(seller, strangers, tmp_path) in (3, 7)
    assert "scored invoices" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("late_over_5", np.nan, "late_over_5: expected 0 to 1, got nan in row 1"),
        ("late_over_5", 1.01, "late_over_5: expected 0 to 1"),
        ("default_probability", -0.2, "default_probability: expected 0 to 1"),
        ("late_over_90", "high", "late_over_90: expected 0 to 1, got 'high'"),
    ],
)
def test_a_probability_that_is_none_is_an_error_that_names_its_place(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    column: str, value: object, message: str,
) -> None:  # fmt: skip
    values = [value, *constant[column].tolist()[1:]]
    assert _evaluate(seller, constant.assign(**{column: values}), tmp_path) == 3
    assert message in capsys.readouterr().err


def test_missing_columns_are_all_named(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant.drop(columns=["late_over_5", "rating"]), tmp_path) == 3
    assert "late_over_5, rating" in capsys.readouterr().err


def test_every_problem_of_a_file_is_told_at_once(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = pd.concat([constant, constant.head(1)]).assign(late_over_0=7.0, late_over_15=-1.0)
    assert _evaluate(seller, twice, tmp_path) == 3
    message = capsys.readouterr().err
    assert "3 problem(s)" in message
    assert "scored more than once" in message


def test_empty_absent_and_unreadable_files_are_errors(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant.head(0), tmp_path) == 3
    assert "it holds no scores" in capsys.readouterr().err
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    for name, message in (("absent.csv", "no such file"), ("broken.parquet", "not a readable .parquet file")):
        assert main(["evaluate", "--ledger", seller.ledger_file, "--scores", str(tmp_path / name)]) == 3
        assert message in capsys.readouterr().err


def test_errors_under_json_are_one_document_too(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant.head(0), tmp_path, "--json") == 3
    assert _document(capsys)["error"]["code"] == "INPUT"


def test_an_unknown_event_is_an_error_that_lists_the_configured_ones(
    seller: Seller, constant: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(seller, constant, tmp_path, "--event", "ruin") == 3
    assert "default_12m" in capsys.readouterr().err


def test_the_champions_scores_are_judged_on_what_came_after_its_cut_off(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.parquet"
    span = f"{AS_OF + pd.Timedelta(days=1)}:2026-10-20"
    assert main(["score", "--ledger", seller.ledger_file, "--issued", span, "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--ledger", seller.ledger_file, "--scores", str(out), "--json"]) == 0
    auc = _figure(_document(capsys), "auc")
    assert auc["rows"] > 100
    assert auc["low"] > 0.5
