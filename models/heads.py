"""Second opinions on the days that are asked most: a classifier of one day each, averaged with the payment-time model.

The payment-time model learns all days at once, which keeps it coherent and steady far out. Where outcomes of a day are
many, trees that learn that day alone see finer: the mean of both log-odds beats either, out of time. It stays additive,
for it is the mean of trees. Where outcomes are few they are worse than nothing, and there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from models.forest import Forest
from models.numbers import Floats
from receivables.errors import ArtefactError

#: Days that may have a head; all on the grid.
DAYS: Final = (0, 5, 15, 30)
#: Matured outcomes of either kind that a head needs.
MIN_OUTCOMES: Final = 300
#: Weight of the head in the mean of log-odds.
SHARE: Final = 0.5
#: LightGBM settings: every invoice is one row here, not one for each day.
PARAMS: Final[dict[str, Any]] = {
    "learning_rate": 0.045,
    "num_leaves": 12,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
}


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
        monotone: Mapping[str, int],
        rounds: int,
        seeds: Sequence[int],
    ) -> Heads:
        """The heads that outcomes `known` (n, g; NaN not matured) of rows (n, inputs) are enough for."""
        from models.boosting import grow

        made = {}
        for day in (day for day in DAYS if day in grid):
            outcomes = known[:, list(grid).index(day)]
            matured = ~np.isnan(outcomes)
            late = float(np.nansum(outcomes))
            if min(late, matured.sum() - late) >= MIN_OUTCOMES:
                made[day] = grow(
                    rows[matured],
                    outcomes[matured],
                    names=inputs,
                    monotone=[monotone.get(name, 0) for name in inputs],
                    params={**PARAMS, "num_iterations": rounds},
                    seeds=seeds,
                )
        return cls(made)

    def share(self, day: int) -> float:
        """Weight that the payment-time model keeps at a day."""
        return 1.0 - SHARE if day in self.forests else 1.0

    def blended(self, margins: Floats, rows: Floats, days: Sequence[int]) -> Floats:
        """(n, len(days)) log-odds of the payment-time model, averaged with the heads' at their days."""
        made = margins
        for place, day in enumerate(days):
            if day in self.forests:
                made = made if made is not margins else margins.copy()
                made[:, place] = (1.0 - SHARE) * margins[:, place] + SHARE * self.forests[day].margin(rows)
        return made

    def beside(self, section: Forest, day: int) -> Forest:
        """The trees of `section`, the payment-time model's at `day`, and those of the head: their sum is the mean."""
        if day not in self.forests:
            return section
        both = ((section, 1.0 - SHARE), (self.forests[day], SHARE))
        trees = [replace(tree, leaf_value=tree.leaf_value * share) for forest, share in both for tree in forest.trees]
        return Forest(section.names, tuple(trees))

    def part(self, i: int, parts: int) -> Heads:
        """The heads of the i-th seed, of `parts`."""
        return Heads({day: forest.part(i, parts) for day, forest in self.forests.items()})

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


def file_of(day: int) -> str:
    """Name of a head's file in the artefact.

    >>> file_of(5)
    'head_5.txt'
    """
    return f"head_{day}.txt"
