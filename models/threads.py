"""Rows worked on side by side by compiled code, which releases the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

from models.numbers import Floats

#: Fewer rows than this are not worth a second thread.
_FEWEST: Final = 512


def in_parts(work: Callable[..., None], made: Floats, *given: Floats, threads: int) -> Floats:
    """`made`, which `work(*given, made)` has filled part by part; a row's answer depends on that row alone."""
    if threads == 1 or len(made) <= _FEWEST:
        work(*given, made)
        return made
    cuts = [len(made) * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(work, *(rows[a:b] for rows in given), made[a:b]) for a, b in pairwise(cuts)]
        for part in parts:
            part.result()
    return made
