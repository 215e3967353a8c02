"""The contenders: each learns "late over k days" from matured invoices and answers for those that came after.

All peers see the same features and the same labels as the product, except where the name says otherwise; libraries run
with their own defaults, because that is what a user who reaches for one gets. Each horizon is a model of its own, as
such code does it.
"""

from __future__ import annotations

import importlib
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.baseline import ShrunkRate
from models.boosting import FIXED
from models.scorecard import Scorecard
from training.fit import Settings

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """One horizon: matured training rows x (n, F) with outcomes y (n,), and the rows to answer for (m, F).

    `names` are the columns of x; `other` holds (n, 16) and (m, 16) features of the Business Central predictor.
    """

    day: int
    names: tuple[str, ...]
    train: Floats
    y: Floats
    test: Floats
    other: tuple[Floats, Floats]


@dataclass(frozen=True)
class Contender:
    """`answer` gives (m,) probabilities for a task."""

    name: str
    title: str
    answer: Callable[[Task], Floats]


def _boosted(make: Callable[[], Any], *, other: bool = False, varying: bool = False) -> Callable[[Task], Floats]:
    """`other` learns from the other features, `varying` only from columns with two values: some fail on others."""

    def answer(task: Task) -> Floats:
        train, test = task.other if other else (task.train, task.test)
        if varying:
            keep = [len(np.unique(column[~np.isnan(column)])) > 1 for column in train.T]
            train, test = train[:, keep], test[:, keep]
        return np.asarray(make().fit(train, task.y).predict_proba(test)[:, 1], dtype=np.float64)

    return answer


def _library(module: str, name: str, **settings: Any) -> Callable[[], Any]:
    return lambda: getattr(importlib.import_module(module), name)(**settings)


def _lightgbm(**settings: Any) -> Callable[[], Any]:
    return _library("lightgbm", "LGBMClassifier", n_jobs=1, verbosity=-1, random_state=Settings().seed, **settings)


def _own_rate(task: Task) -> Floats:
    return ShrunkRate.of(task.names).late_over(task.test, task.day)


def _scorecard(task: Task) -> Floats:
    return Scorecard.fit(task.train, task.y, names=task.names).probability(task.test)


#: Small, slow, regularised trees: what a careful modeller would set by hand.
CAREFUL: Final[dict[str, Any]] = {
    "n_estimators": 400, "learning_rate": 0.03, "num_leaves": 24, "min_child_samples": 100, "colsample_bytree": 0.4,
    "subsample": 0.8, "subsample_freq": 1, "reg_lambda": 10.0, "deterministic": FIXED["deterministic"],
    "force_row_wise": FIXED["force_row_wise"],
}  # fmt: skip

CONTENDERS: Final = (
    Contender("own_rate", "the customer's own shrunken late rate", _own_rate),
    Contender("scorecard", "logistic scorecard", _scorecard),
    Contender("business_central", "Business Central's features, LightGBM", _boosted(_lightgbm(), other=True)),
    Contender("lightgbm", "LightGBM, defaults", _boosted(_lightgbm())),
    Contender("lightgbm_careful", "LightGBM, regularised by hand", _boosted(_lightgbm(**CAREFUL))),
    Contender(
        "catboost",
        "CatBoost, defaults",
        _boosted(
            _library(
                "catboost", "CatBoostClassifier", thread_count=1, random_seed=1, verbose=0, allow_writing_files=False
            )
        ),
    ),
    Contender("xgboost", "XGBoost, defaults", _boosted(_library("xgboost", "XGBClassifier", n_jobs=1, random_state=1))),
    Contender(
        "histgb",
        "scikit-learn's histogram boosting, defaults",
        _boosted(_library("sklearn.ensemble", "HistGradientBoostingClassifier", random_state=1), varying=True),
    ),
    Contender(
        "ebm",
        "explainable boosting machine, no interactions",
        _boosted(
            _library("interpret.glassbox", "ExplainableBoostingClassifier", interactions=0, n_jobs=1, random_state=1)
        ),
    ),
)


def autogluon(python: Path, seconds: int) -> Contender:
    """AutoGluon's good_quality preset under another interpreter, with a budget in seconds for each horizon."""

    def answer(task: Task) -> Floats:
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "given.npz", Path(folder) / "made.npz"
            np.savez(given, train=task.train, y=task.y, test=task.test)
            script = Path(__file__).with_name("autogluon_peer.py")
            subprocess.run([str(python), "-W", "ignore", str(script), str(given), str(made), str(seconds)], check=True)
            with np.load(made) as arrays:
                return np.asarray(arrays["p"], dtype=np.float64)

    return Contender("autogluon", f"AutoGluon good_quality, {seconds} s for each horizon", answer)
