"""Whether a ledger file was written to since it was last asked about: a look, not a query."""

from __future__ import annotations

import threading
from collections.abc import Callable

import sqlalchemy as sa


class FileWatch:
    """A number read from an SQLite file, read again once any connection has written to the file. Safe for threads.

    SQLite counts the commits of all other connections (`PRAGMA data_version`); the watch has one of its own that
    never writes.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._connection: sa.PoolProxiedConnection | None = None
        self._version: int | None = None
        self._newest = 0

    def newest(self, read: Callable[[], int]) -> int:
        """What `read` gave after the last write; what it raises where the file cannot be read."""
        with self._lock:
            version = self._look()
            if version is None or version != self._version:
                self._newest = read()  # after the look: a write in between is seen the next time
                self._version = version
            return self._newest

    def close(self) -> None:
        """Gives the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._version = None, None

    def _look(self) -> int | None:
        """The count of writes; null where the file is out of reach, which `read` then says in its own words."""
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchall()[0][0])
        except (self._engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError):
            self._connection = None
            return None
