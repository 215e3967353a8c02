"""What people add to a decision: overrides and contests, appended to the decision log's file in a chain of their own.

A note never changes the record of the decision: it names the record's hash, and the hash of the note before it. A note
on a decision about a natural person is encrypted under the key of that decision, and erased with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from receivables.chain import ChainedTable, Linked
from receivables.errors import ConflictError, ErasedError
from receivables.personal import ERASED, PERSONAL, decrypted, encrypted
from receivables.personal_keys import PersonalKeys

OVERRIDE: Final = "OVERRIDE"
CONTEST: Final = "CONTEST"
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
_KEY: Final = "SELECT json_extract(payload, '$.personal.key') FROM decisions WHERE score_id = ?"
_LOST: Final = """
SELECT note_id FROM decision_notes AS note WHERE NOT EXISTS (
    SELECT 1 FROM decisions WHERE score_id = note.score_id
    AND record_sha256 = json_extract(note.payload, '$.decision_sha256'))
"""


@dataclass(frozen=True)
class Note(Linked):
    """One addition: `kind` OVERRIDE or CONTEST, `content` as it was sent, `decision_sha256` the record it is about.

    `recorded_at` is text as of `receivables.decision.moment_text`.
    """

    DOMAIN = b"otcrisk-note-v1"

    note_id: str
    request_id: str
    kind: str
    score_id: str
    decision_sha256: str
    recorded_at: str
    content: Mapping[str, Any]


class DecisionNotes(ChainedTable[Note]):
    """The notes in a decision log's file; a connection of its own, to be closed. Several processes may add at once."""

    NAME = "decision_notes"
    MAKE = (TABLE, _INDEX)
    HOLDS = "notes on decisions"
    RECORD = Note

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._keys = PersonalKeys(path.parent)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        self._keys.close()

    def append(self, note: Note) -> Note:
        """The note as stored, durably; where the same request was recorded before, the note of that time.

        Raises ConflictError where the request id was used for something else, ErasedError where the decision was
        erased, UnavailableError where the file cannot be written.
        """
        with self._appending():
            made = self._stored_before(note)
            if made is None:
                ids = {"note_id": note.note_id, "request_id": note.request_id, "score_id": note.score_id}
                made = replace(self._add(self._protected(note), **ids), content=note.content)
            return made

    def of(self, score_id: str) -> list[Note]:
        """The notes of a decision, oldest first; `content` is `ERASED` where the decision was erased."""
        return [self._legible(note) for note in self._records("score_id = ?", score_id)]

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
        for note in self._broken():
            yield f"note {note.note_id}: is not what was recorded after the note before it"

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

    def _stored_before(self, note: Note) -> Note | None:
        found = next(self._records("request_id = ?", note.request_id), None)
        found = self._legible(found) if found else None
        if found and (found.kind, found.score_id, found.content) != (note.kind, note.score_id, note.content):
            raise ConflictError("this request_id was used before for something else")
        return found
