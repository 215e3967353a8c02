"""Acts of those who run the system, appended to the decision log's file in a chain of their own.

Erasures, retention runs, proposals and approvals, conflicts found while shipping: what an auditor asks for beside the
decisions. An act never changes anything that was recorded before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from receivables.decision import GENESIS, canonical, moment_text
from receivables.decision_log import connect
from receivables.errors import UnavailableError

#: Kinds of acts that destroy keys of personal data; their content names the `keys`.
ERASURE: Final = "PERSONAL_DATA_ERASED"
RETENTION: Final = "RETENTION_APPLIED"
#: Keeps an act's hash from being mistaken for the hash of anything else.
_DOMAIN: Final = b"otcrisk-act-v1"
TABLE: Final = """
CREATE TABLE IF NOT EXISTS control_acts (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    act_id          TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         TEXT NOT NULL,
    record_sha256   TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL
) STRICT
"""
_INSERT: Final = """
INSERT INTO control_acts (act_id, kind, subject, payload, record_sha256, previous_sha256) VALUES (?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class Act:
    """One act: its kind, what it is about, who did it, when (`moment_text`), and what else is to be known of it."""

    act_id: str
    kind: str
    subject: str
    actor: str
    recorded_at: str
    content: Mapping[str, Any]
    record_sha256: str = ""
    previous_sha256: str = ""

    @classmethod
    def of(cls, kind: str, subject: str, *, actor: str, now: dt.datetime, content: Mapping[str, Any]) -> Act:
        """A new act with an id of its own."""
        return cls(f"act_{secrets.token_hex(12)}", kind, subject, actor, moment_text(now), content)

    def payload(self) -> str:
        """What the hash covers, beside the hash before."""
        return canonical({**asdict(self), "record_sha256": "", "previous_sha256": ""})

    def sealed(self, previous_sha256: str) -> Act:
        """The act as successor of `previous_sha256`."""
        text = f"{previous_sha256}\n{self.payload()}".encode()
        digest = hashlib.sha256(_DOMAIN + b"\n" + text).hexdigest()
        return replace(self, record_sha256=digest, previous_sha256=previous_sha256)


class ControlLog:
    """The acts in a decision log's file; a connection of its own, to be closed. Several processes may add at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reaching():
            self._connection = connect(path)
            self._connection.execute("PRAGMA synchronous=FULL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def append(self, act: Act, *, unless: Callable[[list[Act]], None] = lambda acts: None) -> Act:
        """The act as stored, durably.

        `unless` gets the acts on the same subject, while nobody else can add one, and raises where this one must not be
        added. Raises UnavailableError where the file cannot be written.
        """
        with self._reaching():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(TABLE)
                unless(self.of(act.subject))
                made = act.sealed(self._head())
                values = (made.act_id, made.kind, made.subject, made.payload())
                self._connection.execute(_INSERT, (*values, made.record_sha256, made.previous_sha256))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            return made

    def of(self, subject: str) -> list[Act]:
        """The acts on a subject, oldest first."""
        return list(self._acts("SELECT * FROM control_acts WHERE subject = ? ORDER BY seq", subject))

    def all(self) -> Iterator[Act]:
        """Every act, oldest first."""
        return self._acts("SELECT * FROM control_acts ORDER BY seq")

    def problems(self) -> Iterator[str]:
        """What is wrong: changed, missing or reordered acts."""
        previous = GENESIS
        for act in self.all():
            if act.sealed(previous) != act:
                yield f"act {act.act_id}: is not what was recorded after the act before it"
            previous = act.record_sha256

    def _head(self) -> str:
        row = self._connection.execute("SELECT record_sha256 FROM control_acts ORDER BY seq DESC LIMIT 1").fetchone()
        return str(row["record_sha256"]) if row else GENESIS

    def _acts(self, sql: str, *values: str) -> Iterator[Act]:
        with self._reaching():
            is_there = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'control_acts'").fetchone()
            rows = self._connection.execute(sql, values).fetchall() if is_there else []
        for row in rows:
            hashes = {name: row[name] for name in ("record_sha256", "previous_sha256")}
            yield Act(**{**json.loads(row["payload"]), **hashes})

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(f"{self.path}: the acts of control cannot be reached: {error}") from error
