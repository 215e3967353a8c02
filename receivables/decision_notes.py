"""What people add to a decision: overrides and contests, appended to the decision log's file in a chain of their own.

A note never changes the record of the decision: it names the record's hash, and the hash of the note before it. A note
on a decision about a natural person is encrypted under the key of that decision, and erased with it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from receivables.decision import GENESIS, canonical
from receivables.decision_log import connect
from receivables.errors import ConflictError, ErasedError, UnavailableError
from receivables.personal import ERASED, PERSONAL, decrypted, encrypted
from receivables.personal_keys import PersonalKeys

OVERRIDE: Final = "OVERRIDE"
CONTEST: Final = "CONTEST"
#: Keeps a note's hash from being mistaken for the hash of anything else.
_DOMAIN: Final = b"otcrisk-note-v1"
TABLE: Final = """
CREATE TABLE IF NOT EXISTS decision_notes (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    note_id         TEXT NOT NULL UNIQUE,
    request_id      TEXT NOT NULL UNIQUE,
    score_id        TEXT NOT NULL,
    payload         TEXT NOT NULL,
    record_sha256   TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL
) STRICT
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS decision_notes_decision ON decision_notes (score_id, seq)"
_INSERT: Final = """
INSERT INTO decision_notes (note_id, request_id, score_id, payload, record_sha256, previous_sha256)
VALUES (?, ?, ?, ?, ?, ?)
"""
_KEY: Final = "SELECT json_extract(payload, '$.personal.key') FROM decisions WHERE score_id = ?"
_LOST: Final = """
SELECT note_id FROM decision_notes AS note WHERE NOT EXISTS (
    SELECT 1 FROM decisions WHERE score_id = note.score_id
    AND record_sha256 = json_extract(note.payload, '$.decision_sha256'))
"""


@dataclass(frozen=True)
class Note:
    """One addition: `kind` OVERRIDE or CONTEST, `content` as it was sent, `decision_sha256` the record it is about.

    `recorded_at` is text as of `receivables.decision.moment_text`. A stored note carries its hash and its
    predecessor's.
    """

    note_id: str
    request_id: str
    kind: str
    score_id: str
    decision_sha256: str
    recorded_at: str
    content: Mapping[str, Any]
    record_sha256: str = ""
    previous_sha256: str = ""

    def payload(self) -> str:
        """What the hash covers, beside the hash before."""
        return canonical({**asdict(self), "record_sha256": "", "previous_sha256": ""})

    def sealed(self, previous_sha256: str) -> Note:
        """The note as successor of `previous_sha256`."""
        text = f"{previous_sha256}\n{self.payload()}".encode()
        digest = hashlib.sha256(_DOMAIN + b"\n" + text).hexdigest()
        return replace(self, record_sha256=digest, previous_sha256=previous_sha256)


class DecisionNotes:
    """The notes in a decision log's file; a connection of its own, to be closed. Several processes may add at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reaching():
            self._connection = connect(path)
            self._connection.execute("PRAGMA synchronous=FULL")
        self._keys = PersonalKeys(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
        self._keys.close()

    def append(self, note: Note) -> Note:
        """The note as stored, durably; where the same request was recorded before, the note of that time.

        Raises ConflictError where the request id was used for something else, ErasedError where the decision was
        erased, UnavailableError where the file cannot be written.
        """
        with self._reaching():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                # made with the first note: whoever only reads writes nothing
                self._connection.execute(TABLE)
                self._connection.execute(_INDEX)
                made = self._stored_before(note)
                if made is None:
                    stored = self._protected(note).sealed(self._head())
                    values = (stored.note_id, stored.request_id, stored.score_id, stored.payload())
                    self._connection.execute(_INSERT, (*values, stored.record_sha256, stored.previous_sha256))
                    made = replace(stored, content=note.content)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            return made

    def of(self, score_id: str) -> list[Note]:
        """The notes of a decision, oldest first; `content` is `ERASED` where the decision was erased."""
        found = self._notes("SELECT * FROM decision_notes WHERE score_id = ? ORDER BY seq", score_id)
        return [self._legible(note) for note in found]

    def overridden(self) -> frozenset[str]:
        """The score ids of decisions that a person has decided otherwise, or confirmed."""
        rows = self._rows(
            "SELECT DISTINCT score_id FROM decision_notes WHERE json_extract(payload, '$.kind') = ?", OVERRIDE
        )
        return frozenset(str(row["score_id"]) for row in rows)

    def problems(self) -> Iterator[str]:
        """What is wrong: changed, missing or reordered notes, and notes on decisions that are not in the log."""
        for row in self._rows(_LOST):
            yield f"note {row['note_id']}: the log does not hold the decision that it is about"
        previous = GENESIS
        for note in self._notes("SELECT * FROM decision_notes ORDER BY seq"):
            if note.sealed(previous) != note:
                yield f"note {note.note_id}: is not what was recorded after the note before it"
            previous = note.record_sha256

    def _protected(self, note: Note) -> Note:
        row = self._connection.execute(_KEY, (note.score_id,)).fetchone()
        if row is None or row[0] is None:
            return note
        return replace(note, content={PERSONAL: encrypted(note.content, self._keys.get(row[0]), about=note.note_id)})

    def _legible(self, note: Note) -> Note:
        if PERSONAL not in note.content:
            return note
        sealed = note.content[PERSONAL]
        try:
            return replace(note, content=decrypted(sealed, self._keys.get(sealed["key"]), about=note.note_id))
        except ErasedError:
            return replace(note, content=ERASED)

    def _head(self) -> str:
        row = self._connection.execute("SELECT record_sha256 FROM decision_notes ORDER BY seq DESC LIMIT 1").fetchone()
        return str(row["record_sha256"]) if row else GENESIS

    def _stored_before(self, note: Note) -> Note | None:
        found = next(self._notes("SELECT * FROM decision_notes WHERE request_id = ?", note.request_id), None)
        found = self._legible(found) if found else None
        if found and (found.kind, found.score_id, found.content) != (note.kind, note.score_id, note.content):
            raise ConflictError("this request_id was used before for something else")
        return found

    def _notes(self, sql: str, *values: str) -> Iterator[Note]:
        for row in self._rows(sql, *values):
            hashes = {name: row[name] for name in ("record_sha256", "previous_sha256")}
            yield Note(**{**json.loads(row["payload"]), **hashes})

    def _rows(self, sql: str, *values: str) -> list[sqlite3.Row]:
        with self._reaching():
            is_there = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'decision_notes'").fetchone()
            return self._connection.execute(sql, values).fetchall() if is_there else []

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(f"{self.path}: the notes on decisions cannot be reached: {error}") from error
