"""The whole table over partitions of customers: one process, two processes, Dask workers."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import ours
from benchmarks.part import Bar, Part, say
from benchmarks.synthetic import COLUMNS, Columns
from benchmarks.whole import inputs, partition_sizes
from features import NAMES
from features.landing import ROW_GROUP
from features.memory import keep_memory

_REPETITIONS: Final = 3


def write_partitions(rows: int, folder: Path) -> list[Path]:
    """The partitions as files of columns."""
    paths = []
    for seed, size in enumerate(partition_sizes(rows)):
        columns = Columns.make(size, seed)
        path = folder / f"part-{seed:04d}.npy"
        np.save(path, np.stack([getattr(columns, name) for name in COLUMNS]))
        paths.append(path)
    return paths


def work(path: Path) -> float:
    """One partition, from its file to its features: their sum without nulls, so that two runs can be compared."""
    keep_memory()
    values = dict(zip(COLUMNS, np.load(path), strict=True))
    columns = Columns(int(values["customer"].max()) + 1, **values)
    history, orders = inputs(columns)
    total, room = 0.0, np.empty((ROW_GROUP, len(NAMES)))
    for start in range(0, len(orders), ROW_GROUP):  # some at a time, as `otcrisk features` writes them
        block = orders.take(slice(start, start + ROW_GROUP))
        total += float(np.nansum(ours.whole_table(history, block, ours.priors(), room[: len(block)])))
    return total


def _ready(barrier: Barrier) -> None:
    ours.warm_up()
    barrier.wait()


def processes(n: int, paths: Sequence[Path]) -> tuple[float, list[float]]:
    """Wall seconds of `n` plain processes over the partitions, and the sums; starting and compiling is not counted."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(n + 1)
    with context.Pool(n, _ready, (barrier,)) as pool:
        barrier.wait()
        return _median_of(lambda: pool.map(work, paths, chunksize=1))


def dask_workers(n: int, paths: Sequence[Path]) -> tuple[float, list[float]]:
    """The same on `n` Dask workers of one thread each; raises ImportError where Dask is not installed."""
    distributed: Any = importlib.import_module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=n, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    )
    with cluster, distributed.Client(cluster) as client:
        client.run(ours.warm_up)
        return _median_of(lambda: client.gather(client.map(work, list(paths), pure=False)))


def _median_of(job: Callable[[], list[float]]) -> tuple[float, list[float]]:
    seconds = []
    for _ in range(_REPETITIONS):
        begin = time.perf_counter()
        sums = job()
        seconds.append(time.perf_counter() - begin)
    return median(seconds), sums


def scaling(rows: int, folder: Path) -> dict[str, float]:
    """Speed-up from one to two processes, and two Dask workers over two processes; RuntimeError where sums differ."""
    paths = write_partitions(rows, folder)
    runs = {"processes_1": processes(1, paths), "processes_2": processes(2, paths)}
    try:
        runs |= {"dask_1": dask_workers(1, paths), "dask_2": dask_workers(2, paths)}
    except ImportError as error:
        say(f"dask: not measured, {error}")
    if any(sums != runs["processes_1"][1] for _, sums in runs.values()):
        raise RuntimeError("the partitions' features depend on who computed them")
    walls = {name: seconds for name, (seconds, _) in runs.items()}
    found = {f"scaling_{name}_wall_s": seconds for name, seconds in walls.items()}
    found["two_process_speedup"] = walls["processes_1"] / walls["processes_2"]
    if "dask_2" in walls:
        found["two_dask_worker_speedup"] = walls["dask_1"] / walls["dask_2"]
        found["dask_vs_processes"] = walls["dask_2"] / walls["processes_2"]
    return found


PART: Final = Part(
    "scaling",
    "every feature over partitions on one and two processes, one and two Dask workers",
    lambda sizes: {"scaling_rows": sizes.large, **scaling(sizes.large, sizes.folder)},
    (
        Bar("two_process_speedup", "two processes over one", "at least", 1.8),
        Bar("dask_vs_processes", "wall time of two Dask workers over two processes", "at most", 1.3),
    ),
)
