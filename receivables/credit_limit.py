"""How far an order fills the credit limit, and what the limit should be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from receivables.credit_checks import Rule, allowed_exposure, document_ceiling, evaluate, is_beyond_horizon
from receivables.facts import Facts
from receivables.money import exponent, parse_minor

#: The checks that a smaller order can pass.
AMOUNT_CHECKS: Final = ("CREDIT_LIMIT_UTILISATION", "MAX_DOCUMENT_VALUE")


@dataclass(frozen=True)
class LimitTerms:
    """The seller's limit rule: a factor on the current limit by rating, and days to the next review by risk class.

    A raise is proposed only where the order would use at least `raise_from` of the limit, and the customer has
    `raise_after_settled` settled invoices and a history of `raise_after_days`. `cap` is the largest limit by risk class
    and currency, `floor` the smallest by currency: below it there is no limit, and the customer pays in advance.
    """

    factor: dict[str, float]
    raise_from: float
    review_days: dict[str, int]
    raise_after_days: int = 0
    raise_after_settled: int = 0
    cap: dict[str, dict[str, str]] = field(default_factory=dict)
    floor: dict[str, str] = field(default_factory=dict)


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
    return LimitFigures(
        current=limit,
        exposure_before=before,
        exposure_after=after,
        utilisation_before=_share(before, limit),
        utilisation_after=_share(after, limit),
        available_before=None if limit is None or before is None else max(limit - before, 0),
        recommended=recommended,
        recommendation=_word(recommended, limit),
        review_by=_review_by(terms, facts),
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
    if is_beyond_horizon(rule, facts):
        return None if facts.exposure_before_minor <= allowed else 0
    free = facts.prepaid_minor + (facts.secured_minor if rule.unsecured_only else 0)
    room = allowed - facts.exposure_before_minor
    shift = Decimal(10) ** (exponent(facts.currency) - exponent(facts.limit_currency))
    gross = free + int((room / facts.rate * shift).to_integral_value(ROUND_FLOOR))
    # converting rounds, so the quotient may be one unit too generous
    while gross > facts.prepaid_minor and evaluate(rule, facts.changed(gross_minor=gross)).result == "FAIL":
        gross -= 1
    return gross if gross > facts.prepaid_minor else 0


def _review_by(terms: LimitTerms, facts: Facts) -> dt.date | None:
    """When the limit is looked at again: by the customer's class, at the latest on the day on which it ends."""
    days = terms.review_days.get(facts.risk_class) if facts.risk_class else None
    if days is None:
        return None
    due = facts.as_of + dt.timedelta(days=days)
    ends = facts.limit_valid_to
    return ends if ends is not None and facts.as_of <= ends < due else due


def _recommended(terms: LimitTerms, facts: Facts) -> int | None:
    factor = terms.factor.get(facts.rating) if facts.rating else None
    if factor is None or facts.limit_minor is None:
        return None
    if factor > 1 and not _may_rise(terms, facts):
        factor = 1.0
    free = facts.limit_minor * Decimal(str(factor))
    wanted = facts.limit_minor if factor == 1 else _two_digits(int(free.to_integral_value(ROUND_FLOOR)))
    return _within(terms, facts, wanted)


def _may_rise(terms: LimitTerms, facts: Facts) -> bool:
    """Whether the order needs more room, and the customer has been known for long enough to be given it."""
    used = _share(facts.exposure_after_minor, facts.limit_minor)
    is_known = (facts.history_days or 0) >= terms.raise_after_days
    is_known = is_known and (facts.settled_invoices or 0) >= terms.raise_after_settled
    return is_known and used is not None and used >= terms.raise_from


def _within(terms: LimitTerms, facts: Facts, wanted: int) -> int:
    """The limit within the cap of the customer's class; nothing where it would fall below the floor."""
    currency = facts.limit_currency
    cap = terms.cap.get(facts.risk_class or "", {}).get(currency)
    found = wanted if cap is None else min(wanted, parse_minor(cap, currency))
    floor = terms.floor.get(currency)
    return 0 if floor is not None and found < parse_minor(floor, currency) else found


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
