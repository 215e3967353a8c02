"""One explained order over HTTP beside peers, in one run: latency, rate, memory of a worker, time to start.

Every service runs in a process of its own, with one worker, on the same models: 300 trees of 31 leaves each. Services
are asked in turn, several rounds, so that what else happens on the machine meets all of them.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import scoring_models
from benchmarks.http_load import Load, load
from benchmarks.part import Bar, Part, Results, Sizes, number, say
from benchmarks.scoring_peers import PEERS

ROOT: Final = Path(__file__).resolve().parent.parent
#: Rounds, and seconds of each measurement in a round.
_ROUNDS: Final = 3
_SECONDS: Final = 2.0
_START_SECONDS: Final = 120.0
_PATHS: Final = {"ours": "/v1/orders/score", "bare_asgi": "/v1/orders/score", "mlflow": "/invocations"}


@dataclass(frozen=True)
class Server:
    """A running service."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    start_seconds: float

    def load(self, bodies: Sequence[bytes], *, connections: int, seconds: float) -> Load:
        """Its answers under load."""
        path = _PATHS.get(self.name, "/score")
        return load(self.port, path, bodies, connections=connections, seconds=seconds)

    def status(self, field: str) -> int:
        """A figure of /proc/PID/status of the largest of its processes, in bytes."""
        return max(_status(pid, field) for pid in _family(self.process.pid))

    def cpu_seconds(self) -> float:
        """CPU seconds of its processes so far."""
        return sum(_cpu_seconds(pid) for pid in _family(self.process.pid))


def scoring(sizes: Sizes) -> dict[str, float]:
    """All figures; a peer that is not installed or does not start is left out and named on stderr."""
    folder = sizes.folder
    say("  ledger and models ...")
    bodies = scoring_models.prepare(folder, bodies=min(sizes.calls, 1_000))
    short = sizes.repetitions == 1
    rounds, seconds = (1, 0.5) if short else (_ROUNDS, _SECONDS)
    found: dict[str, float] = {}
    with started("ours", folder):  # the first start compiles and fills caches
        pass
    with ExitStack() as stack:
        servers = {}
        for name in PEERS:
            try:
                servers[name] = stack.enter_context(started(name, folder))
            except (RuntimeError, OSError) as error:
                say(f"  {name}: left out: {error}")
        one: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                asked = bodies[name]
                server.load(asked, connections=1, seconds=seconds / 4)
                one[name].append(server.load(asked, connections=1, seconds=seconds))
        found |= _ours(servers["ours"], bodies, rounds, seconds)
        found["score_start_s"] = servers["ours"].start_seconds
    return found | _latencies(one)


def _latencies(one: Mapping[str, Sequence[Load]]) -> dict[str, float]:
    p50 = {name: median(x.percentile(50) for x in loads) for name, loads in one.items()}
    p99 = {name: median(x.percentile(99) for x in loads) for name, loads in one.items()}
    found = {"score_p50_ms": p50["ours"], "score_p99_ms": p99["ours"]}
    found["score_max_ms"] = max(float(x.milliseconds.max()) for x in one["ours"])
    for name in p50.keys() - {"ours"}:
        found[f"score_{name}_p50_ms"], found[f"score_{name}_p99_ms"] = p50[name], p99[name]
    if "bare_asgi" in p50:
        found["score_p50_vs_bare_asgi"] = p50["ours"] / p50["bare_asgi"]
        found["score_p99_vs_bare_asgi"] = p99["ours"] / p99["bare_asgi"]
    for name, key in (("mlflow", "mlflow_serve"), ("bentoml_shap", "bentoml_shap"), ("fastapi_contrib", "fastapi")):
        if name in p50:
            found[f"score_p50_vs_{key}"] = p50[name] / p50["ours"]
    return found


def _ours(ours: Server, bodies: Mapping[str, Sequence[bytes]], rounds: int, seconds: float) -> dict[str, float]:
    """Rate, memory and the whole contract with its durable log."""
    rates, per_cpu = [], []
    for _ in range(rounds):
        cpu = ours.cpu_seconds()
        many = ours.load(bodies["ours"], connections=16, seconds=seconds)
        rates.append(many.per_second)
        per_cpu.append(len(many.milliseconds) / (ours.cpu_seconds() - cpu))
    whole = [ours.load(scoring_models.renamed(bodies["contract"], i), connections=1, seconds=seconds)
             for i in range(rounds)]  # fmt: skip
    return {
        "score_requests_per_second_16": median(rates),
        "score_requests_per_cpu_second_16": median(per_cpu),
        "score_worker_mb": ours.status("VmRSS") / 1e6,
        "score_contract_p50_ms": median(x.percentile(50) for x in whole),
        "score_contract_p99_ms": median(x.percentile(99) for x in whole),
    }


@contextmanager
def started(name: str, folder: Path) -> Iterator[Server]:
    """The service once it answers; it is ended afterwards. Raises RuntimeError where it does not come up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    home = folder / f"home_{name}"
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OTCRISK_HOME": str(home), "OMP_NUM_THREADS": "1",
        "OTCRISK_CHAMPION": str(folder / "champion"), "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(folder / "bentoml"), "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip
    log = folder / f"{name}.log"
    command = [sys.executable, "-m", "benchmarks.scoring_peers", name, str(folder), str(port)]
    begin = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait(process, port, "/ping" if name == "mlflow" else "/readyz", log)
        yield Server(name, port, process, time.perf_counter() - begin)
    finally:
        for pid in reversed(_family(process.pid)):
            _end(pid)
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", path)
            if asked.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            asked.close()
        time.sleep(0.02)
    raise RuntimeError(f"not ready: {log.read_text(encoding='utf-8', errors='replace')[-600:]}")


def _end(pid: int) -> None:
    try:
        os.kill(pid, 15)
    except ProcessLookupError:
        return


def _family(pid: int) -> list[int]:
    """A process and all below it (Linux)."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [pid, *(below for child in text.split() for below in _family(int(child)))]


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(results: Results) -> str:
    """Markdown: one explained order, milliseconds by service."""
    shown = [("ours", "score_p50_ms", "score_p99_ms")]
    shown += [(name, f"score_{name}_p50_ms", f"score_{name}_p99_ms") for name in PEERS if name != "ours"]
    rows = [
        f"| {_MEANINGS[name]} | {number(results[p50])} | {number(results[p99])} |"
        for name, p50, p99 in shown
        if p50 in results
    ]
    if not rows:
        return ""
    return "\n".join(["| one explained order over HTTP | p50 ms | p99 ms |", "|---|---|---|", *rows])


_MEANINGS: Final[dict[str, str]] = {
    "ours": "otcrisk serve: features, both models, contributions, reasons, policy, remedies",
    "bare_asgi": "the same work on a bare ASGI server",
    "bentoml_empty": "BentoML, default configuration, no work",
    "fastapi_contrib": "FastAPI, LightGBM `pred_contrib`, ready-made features",
    "bentoml_shap": "BentoML, default configuration, `shap.TreeExplainer`, ready-made features",
    "mlflow": "`mlflow models serve`, `pred_contrib`, ready-made features",
}

PART: Final = Part(
    "scoring",
    "one explained order over HTTP beside peers",
    scoring,
    bars=(
        Bar("score_p50_ms", "one explained order over HTTP, p50, ms (without log and alternatives)", "at most", 1.0),
        Bar("score_p99_ms", "the same, p99, ms", "at most", 2.0),
        Bar("score_max_ms", "the same, longest, ms", "at most", 30.0),
        Bar("score_requests_per_second_16", "orders per second and worker, 16 connections", "at least", 1000.0),
        Bar("score_contract_p50_ms", "the whole contract with its durable log, p50, ms", "at most", 5.0),
        Bar("score_contract_p99_ms", "the same, p99, ms", "at most", 15.0),
        Bar("score_p50_vs_bare_asgi", "p50, times the same work on a bare ASGI server", "at most", 1.7),
        Bar("score_p99_vs_bare_asgi", "p99, times the same work on a bare ASGI server", "at most", 2.5),
        Bar("score_p50_vs_mlflow_serve", "times faster than `mlflow models serve`, p50", "at least", 17.0),
        Bar("score_p50_vs_bentoml_shap", "times faster than BentoML with `shap.TreeExplainer`, p50", "at least", 20.0),
        Bar("score_p50_vs_fastapi", "times faster than FastAPI with `pred_contrib`, p50", "at least", 1.0),
        Bar("score_worker_mb", "memory of a worker, MB", "at most", 300.0),
        Bar("score_start_s", "seconds from start to ready, warm", "at most", 3.0),
    ),
    table=table,
)
