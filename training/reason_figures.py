"""How true the reasons of a trained pair of models are: which are published, and figures of its run.

What decides is learnt from some held-out predictions, what is told is measured on others, against other orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.effects import Effects
from models.late import LateModel
from models.numbers import Floats, Ints
from models.reason_checks import Model, ReasonChecks, check_reasons, learn_effects
from models.scale import ScoreScale
from receivables.outcomes import late_column
from training.dataset import DefaultData, LateData
from training.evaluate import ALL, Figure
from training.fit import MODEL, LateFit, Settings
from training.fit_default import DefaultFit
from training.refits import default_refits, late_refits

#: Held-out predictions: those that effects are learnt from, and their reference; those checked, and theirs.
PARTS: Final = (72, 24, 96, 48)
#: Metrics of a figure of reasons; `BEFORE` stands after one that is of all reasons, by size alone.
FAITHFUL: Final = "reasons_faithful"
SIGN: Final = "reasons_sign"
ORDER: Final = "reasons_order"
STABLE: Final = "reasons_stable"
NAMED: Final = "reasons_named"
BEFORE: Final = "_before"


@dataclass(frozen=True)
class ReasonFigures:
    """What is published of either model, and the figures of both."""

    late: Effects
    default: Effects
    figures: tuple[Figure, ...]


def reason_figures(
    late: LateData, late_fit: LateFit, default: DefaultData, default_fit: DefaultFit, settings: Settings
) -> ReasonFigures:
    """Shares of the published reasons that pass each check of `models.reason_checks`, by model.

    `rows` of a figure are predictions, `events` their published reasons. What is not measured is left out.
    """
    scale, model, late_effects = ScoreScale.load(), late_fit.model, Effects()
    figures: list[Figure] = []
    if isinstance(model, LateModel):  # another's cannot explain itself
        others = late_refits(late, late_fit, settings)
        late_effects, found = _judged(late_column(0), model, late.x, late_fit.heldout.rows, None, others)
        figures += found
    again = default_refits(default, default_fit, settings)
    rows, name = default_fit.heldout.rows, default.event.name
    default_effects, found = _judged(name, default_fit.model, default.x, rows, scale, again)
    return ReasonFigures(late_effects, default_effects, (*figures, *found))


def _judged(
    target: str, model: Model, x: Floats, held: Ints, scale: ScoreScale | None, others: Sequence[Model]
) -> tuple[Effects, list[Figure]]:
    if len(held) < len(PARTS):
        return Effects(), []
    learnt, its_reference, checked, reference = (x[held[part]] for part in _parts(len(held)))
    effects = learn_effects(model, learnt, its_reference, scale=scale)
    before = check_reasons(model, checked, reference, scale=scale)
    after = check_reasons(model, checked, reference, scale=scale, effects=effects, others=others)
    return effects, [*_figures(target, after, ""), *_figures(target, before, BEFORE)]


def _parts(rows: int) -> list[Ints]:
    """Disjoint places for each of `PARTS`, spread over all rows; fewer where there are not so many."""
    count = min(rows, sum(PARTS))
    places = np.linspace(0, rows - 1, count).astype(np.int64)
    ends = np.maximum(np.cumsum(PARTS)[:-1] * count // sum(PARTS), [1, 2, 3])  # none is empty
    return [np.sort(part) for part in np.split(np.random.default_rng(0).permutation(places), ends)]


def _figures(target: str, checks: ReasonChecks, suffix: str) -> Iterator[Figure]:
    values = {
        FAITHFUL: checks.faithful,
        SIGN: checks.sign,
        ORDER: checks.order,
        NAMED: checks.named,
        STABLE: checks.stable,
    }
    for metric, value in values.items():
        if value is not None:
            yield Figure(target, ALL, MODEL, metric + suffix, checks.rows, checks.reasons, value, np.nan, np.nan)
