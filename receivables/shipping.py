"""The decision log copied to PostgreSQL in the background: idempotent, resumable, and never on an order's path.

Rows are copied as they lie in the file, ciphertext as ciphertext, so that the copy can be verified like the log. How
far a node has come is read from the copy itself; so nothing is lost by a crash on either side, and nothing is there
twice. Across nodes the first committed answer to a request is the one that counts: another one is kept, and the
conflict is recorded on both sides.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from receivables.control_log import Act, ControlLog
from receivables.errors import ConflictError, InputError, UnavailableError
from receivables.shipping_tables import AUTHORITY, COPIED, DDL, Copied

#: Rows of one transaction.
BATCH: Final = 100
#: Kind of act: another node's answer to the same request was committed first.
CONFLICT: Final = "SHIPPING_CONFLICT"
#: Seconds until a server that does not answer counts as unreachable; one that vanished is noticed by keepalives.
_REACHING: Final = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_NODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Any constant would do; together with the node's name it names a lock.
_LOCK: Final = 7_116_002


@dataclass(frozen=True)
class Shipped:
    """What one pass copied, by table of the log, and how many requests another node had answered before."""

    rows: dict[str, int]
    conflicts: int


def ship(path: Path, url: str, node: str, *, now: dt.datetime, batch: int = BATCH) -> Shipped:
    """Copies every row of the decision log `path` that the database at `url` has not; one process per node at a time.

    Raises UnavailableError where either side cannot be reached; what was committed by then stays. Raises ConflictError
    where the copy holds another record under the same number: the log was written anew, or two nodes share a name.
    """
    if not _NODE.fullmatch(node):
        raise InputError(f"node: expected 1 to 64 letters, digits and . _ -, got {node!r}")
    with _reaching(path, url) as (log, connection):
        connection.execute(DDL)
        connection.commit()
        # where another process ships for this node just now, there is nothing to do
        held = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK, node)).fetchone()
        if held is None or not held[0]:
            return Shipped({}, 0)
        connection.commit()
        conflicts, rows = 0, {}
        for table in COPIED:
            rows[table.name], found = _ship_table(path, log, connection, table, node, now, batch)
            conflicts += found
        return Shipped(rows, conflicts)


def nodes(url: str) -> list[tuple[str, int]]:
    """The nodes whose decisions lie in the copy, and the number of the newest one of each."""
    with _connected(url) as connection:
        found = connection.execute("SELECT node, max(seq) FROM shipped_decisions GROUP BY node ORDER BY node")
        return [(str(node), int(seq)) for node, seq in found]


def fetch(url: str, node: str, into: Path) -> None:
    """Writes a node's copy back into a new decision log's file, to be verified as one; raises UnavailableError."""
    with _connected(url) as connection, closing(sqlite3.connect(into)) as log:
        for table in COPIED:
            log.execute(table.sqlite)
            marks = ", ".join("?" * len(table.columns))
            into_table = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"  # noqa: S608  # ours
            with connection.cursor(name="copy") as rows:
                rows.execute(table.fetched, (node,))
                log.executemany(into_table, rows)
        log.commit()


def _ship_table(
    path: Path, log: sqlite3.Connection, connection: psycopg.Connection[Any], table: Copied, node: str,
    now: dt.datetime, batch: int,
) -> tuple[int, int]:  # fmt: skip
    if log.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table.name,)).fetchone() is None:
        return 0, 0
    last = connection.execute(table.last, (node,)).fetchone()
    seq = _require_same(log, table, node, last) if last else 0
    copied = conflicts = 0
    while rows := log.execute(table.read, (seq, batch)).fetchall():
        with connection.cursor() as cursor:
            cursor.executemany(table.insert, [(node, *row) for row in rows])
        if table.is_authority:
            conflicts += _claim(path, connection, node, rows, now)
        connection.commit()
        seq, copied = rows[-1][0], copied + len(rows)
    return copied, conflicts


def _require_same(log: sqlite3.Connection, table: Copied, node: str, last: Sequence[Any]) -> int:
    """The number of the newest copied row, which must still be the same in the log."""
    seq, digest = int(last[0]), str(last[1])
    here = log.execute(table.digest, (seq,)).fetchone()
    if here is None or here[0] != digest:
        raise ConflictError(
            f"node {node}: row {seq} of {table.name} is not the one that was shipped; the log was written anew, or two "
            "nodes share a name (OTCRISK_NODE). Verify both with `otcrisk audit verify`"
        )
    return seq


def _claim(
    path: Path, connection: psycopg.Connection[Any], node: str, rows: Sequence[Sequence[Any]], now: dt.datetime
) -> int:
    """Claims the requests of decisions for this node; how many another node had claimed before."""
    with connection.cursor() as cursor:
        cursor.executemany(AUTHORITY.claim, [(row[2], node, row[0]) for row in rows])
    asked = [row[2] for row in rows]
    lost = connection.execute(AUTHORITY.lost, (asked, node)).fetchall()
    by_request = {row[2]: row for row in rows}
    for request_id, first_node, first_seq in lost:
        row = by_request[request_id]
        connection.execute(AUTHORITY.conflict, (request_id, node, row[0], first_node, first_seq))
        content = {"score_id": row[1], "seq": row[0], "first_node": first_node, "first_seq": first_seq}
        _record(path, Act.of(CONFLICT, str(row[1]), actor=node, now=now, content=content))
    return len(lost)


def _record(path: Path, act: Act) -> None:
    """Appends the act once, however often the same rows are shipped again."""
    with ControlLog(path) as acts:
        if not any(found.kind == act.kind for found in acts.of(act.subject)):
            acts.append(act)


@contextmanager
def _reaching(path: Path, url: str) -> Iterator[tuple[sqlite3.Connection, psycopg.Connection[Any]]]:
    try:
        # read only: the log's writer is not held up, and nothing here can change it
        log = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5.0)
        with closing(log), _connected(url) as connection:
            yield log, connection
    except sqlite3.Error as error:
        raise UnavailableError(f"{path}: the decision log cannot be read: {error}") from error


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(url, **_REACHING) as connection:  # type: ignore[arg-type]
            yield connection
    except psycopg.Error as error:
        # the driver's message may hold the address with its password
        raise UnavailableError(f"the shipped copy cannot be reached: {type(error).__name__}") from None
