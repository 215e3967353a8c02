"""How far an order fills the credit limit, and what the limit should be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from receivables.credit_checks import Facts, Rule, allowed_exposure, document_ceiling, evaluate
from receivables.money import exponent

#: The checks that a smaller order can pass.
AMOUNT_CHECKS: Final = ("CREDIT_LIMIT_UTILISATION", "MAX_DOCUMENT_VALUE")


@dataclass(frozen=True)
class LimitTerms:
    """The seller's limit rule: a factor on the current limit by rating, and days to the next review by risk class.

    A raise is proposed only where the order would use at least `raise_from` of the limit.
    """

    factor: dict[str, float]
    raise_from: float
    review_days: dict[str, int]


@dataclass(frozen=True)
class LimitFigures:
    """Minor units of the limit's currency, shares of the limit; null where the limit or the exposure is unknown."""

    current: int | None
    exposure_before: int | None
    exposure_after: int | None
    utilisation_before: float | None
    utilisation_after: float | None
    available_before: int | None
    recommended: int | None
    recommendation: str | None
    review_by: dt.date | None


def limit_figures(terms: LimitTerms, facts: Facts) -> LimitFigures:
    """Use of the limit before and after the order, and the limit that the customer's rating supports."""
    limit, before, after = facts.limit_minor, facts.exposure_before_minor, facts.exposure_after_minor
    recommended = _recommended(terms, facts)
    days = terms.review_days.get(facts.risk_class) if facts.risk_class else None
    return LimitFigures(
        current=limit,
        exposure_before=before,
        exposure_after=after,
        utilisation_before=_share(before, limit),
        utilisation_after=_share(after, limit),
        available_before=None if limit is None or before is None else max(limit - before, 0),
        recommended=recommended,
        recommendation=_word(recommended, limit),
        review_by=None if days is None else facts.as_of + dt.timedelta(days=days),
    )


def largest_amount(rules: tuple[Rule, ...], facts: Facts) -> int | None:
    """The largest gross amount that every rule on amounts passes, in minor units of the order's currency.

    0 where even the smallest order fails, null where no rule on amounts can be evaluated.
    """
    on_amounts = (rule for rule in rules if rule.check in AMOUNT_CHECKS)
    known = [ceiling for rule in on_amounts if (ceiling := _ceiling(rule, facts)) is not None]
    return max(min(known), 0) if known else None


def _ceiling(rule: Rule, facts: Facts) -> int | None:
    if rule.check == "MAX_DOCUMENT_VALUE":
        return document_ceiling(rule, facts)
    allowed = allowed_exposure(rule, facts)
    if allowed is None or facts.exposure_before_minor is None or not facts.rate:
        return None
    room = allowed - facts.exposure_before_minor
    shift = Decimal(10) ** (exponent(facts.currency) - exponent(facts.limit_currency))
    gross = facts.prepaid_minor + int((room / facts.rate * shift).to_integral_value(ROUND_FLOOR))
    # converting rounds, so the quotient may be one unit too generous
    while gross > facts.prepaid_minor and evaluate(rule, replace(facts, gross_minor=gross)).result == "FAIL":
        gross -= 1
    return gross if gross > facts.prepaid_minor else 0


def _recommended(terms: LimitTerms, facts: Facts) -> int | None:
    factor = terms.factor.get(facts.rating) if facts.rating else None
    if factor is None or facts.limit_minor is None:
        return None
    used = _share(facts.exposure_after_minor, facts.limit_minor)
    if factor > 1 and (used is None or used < terms.raise_from):
        return facts.limit_minor
    if factor == 1:
        return facts.limit_minor
    return _two_digits(int((facts.limit_minor * Decimal(str(factor))).to_integral_value(ROUND_FLOOR)))


def _two_digits(minor: int) -> int:
    """Rounded down to two leading digits: a limit is a round figure in every currency.

    >>> _two_digits(14250000)
    14000000
    """
    step = int(10 ** max(len(str(minor)) - 2, 0))
    return minor // step * step


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else round(part / whole, 3)


def _word(recommended: int | None, current: int | None) -> str | None:
    if recommended is None or current is None:
        return None
    return "KEEP" if recommended == current else "RAISE" if recommended > current else "REDUCE"
