"""The same features from a real Dask cluster: a scheduler and two workers, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from features.cluster import dask_workers
from features.portfolio import Portfolio, build_portfolio
from receivables.errors import InputError, UnavailableError
from receivables.ledger import Ledger
from receivables.partitions import PartitionedLedger, write_partitions
from tests.dask_cluster import scheduler, wait_for_workers, worker

_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def source(simulated: Ledger, tmp_path_factory: pytest.TempPathFactory) -> PartitionedLedger:
    return write_partitions(simulated, tmp_path_factory.mktemp("cluster") / "ledger", partitions=12)


@pytest.fixture(scope="module")
def built(source: PartitionedLedger) -> Portfolio:
    return build_portfolio(source, source.folder.parent / "features")


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("part-*.parquet")}


def test_two_workers_one_of_them_killed_write_the_same_bytes_as_this_process(
    source: PartitionedLedger, built: Portfolio, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with (
        scheduler(tmp_path) as address,
        worker(address, tmp_path),
        worker(address, tmp_path) as victim,
    ):
        wait_for_workers(address, 2)

        def kill_one_in_mid_job(steps: Iterable[Any], *, label: str, total: int) -> Iterator[Any]:
            for done, step in enumerate(steps, start=1):
                if label == "features" and done == 3:
                    os.kill(victim.pid, signal.SIGKILL)
                    victim.wait()
                yield step

        with dask_workers(address) as each:
            made = build_portfolio(source, out, each=each, track=kill_one_in_mid_job)
        assert victim.returncode == -signal.SIGKILL
    assert made.rows == built.rows
    assert _contents(out) == _contents(built.folder)


def test_a_scheduler_without_workers_says_how_to_start_them(tmp_path: Path) -> None:
    with (
        scheduler(tmp_path) as address,
        pytest.raises(UnavailableError, match=r"no workers; start .*`dask worker"),
        dask_workers(address),
    ):
        raise AssertionError("nobody could work")


@pytest.mark.parametrize(
    ("scheduler", "error", "message"),
    [
        (None, InputError, "expected the address of a Dask scheduler; start .*`dask scheduler"),
        ("tcp://127.0.0.1:9", UnavailableError, "cannot be reached"),
        ("nonsense://127.0.0.1", UnavailableError, "cannot be reached"),
    ],
)
def test_without_a_scheduler_the_error_says_how_to_start_one(
    scheduler: str | None, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(error, match=message), dask_workers(scheduler):
        raise AssertionError("nobody is there")


def test_without_dask_the_error_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['distributed'] = None\n"  # as if it were not installed
        "from cli.main import main\n"
        "sys.exit(main(['features', '--ledger', 'x', '--out', 'y', '--engine', 'dask', '--scheduler', 'tcp://x:1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, check=False)
    assert done.returncode == UnavailableError.exit_code
    assert "pip install 'otc-risk[cluster]'" in done.stderr
