"""A portfolio's features in Parquet: the same as in memory, whoever computes them and however often it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from features import FEATURES, NAMES, VERSION, History, Orders, Priors, build_features
from features.landing import read_counts, write_counts
from features.portfolio import Part, Portfolio, build_part, build_portfolio, count_part
from features.workers import processes
from receivables.errors import ConflictError, InputError, UnavailableError
from receivables.ledger import Ledger
from receivables.partitions import PartitionedLedger, write_partitions

_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def source(simulated: Ledger, tmp_path_factory: pytest.TempPathFactory) -> PartitionedLedger:
    return write_partitions(simulated, tmp_path_factory.mktemp("portfolio") / "ledger", partitions=6)


@pytest.fixture(scope="module")
def built(source: PartitionedLedger) -> Portfolio:
    return build_portfolio(source, source.folder.parent / "features")


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("part-*.parquet")}


def _sorted_rows(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder).sort_values("invoice_id", ignore_index=True)


def test_files_hold_bit_for_bit_what_the_engine_answers_for_the_whole_ledger(
    simulated: Ledger, built: Portfolio
) -> None:
    orders = Orders.of_invoices(simulated)
    wanted = build_features(History.of(simulated), orders, Priors.of(simulated))
    by_id = np.argsort(orders.ids)
    found = _sorted_rows(built.folder)
    assert built.rows == len(found) == len(orders)
    assert found["invoice_id"].tolist() == orders.ids[by_id].tolist()
    assert found["customer_id"].tolist() == orders.customer_id[by_id].tolist()
    assert (found["as_of"].to_numpy() == orders.as_of[by_id]).all()
    assert found[list(NAMES)].to_numpy().tobytes() == wanted[by_id].tobytes()


def test_values_do_not_depend_on_the_number_of_partitions(
    simulated: Ledger, built: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.portfolio.ROW_GROUP", 100)  # customers are cut by blocks
    monkeypatch.setattr("features.portfolio._ADDED_AT_ONCE", 2)
    other = build_portfolio(write_partitions(simulated, tmp_path / "ledger", partitions=9), tmp_path / "out")
    pd.testing.assert_frame_equal(_sorted_rows(other.folder), _sorted_rows(built.folder), check_exact=True)


def test_two_processes_write_the_same_bytes_as_one(source: PartitionedLedger, built: Portfolio, tmp_path: Path) -> None:
    with processes(2) as each:
        build_portfolio(source, tmp_path / "out", each=each)
    assert _contents(tmp_path / "out") == _contents(built.folder)
    assert sorted(path.name for path in (built.folder / "_run").iterdir()) == ["lock", "peers.parquet", "run.json"]


def test_rows_are_ordered_by_customer_issue_date_and_invoice(built: Portfolio) -> None:
    for file in built.folder.glob("part-*.parquet"):
        rows = pd.read_parquet(file)[["customer_id", "as_of", "invoice_id"]]
        pd.testing.assert_frame_equal(rows, rows.sort_values(list(rows)))


def test_each_column_says_what_it_means(source: PartitionedLedger, built: Portfolio) -> None:
    schema = pq.read_schema(next(built.folder.glob("part-*.parquet")))
    assert schema.metadata[b"feature_set_version"].decode() == VERSION
    assert schema.metadata[b"ledger_fingerprint"].decode() == source.fingerprint
    assert schema.names == ["invoice_id", "customer_id", "as_of", *NAMES]
    for feature in FEATURES:
        said = {key.decode(): value.decode() for key, value in schema.field(feature.name).metadata.items()}
        assert (said["meaning"], said["unit"]) == (feature.meaning, feature.unit)
        assert (said["null"], said["reason"]) == (feature.null_meaning, feature.reason)
        assert said["risk"] == {-1: "lowers", 0: "either", 1: "raises"}[feature.direction]


def test_duckdb_pandas_and_polars_read_the_same_table_with_nulls(built: Portfolio) -> None:
    name = "mean_days_late_365d"
    in_pandas = pd.read_parquet(built.folder)
    in_polars = pl.read_parquet(built.folder / "part-*.parquet")
    in_duckdb = duckdb.sql(f"""
        SELECT count(*), count({name}), sum({name}), min(as_of) FROM '{built.folder}/part-*.parquet'
    """).fetchall()[0]  # fmt: skip
    nulls = int(in_pandas[name].isna().sum())
    assert 0 < nulls < built.rows
    assert in_polars[name].null_count() == nulls
    assert in_polars[name].is_nan().sum() == 0
    assert in_duckdb[:2] == (built.rows, built.rows - nulls)
    assert in_duckdb[2] == pytest.approx(in_pandas[name].sum()) == pytest.approx(in_polars[name].sum())
    assert in_duckdb[3] == in_pandas["as_of"].min() == in_polars["as_of"].min()


def test_a_finished_run_is_not_repeated(source: PartitionedLedger, built: Portfolio) -> None:
    written = {file: file.stat().st_mtime_ns for file in built.folder.rglob("*.parquet")}
    again = build_portfolio(source, built.folder, track=_never)
    assert (again.rows, again.kept) == (built.rows, source.partitions)
    assert {file: file.stat().st_mtime_ns for file in built.folder.rglob("*.parquet")} == written


def _never(*_: object, **__: object) -> Iterator[Any]:
    raise AssertionError("nothing is left to do")


@pytest.mark.parametrize("killed_in", ["counting peers", "features"])
def test_a_failed_run_goes_on_with_what_is_missing(
    source: PartitionedLedger, built: Portfolio, tmp_path: Path, killed_in: str
) -> None:
    worked: list[str] = []

    def fail_after_two(steps: Iterable[Any], *, label: str, total: int) -> Iterator[Any]:
        for done, step in enumerate(steps, start=1):
            if label == killed_in and done == 2:
                raise KeyboardInterrupt
            yield step

    def note(steps: Iterable[Any], *, label: str, total: int) -> Iterable[Any]:
        worked.append(f"{label} {total}")
        return steps

    with pytest.raises(KeyboardInterrupt):
        build_portfolio(source, tmp_path / "out", track=fail_after_two)
    made = build_portfolio(source, tmp_path / "out", track=note)
    assert worked == (["counting peers 4", "features 6"] if killed_in == "counting peers" else ["features 4"])
    assert made.kept == (0 if killed_in == "counting peers" else 2)
    assert _contents(tmp_path / "out") == _contents(built.folder)


def test_a_run_killed_with_sigkill_loses_only_unfinished_partitions(
    simulated: Ledger, built: Portfolio, tmp_path: Path
) -> None:
    source, out = write_partitions(simulated, tmp_path / "ledger", partitions=30), tmp_path / "out"
    command = [sys.executable, "-m", "cli.main", "features", "--ledger", str(source.folder), "--out", str(out)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen([*command, "--processes", "2"], cwd=_ROOT, start_new_session=True, **quiet)
    try:
        _wait_for(lambda: len(list(out.glob("part-*.parquet"))) >= 3, run)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    _wait_for(lambda: not _running_in_session(run.pid))  # workers do not outlive the run
    finished = {file: file.stat().st_mtime_ns for file in out.glob("part-*.parquet")}
    (out / ".part-00029.parquet.1.draft").write_bytes(b"half a file")
    assert 3 <= len(finished) < 30
    made = build_portfolio(source, out)
    assert made.kept == len(finished)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    pd.testing.assert_frame_equal(_sorted_rows(out), _sorted_rows(built.folder), check_exact=True)
    assert not list(out.glob(".*.draft"))


def _wait_for(happened: Any, run: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        assert run is None or run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)


def _running_in_session(session: int) -> list[int]:
    """Processes of the session that are not just waiting to be collected."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session = stat.read_text().rpartition(") ")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_killed_worker_is_said_and_what_was_finished_stays(source: PartitionedLedger, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="was killed"), processes(2) as each:
        list(each(_die, [1, 2, 3]))


def _die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_folder_of_another_ledger_or_feature_set_is_refused(
    simulated: Ledger, source: PartitionedLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_portfolio(source, tmp_path / "out")
    other = write_partitions(simulated, tmp_path / "ledger", partitions=2)
    with pytest.raises(InputError, match="name another folder or delete"):
        build_portfolio(other, tmp_path / "out")
    monkeypatch.setattr("features.portfolio.VERSION", "fs-newer")
    with pytest.raises(InputError, match="fs-newer"):
        build_portfolio(source, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "part-00000.parquet").write_bytes(b"something else")
    with pytest.raises(InputError, match="another origin"):
        build_portfolio(source, tmp_path / "mine")


@pytest.mark.parametrize("work", [count_part, build_part])
@pytest.mark.parametrize(
    ("other", "message"),
    [({"version": "fs-older"}, "same release"), ({"fingerprint": "0"}, "was replaced")],
)
def test_a_worker_of_another_release_or_with_another_ledger_refuses(
    source: PartitionedLedger, tmp_path: Path, work: Callable[[Part], int], other: dict[str, str], message: str
) -> None:
    part = Part(source.folder, tmp_path, 0, VERSION, source.fingerprint)
    with pytest.raises(InputError, match=message):
        work(replace(part, **other))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_two_runs_do_not_write_to_one_folder(source: PartitionedLedger, tmp_path: Path) -> None:
    def run_again(steps: Iterable[Any], **_: object) -> Iterable[Any]:
        with pytest.raises(ConflictError, match="another run"):
            build_portfolio(source, tmp_path / "out")
        return steps

    build_portfolio(source, tmp_path / "out", track=run_again)
    document = json.loads((tmp_path / "out" / "_run" / "run.json").read_text())
    assert document["ledger_fingerprint"] == source.fingerprint


def test_peer_counts_survive_writing(simulated: Ledger, tmp_path: Path) -> None:
    for name, ledger in (("simulated", simulated), ("empty", Ledger.of())):
        counts = Priors.parts(History.of(ledger))
        write_counts(tmp_path / name, counts)
        read = read_counts(tmp_path / name)
        assert read.groups == counts.groups
        assert all(np.array_equal(getattr(read, column), getattr(counts, column)) for column in ("moment", "by"))
        assert np.array_equal(read.group, counts.group)


def test_an_empty_ledger_has_features_of_no_rows(tmp_path: Path) -> None:
    made = build_portfolio(write_partitions(Ledger.of(), tmp_path / "ledger", partitions=1), tmp_path / "out")
    assert made.rows == 0
    assert pd.read_parquet(made.folder).columns.tolist()[3:] == list(NAMES)
