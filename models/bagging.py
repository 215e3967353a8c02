"""Growing trees on raw columns: folds that were held out choose the rounds, then members grow on all rows.

The mean of the members' log-odds is one forest. What the folds' own members said of the rows that they had not seen is
what a calibration may be chosen on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.boosting import FIXED, grow
from models.forest import Forest
from models.numbers import Floats, Ints

#: Rounds without gain on its held-out fold after which growing stops.
_PATIENCE: Final = 100


@dataclass(frozen=True)
class Bag:
    """The mean forest, and the log-odds (n,) of each training row by trees that had not seen it."""

    forest: Forest
    margin: Floats


def bag(
    rows: Floats,
    outcomes: Floats,
    *,
    names: Sequence[str],
    monotone: Sequence[int],
    params: Mapping[str, Any],
    kinds: Sequence[Mapping[str, Any]],
    folds: int,
    seeds: Sequence[int],
    weights: Floats | None = None,
    threads: int = 1,
) -> Bag:
    """The mean over `kinds` of members times `seeds`, fitted to outcomes 0/1; same input, same trees.

    A setting in `params` is LightGBM's and yields to that of the kind, whose `num_iterations` is the most rounds.
    There must be `folds` outcomes of either kind.
    """
    fold = _folds(outcomes, folds)
    weight = np.ones(len(outcomes)) if weights is None else weights
    forests, margin = [], np.zeros(len(outcomes))
    for kind in kinds:
        settings = {**params, **kind}
        fixed = {**FIXED, "num_threads": threads, "monotone_constraints": list(monotone), "seed": 1}
        judged = [_judged(rows, outcomes, weight, fold == i, {**settings, **fixed}, list(names)) for i in range(folds)]
        rounds = _rounds([losses for _, losses in judged])
        for i, (booster, _) in enumerate(judged):
            held = fold == i
            margin[held] += booster.predict(rows[held], raw_score=True, num_iteration=rounds) / len(kinds)
        forests.append(
            grow(
                rows, outcomes, names=names, monotone=monotone, params={**settings, "num_iterations": rounds},
                seeds=seeds, weights=weights, threads=threads,
            )
        )  # fmt: skip
    return Bag(Forest.mean(forests), margin)


def _judged(
    rows: Floats, outcomes: Floats, weight: Floats, held: npt.NDArray[np.bool_], settings: dict[str, Any], names: Any
) -> tuple[lgb.Booster, list[float]]:
    """A booster grown without the held-out rows, and its log-loss on them after each round."""
    seen: dict[str, dict[str, list[float]]] = {}
    data = lgb.Dataset(rows[~held], outcomes[~held], weight=weight[~held], feature_name=names, params=settings)
    judge = data.create_valid(rows[held], outcomes[held], weight=weight[held])
    callbacks = [lgb.early_stopping(_PATIENCE, verbose=False), lgb.record_evaluation(seen)]
    booster = lgb.train({**settings, "metric": "binary_logloss"}, data, valid_sets=[judge], callbacks=callbacks)
    return booster, seen["valid_0"]["binary_logloss"]


def _rounds(losses: Sequence[Sequence[float]]) -> int:
    """The number of rounds with the lowest mean loss over the folds; a fold that stopped keeps its last loss."""
    longest = max(map(len, losses))
    mean = np.mean([[*one, *[one[-1]] * (longest - len(one))] for one in losses], axis=0)
    return int(mean.argmin()) + 1


def _folds(outcomes: Floats, folds: int) -> Ints:
    """The fold (n,) of each row, outcomes of either kind spread evenly."""
    r = np.random.default_rng(0)
    made = np.empty(len(outcomes), dtype=np.int64)
    for value in (0.0, 1.0):
        of_kind = np.flatnonzero(outcomes == value)
        made[r.permutation(of_kind)] = np.arange(len(of_kind)) % folds
    return made
