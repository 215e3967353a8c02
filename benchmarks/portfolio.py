"""`otcrisk features` from Parquet to Parquet: seconds, processor time, memory and bytes per invoice; how it scales.

    python -m benchmarks.portfolio                                     # a million invoices
    python -m benchmarks.portfolio --rows 1000000 --partitions 4 16 64 --processes 1 2

`python -m benchmarks` measures the engine; this measures the whole command around it: starting, reading, compiling the
history, counting peers, writing. Prints one JSON line per run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.synthetic import Columns, ledger_of
from receivables.partitions import write_partitions


@dataclass(frozen=True)
class Usage:
    """What a command and the processes that it started used; `peak_mb` is the largest one's memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def usage_of(command: list[str]) -> Usage:
    """Runs the command to its end; raises RuntimeError where it fails."""
    begin = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{command} ended with status {status}")
    return Usage(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measure(rows: int, ledger: Path, out: Path, processes: int) -> dict[str, float]:
    """One run of the command over a partitioned ledger."""
    command = [sys.executable, "-m", "cli.main", "features", "--ledger", str(ledger), "--out", str(out)]
    used = usage_of([*command, "--processes", str(processes)])
    return {
        "rows": rows,
        "partitions": len(list(ledger.glob("part=*"))),
        "processes": processes,
        "wall_s": round(used.wall_s, 2),
        "cpu_s": round(used.cpu_s, 2),
        "cpu_us_per_row": round(used.cpu_s / rows * 1e6, 2),
        "rows_per_second": round(rows / used.wall_s),
        "peak_mb_of_a_process": round(used.peak_mb),
        "ledger_bytes_per_row": round(_size(ledger) / rows),
        "bytes_per_row": round(_size(out) / rows),
        "peers_mb": round((out / "_run" / "peers.parquet").stat().st_size / 1e6, 2),
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.parquet"))


def make_ledger(rows: int, partitions: int, folder: Path) -> None:
    """A synthetic ledger in partitions, made by a process of its own so that its memory is not counted."""
    command = [sys.executable, "-m", "benchmarks.portfolio", "--rows", str(rows), "--partitions", str(partitions)]
    subprocess.run([*command, "--make", str(folder)], check=True)


def main() -> None:
    """Measures every number of partitions with every number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[16])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        write_partitions(ledger_of(Columns.make(args.rows)), args.make, partitions=args.partitions[0])
        return
    for partitions in args.partitions:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_ledger(args.rows, partitions, folder / "ledger")
            for processes in args.processes:
                line = measure(args.rows, folder / "ledger", folder / f"out-{processes}", processes)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
