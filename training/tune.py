"""Search for settings of the payment-time model by Optuna, on rolling origins that end before the period of judgement.

The search sees the ledger as it was known at the first origin that a training run will judge: nothing of the judged
period reaches it, neither features nor outcomes. The sampler is seeded anew for each trial from the seed and the number
of trials done, so that an interrupted search that goes on ends where an uninterrupted one would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from features import Orders
from models.late import PARAMS, LateModel
from models.law import PaymentLaw
from models.numbers import Floats
from receivables.errors import InputError
from receivables.ledger import Ledger
from training.dataset import Known, LateData
from training.fit import GRID, HORIZONS, Settings, late_model
from training.metrics import log_loss
from training.splits import Split, rolling_origins

#: Origins of the search; more than a training run's, for the choice should not hang on one month.
ORIGINS: Final = 3
#: Share of the matured invoices that the origins judge.
SHARE: Final = 0.5
#: Horizons whose log-loss is searched for; those beyond have too few outcomes to choose by.
CHOSEN_BY: Final = (0, 5, 15, 30)
#: Fewer outcomes of either kind at a horizon than this, and it does not count.
MIN_EVENTS: Final = 10
#: The horizon whose maturity places the origins, as in a training run.
HEADLINE: Final = 5
#: Seeds of one search lie so far from those of the next.
_SEEDS: Final = 100_003
#: Trials before pruning sets in, and before the sampler leaves random search.
STARTUP: Final = 6
_DONE: Final = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Problem:
    """What is searched on: the data as known before the judged period, the origins, and the settings around."""

    data: LateData
    splits: tuple[Split, ...]
    settings: Settings
    margin_days: int

    @classmethod
    def before_judgement(cls, ledger: Ledger, *, cutoff: pd.Timestamp, settings: Settings, margin_days: int) -> Problem:
        """The problem for a training run with `cutoff`; raises NotEnoughDataError where too little came before.

        The ledger is cut at the first origin at which that run will judge.
        """
        judged = _origins(Known.at(ledger, cutoff), share=settings.judged_share, count=1, margin_days=margin_days)[0]
        known = Known.at(ledger, judged.cutoff)
        splits = _origins(known, share=SHARE, count=ORIGINS, margin_days=margin_days)
        return cls(LateData.of(known), splits, settings, margin_days)

    def losses(self, settings: Settings) -> Iterator[float]:
        """Log-loss over that of the plain event share, mean over the horizons, origin by origin."""
        for split in self.splits:
            known = self.data.labels(GRID, cutoff=split.cutoff, margin_days=self.margin_days)
            model = late_model(self.data.x, known, settings, settings.rounds[0][-1], settings.seeds(1))
            yield self._loss(model, np.flatnonzero(split.test(self.data.orders.as_of)))

    def _loss(self, model: LateModel, rows: Any) -> float:
        law = PaymentLaw.from_margins(model.grid, model.margins(self.data.x[rows]))
        labels = self.data.labels(HORIZONS, cutoff=self.data.known.cutoff, margin_days=self.margin_days)[rows]
        found = [_relative(labels[:, HORIZONS.index(k)], law.late_over(k)) for k in CHOSEN_BY]
        return float(np.nanmean(found)) if np.isfinite(found).any() else 1.0


def _origins(known: Known, *, share: float, count: int, margin_days: int) -> tuple[Split, ...]:
    orders = Orders.of_invoices(known.ledger)
    labels = LateData(known, orders, np.empty((len(orders), 0))).labels(
        (HEADLINE,), cutoff=known.cutoff, margin_days=margin_days
    )
    matured = ~np.isnan(labels[:, 0])
    return rolling_origins(orders.as_of, matured, end=known.cutoff, share=share, count=count)


def _relative(y: Floats, p: Floats) -> float:
    """Log-loss over that of the share of events; NaN where either kind is too rare."""
    known = ~np.isnan(y)
    events = float(y[known].sum())
    if min(events, known.sum() - events) < MIN_EVENTS:
        return float("nan")
    ones = np.ones(int(known.sum()))
    plain = np.full(len(ones), y[known].mean())
    return float(log_loss(y[known], p[known], ones) / log_loss(y[known], plain, ones))


#: What is searched: LightGBM's names, lowest and highest value, and whether on a logarithmic scale.
SPACE: Final[Mapping[str, tuple[float, float, bool]]] = {
    "num_iterations": (50, 600, True),
    "learning_rate": (0.01, 0.15, True),
    "num_leaves": (6, 48, True),
    "min_data_in_leaf": (50, 2000, True),
    "feature_fraction": (0.2, 1.0, False),
    "bagging_fraction": (0.4, 1.0, False),
    "lambda_l2": (0.1, 100.0, True),
}


def proposed(trial: optuna.Trial, settings: Settings) -> Settings:
    """The settings of one trial."""
    chosen: dict[str, Any] = {}
    for name, (low, high, is_log) in SPACE.items():
        if isinstance(low, int):
            chosen[name] = trial.suggest_int(name, low, int(high), log=is_log)
        else:
            chosen[name] = trial.suggest_float(name, low, high, log=is_log)
    return with_parameters(settings, chosen)


def with_parameters(settings: Settings, chosen: Mapping[str, Any]) -> Settings:
    """The settings with what a trial chose."""
    params = {name: value for name, value in chosen.items() if name != "num_iterations"}
    return replace(settings, rounds=((int(chosen["num_iterations"]),),), late_params={**settings.late_params, **params})


@dataclass(frozen=True)
class Tried:
    """One finished trial: its number, state, settings by name, and loss (null where it was pruned)."""

    number: int
    state: str
    parameters: Mapping[str, Any]
    loss: float | None

    @classmethod
    def of(cls, trial: FrozenTrial) -> Tried:
        """What Optuna keeps of it."""
        loss = trial.value if trial.state is TrialState.COMPLETE else None
        return cls(trial.number, trial.state.name.lower(), dict(trial.params), loss)


@dataclass(frozen=True)
class Found:
    """The best settings, their loss beside that of the settings as they are, and all trials."""

    best: Mapping[str, Any]
    loss: float
    loss_before: float
    trials: tuple[Tried, ...]


def search(
    study: optuna.Study,
    problem: Problem,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    each: Callable[[Tried], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Trials until so many are done, counting those of earlier calls, or until the seconds are over, one at least.

    The first trial is that of the settings as they are. The same seed and number of trials give the same result,
    however often it was interrupted; a budget of time does not. Raises InputError without either limit.
    """
    if trials is None and seconds is None:
        raise InputError("a search needs a limit: a number of trials, minutes, or both")
    start = clock()
    _tidy(study, problem.settings)
    while (done := len(finished(study))) == 0 or (
        (trials is None or done < trials) and (seconds is None or clock() - start < seconds)
    ):
        seed = problem.settings.seed * _SEEDS + done
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        study.optimize(lambda trial: _objective(trial, problem), n_trials=1)
        each(finished(study)[-1])
    return found(study)


def found(study: optuna.Study) -> Found:
    """The result so far; the first trial always completes."""
    every = finished(study)
    complete = [(tried.loss, tried.number, tried) for tried in every if tried.loss is not None]
    loss, _, best = min(complete)
    return Found(best.parameters, loss, complete[0][0], tuple(every))


def finished(study: optuna.Study) -> list[Tried]:
    """Trials that completed or were pruned, in order."""
    return [Tried.of(trial) for trial in study.get_trials(deepcopy=False, states=_DONE)]


def open_study(name: str, storage: str | None) -> optuna.Study:
    """The study `name` in an Optuna storage (a database URL; in memory for null), made where it is absent."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
    return optuna.create_study(study_name=name, storage=storage, pruner=pruner, load_if_exists=True)


def _tidy(study: optuna.Study, settings: Settings) -> None:
    """Gives up trials of a search that was killed, and puts the settings as they are first in line."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    if not study.get_trials(deepcopy=False, states=(*_DONE, TrialState.WAITING)):
        now = {**PARAMS, **settings.late_params, "num_iterations": settings.rounds[0][-1]}
        study.enqueue_trial({name: min(max(now[name], low), high) for name, (low, high, _) in SPACE.items()})


def _objective(trial: optuna.Trial, problem: Problem) -> float:
    losses: list[float] = []
    for loss in problem.losses(proposed(trial, problem.settings)):
        losses.append(loss)
        trial.report(float(np.mean(losses)), len(losses))
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(losses))
