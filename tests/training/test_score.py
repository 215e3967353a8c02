"""`otcrisk score`: the columns, the formats, blindness to what came later, and what happens when it cannot be done."""

from __future__ import annotations

import json
from csv import DictReader
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from cli.score import _write
from features import History, Orders
from models.champion import load_champion
from receivables.ledger import Ledger
from receivables.spreadsheet import FORMULA
from receivables.store import open_store
from tests.features.blindness import falsify, forget
from tests.training.seller import MLFLOW_NOISE, Seller, days_after
from training import scoring
from training.scores import read_scores
from training.scoring import score

COLUMNS = [
    "invoice_id", "customer_id", "late_over_0", "late_over_5", "late_over_15", "late_over_30", "late_over_60",
    "late_over_90", "expected_days_late", "median_days_late", "earliest_days_late", "latest_days_late",
    "default_probability", "credit_score", "rating",
]  # fmt: skip
SPAN = "2026-10-01:2026-10-31"

pytestmark = [pytest.mark.usefixtures("home"), *(pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE)]


def _score(ledger: str, out: Path, *words: str) -> int:
    return main(["score", "--ledger", ledger, "--issued", SPAN, "--out", str(out), *words])


@pytest.fixture(scope="module")
def frame(seller: Seller) -> pd.DataFrame:
    """The scores of October."""
    ledger = seller.simulated.ledger
    first, last = (pd.Timestamp(text).date() for text in SPAN.split(":"))
    return score(History.of(ledger), Orders.of_invoices(ledger, first, last), load_champion(seller.home / "champion"))


def test_every_invoice_of_the_span_is_scored_in_exactly_the_promised_columns(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _score(seller.ledger_file, tmp_path / "s.csv", "--json") == 0
    found = pd.read_csv(tmp_path / "s.csv", dtype={"invoice_id": str})
    assert list(found) == COLUMNS
    invoices = seller.simulated.ledger["invoices"]
    issued = invoices[invoices["issued_on"].between("2026-10-01", "2026-10-31")]
    assert sorted(found["invoice_id"]) == sorted(issued["invoice_id"])
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == len(found)
    assert document["event"] == seller.trained.event.name
    assert document["issued_before_the_models_cutoff"] == 0


def test_csv_and_parquet_hold_the_same_bits_as_the_function(
    seller: Seller, frame: pd.DataFrame, tmp_path: Path
) -> None:
    for name in ("s.csv", "s.parquet"):
        assert _score(seller.ledger_file, tmp_path / name) == 0
    text = {"invoice_id": "str", "customer_id": "str", "rating": "str"}
    csv = pd.read_csv(tmp_path / "s.csv", dtype=text, float_precision="round_trip")
    parquet = pd.read_parquet(tmp_path / "s.parquet")
    expected = frame.set_index("invoice_id").loc[csv["invoice_id"]].reset_index()
    for found in (csv, parquet):
        for column in COLUMNS:
            assert found[column].tolist() == expected[column].tolist(), column


def test_probabilities_fall_with_the_horizon_and_score_and_rating_follow_the_default_probability(
    frame: pd.DataFrame,
) -> None:
    late = frame[COLUMNS[2:8]].to_numpy()
    assert ((late > 0) & (late < 1)).all()
    assert (np.diff(late, axis=1) <= 0).all()
    assert (np.ptp(late, axis=0) > 0).all()
    assert frame["default_probability"].between(0, 1, inclusive="neither").all()
    ordered = frame.sort_values("default_probability")
    assert ordered["credit_score"].is_monotonic_decreasing
    assert ordered["rating"].is_monotonic_increasing
    assert frame["credit_score"].between(300, 900).all()


def test_the_size_of_the_chunks_does_not_change_a_byte(
    seller: Seller, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, champion = seller.simulated.ledger, load_champion(seller.home / "champion")
    orders = Orders.of_invoices(ledger, pd.Timestamp(2026, 10, 1).date(), pd.Timestamp(2026, 10, 31).date())
    monkeypatch.setattr(scoring, "CHUNK", 37)
    small = score(History.of(ledger), orders, champion)
    assert small.to_csv().encode() == frame.to_csv().encode()


def _stored(ledger: Ledger, place: Path) -> str:
    with open_store(str(place), create=True) as store:
        store.load(dict(ledger.frames), source="other", fingerprint=place.name)
    return str(place)


@pytest.mark.parametrize("days", [3, 17, 34])
def test_scores_of_a_day_do_not_depend_on_what_became_known_after_it(seller: Seller, tmp_path: Path, days: int) -> None:
    """The invoices of the day are kept as what is asked about; all else that became known after it is made up."""
    ledger, moment = seller.simulated.ledger, days_after(days)
    today = ledger["invoices"]["issued_on"] == moment
    if not today.any():
        pytest.fail("choose a day on which invoices were issued")
    asked = ledger["invoices"][today]
    files = {}
    for name, other in {
        "true": ledger,
        "forgotten": forget(ledger, moment),
        "falsified": falsify(ledger, moment, np.random.default_rng(days)),
    }.items():
        rest = other["invoices"][~other["invoices"]["invoice_id"].isin(asked["invoice_id"])]
        if name != "true":
            # nonsense issued on the same day would be scored as well
            rest = rest[rest["issued_on"] != moment]
        frames = {**other.frames, "invoices": pd.concat([rest, asked], ignore_index=True)}
        place = _stored(Ledger.of(**frames), tmp_path / f"{name}.sqlite")
        out = tmp_path / f"{name}.csv"
        span = f"{moment.date()}:{moment.date()}"
        assert main(["score", "--ledger", place, "--issued", span, "--out", str(out)]) == 0
        files[name] = sorted(out.read_bytes().splitlines())
    assert len(files["true"]) == len(asked) + 1
    assert files["forgotten"] == files["true"]
    assert files["falsified"] == files["true"]


def test_invoices_that_the_model_may_have_learnt_are_said(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--issued", "2026-09-01:2026-10-05", "--out", str(tmp_path / "s.csv")]
    assert main(["score", "--ledger", seller.ledger_file, *words]) == 0
    assert "before the model's cut-off 2026-09-20" in capsys.readouterr().out


def test_a_span_without_invoices_is_an_error_that_says_what_there_is(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--issued", "2031-01-01:2031-12-31", "--out", str(tmp_path / "s.csv")]
    assert main(["score", "--ledger", seller.ledger_file, *words]) == 3
    message = capsys.readouterr().err
    assert "no invoice was issued from 2031-01-01" in message
    assert "2026-11-19" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"), [("s.txt", "ends in .csv or .parquet"), ("no/s.csv", "there is no folder")]
)
def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    seller: Seller, tmp_path: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _score(seller.ledger_file, tmp_path / name) == 3
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing_half_written(seller: Seller, tmp_path: Path) -> None:
    (tmp_path / "s.csv").mkdir()  # a folder in the way: the last step, the renaming, fails
    with pytest.raises(OSError, match=r"s\.csv"):
        _score(seller.ledger_file, tmp_path / "s.csv")
    assert [path.name for path in tmp_path.rglob("*")] == ["s.csv"]


def test_a_registered_version_scores_like_the_champion_made_from_it(
    seller: Seller, frame: pd.DataFrame, tmp_path: Path
) -> None:
    version = seller.trained.versions["otc-late-payment"]
    assert _score(seller.ledger_file, tmp_path / "s.parquet", "--model", version) == 0
    assert pd.read_parquet(tmp_path / "s.parquet")["late_over_0"].tolist() == frame["late_over_0"].tolist()


def test_an_unknown_version_and_a_missing_champion_are_clear(
    seller: Seller, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _score(seller.ledger_file, tmp_path / "s.csv", "--model", "99") == 8
    assert "no version 99" in capsys.readouterr().err
    assert _score(seller.ledger_file, tmp_path / "s.csv", "--model", str(tmp_path / "none")) == 6
    assert "none" in capsys.readouterr().err


def test_no_cell_of_a_score_file_is_a_formula_and_ids_are_read_back_as_they_were(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    hostile = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "'plain", "plain"]
    few = frame.head(len(hostile)).assign(invoice_id=hostile, customer_id=hostile)
    _write(few, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(DictReader(file))
    assert [row["invoice_id"] for row in rows if row["customer_id"].startswith(FORMULA)] == []
    assert read_scores(tmp_path / "s.csv")["invoice_id"].tolist() == hostile
