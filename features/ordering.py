"""Rows side by side by customer and moment."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def by_code(codes, n):  # type: ignore[no-untyped-def]  # compiled
    """Positions of the rows by code, equal codes as they come: a counting sort of codes from 0 to n - 1."""
    place = np.zeros(n + 1, np.int64)
    for code in codes:
        place[code + 1] += 1
    for code in range(n):
        place[code + 1] += place[code]
    rows = np.empty(len(codes), np.int64)
    for row in range(len(codes)):
        code = codes[row]
        rows[place[code]] = row
        place[code] += 1
    return rows


def in_order(codes: Ints, moments: Ints) -> Ints | None:
    """Rows by code (-1 and above), then moment, then as they come; None where they come like that."""
    steps, rises = codes[1:] - codes[:-1], moments[1:] >= moments[:-1]
    if ((steps > 0) | ((steps == 0) & rises)).all():
        return None
    if rises.all():  # as a ledger is written: one pass does it
        rows: Ints = by_code(codes + 1, codes.max() + 2)
        return rows
    return np.lexsort((moments, codes))
