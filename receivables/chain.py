"""What stands beside the decisions in the decision log's file: tables of records, each a chain of hashes of its own.

A record is appended and never changed; it covers the hash of the one before it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Generic, Self, TypeVar

from receivables.decision import GENESIS, canonical
from receivables.decision_log import connect
from receivables.errors import UnavailableError


@dataclass(frozen=True)
class Linked:
    """A record of a chain; a stored one carries its hash and its predecessor's."""

    #: Keeps a record's hash from being mistaken for the hash of anything else.
    DOMAIN: ClassVar[bytes]

    record_sha256: str = field(default="", kw_only=True)
    previous_sha256: str = field(default="", kw_only=True)

    def payload(self) -> str:
        """What the hash covers, beside the hash before."""
        return canonical({**asdict(self), "record_sha256": "", "previous_sha256": ""})

    def sealed(self, previous_sha256: str) -> Self:
        """The record as successor of `previous_sha256`."""
        digest = hashlib.sha256(b"\n".join((self.DOMAIN, previous_sha256.encode(), self.payload().encode())))
        return replace(self, record_sha256=digest.hexdigest(), previous_sha256=previous_sha256)


R = TypeVar("R", bound=Linked)


class ChainedTable(Generic[R]):
    """The records of one table; a connection of its own, to be closed. Several processes may append at once.

    Subclasses say what the table is and what stands in its columns. Whatever cannot be read or written is an
    UnavailableError.
    """

    #: The table, which has seq, payload, record_sha256 and previous_sha256 among its columns.
    NAME: ClassVar[str]
    #: Statements that make it, run before each append: whoever only reads writes nothing.
    MAKE: ClassVar[tuple[str, ...]]
    #: What it holds, for messages.
    HOLDS: ClassVar[str]
    RECORD: type[R]

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        with self._reaching():
            self._connection = connect(path)
            self._connection.execute("PRAGMA synchronous=FULL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    @contextmanager
    def _appending(self) -> Iterator[None]:
        """Nobody else appends meanwhile; what was added is durable afterwards, or gone where the block raised."""
        with self._reaching():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in self.MAKE:
                    self._connection.execute(statement)
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def _add(self, record: R, **columns: str) -> R:
        """The record as successor of the last, with what `columns` are to hold; only while `_appending`."""
        head = f"SELECT record_sha256 FROM {self.NAME} ORDER BY seq DESC LIMIT 1"  # noqa: S608  # our own names
        last = self._connection.execute(head).fetchone()
        made = record.sealed(str(last["record_sha256"]) if last else GENESIS)
        values = {**columns, "payload": made.payload(), **_hashes(made)}
        places = ", ".join("?" * len(values))
        statement = f"INSERT INTO {self.NAME} ({', '.join(values)}) VALUES ({places})"  # noqa: S608  # our own names
        self._connection.execute(statement, tuple(values.values()))
        return made

    def _records(self, where: str = "", *values: str) -> Iterator[R]:
        """The records `where` a condition holds, oldest first; none before the table is made."""
        condition = f"WHERE {where} " if where else ""
        sql = f"SELECT * FROM {self.NAME} {condition}ORDER BY seq"  # noqa: S608  # our own names
        for row in self._rows(sql, *values):
            hashes = {name: row[name] for name in ("record_sha256", "previous_sha256")}
            yield self.RECORD(**{**json.loads(row["payload"]), **hashes})

    def _broken(self) -> Iterator[R]:
        """The records that are not what was appended after the one before: changed, missing or reordered."""
        previous = GENESIS
        for record in self._records():
            if record.sealed(previous) != record:
                yield record
            previous = record.record_sha256

    def _rows(self, sql: str, *values: str) -> list[sqlite3.Row]:
        with self._reaching():
            found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (self.NAME,)).fetchone()
            return self._connection.execute(sql, values).fetchall() if found else []

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(f"{self.path}: the {self.HOLDS} cannot be reached: {error}") from error


def _hashes(record: Linked) -> dict[str, str]:
    return {"record_sha256": record.record_sha256, "previous_sha256": record.previous_sha256}
