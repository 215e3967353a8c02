"""The decision log: an append-only SQLite file in which every record names the hash of the one before it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from receivables import reservations
from receivables.decision import GENESIS, DecisionRecord, PreviousScore, canonical, digest_of
from receivables.errors import ArtefactError, ConflictError, ErasedError, NotFoundError, UnavailableError
from receivables.personal import is_natural
from receivables.personal_keys import PersonalKeys
from receivables.personal_records import erased_record_of, is_protected, payload_of, record_of
from receivables.reservations import Claim, OutdatedError, Reserved
from receivables.unchanged import Unchanged

TABLE: Final = """
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
_LAST: Final = "SELECT * FROM decisions WHERE customer_id = ? AND as_of < ? ORDER BY as_of DESC, seq DESC LIMIT ?"
_LATEST_SCORE: Final = _LATEST.replace(
    "*",
    "json_extract(CAST(response AS TEXT), '$.score.credit_score') AS credit_score, "
    "json_extract(CAST(response AS TEXT), '$.scored_at') AS scored_at",
)
_TO_REVIEW: Final = """
SELECT * FROM decisions WHERE seq > ? AND seq <= ? AND (
    json_extract(payload, '$.response.decision.human_review_required')
    OR json_extract(payload, '$.personal.key') IS NOT NULL
) ORDER BY seq LIMIT 100
"""
#: Why one record of several is not stored; UnavailableError where a person's key cannot be reached.
Refusal = ConflictError | ErasedError | OutdatedError | UnavailableError
#: Columns that find a record; what they say is in its payload too.
_COLUMNS: Final = ("score_id", "request_id", "idempotency_key", "customer_id", "as_of", "input_sha256")
#: Sorts after every moment.
_END_OF_TIME: Final = "9999"
#: Stands for an answer that is part of the encrypted payload.
_INSIDE: Final = b"{}"


@dataclass(frozen=True)
class Stored:
    """A row as the file holds it: `seq`, the columns that find it, the text that is hashed, and the bytes answered.

    Where `is_erased`, the record holds what is left of it: ids, moments, versions and hashes. So it does where it
    `is_sealed`: there are no keys of personal data beside this log.
    """

    seq: int
    columns: tuple[str, ...]
    payload: str
    response: bytes
    record: DecisionRecord
    is_protected: bool = False
    is_erased: bool = False
    is_sealed: bool = False

    def problems(self, previous_sha256: str) -> Iterator[str]:
        """How the row differs from what this program writes after a record with hash `previous_sha256`."""
        record = self.record
        if record.previous_sha256 != previous_sha256:
            yield "does not follow the record before it"
        try:
            hidden = self.is_protected
            payload = canonical(json.loads(self.payload) if hidden else record.payload())
            digest = digest_of(record.previous_sha256, payload)
            # sealing puts the hashes into the answer too, which the record's own hash does not cover
            written = record if hidden else record.sealed_over(record.previous_sha256, payload)
            expected = _values(written, payload, is_hidden=hidden)
        except (KeyError, TypeError, ValueError):
            yield "its content is not that of a decision"
            return
        if digest != record.record_sha256:
            yield "its content does not have its hash"
        if (*self.columns, self.payload, self.response) != (*expected[:6], *expected[6:8]):
            yield "its columns, text or answer differ from its content"


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are opened and closed by `DecisionLog` alone."""
    made = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    made.row_factory = sqlite3.Row
    return made


class DecisionLog:
    """Decisions in the order in which they were made; safe for threads and for several processes on one file.

    `personal_keys` are by default those beside the file.

    WAL with synchronous=FULL: once `append` returns, the record survives a power cut. One writer at a time, because
    each record's hash needs the hash before it.
    """

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[Path], sqlite3.Connection] = connect,
        personal_keys: PersonalKeys | None = None,
    ) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.personal_keys = personal_keys or PersonalKeys(path.parent)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(TABLE)
            self._connection.execute(_INDEX)
            self._connection.execute(reservations.TABLE)
            self._connection.execute(reservations.INDEX)
            # readers do not wait for a writer that waits for the disk
            self._reader, self._reading = connect(path), threading.Lock()
            self._unchanged = Unchanged(lambda: self._rows("PRAGMA data_version", ())[0][0])
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"{path}: the decision log cannot be opened: {error}") from error

    def append(self, record: DecisionRecord) -> DecisionRecord:
        """The record as stored, durably; where the same request was answered before, the record of that answer.

        Raises ConflictError where the request id or idempotency key was used with another body, and UnavailableError
        where the log cannot be written: then nothing was stored.
        """
        (stored,) = self.append_all([record])
        if not isinstance(stored, DecisionRecord):
            raise stored
        return stored

    def append_all(
        self, records: Sequence[DecisionRecord], claims: Sequence[Claim | None] | None = None
    ) -> list[DecisionRecord | Refusal]:
        """For each record what `append` gives or raises, in one transaction that reaches the disk once.

        `claims` are what the decisions do to reservations; a record whose claim is outdated is not stored, nor is one
        about a person where there is no key for it. Raises UnavailableError where the log cannot be written: then none
        of them was stored.
        """
        with self._transaction():
            head = self._connection.execute(_HEAD).fetchone()
            previous = str(head["record_sha256"]) if head else GENESIS
            made: list[DecisionRecord | Refusal] = []
            for record, claim in zip(records, claims or [None] * len(records), strict=True):
                try:
                    stored = self._stored_before(record)
                    payload = payload_of(record, self.personal_keys) if stored is None else ""
                    if stored is None and claim is not None:
                        reservations.settle(self._connection, claim, record.recorded_at)
                except (ConflictError, ErasedError, OutdatedError, UnavailableError) as error:  # of this record alone
                    made.append(error)
                    continue
                if stored is None:
                    stored = record.sealed_over(previous, payload)
                    self._connection.execute(_INSERT, _values(stored, payload, is_hidden=is_natural(record.request)))
                    previous = stored.record_sha256
                made.append(stored)
            return made

    def _stored_before(self, record: DecisionRecord) -> DecisionRecord | None:
        rows = self._connection.execute(_ANSWERED, (record.request_id, record.idempotency_key)).fetchall()
        return self._same(rows, record.input_sha256)

    def answered(self, request_id: str, idempotency_key: str, input_sha256: str) -> DecisionRecord | None:
        """The record of the same request answered before, or null; raises ConflictError for another body."""
        return self._same(self._rows(_ANSWERED, (request_id, idempotency_key)), input_sha256)

    def get(self, score_id: str) -> DecisionRecord:
        """The record of a score id; raises NotFoundError where there is none, ErasedError where it was erased."""
        rows = self._rows("SELECT * FROM decisions WHERE score_id = ?", (score_id,))
        if not rows:
            raise NotFoundError(f"no decision {score_id!r} in {self.path}")
        return self._record(rows[0])

    def by_request(self, request_id: str) -> DecisionRecord | None:
        """The record that answered a request, or null; raises ErasedError where it was erased."""
        rows = self._rows("SELECT * FROM decisions WHERE request_id = ?", (request_id,))
        return self._record(rows[0]) if rows else None

    def latest(self, customer_id: str, before: str | None = None) -> DecisionRecord | None:
        """The customer's decision with the latest `as_of`, of those earlier than `before`, or null, also where erased.

        `before` is text in the form of `DecisionRecord.as_of`, which sorts by time.
        """
        rows = self._rows(_LATEST, (customer_id, before or _END_OF_TIME))
        return next(self._legible(rows), None)

    def of_customer(self, customer_id: str, *, before: str, limit: int) -> list[DecisionRecord]:
        """The customer's last decisions with an `as_of` earlier than `before`, newest first; none that was erased."""
        return list(self._legible(self._rows(_LAST, (customer_id, before, limit))))

    def latest_score(self, customer_id: str, before: str) -> PreviousScore | None:
        """The score in `latest`, without reading the rest of it."""
        question = (customer_id, before)
        rows = self._unchanged.get(question, lambda: self._rows(_LATEST_SCORE, question))
        if rows and rows[0]["scored_at"] is None:  # the answer lies in the encrypted payload
            latest = self.latest(customer_id, before)
            found = latest.response if latest else None
            return PreviousScore(found["score"]["credit_score"], found["scored_at"]) if found else None
        return PreviousScore(rows[0]["credit_score"], rows[0]["scored_at"]) if rows else None

    def reserved(self, account: str) -> Reserved:
        """What approved orders have taken of an account's limit and not given back."""
        return self._unchanged.get(account, lambda: self._reserved(account))

    def _reserved(self, account: str) -> Reserved:
        # the change before the rows: what comes in between is noticed when a claim is made on the older change
        change = self._rows(reservations.NEWEST, (account,))[0][0]
        return reservations.reserved_of(self._rows(reservations.HELD, (account,)), change)

    def release(self, orders: Iterable[tuple[str, str]], now: str) -> None:
        """Gives back what orders, as customer and sales order, had reserved: their invoices have come."""
        with self._transaction():
            for customer_id, sales_order in orders:
                reservations.release(self._connection, customer_id, sales_order, now)

    def all(self) -> Iterator[DecisionRecord]:
        """Every record that was not erased, oldest first."""
        yield from self._legible(self._walk())

    def stored(self) -> Iterator[Stored | str]:
        """Every row as it lies in the file, oldest first; the reason as text where a row cannot be read at all."""
        for row in self._walk():
            try:
                yield self._stored(row)
            except (KeyError, TypeError, ValueError, ArtefactError) as error:
                yield f"record {row['seq']}: cannot be read: {type(error).__name__}"

    def to_review(self, after: int, until: int) -> Iterator[DecisionRecord]:
        """The decisions with numbers beyond `after` up to `until` that a person has to look at, oldest first.

        The database itself looks for them; only those about persons, which it cannot read, are opened to see.
        """
        while rows := self._rows(_TO_REVIEW, (after, until)):
            after = rows[-1]["seq"]
            for record in self._legible(rows):
                if record.response["decision"]["human_review_required"]:
                    yield record

    def rows_of(self, customer_id: str) -> Iterator[Stored]:
        """Every row of a customer, oldest first, also erased ones."""
        rows = self._rows("SELECT * FROM decisions WHERE customer_id = ? ORDER BY seq", (customer_id,))
        return map(self._stored, rows)

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest record; 0 and `GENESIS` of an empty log."""
        rows = self._rows("SELECT seq, record_sha256 FROM decisions ORDER BY seq DESC LIMIT 1", ())
        return (int(rows[0]["seq"]), str(rows[0]["record_sha256"])) if rows else (0, GENESIS)

    def _same(self, rows: list[sqlite3.Row], input_sha256: str) -> DecisionRecord | None:
        """The record of an equal request, of those with the same id or key; raises ConflictError where one differs."""
        if any(row["input_sha256"] != input_sha256 for row in rows):
            raise ConflictError("this request_id or Idempotency-Key was used before with another body")
        return self._record(rows[0]) if rows else None

    def _legible(self, rows: Iterable[sqlite3.Row]) -> Iterator[DecisionRecord]:
        for row in rows:
            with suppress(ErasedError):
                yield self._record(row)

    def _stored(self, row: sqlite3.Row) -> Stored:
        columns, document = tuple(str(row[name]) for name in _COLUMNS), json.loads(row["payload"])
        hidden = is_protected(document)
        is_sealed = hidden and not self.personal_keys.path.exists()
        try:
            record, is_erased = erased_record_of(document, _hashes(row)) if is_sealed else self._record(row), False
        except ErasedError:
            record, is_erased = erased_record_of(document, _hashes(row)), True
        return Stored(row["seq"], columns, row["payload"], row["response"], record, hidden, is_erased, is_sealed)

    def _record(self, row: sqlite3.Row) -> DecisionRecord:
        document = json.loads(row["payload"])
        if is_protected(document):
            return record_of(document, _hashes(row), self.personal_keys)
        return DecisionRecord(**{**document, "response": json.loads(row["response"])}, **_hashes(row))

    def _walk(self) -> Iterator[sqlite3.Row]:
        seq = 0
        while rows := self._rows("SELECT * FROM decisions WHERE seq > ? ORDER BY seq LIMIT 500", (seq,)):
            yield from rows
            seq = rows[-1]["seq"]

    def close(self) -> None:
        """Closes the file."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()
            self.personal_keys.close()

    def _rows(self, sql: str, values: tuple[str | int, ...]) -> list[sqlite3.Row]:
        try:
            with self._reading:
                return self._reader.execute(sql, values).fetchall()
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


def _values(record: DecisionRecord, payload: str, *, is_hidden: bool) -> tuple[str | bytes, ...]:
    return (
        record.score_id,
        record.request_id,
        record.idempotency_key,
        record.customer_id,
        record.as_of,
        record.input_sha256,
        payload,
        _INSIDE if is_hidden else record.answer,
        record.record_sha256,
        record.previous_sha256,
    )


def _hashes(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in ("record_sha256", "previous_sha256")}
