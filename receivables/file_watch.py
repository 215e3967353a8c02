"""Whether a ledger file was written to since it was last asked about: a look, not a query."""

from __future__ import annotations

import sqlalchemy as sa


class FileWatch:
    """Counts the writes of others to an SQLite file, on a connection of its own that never writes.

    Not safe for threads; see `receivables.unchanged`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.PoolProxiedConnection | None = None

    def version(self) -> int | None:
        """The count (`PRAGMA data_version`); null where the file is out of reach."""
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchall()[0][0])
        except (self._engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError):
            self._connection = None
            return None

    def close(self) -> None:
        """Gives the connection back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
