import json
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main
from receivables.store import open_store

SIZE = ["--customers", "25", "--months", "5", "--seed", "2"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_simulated_ledger_is_loaded_and_its_truth_lies_in_home(
    ledger_url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *SIZE, "--ledger", ledger_url, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    with open_store(ledger_url) as store:
        stored = store.read()
    assert {name: len(frame) for name, frame in stored.frames.items()} == document["rows"]
    truth = Path(document["files"]["truth"])
    assert truth.parent == home
    assert len(pd.read_parquet(truth)) == document["rows"]["invoices"]
    assert {"p_default_180d", "p_default_365d"} <= set(pd.read_parquet(document["files"]["truth at month ends"]))


def test_exported_files_import_to_the_same_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded, imported, folder = (str(tmp_path / name) for name in ("loaded.sqlite", "imported.sqlite", "files"))
    assert main(["simulate", *SIZE, "--ledger", loaded]) == 0
    assert main(["simulate", *SIZE, "--export", folder]) == 0
    assert main(["import", folder, "--mapping", "generic", "--ledger", imported]) == 0
    with open_store(loaded) as one, open_store(imported) as other:
        left, right = one.read(), other.read()
    for name, frame in left.frames.items():
        pd.testing.assert_frame_equal(frame, right[name], obj=name)
    assert sorted(path.name for path in (Path(folder) / "truth").iterdir()) == ["invoices.csv", "month_ends.csv"]
    assert "rows" in capsys.readouterr().out


def test_money_is_exported_as_exact_decimals_and_moments_as_rfc_3339(tmp_path: Path) -> None:
    assert main(["simulate", *SIZE, "--export", str(tmp_path / "files")]) == 0
    invoices = pd.read_csv(tmp_path / "files" / "invoices.csv", dtype=str)
    assert "amount_minor" not in invoices
    assert invoices["amount"].str.fullmatch(r"\d+(\.\d\d)?").all()
    assert invoices["known_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z").all()


def test_simulating_the_same_again_changes_nothing_and_another_seller_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = str(tmp_path / "ledger.sqlite")
    assert main(["simulate", *SIZE, "--ledger", ledger]) == 0
    assert main(["simulate", *SIZE, "--ledger", ledger]) == 0
    assert main(["simulate", *SIZE[:-1], "3", "--ledger", ledger]) == 3
    assert "contradict" in capsys.readouterr().err
    with open_store(ledger) as store:
        assert store.sequence() == 1


def test_truth_goes_where_it_is_asked_for(tmp_path: Path) -> None:
    truth = tmp_path / "deep" / "truth.parquet"
    assert main(["simulate", *SIZE, "--ledger", str(tmp_path / "l.sqlite"), "--truth", str(truth)]) == 0
    assert truth.exists()
    assert (tmp_path / "deep" / "truth-month-ends.parquet").exists()


def test_a_full_folder_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert main(["simulate", *SIZE, "--export", str(tmp_path)]) == 3
    assert "new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--end", "31.10.2026"], "YYYY-MM-DD"),
        (["--customers", "0"], "customers: expected"),
        (["--truth", "t.parquet"], "--truth goes with --ledger"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *SIZE, "--export", str(tmp_path / "out"), *words]) == 3
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_end_can_be_chosen(tmp_path: Path) -> None:
    assert main(["simulate", *SIZE, "--export", str(tmp_path / "out"), "--end", "2024-02-10"]) == 0
    invoices = pd.read_csv(tmp_path / "out" / "invoices.csv", dtype=str)
    assert invoices["issued_on"].max() <= "2024-02-10"
    assert set(invoices["observed_until"]) == {"2024-02-10"}
