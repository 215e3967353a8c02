"""Freed memory is kept for the next arrays: the first touch of fresh memory can cost more than the work on it."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

#: mallopt's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_BYTES: Final = 1 << 30


@cache
def keep_memory() -> bool:
    """Makes the C library keep up to a gigabyte that is freed, for the rest of this process; whether it does.

    For processes that work on one large array after another. Only glibc can do so; elsewhere nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(what, _BYTES) == 1 for what in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
