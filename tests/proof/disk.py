"""A disk that can lose power and run full, under the real decision log: an apsw VFS that keeps track of syncs.

A write reaches the disk when its file is synced. Until then a power cut may lose any of its sectors, in any order, and
whatever the file has grown by. `image` writes the files as a cut at this moment could leave them.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw

SECTOR: Final = 512
_NAMES: Final = itertools.count()


class Unsynced:
    """What of one file a cut may lose: the bytes that were there before, by sector, and the size."""

    def __init__(self, path: Path) -> None:
        self.path, self.before, self.size = path, {}, path.stat().st_size if path.exists() else 0

    def touched(self, offset: int, length: int) -> None:
        """Remembers what is about to be written over."""
        with self.path.open("rb") as stream:
            for sector in range(offset // SECTOR, (offset + length - 1) // SECTOR + 1):
                if sector not in self.before:
                    stream.seek(sector * SECTOR)
                    self.before[sector] = stream.read(SECTOR)

    def synced(self) -> None:
        """Nothing can be lost any more."""
        self.before.clear()
        self.size = self.path.stat().st_size

    def image(self, rng: random.Random) -> bytes:
        """The bytes after a cut: each unsynced sector is lost with a probability that differs from cut to cut."""
        data, chance = bytearray(self.path.read_bytes()), rng.choice((0.1, 0.5, 0.9, 1.0))
        for sector, before in self.before.items():
            if rng.random() < chance:
                start, end = sector * SECTOR, min((sector + 1) * SECTOR, len(data))
                data[start:end] = before.ljust(end - start, b"\0")[: end - start]
        return bytes(data[: self.size] if len(data) > self.size and rng.random() < 0.5 else data)


class Disk:
    """All files that were opened through it; `before_each` is called before each write and sync reaches them.

    `before_each` may raise apsw.FullError or apsw.IOError, which SQLite then meets as an error of the disk.
    """

    def __init__(self, before_each: Callable[[], None] = lambda: None) -> None:
        self.name = f"otcrisk-disk-{next(_NAMES)}"
        self.before_each, self.files = before_each, {}
        self._vfs = _Vfs(self)

    def connect(self, path: Path, *, synchronous: str = "FULL", checkpoint_pages: int = 8) -> sqlite3.Connection:
        """A connection for `DecisionLog` on this disk; it checkpoints often, so that cuts meet that too."""
        made: Any = _Connection(path, self.name, synchronous)
        made.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
        return made  # type: ignore[no-any-return]

    def image(self, folder: Path, rng: random.Random) -> None:
        """Writes what a cut now could leave into `folder`; shared memory does not survive."""
        for path, file in self.files.items():
            if path.exists() and not path.name.endswith("-shm"):
                (folder / path.name).write_bytes(file.image(rng))

    def close(self) -> None:
        """Takes the VFS away."""
        self._vfs.unregister()


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802 - apsw's name
        return _File(name, flags, self.disk)


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: Disk) -> None:
        super().__init__("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        self.disk, self.file = disk, disk.files.setdefault(path, Unsynced(path))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.before_each()
        self.file.touched(offset, len(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.disk.before_each()
        length = self.file.path.stat().st_size - size
        if length > 0:
            self.file.touched(size, length)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.before_each()
        super().xSync(flags)
        self.file.synced()


class _Connection:
    """As much of sqlite3's connection as the decision log uses, over apsw; errors are sqlite3's."""

    def __init__(self, path: Path, vfs: str, synchronous: str) -> None:
        self._synchronous = synchronous
        self._apsw = apsw.Connection(str(path), vfs=vfs)
        self._apsw.row_trace = lambda cursor, row: dict(zip((c[0] for c in cursor.get_description()), row, strict=True))
        self._apsw.set_busy_timeout(5000)

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        if sql == "PRAGMA synchronous=FULL":
            sql = f"PRAGMA synchronous={self._synchronous}"
        try:
            return _Rows(list(self._apsw.execute(sql, values)))
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    @property
    def in_transaction(self) -> bool:
        return bool(self._apsw.in_transaction)

    def close(self) -> None:
        self._apsw.close()


class _Rows:
    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def fetchall(self) -> list[dict[str, Any]]:
        return self._rows

    def fetchone(self) -> dict[str, Any] | None:
        return self._rows[0] if self._rows else None
