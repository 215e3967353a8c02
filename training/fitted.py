"""What a training run has fitted and found, before anything of it is written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features import INDEX
from models.default import PARAMS as DEFAULT_PARAMS
from models.effects import Effects
from models.late import PARAMS as LATE_PARAMS
from models.law import PaymentLaw
from training.dataset import DefaultData, LateData
from training.evaluate import ALL, Figure, Judged, judge_days
from training.fit import GRID, MODEL, LateFit, Settings
from training.fit_default import DefaultFit
from training.metrics import COVERAGE


@dataclass(frozen=True)
class Fitted:
    """Both fits with their data, that of the event within another horizon where it can be learnt, and what was found.

    `judged` are the held-out predictions of lateness, `effects` say which reasons are published.
    """

    late: LateData
    default: DefaultData
    late_fit: LateFit
    default_fit: DefaultFit
    beside: tuple[DefaultData, DefaultFit] | None
    judged: Judged
    figures: tuple[Figure, ...]
    effects: Mapping[str, Effects]
    fingerprint: str
    settings: Settings

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that the result depends on besides the data."""
        flat = dataclasses.asdict(self.settings)
        late, default = flat.pop("late_params"), flat.pop("default_params")
        del flat["threads"]  # the result does not depend on it
        return {
            **flat,
            **{f"late.{key}": value for key, value in {**LATE_PARAMS, **late}.items()},
            **{f"default.{key}": value for key, value in {**DEFAULT_PARAMS, **default}.items()},
            "late.num_iterations": self.late_fit.rounds,
            "event": self.default.event.name,
            "event_beside": None if self.beside is None else self.beside[0].event.name,
            "cutoff": self.late.known.cutoff,
        }


def days_figures(data: LateData, fit: LateFit, margin_days: int) -> list[Figure]:
    """Error of the median in days beside the customer's own median and the due date; coverage of the 80 % interval.

    The interval is judged on the later half of the invoices with what the earlier half taught.
    """
    rows, law = fit.heldout.rows, PaymentLaw.from_margins(GRID, fit.heldout.margins)
    actual = data.days_late(margin_days=margin_days)[rows]
    own = np.nan_to_num(data.x[rows, INDEX["median_days_late_25"]])
    predicted = {MODEL: law.quantile(0.5).astype(np.float64), "own median": own, "due date": np.zeros(len(rows))}
    use = ~np.isnan(actual)
    if not use.any():
        return []
    held = next((tails for tails in fit.model.intervals.found if tails.level == 0.8), None)
    n = sum(held.rows) // 2 if held else int(use.sum())
    covered = held.observed if held and held.observed is not None else np.nan
    figure = Figure("days_late", ALL, MODEL, COVERAGE.name, n, n, covered, np.nan, np.nan)
    return [*judge_days(actual, predicted, data.orders.customer_id[rows]), figure]


def headline(figures: tuple[Figure, ...]) -> dict[str, Any]:
    """The model's figures on all rows, for the manifest; null where not defined."""
    return {f"{f.target}/{f.metric}": f.to_dict()["value"] for f in figures if f.predictor == MODEL and f.slice == ALL}
