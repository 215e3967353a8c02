"""What an order is expected to cost and to earn, in money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

from receivables.facts import Facts

#: Past due by this many days, an order counts as lost as far as `loss_given_default` says.
LOSS_DAYS: Final = 90
_YEAR: Final = 365


@dataclass(frozen=True)
class LossTerms:
    """What the seller assumes: the share of a defaulted claim that is lost, and its yearly cost of capital."""

    loss_given_default: float
    financing_rate: float


@dataclass(frozen=True)
class LossFigures:
    """Minor units of the order's currency; each figure is rounded half to even on its own, so they add up as shown."""

    exposure_at_default: int
    expected_credit_loss: int
    financing_cost: int
    expected_profit: int | None


def loss(terms: LossTerms, facts: Facts) -> LossFigures | None:
    """The figures of an order; null where no model answered.

    exposure at default = gross - prepaid - secured, at least 0
    expected credit loss = P(more than 90 days late) x loss given default x exposure at default
    financing cost = (gross - prepaid) x rate x (net days + mean days late) / 365
    expected profit = margin - expected credit loss - financing cost, null without a margin
    The probability is that of this very order, over its own life: the yearly one of the customer would charge each
    order with the whole year's risk.

    >>> import datetime as dt
    >>> facts = Facts(dt.date(2026, 11, 20), "EUR", 4998000, 30, "LEGAL_PERSON", "EUR", margin_minor=756000,
    ...               late_over={90: 0.021}, mean_days_late=9.8)
    >>> loss(LossTerms(0.55, 0.08), facts)
    LossFigures(exposure_at_default=4998000, expected_credit_loss=57727, financing_cost=43599, expected_profit=654674)
    """
    if facts.late_over is None or facts.mean_days_late is None:
        return None
    exposure = facts.unsecured_minor
    lost = _exact(facts.late_over[LOSS_DAYS]) * _exact(terms.loss_given_default) * exposure
    days = max(facts.net_days + _exact(facts.mean_days_late), Decimal(0))
    financing = facts.claim_minor * _exact(terms.financing_rate) * days / _YEAR
    expected, cost = _round(lost), _round(financing)
    profit = None if facts.margin_minor is None else facts.margin_minor - expected - cost
    return LossFigures(exposure, expected, cost, profit)


@lru_cache(maxsize=1_024)
def _exact(value: float) -> Decimal:
    """The decimal that was written, 0.55, not the binary fraction beside it."""
    return Decimal(repr(float(value)))


def _round(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))
