"""What came of the orders of a period: the matured late rate beside the probability they were given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.window import SCORE, Window
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column, late_labels


@dataclass(frozen=True)
class Lateness:
    """Invoices of one period whose lateness over `horizon` days is known: how many of all, rate, mean probability.

    `rate` and `predicted` are over the known ones; NaN where none is known.
    """

    horizon: int
    known: int
    coverage: float
    rate: float
    predicted: float

    @property
    def error(self) -> float:
        """Standard error of `rate` for independent invoices."""
        return math.sqrt(self.rate * (1 - self.rate) / self.known) if self.known else math.nan


def lateness(ledger: Ledger, window: Window) -> list[Lateness]:
    """One entry per configured horizon, with everything that the ledger knows."""
    config = OutcomeConfig.read()
    labels = late_labels(
        ledger, horizons=config.late_horizons_days, cutoff=_end(ledger), margin_days=config.maturity_margin_days
    ).set_index("invoice_id")
    return [_of(labels, window, horizon) for horizon in config.late_horizons_days]


def moved(reference: Lateness, current: Lateness, *, shift: float, coverage: float, deviations: float = 3.0) -> bool:
    """Whether the late rate changed by more than `shift` and more than chance, both periods being well enough known."""
    if min(reference.coverage, current.coverage) < coverage:
        return False
    change = abs(current.rate - reference.rate)
    return change > max(shift, deviations * math.hypot(reference.error, current.error))


def _of(labels: pd.DataFrame, window: Window, horizon: int) -> Lateness:
    name = late_column(horizon)
    late = labels[name].reindex(pd.Index(window.invoice_id)).to_numpy(dtype=np.float64)
    known = ~np.isnan(late)
    count = int(known.sum())
    if not count:
        return Lateness(horizon, 0, 0.0, math.nan, math.nan)
    predicted = window.numbers[f"{SCORE}/{name}"][known]
    return Lateness(horizon, count, count / len(window), float(late[known].mean()), float(predicted.mean()))


def _end(ledger: Ledger) -> pd.Timestamp:
    """The first moment at which everything in the ledger is known."""
    return max(pd.Timestamp(frame["known_at"].max()) for frame in ledger.frames.values() if len(frame))
