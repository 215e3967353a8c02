"""Bagging over folds: every member is grown without one fold, so each row is judged by a member that never saw it.

The held-out folds decide how many rounds all members keep, and their log-odds are what calibration may be chosen on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from models.boosting import FIXED
from models.forest import Forest
from models.numbers import Floats, Ints

#: Rounds without gain on its held-out fold after which a member stops.
_PATIENCE: Final = 60
#: Fewer rounds than this are not kept, however noisy the folds.
_MIN_ROUNDS: Final = 20


@dataclass(frozen=True)
class Bag:
    """The mean forest, and the log-odds (n,) of each training row by the members that had not seen it."""

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
    weights: Floats | None = None,
    threads: int = 1,
) -> Bag:
    """The mean over `kinds` of members times `folds`, fitted to outcomes 0/1; same input, same trees.

    A setting in `params` is LightGBM's and yields to that of the kind; there must be `folds` outcomes of either kind.
    """
    fold = _folds(outcomes, folds)
    weight = np.ones(len(outcomes)) if weights is None else weights
    forests, margin = [], np.zeros(len(outcomes))
    for kind in kinds:
        settings = {**params, **kind, **FIXED, "num_threads": threads, "monotone_constraints": list(monotone)}
        members = [
            _member(rows, outcomes, weight, fold == i, {**settings, "seed": i + 1}, list(names)) for i in range(folds)
        ]
        rounds = _rounds([losses for _, losses in members])
        for i, (booster, _) in enumerate(members):
            forests.append(Forest.of_lightgbm(booster.model_to_string(num_iteration=rounds)))
            held = fold == i
            margin[held] += booster.predict(rows[held], raw_score=True, num_iteration=rounds) / len(kinds)
    return Bag(Forest.mean(forests), margin)


def _member(
    rows: Floats, outcomes: Floats, weight: Floats, held: Any, settings: dict[str, Any], names: list[str]
) -> tuple[lgb.Booster, list[float]]:
    """A booster grown without the held-out rows, and its log-loss on them after each round."""
    seen: dict[str, dict[str, list[float]]] = {}
    data = lgb.Dataset(rows[~held], outcomes[~held], weight=weight[~held], feature_name=names, params=settings)
    judge = data.create_valid(rows[held], outcomes[held], weight=weight[held])
    callbacks = [lgb.early_stopping(_PATIENCE, verbose=False), lgb.record_evaluation(seen)]
    booster = lgb.train({**settings, "metric": "binary_logloss"}, data, valid_sets=[judge], callbacks=callbacks)
    return booster, seen["valid_0"]["binary_logloss"]


def _rounds(losses: Sequence[Sequence[float]]) -> int:
    """The number of rounds with the lowest mean loss over the folds, as far as all of them have grown."""
    shortest = min(map(len, losses))
    mean = np.mean([one[:shortest] for one in losses], axis=0)
    return min(max(int(mean.argmin()) + 1, _MIN_ROUNDS), shortest)


def _folds(outcomes: Floats, folds: int) -> Ints:
    """The fold (n,) of each row, outcomes of either kind spread evenly."""
    r = np.random.default_rng(0)
    made = np.empty(len(outcomes), dtype=np.int64)
    for value in (0.0, 1.0):
        of_kind = np.flatnonzero(outcomes == value)
        made[r.permutation(of_kind)] = np.arange(len(of_kind)) % folds
    return made
