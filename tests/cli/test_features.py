import json
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main
from features import NAMES, VERSION
from receivables.partitions import PartitionedLedger
from receivables.store import open_store

SIZE = ["--customers", "25", "--months", "5", "--seed", "2"]


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    assert main(["simulate", *SIZE, "--ledger", ledger_url]) == 0
    capsys.readouterr()
    return ledger_url


def test_a_store_is_partitioned_into_the_output_and_its_features_written(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["features", "--ledger", ledger, "--out", str(out), "--partitions", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    source = PartitionedLedger.open(out / "_ledger")
    with open_store(ledger) as store:
        assert document["rows"] == store.rows("invoices") == len(pd.read_parquet(out))
    assert document == {
        "rows": source.rows["invoices"],
        "features": len(NAMES),
        "feature_set_version": VERSION,
        "folder": str(out),
        "partitions": 3,
        "kept": 0,
        "ledger": str(out / "_ledger"),
        "ledger_fingerprint": source.fingerprint,
    }
    assert sorted(file.name for file in out.glob("*.parquet")) == [f"part-0000{i}.parquet" for i in range(3)]


def test_a_second_run_finds_its_work_done_and_a_partitioned_ledger_serves_another_folder(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    assert main(["features", "--ledger", ledger, "--out", str(first)]) == 0
    assert main(["features", "--ledger", ledger, "--out", str(first)]) == 0
    assert "1 of the files were there from an earlier run" in capsys.readouterr().out
    assert main(["features", "--ledger", str(first / "_ledger"), "--out", str(other), "--processes", "2"]) == 0
    assert (other / "part-00000.parquet").read_bytes() == (first / "part-00000.parquet").read_bytes()
    assert not (other / "_ledger").exists()


def test_a_ledger_that_has_grown_is_not_mixed_with_what_it_was(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert main(["features", "--ledger", ledger, "--out", out]) == 0
    with open_store(ledger) as store:
        frame = store.read()["dunnings"].head(1).assign(dunning_id="new")
        store.load({"dunnings": frame}, source="test", fingerprint="1")
    capsys.readouterr()
    assert main(["features", "--ledger", ledger, "--out", out, "--json"]) == 3
    printed = capsys.readouterr()
    assert "is at load 2; name a new folder" in printed.err
    assert json.loads(printed.out)["error"]["code"] == "INPUT"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], 3, "--scheduler goes with --engine dask"),
        (["--engine", "dask", "--processes", "2"], 3, "--processes goes with --engine local"),
        (["--engine", "dask"], 3, "start a scheduler with `dask scheduler"),
        ([], 8, "no such file"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["features", "--ledger", str(tmp_path / "none.sqlite"), "--out", str(tmp_path / "out")]
    assert main([*command, *words]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--partitions", "--processes"])
def test_numbers_start_at_one(tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["features", "--ledger", "l", "--out", "o", option, "0"])
    assert "expected a number from 1 on" in capsys.readouterr().err


def test_partitions_of_a_partitioned_ledger_stay(
    ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["features", "--ledger", ledger, "--out", str(out), "--partitions", "2"]) == 0
    capsys.readouterr()
    for given in (ledger, str(out / "_ledger")):
        assert main(["features", "--ledger", given, "--out", str(out), "--partitions", "3"]) == 3
        assert "--partitions" in capsys.readouterr().err
