"""Promises of the running service: killed workers, stops, and a database that goes away, freezes and comes back."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np

from receivables.audit import verify
from receivables.decision_log import DecisionLog
from receivables.store import open_store
from tests.proof import world
from tests.proof.tally import Tally
from tests.serving.live import Load, loaded
from tests.serving.running import Running

#: Seconds within which the service must be whole again after the database is back.
BACK_WITHIN: Final = 5.0
#: Seconds within which a new worker answers in the place of a killed one.
RESPAWN_WITHIN: Final = 1.0


def worker_kills(count: int, *, every: float, seed: int = 1) -> Tally:
    """One of two workers is killed again and again while clients that try once more ask for orders."""
    tally = Tally("a killed worker costs no order", "0 failed after one retry, respawn p99 <= 1 s, 1 record per id")
    dice, respawns = random.Random(seed), list[float]()
    with world.served("--workers", "2") as ((service,), folder):
        _until(lambda: _started(service) == 2)
        with loaded([service.port], world.orders(60), clients=4, pause=0.05, name="kill") as found:
            for number in range(count):
                begun = time.monotonic()
                os.kill(dice.choice(_children(service.process.pid)), signal.SIGKILL)
                _until(lambda n=number: _started(service) == 3 + n)  # type: ignore[misc]
                respawns.append(time.monotonic() - begun)
                time.sleep(max(0.0, every - respawns[-1]))
        tally.count([], tries=count)
        _judge(tally, found, folder)
    tally.figures |= {"respawn_p50_s": _rounded(respawns, 50), "respawn_p99_s": _rounded(respawns, 99)}
    slow = tally.figures["respawn_p99_s"] > RESPAWN_WITHIN
    tally.count([f"respawn p99 {tally.figures['respawn_p99_s']} s"] if slow else [], tries=0)
    return tally


def rolling_stops(count: int) -> Tally:
    """Of two services one is stopped with a drain and started again, in turn, while clients ask both."""
    tally = Tally("a stop costs no order: drain, then the end", "100 stops, 0 failed requests (one retry)")
    with world.served("--drain", "1", count=2) as (services, folder), ExitStack() as stack:
        ports = [service.port for service in services]
        with loaded(ports, world.orders(60), clients=4, pause=0.05, name="roll") as found:
            for number in range(count):
                place = number % 2
                code = services[place].stop()
                tally.count([f"stop {number} ended with {code}"] if code else [])
                services[place] = stack.enter_context(world.again(folder, ports[place], "--drain", "1"))
        _judge(tally, found, folder)
    return tally


def database_cycles(count: int, *, seconds: float, most_ms: float = 100.0, seed: int = 1) -> Tally:
    """PostgreSQL is frozen, killed or restarted under load; orders go on, flagged, and are whole soon after its return.

    What orders take is held against `most_ms`: p99 over all of them.
    """
    tally = Tally(
        "database down, restarted, frozen: no order waits for it",
        "100 cycles, order p99 <= 100 ms, 0 failed, all degraded answers flagged, FULL within 5 s of return",
    )
    dice, back = random.Random(seed), list[float]()
    with _cluster() as cluster:
        with open_store(cluster.url, create=True) as store:
            store.load(dict(world.seller().ledger.frames), source="proof", fingerprint="1")
        with world.served(ledger=cluster.url) as ((service,), folder):
            documents = world.orders(40, counterfactuals=False)
            with loaded([service.port], documents, clients=2, pause=0.02, name="warm"):
                time.sleep(seconds)
            with loaded([service.port], documents, clients=2, pause=0.02, name="db") as found:
                for number in range(count):
                    harm = dice.choice((cluster.freeze, cluster.freeze, cluster.kill, cluster.restart))
                    harm(seconds)
                    returned = time.monotonic()
                    time.sleep(BACK_WITHIN + 0.5)
                    back.append(_whole_after(found, returned))
                    late = back[-1] > BACK_WITHIN
                    tally.count([f"cycle {number}: {harm.__name__}: FULL after {back[-1]:.1f} s"] if late else [])
            _judge(tally, found, folder)
    tally.figures |= {f"answers_{mode}": number for mode, number in sorted(found.modes.items())}
    tally.figures |= {"back_after_max_s": round(max(back), 2)}
    slow = tally.figures["order_p99_ms"] > most_ms
    tally.count([f"order p99 {tally.figures['order_p99_ms']} ms"] if slow else [], tries=0)
    return tally


def _judge(tally: Tally, found: Load, folder: Path) -> None:
    """No order failed, each answered one has its one record, and the log is intact."""
    tally.count([f"{len(found.failed)} orders failed, the first: {found.failed[0]}"] if found.failed else [], tries=0)
    log = DecisionLog(folder / "decisions.sqlite")
    records = {record.request_id: record.score_id for record in log.all()}
    wrong = [name for name, score_id in found.score_ids.items() if records.get(name) != score_id]
    tally.count([f"{len(wrong)} answers are not in the log, the first: {wrong[0]}"] if wrong else [], tries=0)
    tally.count(list(verify(log).problems), tries=0)
    log.close()
    times = [seconds * 1_000.0 for seconds in found.seconds]
    tally.figures |= {
        "orders": found.answered,
        "tried_again": found.again,
        "orders_failed": len(found.failed),
        "order_p50_ms": _rounded(times, 50),
        "order_p99_ms": _rounded(times, 99),
        "order_max_ms": _rounded(times, 100),
    }


def _whole_after(found: Load, returned: float) -> float:
    """Seconds from the database's return to the last answer that was not FULL; of those that came since."""
    with found.lock:
        lower = [at - returned for at, mode in found.moments if at > returned and mode != "FULL"]
    return max(lower, default=0.0)


def _rounded(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 2) if values else 0.0


def _started(service: Running) -> int:
    text = str(service.ask("GET", "/metrics")[1])
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("otcrisk_worker_starts_total "))


def _children(process: int) -> list[int]:
    command = ["ps", "-o", "pid=", "--ppid", str(process)]
    return [int(line) for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()]


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError):  # of the worker that has just been killed
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError("it did not come about")


class _Cluster:
    """A PostgreSQL of its own, on a socket in a folder, that can be harmed."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self.url = f"postgresql://tester@/postgres?host={folder}"
        self.data = folder / "data"
        _as_postgres([str(binaries / "initdb"), "-D", str(self.data), "-U", "tester", "-A", "trust", "--no-sync"])
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c shared_buffers=32MB"
        command = [*self._control("start"), "-l", str(self.folder / "log"), "-o", options]
        for _ in range(50):  # a killed one leaves its lock until it is reaped
            if _as_postgres(command, check=False):
                return
            time.sleep(0.2)
        raise AssertionError("PostgreSQL did not start")

    def stop(self) -> None:
        _as_postgres(self._control("stop", "-m", "immediate"), check=False)

    def freeze(self, seconds: float) -> None:
        """Every process stands still for a while; nothing is closed, nothing answers."""
        stopped = self._processes()
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        time.sleep(seconds)
        for process in reversed([*stopped, *self._processes()]):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def kill(self, seconds: float) -> None:
        """Every process is killed, and the cluster started again after a while."""
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(seconds)
        self.start()

    def restart(self, seconds: float) -> None:
        """A fast restart."""
        _as_postgres(self._control("stop", "-m", "fast"))
        self.start()

    def _processes(self) -> list[int]:
        head = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        return [head, *_children(head)]

    def _control(self, *words: str) -> list[str]:
        return [str(self.binaries / "pg_ctl"), "-D", str(self.data), "-w", *words]


@contextmanager
def _cluster() -> Iterator[_Cluster]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="otcrisk-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    made = _Cluster(folder, binaries)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(command: list[str], *, check: bool = True) -> bool:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], stdout=subprocess.DEVNULL, cwd="/", timeout=60, check=False)
    assert done.returncode == 0 or not check, command
    return done.returncode == 0
