"""Ids that sort by time: a ULID (26 characters of Crockford's base 32, 48 bits of milliseconds, 80 random bits)."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Two characters, ten bits.
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))


def new_id(prefix: str, now: dt.datetime) -> str:
    """A new id such as scr_01KADX7T2M8Q1J9V4Z6S3C5B7E.

    >>> len(new_id("scr_", dt.datetime(2026, 11, 20, tzinfo=dt.UTC)))
    30
    """
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return prefix + "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])
