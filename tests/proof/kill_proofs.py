"""No acknowledged decision is lost when the process that writes the journal is killed."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.proof.journal_proofs import lost
from tests.proof.tally import Tally

ROOT: Final = Path(__file__).resolve().parents[2]
_WRITER: Final = """
import sys
sys.path.insert(0, {root!r})
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from receivables.decision_log import DecisionLog
from receivables.journal import Journal
from tests.proof.journal_proofs import record
journal, first = Journal(DecisionLog(Path({path!r}))), int(sys.argv[1])
def work(worker):
    for number in range(first + worker, first + 10_000_000, {writers}):
        name = f"scr_{{number}}"
        assert journal.append(record(number)).score_id == name
        sys.stdout.write(name + "\\n"); sys.stdout.flush()
with ThreadPoolExecutor({writers}) as pool:
    list(pool.map(work, range({writers})))
"""
#: Threads that write at once: the journal takes what waits in one commit, so more of them acknowledge more per second.
_WRITERS: Final = 64
#: Kills after which a new log is begun, and after which the log is read: reading a long one takes long.
_LIVES: Final = 100
_READ_EVERY: Final = 20


def kills(count: int, *, within: float = 0.1, seed: int = 1) -> Tally:
    """A process with many writing threads is killed at a random moment `within` so many seconds of its first record.

    The next one goes on with the same file, of which each is the log of a hundred lives.
    """
    aim = "1,000 kills, >= 500,000 acknowledged, 0 lost, 0 chain breaks, 0 duplicates"
    tally = Tally("no acknowledged decision lost: process kill", aim)
    rng, total = random.Random(seed), 0
    while tally.tried < count:
        acknowledged = set[str]()
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "decisions.sqlite"
            script = _WRITER.format(root=str(ROOT), path=str(path), writers=_WRITERS)
            lives = min(_LIVES, count - tally.tried)
            for life in range(1, lives + 1):
                acknowledged |= _killed_writer(script, life * 10_000_000, rng.uniform(0.0, within))
                if life % _READ_EVERY == 0 or life == lives:
                    tally.count(lost(path, acknowledged), tries=(life - 1) % _READ_EVERY + 1)
        total += len(acknowledged)
    tally.figures["acknowledged"] = total
    return tally


def _killed_writer(script: str, first: int, after: float) -> set[str]:
    with subprocess.Popen([sys.executable, "-c", script, str(first)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]  # it writes: from now on any moment will do
        time.sleep(after)
        process.kill()
        lines += process.stdout
    return {line.strip() for line in lines if line.endswith("\n")}
