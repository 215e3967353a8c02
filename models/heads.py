"""Second opinions on the days that are asked most: a classifier of one day each, averaged with the payment-time model.

The payment-time model learns all days at once, which keeps it coherent and steady far out. Where outcomes of a day are
many, trees that learn that day alone, from the same start (`models.habit`), see finer: the mean of both beats either,
out of time. It stays additive, for it is the mean of trees. Where outcomes are few they are worse than nothing, and
there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np

from models.forest import Forest
from models.late_loops import moved
from models.numbers import Floats, Ints
from receivables.errors import ArtefactError

#: Days that may have a head; all on the grid.
DAYS: Final = (0, 5, 15, 30)
#: Matured outcomes of either kind that a head needs.
MIN_OUTCOMES: Final = 150
#: Weight of the head's trees in the mean with those of the payment-time model.
SHARE: Final = 0.5
#: Matured outcomes for each boosting round, and the fewest and most rounds. Rounds chosen anew at the origins of each
#: run were no better out of time: around the best number the mean with the law hardly changes.
OUTCOMES_PER_ROUND: Final = 50
ROUNDS: Final = (60, 300)
#: LightGBM settings: every invoice is one row here, not one for each day.
PARAMS: Final[dict[str, Any]] = {
    "learning_rate": 0.045,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
}
#: Late at all is frequent and bears larger trees than the days after it.
OF_DUE_DAY: Final = {"num_leaves": 24, "min_data_in_leaf": 100}
OF_LATER_DAYS: Final = {"num_leaves": 12, "min_data_in_leaf": 200}


@dataclass(frozen=True)
class Heads:
    """Forests by grid day; they split on the payment-time model's inputs, which are the first columns of its trees."""

    forests: Mapping[int, Forest] = field(default_factory=dict)

    @classmethod
    def grow(
        cls,
        rows: Floats,
        known: Floats,
        *,
        inputs: Sequence[str],
        grid: Sequence[int],
        start: Floats,
        monotone: Mapping[int, Mapping[str, int]],
        seeds: Sequence[int],
    ) -> Heads:
        """The heads that outcomes `known` (n, g; NaN not matured) of rows (n, inputs) are enough for.

        Their trees add to `start` (n, g), the log-odds that those of the payment-time model add to. `monotone` holds
        directions of inputs by day; a day that it does not name is free.
        """
        from models.boosting import grow

        made = {}
        for day in (day for day in DAYS if day in grid):
            place, sign = list(grid).index(day), monotone.get(day, {})
            outcomes = known[:, place]
            matured = ~np.isnan(outcomes)
            late = float(np.nansum(outcomes))
            if min(late, matured.sum() - late) >= MIN_OUTCOMES:
                made[day] = grow(
                    rows[matured],
                    outcomes[matured],
                    names=inputs,
                    monotone=[sign.get(name, 0) for name in inputs],
                    params={
                        **PARAMS,
                        **(OF_LATER_DAYS if day else OF_DUE_DAY),
                        "num_iterations": rounds_for(int(matured.sum())),
                    },
                    seeds=seeds,
                    start=start[matured, place],
                )
        return cls(made)

    def weights(self, grid: Sequence[int]) -> dict[int, Floats]:
        """(g,) per head: how much of what it moves its own day, it moves each day of the grid.

        In between two heads both count by nearness, beyond them less and less up to the ends of the grid: a law that
        jumped at single days would say of the days around them what nobody has learnt.
        """
        return _weights(tuple(sorted(self.forests)), tuple(grid))

    def moved(self, of_trees: Floats, margins: Mapping[int, Floats], grid: Sequence[int]) -> Floats:
        """(n, g) what the trees of the payment-time model add, moved to the mean with the heads at their days.

        `margins` are those of the heads, by day.
        """
        if not self.forests:
            return of_trees
        places, weights = _table(tuple(sorted(self.forests)), tuple(grid))
        made: Floats = moved(of_trees, np.array([margins[day] for day in sorted(margins)]), places, weights, SHARE)
        return made

    def margins(self, rows: Floats) -> dict[int, Floats]:
        """(n,) log-odds by day of rows (n, inputs)."""
        return {day: forest.margin(rows) for day, forest in self.forests.items()}

    def require(self, inputs: Sequence[str], grid: Sequence[int]) -> None:
        """Raises ArtefactError where a head is of a day off the grid or of other columns."""
        for day, forest in self.forests.items():
            if day not in grid or forest.names != tuple(inputs):
                raise ArtefactError(f"the head of day {day} does not fit the payment-time model's grid and inputs")

    def to_files(self) -> dict[str, bytes]:
        """One text in LightGBM's format for each head."""
        return {file_of(day): forest.text().encode() for day, forest in self.forests.items()}

    @classmethod
    def from_files(cls, days: Sequence[int], files: Mapping[str, bytes]) -> Heads:
        """The heads of the given days; raises KeyError or ArtefactError."""
        return cls({day: Forest.of_text(files[file_of(day)].decode("ascii")) for day in days})


@lru_cache(maxsize=64)
def _weights(days: tuple[int, ...], grid: tuple[int, ...]) -> dict[int, Floats]:
    knots = [min(grid[0], days[0] - 1), *days, max(grid[-1], days[-1] + 1)] if days else []
    return {
        day: np.interp(grid, knots, [float(knot == day and 0 < i < len(knots) - 1) for i, knot in enumerate(knots)])
        for day in days
    }


def rounds_for(matured: int) -> int:
    """Boosting rounds of a head that learns from so many outcomes.

    >>> [rounds_for(n) for n in (300, 10_000, 1_000_000)]
    [60, 200, 300]
    """
    return int(np.clip(matured // OUTCOMES_PER_ROUND, *ROUNDS))


@lru_cache(maxsize=64)
def _table(days: tuple[int, ...], grid: tuple[int, ...]) -> tuple[Ints, Floats]:
    """Places of the days on the grid, and what `_weights` says of them, (h, g)."""
    return np.array([grid.index(day) for day in days]), np.stack([_weights(days, grid)[day] for day in days])


def file_of(day: int) -> str:
    """Name of a head's file in the artefact.

    >>> file_of(5)
    'head_5.txt'
    """
    return f"head_{day}.txt"
