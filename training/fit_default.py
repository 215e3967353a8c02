"""Fitting the default model: judge on what it has not learnt, calibrate there, then learn from all that has matured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import INDEX, NAMES
from models.basis import ACCEPTED, REFUSED, RatingBasis
from models.belt import Belt
from models.default import DefaultModel
from models.event import Event
from models.grades import GradeCheck, grade_check
from models.inputs import directions, inputs_for
from models.intervals import DEPTH
from models.numbers import Floats, Ints, logit, sigmoid
from models.scale import ScoreScale
from models.scorecard import Scorecard
from receivables.outcomes import EventRule
from training.dataset import DefaultData
from training.evaluate import Judged
from training.fit import MODEL, SCORECARD, Heldout, Settings, Tick, calibration_of, side_by_side
from training.metrics import LOG_LOSS, Resampling, difference
from training.splits import rolling_origins

#: The challenger that uses one number.
WORST_DAYS: Final = "worst days past due"
_WORST: Final = "oldest_open_item_days"
_FOLDS: Final = 5


@dataclass(frozen=True)
class DefaultFit:
    """The default model learnt from all matured outcomes, and how its like did on what it had not seen."""

    model: DefaultModel
    heldout: Heldout
    labels: Floats


def fit_default(data: DefaultData, settings: Settings, *, tick: Tick = lambda _: None) -> DefaultFit:
    """The default model; raises NotEnoughDataError where too few events have matured."""
    labels = data.labels(cutoff=data.known.cutoff)

    def learn(rows: npt.NDArray[np.bool_], known: Floats) -> DefaultModel:
        fitted = fitted_on_all(data, settings, np.where(rows, known, np.nan))
        tick(data.event.label)
        return fitted

    heldout = _default_out_of_time(data, settings, labels, learn) or _default_by_customer(data, settings, labels, learn)
    groups, outcomes = data.orders.customer_id[heldout.rows], labels[heldout.rows]
    basis = rating_basis(heldout, outcomes, groups, data.event)
    if basis.is_refused:
        final = _worst_days_alone(data, np.flatnonzero(~np.isnan(labels)), labels)
        margins = logit(heldout.challengers[WORST_DAYS][data.event.name])
    else:
        final, margins = learn(np.ones(len(labels), dtype=np.bool_), labels), heldout.margins
    calibration = calibration_of(margins, outcomes, groups)
    settled = data.x[heldout.rows, INDEX[DEPTH]]
    belt = Belt.learn(calibration.apply(margins), outcomes, settled, groups.astype(str))
    return DefaultFit(final.calibrated(calibration).judged(basis, belt), heldout, labels)


def rating_basis(heldout: Heldout, outcomes: Floats, groups: npt.NDArray[np.object_], event: EventRule) -> RatingBasis:
    """Accepted if the model's held-out log-loss is below that of the worst days past due alone beyond chance.

    Beyond chance: the 95 % interval of the difference, customers redrawn, lies below zero. A model that cannot show
    that is refused, whatever its other merits: the one number is simpler, and known to every credit manager.
    """
    rule = heldout.challengers[WORST_DAYS][event.name]
    sample = Resampling.of(groups.astype(str))
    found = difference(LOG_LOSS, outcomes, sigmoid(heldout.margins), rule, sample)
    figures = f"log-loss difference {found.value:+.4f}, 95 % interval {found.low:+.4f} to {found.high:+.4f}"
    if found.high < 0:
        return RatingBasis(ACCEPTED, f"beats the {WORST_DAYS} alone, {heldout.how} ({figures})")
    return RatingBasis(
        REFUSED,
        f"the model does not beat the {WORST_DAYS} alone, {heldout.how} ({figures}); ratings rest on that number",
    )


def learnt_from(data: DefaultData, rows: Ints, fit: DefaultFit, settings: Settings) -> DefaultModel:
    """The model that `fit` serves, or the one number that it serves in its place, learnt from `rows`, uncalibrated.

    A row may come more than once. Raises NotEnoughDataError where the rows hold too few events.
    """
    known = rows[~np.isnan(fit.labels[rows])]
    if fit.model.basis_.is_refused:
        return _worst_days_alone(data, known, fit.labels)
    return _default_model(data, settings).fit(data.x[known], fit.labels[known])


def _worst_days_alone(data: DefaultData, rows: Ints, labels: Floats) -> DefaultModel:
    """The one-number rule learnt from matured outcomes: what is served where the model is refused."""
    card = _card(data, rows, labels, (_WORST,))
    return DefaultModel.of_scorecard(card, event=model_event(data.event), names=NAMES)


def fitted_on_all(data: DefaultData, settings: Settings, labels: Floats) -> DefaultModel:
    """The default model of every snapshot whose label (n,) is known, before calibration and without a verdict."""
    use = ~np.isnan(labels)
    return _default_model(data, settings).fit(data.x[use], labels[use])


Learn = Callable[[npt.NDArray[np.bool_], Floats], DefaultModel]


def _default_out_of_time(data: DefaultData, settings: Settings, labels: Floats, learn: Learn) -> Heldout | None:
    """The last snapshots judged by a model of what had matured before them; None where that was too little."""
    as_of = data.orders.as_of
    (split,) = rolling_origins(as_of, ~np.isnan(labels), end=data.known.cutoff, share=settings.judged_share, count=1)
    before, test = ~split.test(as_of), split.test(as_of) & ~np.isnan(labels)
    known = data.labels(cutoff=split.cutoff)
    if np.nansum(known[before]) < data.event.minimum_events or not test.any():
        return None
    model = learn(before, known)
    rows = np.flatnonzero(test)
    challengers = _default_challengers(data, before & ~np.isnan(known), known, rows)
    return Heldout(rows, model.margin(data.x[rows]), challengers, f"out of time, origin {split.cutoff.date()}")


def _default_by_customer(data: DefaultData, settings: Settings, labels: Floats, learn: Learn) -> Heldout:
    """Every customer judged by a model that has not seen it: the history is too short to hold out time as well."""
    ids, code = np.unique(data.orders.customer_id.astype(str), return_inverse=True)
    fold = (np.random.default_rng(settings.seed).permutation(len(ids)) % _FOLDS)[code]
    matured = ~np.isnan(labels)
    parts = [np.flatnonzero(matured & (fold == i)) for i in range(_FOLDS)]
    margins = side_by_side(
        lambda i: learn(fold != i, labels).margin(data.x[parts[i]]), list(range(_FOLDS)), settings.threads
    )
    found = [_default_challengers(data, matured & (fold != i), labels, parts[i]) for i in range(_FOLDS)]
    challengers = {
        who: {data.event.name: np.concatenate([part[who][data.event.name] for part in found])} for who in found[0]
    }
    how = f"customers held out in {_FOLDS} folds, same period: the history is too short to hold out time"
    return Heldout(np.concatenate(parts), np.concatenate(margins), challengers, how)


def _default_challengers(
    data: DefaultData, train: npt.NDArray[np.bool_], labels: Floats, test: Ints
) -> dict[str, dict[str, Floats]]:
    """Scorecards on all inputs and on the worst days past due alone."""
    made = {}
    for who, names in ((WORST_DAYS, (_WORST,)), (SCORECARD, inputs_for("default"))):
        card = _card(data, train, labels, names)
        made[who] = {data.event.name: card.probability(data.x[test][:, [INDEX[name] for name in names]])}
    return made


def _card(data: DefaultData, rows: Ints | npt.NDArray[np.bool_], labels: Floats, names: Sequence[str]) -> Scorecard:
    columns = [INDEX[name] for name in names]
    return Scorecard.fit(data.x[rows][:, columns], labels[rows], names=names, monotone=directions(names))


def judged_default(data: DefaultData, fit: DefaultFit) -> Judged:
    """Held-out predictions and outcomes, ready to be judged."""
    rows, name = fit.heldout.rows, data.event.name
    predictors = {MODEL: {name: sigmoid(fit.heldout.margins)}, **fit.heldout.challengers}
    settled = data.x[rows, INDEX["n_settled"]]
    return Judged(data.orders.customer_id[rows], settled, {name: fit.labels[rows]}, predictors)


def checked_grades(data: DefaultData, fit: DefaultFit, scale: ScoreScale) -> tuple[GradeCheck, ...]:
    """The grades that the served model's like gave held-out customers, at the newest snapshot of each."""
    rows, name = fit.heldout.rows, data.event.name
    refused = fit.model.basis_.is_refused
    margins = logit(fit.heldout.challengers[WORST_DAYS][name]) if refused else fit.heldout.margins
    moments = data.orders.as_of[rows]
    newest = np.flatnonzero(
        moments == pd.Series(moments).groupby(data.orders.customer_id[rows].astype(str)).transform("max").to_numpy()
    )
    p = sigmoid(fit.model.calibration_.apply(margins))[newest]
    return grade_check(scale, p, fit.labels[rows][newest])


def _default_model(data: DefaultData, settings: Settings) -> DefaultModel:
    inputs = inputs_for("default")
    return DefaultModel(
        event=model_event(data.event),
        names=NAMES,
        inputs=inputs,
        monotone=directions(inputs),
        params=settings.default_params,
        seeds=settings.seeds(settings.default_seeds),
        raw=False,
    )


def model_event(rule: EventRule) -> Event:
    """The event as the model states it."""
    return Event(rule.name, rule.label, rule.days_past_due, rule.horizon_days, is_default=rule.label == "default")
