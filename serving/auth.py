"""Who may call: the key of a request, its scopes, its rate. Default is no.

A change of the file of keys counts within `LOOK_EVERY` seconds. Where the file cannot be read any more, nobody is let
in: a revoked key must not live on because a disk failed.
"""

from __future__ import annotations

import datetime as dt
import hmac
import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from receivables.access_keys import AccessKey, AccessKeys, digest, id_of
from receivables.errors import ConfigError
from serving.problems import ApiError, refuse

#: Seconds after which the file of keys is looked at again; a revoked key is refused by then.
LOOK_EVERY: Final = 1.0
#: A key may use this share of its rate per minute at once.
_BURST: Final = 0.1
_NOBODY: Final = "0" * 64
#: Stands for the file of keys as it was when it could not be read; no file looks like it.
_UNREADABLE: Final = (-1, -1, -1)


@dataclass(frozen=True)
class Caller:
    """Who asks: the key's id and name, and the company codes that it is bound to, empty for all."""

    key_id: str
    name: str
    company_codes: frozenset[str]

    def require_company(self, company_code: str | None) -> None:
        """Raises ApiError FORBIDDEN where the caller is bound to other company codes."""
        if self.company_codes and company_code not in self.company_codes:
            raise refuse("FORBIDDEN", "this key is bound to other company codes than the order names")


#: A program on this machine, while there are no keys.
LOCAL: Final = Caller("local", "local", frozenset())
#: The scope of paths that any live key opens.
ANY: Final = ""
#: Scopes whose paths look at the company code of what they are sent.
_BY_COMPANY: Final = ("score", "ingest", ANY)
#: Headers by which a proxy says that somebody else asks.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_loopback(host: str) -> bool:
    """Whether nobody beyond this machine can reach the address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def admit_local(host: str | None, headers: Mapping[str, str]) -> Caller:
    """The caller where there are no keys: a program on this machine; `host` is null on a Unix socket.

    Raises ApiError UNAUTHORIZED for anyone else, also through a proxy that says so.
    """
    if (host is None or is_loopback(host)) and not any(name in headers for name in _FORWARDED):
        return LOCAL
    raise refuse("UNAUTHORIZED", "this service has no keys and answers programs on its own machine only")


@dataclass
class _Bucket:
    """Tokens of one key; `left` at monotonic second `at`."""

    left: float
    at: float
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, per_minute: int, now: float) -> float:
        """0 where the request may go on, else seconds until it may."""
        rate, most = per_minute / 60.0, max(per_minute * _BURST, 1.0)
        with self.lock:
            self.left = min(most, self.left + (now - self.at) * rate)
            self.at = now
            if self.left < 1.0:
                return (1.0 - self.left) / rate
            self.left -= 1.0
            return 0.0


class KeyRing:
    """The live view of the keys that a serving process holds; safe for threads."""

    def __init__(
        self,
        keys: AccessKeys,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._keys, self._clock, self._today = keys, clock, today
        self._pepper = b""
        self._by_id: dict[str, AccessKey] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._next_look = float("-inf")

    def exist(self) -> bool:
        """Whether there ever was a key while this process ran: from the first one on, everybody needs one.

        Raises ApiError UNAVAILABLE where the keys cannot be read any more.
        """
        self._look(self._clock())
        return self._stamp is not None

    def admit(self, authorization: str | None, scope: str) -> Caller:
        """The caller that `Authorization: Bearer KEY` names.

        Raises ApiError UNAUTHORIZED for no, an unknown or an ended key, FORBIDDEN without the scope, TOO_MANY_REQUESTS
        beyond the key's rate, UNAVAILABLE where the keys cannot be read.
        """
        now = self._clock()
        self._look(now)
        return self._entitled(self._known(authorization or ""), scope, now)

    def resume(self, key_id: str, scope: str) -> Caller:
        """The caller of a session that was opened with the key `key_id`; raises ApiError as `admit` does."""
        now = self._clock()
        self._look(now)
        key = self._by_id.get(key_id)
        if key is None or not key.is_live(self._today()):
            raise _unauthorized()
        return self._entitled(key, scope, now)

    def _entitled(self, key: AccessKey, scope: str, now: float) -> Caller:
        if scope != ANY and scope not in key.scopes:
            raise refuse("FORBIDDEN", f"this key has not the scope {scope}")
        if key.company_codes and scope not in _BY_COMPANY:
            raise refuse("FORBIDDEN", "this key is bound to company codes, which this path does not tell apart")
        wait = self._bucket(key, now).take(key.per_minute, now)
        if wait > 0:
            raise refuse(
                "TOO_MANY_REQUESTS", "the rate of this key is used up", headers={"Retry-After": str(int(wait) + 1)}
            )
        return Caller(key.key_id, key.name, frozenset(key.company_codes))

    def _known(self, authorization: str) -> AccessKey:
        kind, _, text = authorization.partition(" ")
        key = self._by_id.get(id_of(text) or "")
        # an unknown id costs as much as a wrong secret
        fits = hmac.compare_digest(digest(self._pepper, text), key.digest if key else _NOBODY)
        if kind.lower() != "bearer" or key is None or not fits or not key.is_live(self._today()):
            raise _unauthorized()
        return key

    def _look(self, now: float) -> None:
        """Reads the keys again where the file has changed."""
        if now < self._next_look:
            return
        try:
            found = self._keys.path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._by_id = {key.key_id: key for key in self._keys.all()}
                self._pepper, self._stamp = self._keys.pepper(), stamp
        except (OSError, ConfigError) as error:
            if not (isinstance(error, FileNotFoundError) and self._stamp is None):
                self._by_id, self._stamp = {}, _UNREADABLE
                raise refuse("UNAVAILABLE", "the keys cannot be read", headers={"Retry-After": "1"}) from None
        self._next_look = now + LOOK_EVERY

    def _bucket(self, key: AccessKey, now: float) -> _Bucket:
        return self._buckets.setdefault(key.key_id, _Bucket(max(key.per_minute * _BURST, 1.0), now))


def _unauthorized() -> ApiError:
    return refuse(
        "UNAUTHORIZED", "expected a live key as Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"}
    )
