"""How true the reasons of a trained pair of models are, as figures of its run."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.late import LateModel
from models.numbers import Floats, Ints
from models.reason_checks import Model, ReasonChecks, check_reasons, resampled
from models.scale import ScoreScale
from receivables.outcomes import late_column
from training.dataset import DefaultData, LateData
from training.evaluate import ALL, Figure
from training.fit import MODEL, LateFit, Settings
from training.fit_default import DefaultFit

#: Predictions whose reasons are checked, and orders that stand for the reference.
CHECKED: Final = 120
REFERENCE: Final = 64
#: Metrics of a figure of reasons.
FAITHFUL: Final = "reasons_faithful"
SIGN: Final = "reasons_sign"
ORDER: Final = "reasons_order"
STABLE: Final = "reasons_stable"


def reason_figures(
    late: LateData, late_fit: LateFit, default: DefaultData, default_fit: DefaultFit, settings: Settings
) -> list[Figure]:
    """Shares of the reasons of held-out predictions that pass each check of `models.reason_checks`, by model.

    `rows` of a figure are predictions, `events` their published reasons. What is not measured is left out.
    """
    scale, model, rows = ScoreScale.load(), late_fit.model, late_fit.heldout.rows
    made = []
    if isinstance(model, LateModel):  # another's cannot explain itself
        made = _figures(late_column(0), model, late.x, rows, settings.late_seeds, None)
    return [
        *made,
        *_figures(
            default.event.name, default_fit.model, default.x, default_fit.heldout.rows, settings.default_seeds, scale
        ),
    ]


def _figures(target: str, model: Model, x: Floats, held: Ints, seeds: int, scale: ScoreScale | None) -> list[Figure]:
    if len(held) < 2:
        return []
    # evenly spread over the held-out period, the reference between the predictions
    chosen = x[held[np.linspace(0, len(held) - 1, min(len(held), CHECKED + REFERENCE)).astype(np.int64)]]
    is_reference = np.zeros(len(chosen), dtype=np.bool_)
    is_reference[:: max(round(len(chosen) / REFERENCE), 2)] = True
    checks = check_reasons(
        model, chosen[~is_reference], chosen[is_reference], scale=scale, others=resampled(model, seeds)
    )
    return [_figure(target, metric, value, checks) for metric, value in _metrics(checks).items() if value is not None]


def _metrics(checks: ReasonChecks) -> dict[str, float | None]:
    return {FAITHFUL: checks.faithful, SIGN: checks.sign, ORDER: checks.order, STABLE: checks.stable}


def _figure(target: str, metric: str, value: float, checks: ReasonChecks) -> Figure:
    return Figure(target, ALL, MODEL, metric, checks.rows, checks.reasons, value, np.nan, np.nan)
