"""Fitting with an estimator of another's making: the same origins, challengers and calibration as with ours."""

from __future__ import annotations

import numpy as np

from features import NAMES
from models.calibration import Calibration
from models.late import LateModel
from models.numbers import Floats
from models.protocols import OwnModel, load_estimator
from training.dataset import LateData
from training.fit import GRID, LateFit, Settings, Tick, late_heldout, late_origins, late_served


def fit_own(data: LateData, settings: Settings, *, margin_days: int, tick: Tick = lambda _: None) -> LateFit:
    """The model of the estimator that the settings name, judged at the origins; raises ConfigError where there is none.

    Where the estimator answers with a `LateModel`, the run goes on as with ours; otherwise with an `OwnModel`.
    """
    labels, splits = late_origins(data, settings, margin_days=margin_days)
    parts = [np.flatnonzero(split.test(data.orders.as_of)) for split in splits]
    margins = []
    for split, rows in zip(splits, parts, strict=True):
        known = data.labels(GRID, cutoff=split.cutoff, margin_days=margin_days)
        margins.append(_learnt(data.x, known, settings).margins(data.x[rows]))
        tick(f"origin {split.cutoff.date()}")
    heldout = late_heldout(data, splits, parts, np.concatenate(margins), margin_days)
    final = _learnt(data.x, labels, settings)
    tick("payment time")
    served = late_served(final, data, heldout, labels, margin_days=margin_days)
    return LateFit(served, heldout, labels, splits, 0)


def _learnt(x: Floats, labels: Floats, settings: Settings) -> LateModel | OwnModel:
    rows = ~np.isnan(labels).all(axis=1)
    estimator = load_estimator(settings.late_estimator)
    made = estimator.fit(x[rows], labels[rows], names=NAMES, grid=GRID, seed=settings.seed)
    if isinstance(made, LateModel):
        return made
    return OwnModel(made, NAMES, NAMES, GRID, (Calibration(),) * len(GRID))
