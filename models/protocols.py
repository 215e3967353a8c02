"""What an estimator must offer to take the place of the payment-time learner: one small protocol.

It is named in the settings of a run (`late_estimator = "package.module:Class"`), and goes through the same evaluation,
calibration and gate. Without exact additive explanations it can be trained and judged, but the gate refuses it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from models.belt import Belt
from models.calibration import Calibration
from models.intervals import Intervals
from models.law import PaymentLaw
from models.numbers import Floats
from receivables.errors import ConfigError, InputError


@runtime_checkable
class PaymentEstimator(Protocol):
    """Learns "later than k days?" for every day of a grid; constructed without arguments."""

    def fit(
        self, x: Floats, labels: Floats, *, names: Sequence[str], grid: Sequence[int], seed: int
    ) -> FittedPaymentModel:
        """The model of x (n, F), NaN = null, with columns `names`.

        `labels` (n, g) are 1 where an invoice was later than the grid day, 0 where not, NaN where that has not matured.
        A pair that has not matured must be left out, not guessed.
        """


class FittedPaymentModel(Protocol):
    """What was learnt. A `LateModel` is one, and the only kind that can also be stored and promoted."""

    def margins(self, x: Floats) -> Floats:
        """(n, g) log-odds of being later than each grid day."""


@dataclass(frozen=True)
class OwnModel:
    """A fitted model of another's making behind the methods that a training run uses, with a calibration per day."""

    fitted: FittedPaymentModel
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    grid: tuple[int, ...]
    calibrations: tuple[Calibration, ...]
    intervals: Intervals = field(default_factory=Intervals)
    belt: Belt = field(default_factory=Belt)

    def margins(self, x: Floats) -> Floats:
        """(n, g) log-odds before calibration; raises InputError where the model answers in another shape."""
        made = self.fitted.margins(x)
        if made.shape != (len(x), len(self.grid)):
            raise InputError(
                f"{type(self.fitted).__name__}.margins: expected log-odds of shape ({len(x)}, {len(self.grid)}), "
                f"got {made.shape}"
            )
        return made

    def law(self, x: Floats) -> PaymentLaw:
        """The distribution of days late."""
        margins = self.margins(x)
        for j, calibration in enumerate(self.calibrations):
            margins[:, j] = calibration.apply(margins[:, j])
        return PaymentLaw.from_margins(self.grid, margins)

    def calibrated(self, calibrations: Mapping[int, Calibration]) -> OwnModel:
        """The same with a calibration for each of the days given."""
        kept = zip(self.grid, self.calibrations, strict=True)
        return replace(self, calibrations=tuple(calibrations.get(day, old) for day, old in kept))


def load_estimator(path: str) -> PaymentEstimator:
    """The estimator that "package.module:Class" names, constructed; raises ConfigError where there is none."""
    module, colon, name = path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)() if colon else None
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"late_estimator = {path!r}: {type(error).__name__}: {error}") from None
    if not isinstance(made, PaymentEstimator):
        raise ConfigError(
            f"late_estimator = {path!r}: expected package.module:Class with fit(x, labels, *, names, grid, seed)"
        )
    return made
