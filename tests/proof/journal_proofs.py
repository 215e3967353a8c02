"""The journal's promises: power cut, full disk, race, tampering. Each function counts tries and failures."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import apsw

from receivables.audit import verify
from receivables.checkpoints import Checkpoint
from receivables.decision import GENESIS, DecisionRecord, canonical, fingerprint, wire
from receivables.decision_log import DecisionLog, Stored
from receivables.errors import ConflictError, UnavailableError
from receivables.journal import Journal
from tests.proof.disk import Disk
from tests.proof.tally import Tally

#: Records after which a new, empty log is begun: cuts are to meet its creation too.
_RECORDS: Final = 40


def record(number: int, *, amount: str = "1.00", name: str | None = None) -> DecisionRecord:
    """A decision of a size like a real one."""
    request = {"request_id": name or f"r{number}", "amount": amount, "text": "x" * (number * 37 % 900)}
    return DecisionRecord(
        score_id=f"scr_{number}",
        request_id=request["request_id"],
        idempotency_key=request["request_id"],
        customer_id=f"C{number % 7}",
        as_of="2026-11-20T09:14:05.000000Z",
        recorded_at="2026-11-20T09:14:05.118000Z",
        input_sha256=fingerprint(request),
        request=request,
        response={"score_id": f"scr_{number}", "audit": {"record_sha256": None, "previous_record_sha256": None}},
        features={"late_over_0_rate": number / 7},
        contributions={},
        versions={"policy": "p"},
    )


def lost(path: Path, acknowledged: set[str]) -> list[str]:
    """What is wrong with the log at `path`, of which the score ids in `acknowledged` must be there."""
    try:
        with closing(DecisionLog(path)) as log:
            found = verify(log)
            missing = acknowledged - {row.record.score_id for row in log.stored() if isinstance(row, Stored)}
    except UnavailableError as error:
        return [f"the log cannot be read: {error}"]
    return [*found.problems, *(["acknowledged but gone: " + ", ".join(sorted(missing))] if missing else [])]


def power_cuts(count: int, *, seed: int = 1, synchronous: str = "FULL", every: float = 0.15) -> Tally:
    """Cuts at random moments between and within the writes of the journal; after each the disk's image is verified."""
    tally = Tally("no acknowledged decision lost: power cut", "10,000 cuts, 0 lost, 0 corrupt")
    rng, acknowledged = random.Random(seed), set[str]()
    with tempfile.TemporaryDirectory() as scratch:
        image = Path(scratch) / "image"

        def cut() -> None:
            if tally.tried < count and rng.random() < every:
                shutil.rmtree(image, ignore_errors=True)
                image.mkdir()
                disk.image(image, rng)
                tally.count(lost(image / path.name, set(acknowledged)))

        while tally.tried < count:
            disk, folder = Disk(cut), Path(tempfile.mkdtemp(dir=scratch))
            path = folder / "decisions.sqlite"
            acknowledged.clear()
            _write_some(path, disk, acknowledged, rng, synchronous)
            disk.close()
            shutil.rmtree(folder)
    tally.figures["power_cuts_seed"] = seed
    return tally


def _write_some(path: Path, disk: Disk, acknowledged: set[str], rng: random.Random, synchronous: str) -> None:
    log = DecisionLog(path, connect=partial(disk.connect, synchronous=synchronous))
    journal = Journal(log)
    numbers = iter(range(_RECORDS))
    while batch := list(itertools.islice(numbers, rng.randint(1, 4))):
        for future in [journal.submit(record(number)) for number in batch]:
            acknowledged.add(future.result(60).score_id)
    journal.close()
    log.close()


def disk_errors(points: range) -> Tally:
    """The disk fails once, at each of the given writes and syncs in turn, as full and as broken."""
    tally = Tally("no acknowledged decision lost: disk full or I/O error", "each of the first 500 I/O points: 0 lost")
    refused = 0
    for point, error in itertools.product(points, (apsw.FullError, apsw.IOError)):
        with tempfile.TemporaryDirectory() as scratch:
            problems, failures = _fail_once(Path(scratch) / "decisions.sqlite", point, error)
        refused += failures
        tally.count(problems)
    tally.figures["orders_refused_with_unavailable"] = refused
    return tally


def _fail_once(path: Path, point: int, error: type[apsw.Error]) -> tuple[list[str], int]:
    operations = itertools.count()

    def before_each() -> None:
        if next(operations) == point:
            raise error("the disk says no")

    disk, acknowledged, refused = Disk(before_each), set[str](), 0
    log = None
    for _ in range(2):  # the error may come while the log is made: then the service starts again
        try:
            log = DecisionLog(path, connect=disk.connect)
            break
        except UnavailableError:
            refused += 1
    if log is None:
        return ["the log could not be opened again"], refused
    journal = Journal(log)
    for number in range(60):
        try:
            acknowledged.add(journal.append(record(number)).score_id)
        except UnavailableError:
            refused += 1
    journal.close()
    with closing(log):
        recovered = [] if len(acknowledged) >= 59 else [f"point {point}: {60 - len(acknowledged)} orders refused"]
    disk.close()
    return [*recovered, *lost(path, acknowledged)], refused


def races(keys: int, *, ways: int = 16, seed: int = 1) -> Tally:
    """Each key is asked `ways` times at once over two journals of one file, some with another body."""
    tally = Tally(
        "idempotent: one record and one answer per key, whoever asks at once", "10,000 keys, 16 ways, 0 wrong"
    )
    rng, conflicts = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        logs = [DecisionLog(Path(scratch) / "decisions.sqlite") for _ in range(2)]
        journals = [Journal(log) for log in logs]
        with ThreadPoolExecutor(ways) as pool:
            for key in range(keys):
                other = rng.random() < 0.25
                asked = [_asked(key, way, other and way % 4 == 0) for way in range(ways)]
                found = list(pool.map(lambda pair: _answer(journals[pair[0] % 2], pair[1]), enumerate(asked)))
                conflicts += sum(answer is None for answer in found)
                tally.count(_one_answer(asked, found))
        stored = Counter(each.request_id for each in logs[0].all())
        if len(stored) != keys or stored.total() != keys:
            tally.count([f"{stored.total()} records of {len(stored)} keys, expected {keys}"], tries=0)
        for journal, log in zip(journals, logs, strict=True):
            journal.close()
            log.close()
    tally.figures["conflicts_refused"] = conflicts
    return tally


def _asked(key: int, way: int, other: bool) -> DecisionRecord:
    return replace(record(key, amount="2.00" if other else "1.00", name=f"k{key}"), score_id=f"s{key}_{way}")


def _answer(journal: Journal, asked: DecisionRecord) -> DecisionRecord | None:
    try:
        return journal.append(asked)
    except ConflictError:
        return None


def _one_answer(asked: list[DecisionRecord], found: list[DecisionRecord | None]) -> list[str]:
    answers = {answer.record_sha256 for answer in found if answer}
    body = next(answer.input_sha256 for answer in found if answer)
    wrong = [f"{len(answers)} answers to {asked[0].request_id}"] if len(answers) != 1 else []
    refused = [(a.input_sha256 != body) == (answer is None) for a, answer in zip(asked, found, strict=True)]
    return [*wrong, *([] if all(refused) else [f"{asked[0].request_id}: another body was answered, or ours refused"])]


def tampers(count: int, *, seed: int = 1) -> Tally:
    """Records changed, deleted, reordered, added, cut off or chained anew; verification must find each."""
    tally = Tally("tampering is found", "10,000 tampers, 100 % found (cut end, new chain: by checkpoint)")
    rng = random.Random(seed)
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        master = Path(scratch) / "master.sqlite"
        log = DecisionLog(master)
        log.append_all([record(number) for number in range(12)])
        point = Checkpoint(*log.head(), "2026-11-20T09:14:05.000000Z")
        log.close()
        with closing(sqlite3.connect(master)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = Path(scratch) / "tampered.sqlite"
        for _ in range(count):
            kind = rng.choice(sorted(_TAMPERS))
            kinds[kind] += 1
            with _copy(master, path) as connection:
                _TAMPERS[kind](connection, rng)
            tampered = DecisionLog(path)
            found = verify(tampered, [point])
            tampered.close()
            tally.count([f"{kind}: not found"] if found.is_intact else [])
    tally.figures |= {f"tampers_{kind}": number for kind, number in kinds.items()}
    return tally


@contextmanager
def _copy(master: Path, path: Path) -> Iterator[sqlite3.Connection]:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.copy(master, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def _flip(connection: sqlite3.Connection, rng: random.Random) -> None:
    column = rng.choice(("score_id", "request_id", "customer_id", "as_of", "input_sha256", "payload", "response",
                         "record_sha256", "previous_sha256"))  # fmt: skip
    seq = rng.randint(1, 12)
    (value,) = connection.execute(f"SELECT {column} FROM decisions WHERE seq = ?", (seq,)).fetchone()
    data = bytearray(value if isinstance(value, bytes) else value.encode())
    place = rng.randrange(len(data))
    # another printable sign, so that the text stays text
    data[place] = rng.choice([sign for sign in range(33, 127) if sign != data[place]])
    changed: Any = bytes(data) if isinstance(value, bytes) else data.decode(errors="replace")
    connection.execute(f"UPDATE OR REPLACE decisions SET {column} = ? WHERE seq = ?", (changed, seq))


def _delete(connection: sqlite3.Connection, rng: random.Random) -> None:
    connection.execute("DELETE FROM decisions WHERE seq = ?", (rng.randint(1, 12),))


def _swap(connection: sqlite3.Connection, rng: random.Random) -> None:
    one, two = rng.sample(range(1, 13), 2)
    for new, old in ((99, one), (one, two), (two, 99)):
        connection.execute("UPDATE decisions SET seq = ? WHERE seq = ?", (new, old))


def _add(connection: sqlite3.Connection, rng: random.Random) -> None:
    names = ", ".join(("customer_id", "as_of", "input_sha256", "payload", "response", "record_sha256"))
    connection.execute(
        f"INSERT INTO decisions (score_id, request_id, idempotency_key, previous_sha256, {names}) "
        f"SELECT 'added', 'added', 'added', record_sha256, {names} FROM decisions WHERE seq = ?",
        (rng.randint(1, 12),),
    )


def _truncate(connection: sqlite3.Connection, rng: random.Random) -> None:
    connection.execute("DELETE FROM decisions WHERE seq > ?", (rng.randint(0, 11),))


def _chain_anew(connection: sqlite3.Connection, rng: random.Random) -> None:
    """A forger who knows the method changes one record and makes every later hash fit."""
    rows = connection.execute("SELECT seq, payload FROM decisions ORDER BY seq").fetchall()
    changed, previous = rng.randint(1, 12), GENESIS
    for seq, payload in rows:
        fields = json.loads(payload)
        if seq == changed:
            fields["versions"] = {"policy": hashlib.sha256(os.urandom(8)).hexdigest()}
        sealed = DecisionRecord(**fields).sealed(previous)
        connection.execute(
            "UPDATE decisions SET payload = ?, response = ?, record_sha256 = ?, previous_sha256 = ? WHERE seq = ?",
            (canonical(sealed.payload()), wire(sealed.response), sealed.record_sha256, previous, seq),
        )
        previous = sealed.record_sha256


_TAMPERS: Final = {
    "flip": _flip,
    "delete": _delete,
    "swap": _swap,
    "add": _add,
    "truncate": _truncate,
    "chain_anew": _chain_anew,
}
