"""Keys of those who may call the service: random, shown once, kept as HMAC, with scopes, an expiry and a rate.

A key is `otc_<id>_<256 random bits>`. Only HMAC-SHA256(pepper, key) is kept, so the file of keys lets nobody in; the
pepper lies in a file of its own. A password hash would add nothing: 256 random bits cannot be guessed.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from receivables.errors import ConfigError, InputError, NotFoundError
from receivables.files import replace_whole, write_once

#: What a key may do. score: orders; ingest: events; review: read, override, contest; admin: everything of operation.
SCOPES: Final = ("score", "ingest", "review", "metrics", "admin")
#: Names of the files in the folder of keys.
KEYS_FILE: Final = "keys.json"
PEPPER_FILE: Final = "pepper"
_TEXT: Final = re.compile(r"otc_([0-9a-z]{8})_[A-Za-z0-9_-]{43}")
_NAME: Final = re.compile(r"[A-Za-z0-9 ._-]{1,64}")
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class AccessKey:
    """One key as kept. `company_codes` empty = all; moments are ISO 8601 in UTC, null = never.

    `per_minute` requests are let through on average, and a tenth of that at once.
    """

    key_id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    company_codes: tuple[str, ...]
    per_minute: int
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    def is_live(self, now: dt.datetime) -> bool:
        """Whether it opens anything at `now`."""
        ends = [dt.datetime.fromisoformat(text) for text in (self.expires_at, self.revoked_at) if text]
        return all(now < end for end in ends)


class AccessKeys:
    """The keys in `folder`; every change is whole, on disk before it is told, and made by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / KEYS_FILE

    def all(self) -> list[AccessKey]:
        """Every key, also those that ended; none where there is no file. Raises ConfigError for a damaged one."""
        try:
            documents = json.loads(self.path.read_bytes())
            return [_key(document) for document in documents]
        except FileNotFoundError:
            return []
        except (OSError, TypeError, ValueError, KeyError) as error:
            raise ConfigError(
                f"{self.path}: the keys cannot be read: {type(error).__name__}; nobody is let in"
            ) from None

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        now: dt.datetime,
        company_codes: Sequence[str] = (),
        per_minute: int = 6000,
        expires_at: dt.datetime | None = None,
    ) -> tuple[str, AccessKey]:
        """The text of a new key, which is kept nowhere, and what is kept of it; raises InputError for wrong rights."""
        _require(name, scopes, per_minute, expires_at, now)
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
        text = f"otc_{key_id}_{secrets.token_urlsafe(32)}"
        ends = expires_at.astimezone(dt.UTC).isoformat() if expires_at else None
        with self._changing() as keys:
            made = AccessKey(
                key_id, name, digest(self.pepper(), text), tuple(scopes), tuple(company_codes), per_minute,
                now.astimezone(dt.UTC).isoformat(), ends,
            )  # fmt: skip
            keys.append(made)
        return text, made

    def rotate(self, key_id: str, *, now: dt.datetime, grace: dt.timedelta) -> tuple[str, AccessKey]:
        """A new key with the rights of an old one, which goes on for `grace`; raises NotFoundError."""
        old = self._get(key_id)
        if not old.is_live(now):
            raise InputError(f"key {key_id}: it has ended; make a new one")
        expires = dt.datetime.fromisoformat(old.expires_at) if old.expires_at else None
        made = self.create(
            old.name, old.scopes, now=now, company_codes=old.company_codes, per_minute=old.per_minute,
            expires_at=expires,
        )  # fmt: skip
        self._end(key_id, now + grace)
        return made

    def revoke(self, key_id: str, *, now: dt.datetime) -> AccessKey:
        """The key, ended; raises NotFoundError where there is none of that id."""
        return self._end(key_id, now)

    def holder(self, text: str, scope: str, now: dt.datetime, *, named: str) -> AccessKey:
        """The live key with the text and the scope; raises InputError, which says that `named` should hold one."""
        key = next((key for key in self.all() if key.key_id == id_of(text)), None)
        fits = key is not None and hmac.compare_digest(digest(self.pepper(), text), key.digest)
        if key is None or not fits or not key.is_live(now) or scope not in key.scopes:
            raise InputError(f"{named}: expected a live key with the scope {scope}; `otcrisk keys create` makes one")
        return key

    def pepper(self) -> bytes:
        """The secret under which keys are kept; made on first use, readable by its owner alone."""
        path = self.folder / PEPPER_FILE
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            write_once(path, secrets.token_bytes(64))
        found = path.read_bytes()
        if len(found) != 64 or path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: expected 64 bytes that only the owner may read (chmod 600)")
        return found

    def _get(self, key_id: str) -> AccessKey:
        found = next((key for key in self.all() if key.key_id == key_id), None)
        if found is None:
            raise NotFoundError(f"no key {key_id!r} in {self.path}; `otcrisk keys list` shows them")
        return found

    def _end(self, key_id: str, moment: dt.datetime) -> AccessKey:
        self._get(key_id)
        with self._changing() as keys:
            place = next(i for i, key in enumerate(keys) if key.key_id == key_id)
            ended, stated = keys[place], moment.astimezone(dt.UTC).isoformat()
            # an end that was said before is not put off
            keys[place] = replace(ended, revoked_at=min(filter(None, (ended.revoked_at, stated))))
            return keys[place]

    @contextmanager
    def _changing(self) -> Iterator[list[AccessKey]]:
        self.pepper()
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self.all()
            yield keys
            replace_whole(self.path, json.dumps([asdict(key) for key in keys], indent=1).encode())


def id_of(text: str) -> str | None:
    """The id in the text of a key, null where it has not the form of one."""
    found = _TEXT.fullmatch(text)
    return found[1] if found else None


def digest(pepper: bytes, text: str) -> str:
    """What is kept of a key: hex HMAC-SHA256."""
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


def _require(
    name: str, scopes: Sequence[str], per_minute: int, expires_at: dt.datetime | None, now: dt.datetime
) -> None:
    problems = [
        f"scope: expected some of {', '.join(SCOPES)}, got {scope!r}" for scope in scopes if scope not in SCOPES
    ]
    if not scopes:
        problems.append(f"scope: expected at least one of {', '.join(SCOPES)}")
    if not _NAME.fullmatch(name):
        problems.append("name: expected 1 to 64 letters, digits, spaces and . _ -")
    if per_minute < 1:
        problems.append(f"rate: expected at least 1 request a minute, got {per_minute}")
    if expires_at is not None and expires_at <= now:
        problems.append("expiry: expected a moment in the future")
    if problems:
        raise InputError("; ".join(problems))


def _key(document: Mapping[str, Any]) -> AccessKey:
    lists = {name: tuple(map(str, document[name])) for name in ("scopes", "company_codes")}
    made = AccessKey(**{**document, **lists})
    made.is_live(dt.datetime.now(dt.UTC))  # moments that cannot be read are found here, not at the first request
    if not all(isinstance(value, str) for value in (made.key_id, made.digest)) or not isinstance(made.per_minute, int):
        raise TypeError("key")
    return made
