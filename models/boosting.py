"""Training of boosted trees: one LightGBM run per seed, averaged into one forest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from models.forest import Forest
from models.numbers import Floats, Ints

#: What makes two runs on one machine give the same bytes, and keeps the library silent.
FIXED: Final[dict[str, Any]] = {
    "objective": "binary",
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
    "monotone_constraints_method": "basic",
    "feature_pre_filter": False,
    "data_random_seed": 1,
}


def grow(
    rows: Floats | lgb.Sequence,
    outcomes: Floats,
    *,
    names: Sequence[str],
    monotone: Sequence[int],
    params: Mapping[str, Any],
    seeds: Sequence[int],
    weights: Floats | None = None,
    start: Floats | None = None,
    threads: int = 1,
) -> Forest:
    """The mean forest over `seeds`, fitted to outcomes 0/1; `start` holds log-odds that it adds to, by default none.

    `monotone` holds per column +1 (higher raises the log-odds), -1 or 0. `params` are LightGBM's, `num_iterations`
    among them. Same input, same seeds, same thread count: same trees.
    """
    settings = {**params, **FIXED, "num_threads": threads, "monotone_constraints": list(monotone)}
    data = lgb.Dataset(
        rows,
        label=outcomes,
        weight=weights,
        init_score=start,
        feature_name=list(names),
        params=settings,
        free_raw_data=False,
    )
    grown = [lgb.train({**settings, "seed": seed}, data) for seed in seeds]
    return Forest.mean([Forest.of_lightgbm(booster.model_to_string()) for booster in grown])


class Expanded(lgb.Sequence):  # type: ignore[misc]  # lightgbm carries no types
    """Rows made in batches while LightGBM bins them, so that the expanded matrix never exists as a whole.

    `make(cells)` returns the (len(cells), columns) rows of the given cell numbers.
    """

    def __init__(self, make: Callable[[Ints], Floats], cells: Ints, batch_size: int = 65_536) -> None:
        self._make, self._cells, self.batch_size = make, cells, batch_size
        self._start, self._batch = -1, np.empty((0, 0))

    def __getitem__(self, index: int | slice) -> Floats:
        if isinstance(index, slice):
            return self._make(self._cells[index])
        # single rows are asked for in rising order, to sample the bins: making a batch at a time is 100 times faster
        start = index - index % self.batch_size
        if start != self._start:
            self._start, self._batch = start, self._make(self._cells[start : start + self.batch_size])
        return np.asarray(self._batch[index - start])

    def __len__(self) -> int:
        return len(self._cells)
