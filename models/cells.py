"""What a forest can tell apart of a row: rows in one cell pass every split alike, so what it says of one holds for all.

A search over amounts asks about thousands of rows of which few differ to the model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit

from models.numbers import Floats, Ints
from models.walk import ZERO

if TYPE_CHECKING:
    from models.forest import Forest


@dataclass(frozen=True)
class Cells:
    """The thresholds on each of m columns, one column after the other; `ends` (m + 1) say where they begin and end.

    Columns that are looked at otherwise than by splits, too, are `exact` (m,): there only equal values are alike.
    """

    thresholds: Floats
    ends: Ints
    exact: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, forests: Sequence[Forest], columns: int, exact: Collection[int] = ()) -> Cells:
        """The cells of forests, of which the first `columns` columns are looked at."""
        features = np.concatenate([tree.feature for forest in forests for tree in forest.trees])
        thresholds = np.concatenate([tree.threshold for forest in forests for tree in forest.trees])
        found = [np.unique(thresholds[features == column]) for column in range(columns)]
        ends = np.cumsum([0, *(len(part) for part in found)])
        return cls(np.concatenate([np.empty(0), *found]), ends, np.isin(np.arange(columns), list(exact)))

    def key(self, row: Floats) -> bytes:
        """Equal for rows (m,) of one cell, NaN = null."""
        made: Floats = _places(row, self.thresholds, self.ends, self.exact)
        return made.tobytes()


@njit(cache=True, nogil=True)
def _places(row, thresholds, ends, exact):
    """For each column how many thresholds its value exceeds, -1 for null; its value where it counts exactly."""
    made = np.empty(len(row))
    for column in range(len(row)):
        value = row[column]
        if exact[column]:
            made[column] = value
        elif value != value:
            made[column] = -1.0
        else:
            known = 0.0 if abs(value) <= ZERO else value
            low, high = ends[column], ends[column + 1]
            while low < high:
                middle = (low + high) // 2
                if thresholds[middle] < known:
                    low = middle + 1
                else:
                    high = middle
            made[column] = low
    return made
