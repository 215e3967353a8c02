"""Which reasons of a prediction are published: those that the model itself is expected to bear out, in their order.

A contribution shares out what features do together, so the reason with the larger contribution is not always the one
whose absence would be felt more. How much the score moves per unit of contribution when a reason's features are set to
the reference is a property of the reason: training measures it on held-out predictions (`models.reason_checks`), and a
reason that would not move the score clearly less than the one before it is left to OTHER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from models.numbers import Floats, Ints

#: A reason follows another if it is expected to move the score by at least this share less.
CLEARLY: Final = 0.1


@dataclass(frozen=True)
class Effects:
    """By reason code, what the score moves per unit of contribution; 0 is never published, an unlisted code counts 1.

    Without any entry all reasons are published, by size of their contribution alone.
    """

    per_unit: Mapping[str, float] = field(default_factory=dict)

    def of(self, codes: Sequence[str]) -> list[float]:
        """The entry of each code."""
        return [self.per_unit.get(code, 1.0) for code in codes]

    def published(self, codes: Sequence[str], sums: Sequence[float], ranked: Sequence[int]) -> Sequence[int]:
        """The places that are published of `ranked` ones, largest contribution first.

        >>> Effects({"A": 1.0, "B": 2.0, "C": 1.0}).published(["A", "B", "C"], [0.9, 0.8, -0.4], [0, 1, 2])
        [0, 2]
        """
        if not self.per_unit:
            return ranked
        chosen: list[int] = []
        per_unit, most = self.of(codes), float("inf")
        for place in ranked:
            expected = per_unit[place] * abs(sums[place])
            if 0.0 < expected <= most:
                chosen.append(place)
                most = expected * (1.0 - CLEARLY)
        return chosen

    def of_many(self, codes: Sequence[str], sums: Floats, ranked: Ints, limit: int) -> tuple[Ints, Ints]:
        """Of each of many rows, `sums` and `ranked` (n, r), the first `limit` published places and their number."""
        if not self.per_unit:
            return ranked[:, :limit], np.full(len(ranked), min(limit, ranked.shape[1]))
        rows, per_unit = np.arange(len(sums)), np.array(self.of(codes))
        chosen, number = np.zeros((len(sums), limit), np.int64), np.zeros(len(sums), np.int64)
        most = np.full(len(sums), np.inf)
        for places in ranked.T:
            expected = per_unit[places] * np.abs(sums[rows, places])
            is_one = (expected > 0.0) & (expected <= most) & (number < limit)
            chosen[rows[is_one], number[is_one]] = places[is_one]
            number += is_one
            most = np.where(is_one, expected * (1.0 - CLEARLY), most)
        return chosen, number

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"per_unit": dict(self.per_unit)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; raises KeyError, TypeError or ValueError on anything else."""
        per_unit = {str(code): float(value) for code, value in document["per_unit"].items()}
        if not all(np.isfinite(value) and value >= 0.0 for value in per_unit.values()):
            raise ValueError("effects: expected finite numbers that are not negative")
        return cls(per_unit)
