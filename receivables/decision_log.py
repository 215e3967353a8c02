"""The decision log: an append-only SQLite file in which every record names the hash of the one before it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from receivables.decision import GENESIS, DecisionRecord, canonical, wire
from receivables.errors import ConflictError, NotFoundError, UnavailableError

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS decisions (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    score_id        TEXT NOT NULL UNIQUE,
    request_id      TEXT NOT NULL UNIQUE,
    idempotency_key TEXT NOT NULL UNIQUE,
    customer_id     TEXT NOT NULL,
    as_of           TEXT NOT NULL,
    input_sha256    TEXT NOT NULL,
    payload         TEXT NOT NULL,
    response        BLOB NOT NULL,
    record_sha256   TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL
) STRICT
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS decisions_customer ON decisions (customer_id, as_of, seq)"
_INSERT: Final = """
INSERT INTO decisions (score_id, request_id, idempotency_key, customer_id, as_of, input_sha256,
                       payload, response, record_sha256, previous_sha256)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ANSWERED: Final = "SELECT * FROM decisions WHERE request_id = ? OR idempotency_key = ?"
_HEAD: Final = "SELECT record_sha256 FROM decisions ORDER BY seq DESC LIMIT 1"
_LATEST: Final = "SELECT * FROM decisions WHERE customer_id = ? AND as_of < ? ORDER BY as_of DESC, seq DESC LIMIT 1"
#: Sorts after every moment.
_END_OF_TIME: Final = "9999"


class DecisionLog:
    """Decisions in the order in which they were made; safe for threads and for several processes on one file.

    WAL with synchronous=FULL: once `append` returns, the record survives a power cut. One writer at a time, because
    each record's hash needs the hash before it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit mode: transactions are opened and closed by `_transaction` alone.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_TABLE)
            self._connection.execute(_INDEX)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"{path}: the decision log cannot be opened: {error}") from error

    def append(self, record: DecisionRecord) -> DecisionRecord:
        """The record as stored, durably; where the same request was answered before, the record of that answer.

        Raises ConflictError where the request id or idempotency key was used with another body, and UnavailableError
        where the log cannot be written: then nothing was stored.
        """
        with self._transaction():
            rows = self._connection.execute(_ANSWERED, (record.request_id, record.idempotency_key)).fetchall()
            earlier = _same(rows, record.input_sha256)
            if earlier is not None:
                return earlier
            head = self._connection.execute(_HEAD).fetchone()
            sealed = record.sealed(str(head["record_sha256"]) if head else GENESIS)
            self._connection.execute(_INSERT, _values(sealed))
            return sealed

    def answered(self, request_id: str, idempotency_key: str, input_sha256: str) -> DecisionRecord | None:
        """The record of the same request answered before, or null; raises ConflictError for another body."""
        return _same(self._rows(_ANSWERED, (request_id, idempotency_key)), input_sha256)

    def get(self, score_id: str) -> DecisionRecord:
        """The record of a score id; raises NotFoundError where there is none."""
        rows = self._rows("SELECT * FROM decisions WHERE score_id = ?", (score_id,))
        if not rows:
            raise NotFoundError(f"no decision {score_id!r} in {self.path}")
        return _record(rows[0])

    def by_request(self, request_id: str) -> DecisionRecord | None:
        """The record that answered a request, or null."""
        rows = self._rows("SELECT * FROM decisions WHERE request_id = ?", (request_id,))
        return _record(rows[0]) if rows else None

    def latest(self, customer_id: str, before: str | None = None) -> DecisionRecord | None:
        """The customer's decision with the latest `as_of`, of those earlier than `before`, or null.

        `before` is text in the form of `DecisionRecord.as_of`, which sorts by time.
        """
        rows = self._rows(_LATEST, (customer_id, before or _END_OF_TIME))
        return _record(rows[0]) if rows else None

    def all(self) -> Iterator[DecisionRecord]:
        """Every record, oldest first."""
        seq = 0
        while rows := self._rows("SELECT * FROM decisions WHERE seq > ? ORDER BY seq LIMIT 500", (seq,)):
            yield from map(_record, rows)
            seq = rows[-1]["seq"]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def _rows(self, sql: str, values: tuple[str | int, ...]) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise UnavailableError(f"{self.path}: the decision log cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One write transaction; the lock of the file is taken at once, so that the head cannot move underneath."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise UnavailableError(f"{self.path}: the decision log cannot be written: {error}") from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _same(rows: list[sqlite3.Row], input_sha256: str) -> DecisionRecord | None:
    """The record of an equal request, of those with the same id or key; raises ConflictError where one differs."""
    if any(row["input_sha256"] != input_sha256 for row in rows):
        raise ConflictError("this request_id or Idempotency-Key was used before with another body")
    return _record(rows[0]) if rows else None


def _values(record: DecisionRecord) -> tuple[str | bytes, ...]:
    return (
        record.score_id,
        record.request_id,
        record.idempotency_key,
        record.customer_id,
        record.as_of,
        record.input_sha256,
        canonical(record.payload()),
        wire(record.response),
        record.record_sha256,
        record.previous_sha256,
    )


def _record(row: sqlite3.Row) -> DecisionRecord:
    fields = {**json.loads(row["payload"]), "response": json.loads(row["response"])}
    return DecisionRecord(**fields, record_sha256=row["record_sha256"], previous_sha256=row["previous_sha256"])
