"""The keys of natural persons' data: one for each customer and year, wrapped by a master key, beside the decision log.

The file is small and must be backed up for as long as data may be needed and no longer: a copy of it brings back what
was erased. So lay its backups elsewhere than those of the decision log, and let them expire within days.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receivables.errors import ErasedError, UnavailableError
from receivables.files import write_once
from receivables.personal import DataKey

#: Environment variable: the file of the master key; by default beside the keys that it wraps.
MASTER: Final = "OTCRISK_PERSONAL_MASTER"
MASTER_FILE: Final = "personal_keys.master"
KEYS_FILE: Final = "personal_keys.sqlite"
_MASTER_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS personal_keys (
    key_id       TEXT PRIMARY KEY,
    customer_id  TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    year         INTEGER NOT NULL,
    wrapped      BLOB NOT NULL,
    UNIQUE (customer_id, subject_type, year)
) STRICT
"""
_FIND: Final = "SELECT key_id, wrapped FROM personal_keys WHERE customer_id = ? AND subject_type = ? AND year = ?"
_INSERT: Final = """
INSERT OR IGNORE INTO personal_keys (key_id, customer_id, subject_type, year, wrapped) VALUES (?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class KeyFacts:
    """A key without its secret: whose it is, and the year of the decisions that it opens."""

    key_id: str
    customer_id: str
    subject_type: str
    year: int


class PersonalKeys:
    """The keys in `folder`; safe for threads and for several processes. Nothing is written before a key is asked for.

    Nothing is cached: a key that another process destroyed opens nothing from then on.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / KEYS_FILE
        self._master_path = Path(os.environ.get(MASTER) or folder / MASTER_FILE)
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def of(self, customer_id: str, subject_type: str, year: int) -> DataKey:
        """The customer's key of a year, made and on disk where there was none; raises UnavailableError."""
        wanted = (customer_id, subject_type, year)
        with self._reaching() as connection:
            row = connection.execute(_FIND, wanted).fetchone()
            if row is None:
                key_id = f"pk_{secrets.token_hex(16)}"
                wrapped = self._wrap(key_id, secrets.token_bytes(32))
                # another process may have made one meanwhile: then that one counts
                connection.execute(_INSERT, (key_id, *wanted, wrapped))
                row = connection.execute(_FIND, wanted).fetchone()
            return DataKey(row[0], self._unwrap(row[0], row[1]))

    def get(self, key_id: str) -> DataKey:
        """The key of that id; raises ErasedError where it was destroyed, UnavailableError where the file is gone."""
        if not self.path.exists():  # an accident is not an erasure
            raise UnavailableError(f"{self.path}: the keys of personal data are gone; restore them from the backup")
        with self._reaching() as connection:
            row = connection.execute("SELECT wrapped FROM personal_keys WHERE key_id = ?", (key_id,)).fetchone()
            if row is None:
                raise ErasedError(f"the personal data under the key {key_id} was erased")
            return DataKey(key_id, self._unwrap(key_id, row[0]))

    def all(self, customer_id: str | None = None) -> list[KeyFacts]:
        """What keys there are, of one customer or of all."""
        if not self.path.exists():
            return []
        with self._reaching() as connection:
            rows = connection.execute(
                "SELECT key_id, customer_id, subject_type, year FROM personal_keys "
                "WHERE ?1 IS NULL OR customer_id = ?1 ORDER BY customer_id, year",
                (customer_id,),
            )
            return [KeyFacts(*row) for row in rows]

    def destroy(self, key_ids: Sequence[str]) -> None:
        """Deletes the keys, overwritten in the file; what they opened is gone."""
        with self._reaching() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM personal_keys WHERE key_id = ?", [(key_id,) for key_id in key_ids])
            connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _wrap(self, key_id: str, secret: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._master(may_make=True)).encrypt(nonce, secret, key_id.encode())

    def _unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        try:
            return AESGCM(self._master()).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], key_id.encode())
        except InvalidTag:
            raise UnavailableError(
                f"{self._master_path}: not the master key that wrapped the keys in {self.path}"
            ) from None

    def _master(self, *, may_make: bool = False) -> bytes:
        path = self._master_path
        try:
            if may_make and not path.exists() and not self._wrapped_any():
                write_once(path, secrets.token_bytes(_MASTER_BYTES))
            found = path.read_bytes()
            if len(found) != _MASTER_BYTES or path.stat().st_mode & 0o077:
                raise UnavailableError(
                    f"{path}: expected {_MASTER_BYTES} bytes that only the owner may read (chmod 600)"
                )
        except OSError as error:
            raise UnavailableError(
                f"{path}: the master key of personal data cannot be read: {error.strerror}"
            ) from None
        return found

    def _wrapped_any(self) -> bool:
        """Whether there are keys already: then a new master key would open none of them."""
        assert self._opened is not None  # noqa: S101  # called while the file is open
        return self._opened.execute("SELECT 1 FROM personal_keys LIMIT 1").fetchone() is not None

    @contextmanager
    def _reaching(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._opened is None:
                    self._opened = self._connected()
                yield self._opened
            except sqlite3.Error as error:
                if self._opened is not None and self._opened.in_transaction:
                    self._opened.execute("ROLLBACK")
                raise UnavailableError(f"{self.path}: the keys of personal data cannot be reached: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        made = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
        # no write-ahead log, which would keep deleted keys; deleted bytes are overwritten with zeros
        for setting in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
            made.execute(f"PRAGMA {setting}")
        made.execute(_TABLE)
        self.path.chmod(0o600)
        return made
