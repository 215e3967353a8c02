"""Fitting the payment-time model: judge on rolling origins, choose the calibration there, then learn from all.

The figures of a run are those of models fitted at earlier origins with the same settings and one seed, before
calibration: no model is judged on what it has learnt, and no calibration on what it was chosen on. Only the number of
boosting rounds, one of a few, is chosen on the judged outcomes. Each fit runs on one thread, so the result does
not depend on how many run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from features import INDEX, NAMES
from models.baseline import ShrunkRate
from models.belt import Belt
from models.calibration import Calibration, choose
from models.forest import Forest
from models.heads import Heads
from models.inputs import directions, inputs_for
from models.intervals import DEPTH, Intervals
from models.late import LateModel
from models.law import PaymentLaw
from models.numbers import Floats, Ints, log_loss
from models.protocols import OwnModel
from models.scorecard import Scorecard
from receivables.errors import NotEnoughDataError
from receivables.outcomes import late_column
from training.dataset import LateData, open_invoices
from training.evaluate import Judged
from training.splits import Split, rolling_origins

T = TypeVar("T")
R = TypeVar("R")
#: What is told after each finished step.
Tick = Callable[[str], None]

#: Names of the predictors in every table and chart.
MODEL: Final = "model"
OWN_RATE: Final = "own late rate"
SCORECARD: Final = "scorecard"
#: Days late at which the calibration and the figures of the run look; all on the grid.
HORIZONS: Final = (0, 5, 15, 30, 60, 90)
#: Days late at which the law is learnt; few enough that a run takes seconds, dense where invoices are paid.
GRID: Final = (-14, -7, -3, -1, 0, 1, 3, 5, 8, 15, 30, 60, 90)
#: Boosting rounds to choose from at the origins: a short ledger carries few, a long one many. The second tier is
#: tried only where the first ends at its last.
ROUNDS: Final = ((40, 70, 100, 150), (200, 300, 400))
#: The horizons that the choice looks at: they mature first, so they have outcomes enough not to choose by chance.
_CHOOSING: Final = (0, 5)
#: The horizon whose maturity places the origins.
_HEADLINE: Final = 5
#: Days past due from which an invoice counts for intervals of days late: waiting longer leaves only short terms.
_INTERVAL_AFTER: Final = 8


@dataclass(frozen=True)
class Settings:
    """What a run may vary; everything that is not here is fixed by the models."""

    seed: int = 1
    threads: int = 2
    origins: int = 2
    judged_share: float = 0.3
    late_seeds: int = 3
    rounds: tuple[tuple[int, ...], ...] = ROUNDS
    #: Days whose heads are held to the directions of the features. Holding day 0 costs nothing measurable, holding the
    #: days after it more than 0.002 of AUC.
    held_heads: tuple[int, ...] = (0,)
    default_seeds: int = 5
    late_params: dict[str, Any] = field(default_factory=dict)
    default_params: dict[str, Any] = field(default_factory=dict)
    #: "package.module:Class" of an estimator that takes the place of ours; see `models.protocols`.
    late_estimator: str = ""

    def seeds(self, count: int) -> tuple[int, ...]:
        """`count` different seeds that follow from the run's."""
        return tuple(self.seed + i for i in range(count))


@dataclass(frozen=True)
class Heldout:
    """Predictions of rows (m,) of a data set by models that had not learnt them; `how` says in words how."""

    rows: Ints
    margins: Floats
    challengers: dict[str, dict[str, Floats]]
    how: str


@dataclass(frozen=True)
class LateFit:
    """The payment-time model learnt from all matured outcomes, and how its like did out of time."""

    model: LateModel | OwnModel
    heldout: Heldout
    labels: Floats
    splits: tuple[Split, ...]
    rounds: int


def fit_late(data: LateData, settings: Settings, *, margin_days: int, tick: Tick = lambda _: None) -> LateFit:
    """The payment-time model; raises NotEnoughDataError where too few outcomes have matured."""
    if settings.late_estimator:
        from training.fit_own import fit_own

        return fit_own(data, settings, margin_days=margin_days, tick=tick)
    labels, splits = late_origins(data, settings, margin_days=margin_days)
    parts = [np.flatnonzero(split.test(data.orders.as_of)) for split in splits]
    known = [data.labels(GRID, cutoff=split.cutoff, margin_days=margin_days) for split in splits]
    rounds, margins = _at_origins(data, settings, parts, known, labels, tick)
    heldout = late_heldout(data, splits, parts, margins, margin_days)
    rounds, seeds = round(rounds * _growth(known, labels)), settings.seeds(settings.late_seeds)
    final = late_heads(late_model(data.x, labels, settings, rounds, seeds), labels, data.x, settings, seeds)
    tick("payment time")
    served = late_served(final, data, heldout, labels, margin_days=margin_days)
    return LateFit(served, heldout, labels, splits, rounds)


def _at_origins(
    data: LateData, settings: Settings, parts: Sequence[Ints], known: Sequence[Floats], labels: Floats, tick: Tick
) -> tuple[int, Floats]:
    """Rounds of the law, and what models of so many, with heads, said of the rows that they are judged on."""
    threads, seeds = settings.threads, settings.seeds(1)
    xs = [data.x[rows] for rows in parts]

    def grow(rounds: int) -> list[LateModel]:
        made = side_by_side(lambda y: late_model(data.x, y, settings, rounds, seeds), known, threads)
        tick(f"{len(parts)} origins, {rounds} rounds")
        return made

    rounds, models = choose_rounds(settings.rounds, grow, xs, labels[np.concatenate(parts)])
    pairs = list(zip(models, known, strict=True))
    models = side_by_side(lambda pair: late_heads(*pair, data.x, settings, seeds), pairs, threads)
    tick("single days")
    return rounds, np.concatenate([model.margins(x) for model, x in zip(models, xs, strict=True)])


def late_served(
    final: LateModel | OwnModel, data: LateData, heldout: Heldout, labels: Floats, *, margin_days: int
) -> LateModel | OwnModel:
    """The model with the calibrations, intervals and belt that the held-out rows teach."""
    maps = {
        k: calibration_of(heldout.margins[:, j], labels[heldout.rows, j], data.orders.customer_id[heldout.rows])
        for j, k in enumerate(GRID)
    }
    intervals = Intervals.learn(
        PaymentLaw.from_margins(GRID, heldout.margins),
        data.days_late(margin_days=margin_days, after=_INTERVAL_AFTER)[heldout.rows],
        data.x[heldout.rows, INDEX[DEPTH]],
        data.orders.customer_id[heldout.rows].astype(str),
        open_invoices(data)[heldout.rows],
    )
    return replace(final.calibrated(maps), intervals=intervals, belt=_belt(data, heldout, labels, maps[0]))


def _belt(data: LateData, heldout: Heldout, labels: Floats, calibration: Calibration) -> Belt:
    rows, zero = heldout.rows, GRID.index(0)
    return Belt.learn(
        calibration.apply(heldout.margins[:, zero]),
        labels[rows, zero],
        data.x[rows, INDEX[DEPTH]],
        data.orders.customer_id[rows].astype(str),
    )


def late_origins(data: LateData, settings: Settings, *, margin_days: int) -> tuple[Floats, tuple[Split, ...]]:
    """(n, g) labels as of the cut-off, and the origins that the last of them are judged at."""
    cutoff = data.known.cutoff
    labels = data.labels(GRID, cutoff=cutoff, margin_days=margin_days)
    matured = ~np.isnan(labels[:, GRID.index(_HEADLINE)])
    share, count = settings.judged_share, settings.origins
    return labels, rolling_origins(data.orders.as_of, matured, end=cutoff, share=share, count=count)


def late_model(x: Floats, labels: Floats, settings: Settings, rounds: int, seeds: Sequence[int]) -> LateModel:
    """The payment-time model of labels (n, g), uncalibrated."""
    rows = np.flatnonzero(~np.isnan(labels).all(axis=1))
    inputs = inputs_for("late")
    return LateModel.fit(
        x[rows],
        labels[rows],
        names=NAMES,
        inputs=inputs,
        grid=GRID,
        monotone=directions(inputs),
        params={**settings.late_params, "num_iterations": rounds},
        seeds=seeds,
    )


def _growth(known: Sequence[Floats], labels: Floats) -> float:
    """How many times more rounds than at the origins what has matured by now carries.

    The square root of the growth in outcomes: on simulated ledgers the best number grew so, on a real one less.
    """
    then = np.mean([(~np.isnan(y)).sum() for y in known])
    return max(1.0, float(np.sqrt((~np.isnan(labels)).sum() / then)))


def late_heads(model: LateModel, labels: Floats, x: Floats, settings: Settings, seeds: Sequence[int]) -> LateModel:
    """The model with second opinions on single days, learnt from labels (n, g)."""
    rows = x[:, [INDEX[name] for name in model.inputs]]
    heads = Heads.grow(
        rows,
        labels,
        inputs=model.inputs,
        grid=model.grid,
        start=model.start(rows),
        monotone={day: directions(model.inputs) for day in settings.held_heads},
        seeds=seeds,
    )
    return replace(model, heads=heads)


def choose_rounds(
    tiers: Sequence[Sequence[int]], grow: Callable[[int], list[LateModel]], parts: Sequence[Floats], labels: Floats
) -> tuple[int, list[LateModel]]:
    """The number of rounds with the lowest held-out log-loss, and the models cut there."""
    found: list[tuple[float, int, list[LateModel]]] = []
    for tier in tiers:
        models = grow(tier[-1])
        for rounds in tier:
            cut = [replace(m, forest=Forest(m.forest.names, m.forest.trees[:rounds])) for m in models]
            margins = np.concatenate([model.margins(x) for model, x in zip(cut, parts, strict=True)])
            found.append((_relative_loss(margins, labels), rounds, cut))
        _, best, cut = min(found, key=lambda candidate: candidate[0])
        if best != tier[-1]:
            break
    return best, cut


def _relative_loss(margins: Floats, labels: Floats) -> float:
    """Log-loss over that of the plain event share, mean over the horizons that have both outcomes."""
    found = []
    for k in _CHOOSING:
        y, margin = labels[:, GRID.index(k)], margins[:, GRID.index(k)]
        known = ~np.isnan(y)
        share = y[known].mean() if known.any() else 0.0
        if 0 < share < 1:
            entropy = -share * np.log(share) - (1 - share) * np.log1p(-share)
            found.append(float(log_loss(y[known], margin[known]).mean() / entropy))
    return float(np.mean(found)) if found else 0.0


def late_heldout(
    data: LateData, splits: Sequence[Split], parts: Sequence[Ints], margins: Floats, margin_days: int
) -> Heldout:
    """The margins (m, g) of rows held out at the origins, with what the challengers said of them."""
    cards = [_late_scorecards(data, split, rows, margin_days) for split, rows in zip(splits, parts, strict=True)]
    rows = np.concatenate(parts)
    rule = ShrunkRate.of(NAMES)
    challengers = {
        OWN_RATE: {late_column(k): rule.late_over(data.x[rows], k) for k in HORIZONS},
        SCORECARD: {late_column(k): np.concatenate([card[late_column(k)] for card in cards]) for k in HORIZONS},
    }
    origins = ", ".join(str(split.cutoff.date()) for split in splits)
    return Heldout(rows, margins, challengers, f"out of time, origins {origins}")


def _late_scorecards(data: LateData, split: Split, test: Ints, margin_days: int) -> dict[str, Floats]:
    """A logistic scorecard per horizon as of the split; the own late rate where there are too few outcomes for one."""
    known = data.labels(HORIZONS, cutoff=split.cutoff, margin_days=margin_days)
    names = inputs_for("late")
    columns = [INDEX[name] for name in names]
    made = {}
    for j, k in enumerate(HORIZONS):
        rows = ~np.isnan(known[:, j])
        try:
            card = Scorecard.fit(data.x[rows][:, columns], known[rows, j], names=names)
            made[late_column(k)] = card.probability(data.x[test][:, columns])
        except NotEnoughDataError:
            made[late_column(k)] = ShrunkRate.of(NAMES).late_over(data.x[test], k)
    return made


def judged_late(data: LateData, fit: LateFit) -> Judged:
    """Held-out predictions and outcomes, ready to be judged."""
    rows, law = fit.heldout.rows, PaymentLaw.from_margins(GRID, fit.heldout.margins)
    model = {late_column(k): law.late_over(k) for k in HORIZONS}
    outcomes = {late_column(k): fit.labels[rows, GRID.index(k)] for k in HORIZONS}
    settled = data.x[rows, INDEX["n_settled"]]
    return Judged(data.orders.customer_id[rows], settled, outcomes, {MODEL: model, **fit.heldout.challengers})


def calibration_of(margin: Floats, outcome: Floats, groups: npt.NDArray[np.object_]) -> Calibration:
    """The calibration that matured held-out outcomes support; `groups` are customers."""
    matured = ~np.isnan(outcome)
    return choose(margin[matured], outcome[matured], groups[matured].astype(str))


def side_by_side(work: Callable[[T], R], items: Sequence[T], threads: int) -> list[R]:
    """Results of `work` in the order of `items`; LightGBM releases the interpreter while it trains."""
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        return list(pool.map(work, items))
