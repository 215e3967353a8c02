"""Models learnt again on customers drawn with replacement: what other customers in the ledger would have changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from models.default import DefaultModel
from models.late import LateModel
from models.numbers import Ints
from receivables.errors import NotEnoughDataError
from training.dataset import DefaultData, LateData
from training.fit import LateFit, Settings, late_heads, late_model
from training.fit_default import DefaultFit, learnt_from

#: Draws of the customers.
REFITS: Final = 2


def late_refits(data: LateData, fit: LateFit, settings: Settings) -> list[LateModel]:
    """The payment-time model of each draw: same settings and calibration, one seed."""
    if settings.late_estimator or not isinstance(fit.model, LateModel):
        return []  # not ours to learn again
    maps = dict(zip(fit.model.grid, fit.model.calibrations, strict=True))
    made = []
    for i in range(REFITS):
        rows = drawn_customers(data.orders.customer_id, settings.seed + i)
        x, labels, seeds = data.x[rows], fit.labels[rows], (settings.seed + i,)
        again = late_model(x, labels, settings, fit.rounds, seeds)
        again = late_heads(again, labels, x, settings, seeds)
        made.append(again.calibrated(maps))
    return made


def default_refits(data: DefaultData, fit: DefaultFit, settings: Settings) -> list[DefaultModel]:
    """The default model of each draw, or the one number that is served in its place; no draw of too few events."""
    one_seed = replace(settings, default_seeds=1)
    made = []
    for i in range(REFITS):
        rows = drawn_customers(data.orders.customer_id, settings.seed + i)
        try:
            again = learnt_from(data, rows, fit, replace(one_seed, seed=settings.seed + i))
        except NotEnoughDataError:
            continue
        made.append(again.calibrated(fit.model.calibration_))
    return made


def drawn_customers(customer_id: npt.NDArray[np.object_], seed: int) -> Ints:
    """Rows of as many customers as there are, drawn with replacement; those of one drawn twice come twice.

    >>> drawn_customers(np.array(["a", "a", "b"], dtype=object), 1).tolist()
    [0, 1, 2]
    """
    code = np.unique(customer_id.astype(str), return_inverse=True)[1].ravel()
    count = int(code.max()) + 1
    times = np.bincount(np.random.default_rng(seed).integers(count, size=count), minlength=count)
    return np.repeat(np.arange(len(code)), times[code])
