"""The rule that every model must beat: the customer's own late rate, drawn towards its peers, as of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.numbers import Floats, matrix
from receivables.errors import InputError

#: Horizons, in days late, that the rule answers.
HORIZONS: Final = (0, 5, 15, 30, 60, 90)
#: The rule never claims certainty: one shrunken rate of exactly 0 would make its log-loss infinite.
_FLOOR: Final = 1e-4


@dataclass(frozen=True)
class ShrunkRate:
    """One feature, no fitting: P(late over k) is the feature `late_over_k_rate` of X, whose columns are `names`."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> ShrunkRate:
        """The rule on X with columns `names`; raises InputError where a rate is missing."""
        missing = [f"late_over_{k}_rate" for k in HORIZONS if f"late_over_{k}_rate" not in names]
        if missing:
            raise InputError(f"the one-feature rule needs columns that are not there: {missing}")
        return cls(tuple(names))

    def late_over(self, x: npt.ArrayLike, days: int) -> Floats:
        """(n,) P(days late > `days`), one of `HORIZONS`, within [0.0001, 0.9999].

        >>> rule = ShrunkRate.of([f"late_over_{k}_rate" for k in HORIZONS])
        >>> rule.late_over([[0.4, 0.2, 0.1, 0.05, 0.0, 0.0]], 60).tolist()
        [0.0001]
        """
        if days not in HORIZONS:
            raise InputError(f"expected one of the horizons {HORIZONS}, got {days}")
        column = self.names.index(f"late_over_{days}_rate")
        return np.clip(matrix(x, len(self.names))[:, column], _FLOOR, 1.0 - _FLOOR)
