"""What a piece of work costs: CPU seconds with all threads, wall seconds, the peak of memory."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

T = TypeVar("T")
_SOFTWARE: Final = ("numpy", "numba", "pandas", "polars", "duckdb", "pyarrow")


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    cpu: float
    wall: float


def cpu_seconds() -> float:
    """CPU seconds of this process so far, all threads, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cost_of(work: Callable[[], T]) -> tuple[Cost, T]:
    """The cost of doing the work once, and what it made."""
    gc.collect()
    cpu, wall = cpu_seconds(), time.perf_counter()
    made = work()
    return Cost(cpu_seconds() - cpu, time.perf_counter() - wall), made


def median_cost(work: Callable[[], T], repetitions: int) -> tuple[Cost, T]:
    """Medians over the repetitions, and what the last one made; only one result is held at a time."""
    cost, made = cost_of(work)
    costs = [cost]
    for _ in range(repetitions - 1):
        del made
        cost, made = cost_of(work)
        costs.append(cost)
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs)), made


def flat(prefix: str, costs: Mapping[str, Cost]) -> dict[str, float]:
    """The costs as figures: prefix, name, clock."""
    return {f"{prefix}_{name}_{clock}_s": getattr(c, clock) for name, c in costs.items() for clock in ("cpu", "wall")}


def resident_bytes() -> int:
    """Memory that this process occupies now."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """Most memory that this process has occupied since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Starts a new peak from what is occupied now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


#: How the keys of `machine` begin.
MACHINE: Final = ("cores of ", "with ")


def machine() -> dict[str, float]:
    """What was measured on, as keys, so that the map holds numbers only: cores of a CPU, versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")] or ["unknown CPU"]
    versions = {f"with {name} {version(name)}": 1.0 for name in _SOFTWARE}
    return {f"cores of {models[0]}": len(models), **versions}
