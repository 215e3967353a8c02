"""Sessions of the console: opened with a key, kept by hash on this machine, ended by logout, by idleness and by age.

The cookie holds 256 random bits and nothing else. Every request looks at the key again, so that a revoked key ends its
sessions within seconds, in every worker.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from receivables.errors import UnavailableError

#: Seconds after which a session ends without a request, and in any case.
IDLE: Final = 30 * 60
AGE: Final = 8 * 60 * 60
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    token_sha256 TEXT PRIMARY KEY,
    key_id       TEXT NOT NULL,
    form_token   TEXT NOT NULL,
    opened_at    REAL NOT NULL,
    seen_at      REAL NOT NULL
) STRICT
"""


@dataclass(frozen=True)
class Session:
    """Whose session it is, and the token that its forms carry."""

    key_id: str
    form_token: str

    def has_sent(self, form_token: str) -> bool:
        """Whether a form is from a page of this session."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


class Sessions:
    """The sessions in the file `path`, shared by the processes of one machine; `now` is in seconds since 1970."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, key_id: str, now: float) -> str:
        """The token of a new session, which is kept nowhere."""
        token = secrets.token_urlsafe(32)
        with self._reaching() as connection:
            connection.execute("DELETE FROM sessions WHERE opened_at < ? OR seen_at < ?", (now - AGE, now - IDLE))
            values = (_digest(token), key_id, secrets.token_urlsafe(32), now, now)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", values)
        return token

    def get(self, token: str, now: float) -> Session | None:
        """The session of a token, null where it has ended or never was."""
        with self._reaching() as connection:
            row = connection.execute(
                "UPDATE sessions SET seen_at = ?1 WHERE token_sha256 = ?2 AND opened_at > ?3 AND seen_at > ?4 "
                "RETURNING key_id, form_token",
                (now, _digest(token), now - AGE, now - IDLE),
            ).fetchone()
        return Session(*row) if row else None

    def close(self, token: str) -> None:
        """Ends the session."""
        with self._reaching() as connection:
            connection.execute("DELETE FROM sessions WHERE token_sha256 = ?", (_digest(token),))

    @contextmanager
    def _reaching(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=5.0)) as connection:
                connection.execute(_TABLE)
                self.path.chmod(0o600)
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"{self.path}: the console's sessions cannot be reached: {error}") from error


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
