"""Predictions of one horizon held against outcomes: metrics, and what separates each contender from the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.metrics import AUC, ECE, LOG_LOSS, Estimate, Resampling, difference

Floats = npt.NDArray[np.float64]
OURS = "product"


@dataclass(frozen=True)
class Line:
    """One contender at one horizon; `minus` is the product's log-loss minus its own, below 0 the product is better."""

    contender: str
    day: int
    rows: int
    events: int
    auc: float
    log_loss: float
    ece: float
    minus: Estimate | None

    @property
    def verdict(self) -> str:
        """What the 95 % interval supports, in a word."""
        if self.minus is None:
            return ""
        return "product better" if self.minus.high < 0 else "product worse" if self.minus.low > 0 else "no difference"


def lines(day: int, y: Floats, predicted: Mapping[str, Floats], customer: npt.NDArray[np.object_]) -> list[Line]:
    """Every contender's line; intervals resample whole customers, on the same draws."""
    sample, w = Resampling.of(customer.astype(str), replicates=1000), np.ones(len(y))
    made = []
    for name, p in predicted.items():
        figures = [float(metric.compute(y, p, w)) for metric in (AUC, LOG_LOSS, ECE)]
        minus = None if name == OURS else difference(LOG_LOSS, y, predicted[OURS], p, sample)
        made.append(Line(name, day, len(y), int(y.sum()), *figures, minus))
    return made
