"""What the models say about one order, rounded once: every shown figure is derived from the rounded ones.

That is why the parts of an answer fit together exactly: probabilities of lateness are whole millionths, and the
median date, the decision and the loss follow from them, not from digits that nobody sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.champion import Champion
from models.contributions import Contributions
from models.law import PaymentLaw
from models.numbers import Floats, sigmoid
from models.reasons import Told

#: Horizons of the answer, in days late.
HORIZONS: Final = (0, 30, 60, 90)
#: Probability mass of the interval of payment dates.
INTERVAL: Final = 0.8
#: Confidence of the intervals around the probabilities of paying late and of the event.
CONFIDENCE: Final = 0.9
_MILLION: Final = 1_000_000
_DIGITS: Final = 6


@dataclass(frozen=True)
class Lateness:
    """The payment law of an order: `over` in millionths by horizon, days late as whole days, mean to one decimal."""

    over: dict[int, int]
    median: int
    earliest: int
    latest: int
    mean: float

    @property
    def late_over(self) -> dict[int, float]:
        """Probabilities of paying more than k days late, by k."""
        return {k: millionths / _MILLION for k, millionths in self.over.items()}


@dataclass(frozen=True)
class CustomerRisk:
    """The customer's probability of the event, to six significant digits, and its place on the master scale.

    `score` is a whole number of points within the scale's bounds; `is_bounded` says that they cut it off.
    """

    probability: float
    score: int
    is_bounded: bool
    rating: str
    risk_class: str


@dataclass(frozen=True)
class Prediction:
    """Everything the models say; `x` is the feature row (1, F). Times in milliseconds.

    `late_interval` and `risk_interval` are bounds around the probabilities of paying late and of the event, null for a
    model that was judged on too little.
    `told` keeps the reasons for the event and for paying late, once they were asked for.
    """

    x: Floats
    lateness: Lateness
    risk: CustomerRisk
    late_parts: Contributions
    risk_parts: Contributions
    feature_ms: float
    inference_ms: float
    explain_ms: float
    late_interval: tuple[float, float] | None = None
    risk_interval: tuple[float, float] | None = None
    told: list[Told] = field(default_factory=list, compare=False, repr=False)


def predict(champion: Champion, features: Callable[[], Floats]) -> Prediction:
    """The prediction for the order whose `features` (F,) are asked for, with the contributions behind both models."""
    start = time.perf_counter()
    x = features().reshape(1, -1)
    built = time.perf_counter()
    # one walk over the trees of each model gives its prediction and the contributions to it
    law, late_parts = champion.late.explained(x)
    late = _lateness(champion, x, law)
    inferred = time.perf_counter()
    risk_parts = champion.default.explain(x)
    risk = customer_risk(champion, float(risk_parts.total[0]))
    explained = time.perf_counter()
    return Prediction(
        x=x,
        lateness=late,
        risk=risk,
        late_parts=late_parts,
        risk_parts=risk_parts,
        feature_ms=_ms(start, built),
        inference_ms=_ms(built, inferred),
        explain_ms=_ms(inferred, explained),
        late_interval=_around(late.late_over[0], champion.late.late_interval(x, CONFIDENCE, law)),
        risk_interval=_around(risk.probability, champion.default.interval(x, CONFIDENCE, risk_parts.total)),
    )


def beside(champion: Champion, prediction: Prediction) -> tuple[float, tuple[float, float] | None] | None:
    """Probability and interval of the event within the champion's other horizon; None for a champion without one.

    The longer horizon is never the less probable one: where the two models disagree, that of the rating decides.
    """
    other = champion.beside
    if other is None:
        return None
    log_odds, shown = other.log_odds(prediction.x), prediction.risk.probability
    p = _significant(float(sigmoid(log_odds)[0]))
    is_shorter = other.event.horizon_days < champion.default.event.horizon_days
    p = min(p, shown) if is_shorter else max(p, shown)
    return p, _around(p, other.interval(prediction.x, CONFIDENCE, log_odds))


def _around(shown: float, bounds: tuple[Floats, Floats] | None) -> tuple[float, float] | None:
    """The bounds as shown, which hold the probability as shown."""
    if bounds is None:
        return None
    low, high = (round(float(bound[0]), _DIGITS) for bound in bounds)
    return min(low, shown), max(high, shown)


def outlook(champion: Champion, x: Floats) -> tuple[Mapping[int, float], float]:
    """Of the order x (1, F) what a policy looks at: `Lateness.late_over` and `mean`, to the same digits."""
    law = champion.late.law(x)
    return {k: millionths / _MILLION for k, millionths in _over(law).items()}, _mean(law)


def _lateness(champion: Champion, x: Floats, law: PaymentLaw) -> Lateness:
    over, median = _over(law), int(law.quantile(0.5)[0])
    # the law decides on all digits, the answer on those it shows
    median = max(median, 1) if over[0] > _MILLION // 2 else min(median, 0)
    first, last = (int(day[0]) for day in champion.late.interval(x, INTERVAL, law))
    return Lateness(over=over, median=median, earliest=min(first, median), latest=max(last, median), mean=_mean(law))


def _over(law: PaymentLaw) -> dict[int, int]:
    begin, daily = int(law.days[0]), law.daily()[0]
    return {k: round(float(daily[k - begin]) * _MILLION) for k in HORIZONS}


def _mean(law: PaymentLaw) -> float:
    return round(float(law.mean()[0]), 1)


def customer_risk(champion: Champion, log_odds: float) -> CustomerRisk:
    """The customer's risk, from the log-odds of the event."""
    scale = champion.scale
    p = _significant(float(sigmoid(np.array([log_odds]))[0]))
    return CustomerRisk(
        probability=p,
        score=min(max(round(scale.unbounded(log_odds)), scale.score_min), scale.score_max),
        is_bounded=scale.is_bounded(log_odds),
        rating=scale.rating(p),
        risk_class=scale.risk_class(p),
    )


def _significant(p: float) -> float:
    return float(f"{p:.{_DIGITS}g}")


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000.0, 1)
