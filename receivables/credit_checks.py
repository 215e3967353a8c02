"""The checks that a credit policy may run over an order: one table entry and one small function each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from receivables.facts import Facts
from receivables.money import format_minor, parse_minor, spoken

RISK_CLASSES: Final = ("A", "B", "C", "D", "E")
#: From good to bad; the worst of all checks is the outcome of the decision.
OUTCOMES: Final = ("APPROVE", "APPROVE_WITH_CONDITIONS", "REVIEW", "HOLD")
#: The outcomes with which an order goes through.
APPROVED: Final = frozenset({"APPROVE", "APPROVE_WITH_CONDITIONS"})


@dataclass(frozen=True)
class Rule:
    """A check as the policy wants it: what a failure leads to, what a missing fact leads to, and the threshold.

    Which of `threshold`, `amounts` (by currency), `by_event` (by the start of the event's name) and `by_class` (outcome
    by risk class) must be given is said by the check's entry in `CHECKS`. With `unsecured_only` the check looks at the
    part of the order that no security covers. An order that is to be delivered more than `horizon_days` ahead does not
    count against the limit yet.
    """

    check: str
    outcome: str = "HOLD"
    when_unknown: str = "APPROVE"
    threshold: float | None = None
    amounts: dict[str, str] = field(default_factory=dict)
    by_event: dict[str, float] = field(default_factory=dict)
    by_class: dict[str, str] = field(default_factory=dict)
    unsecured_only: bool = False
    horizon_days: int | None = None

    @cached_property
    def exact_threshold(self) -> Decimal:
        """The threshold as it is written."""
        return Decimal(str(self.threshold))

    @cached_property
    def class_outcomes(self) -> dict[str, str]:
        """The outcome by risk class."""
        return {risk_class: self.by_class.get(risk_class, "APPROVE") for risk_class in RISK_CLASSES}


class CheckResult(NamedTuple):
    """What a check found: PASS, FAIL or NOT_EVALUATED, with its figures as text, and the outcome that follows."""

    check: str
    sap_step: str | None
    result: str
    actual: str | None
    threshold: str | None
    message: str | None
    outcome: str
    decided_by: str


class Finding(NamedTuple):
    """What a check finds: `passed` is null where a fact is missing, `outcome` where it is the rule's.

    Its figures, actual and threshold, and what it says where it did not pass are made into text when they are shown: a
    search for what would release an order decides a thousand times and shows nothing.
    """

    passed: bool | None
    figures: Callable[[], tuple[str | None, str | None]]
    message: Callable[[], str]
    outcome: str | None = None


@dataclass(frozen=True)
class Check:
    """An entry of the table: its name, SAP credit-check step, who decides where it fails, what its rule must give.

    `secures` says that its rule may be `unsecured_only`, `has_horizon` that it may name `horizon_days`.
    """

    name: str
    sap_step: str | None
    decided_by: str
    needs: str
    run: Callable[[Rule, Facts], Finding]
    secures: bool = False
    has_horizon: bool = False


def evaluate(rule: Rule, facts: Facts) -> CheckResult:
    """What the rule's check finds."""
    check = CHECKS[rule.check]
    found = _found(check, rule, facts)
    result = "NOT_EVALUATED" if found.passed is None else "PASS" if found.passed else "FAIL"
    actual, threshold = found.figures()
    message = None if found.passed else found.message()
    outcome = _outcome(rule, found)
    return CheckResult(rule.check, check.sap_step, result, actual, threshold, message, outcome, check.decided_by)


def outcome_of(rule: Rule, facts: Facts) -> str:
    """The outcome that follows from what the rule's check finds."""
    return _outcome(rule, _found(CHECKS[rule.check], rule, facts))


def _found(check: Check, rule: Rule, facts: Facts) -> Finding:
    found = check.run(rule, facts)
    # nothing of the order is at risk, so what the models say of the customer does not stand in its way
    if not found.passed and rule.unsecured_only and check.decided_by == "MODEL" and facts.unsecured_minor == 0:
        return found._replace(passed=True)
    return found


def _outcome(rule: Rule, found: Finding) -> str:
    if found.passed is None:
        return rule.when_unknown
    return "APPROVE" if found.passed else found.outcome or rule.outcome


@lru_cache(maxsize=4_096)
def number(value: float) -> str:
    """A share or probability as text: three decimals, more where it has more.

    >>> number(0.13), number(0.1304)
    ('0.130', '0.1304')
    """
    whole, _, rest = f"{value:.6f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(3, '0')}"


def allowed_exposure(rule: Rule, facts: Facts) -> int | None:
    """The exposure that the limit allows, in minor units of the limit's currency; null without a limit."""
    if facts.limit_minor is None:
        return None
    return int((facts.limit_minor * rule.exact_threshold).to_integral_value(ROUND_FLOOR))


def document_ceiling(rule: Rule, facts: Facts) -> int | None:
    """The largest gross amount of an order, in minor units of its currency; null where the policy names none."""
    text = rule.amounts.get(facts.currency)
    return None if text is None else parse_minor(text, facts.currency)


def counted_exposure(rule: Rule, facts: Facts) -> int | None:
    """The exposure with the order that a limit rule looks at, in minor units of the limit's currency; null if unknown.

    Without what is secured where the rule is `unsecured_only`, without the order where it lies beyond the horizon.
    """
    before = facts.exposure_before_minor
    if before is None or is_beyond_horizon(rule, facts):
        return before
    return before + facts.in_limit_currency(facts.unsecured_minor if rule.unsecured_only else facts.claim_minor)


def is_beyond_horizon(rule: Rule, facts: Facts) -> bool:
    """Whether the order is delivered so late that the limit is checked nearer to that day."""
    if rule.horizon_days is None or facts.delivery_on is None:
        return False
    return facts.delivery_on > facts.as_of + dt.timedelta(days=rule.horizon_days)


def _unknown(actual: str | None, threshold: str | None, message: str) -> Finding:
    return Finding(None, lambda: (actual, threshold), lambda: message)


def _utilisation(rule: Rule, facts: Facts) -> Finding:
    allowed, after = allowed_exposure(rule, facts), counted_exposure(rule, facts)
    if allowed is None or after is None:
        return _unknown(None, None, f"Not known: the {'credit limit' if allowed is None else 'exposure'}")
    currency = facts.limit_currency
    return Finding(
        after <= allowed,
        lambda: (format_minor(after, currency), format_minor(allowed, currency)),
        lambda: f"Exposure after order exceeds the credit limit by {spoken(after - allowed, currency)}",
    )


def _limit_validity(rule: Rule, facts: Facts) -> Finding:
    ends = facts.limit_valid_to
    if ends is None:
        return _unknown(None, None, "Not known: how long the credit limit is valid")
    return Finding(
        facts.as_of <= ends,
        lambda: (facts.as_of.isoformat(), ends.isoformat()),
        lambda: f"The credit limit was valid to {ends.isoformat()}",
    )


def _document_value(rule: Rule, facts: Facts) -> Finding:
    ceiling, gross, currency = document_ceiling(rule, facts), facts.gross_minor, facts.currency
    if ceiling is None:
        return _unknown(format_minor(gross, currency), None, f"The policy names no largest order in {currency}")
    return Finding(
        gross <= ceiling,
        lambda: (format_minor(gross, currency), format_minor(ceiling, currency)),
        lambda: f"The order exceeds the largest order value by {spoken(gross - ceiling, currency)}",
    )


def _dunning(rule: Rule, facts: Facts) -> Finding:
    worst, level = int(rule.threshold or 0), facts.max_dunning_level
    if level is None:
        return _unknown(None, str(worst), "Not known: dunning levels of the open items")
    return Finding(level <= worst, lambda: (str(level), str(worst)), lambda: f"Dunning level {level} has been reached")


def _oldest_item(rule: Rule, facts: Facts) -> Finding:
    most, age = int(rule.threshold or 0), facts.oldest_overdue_days
    if age is None:
        return _unknown(None, str(most), "Not known: the open items")
    return Finding(
        age <= most,
        lambda: (str(age), str(most)),
        lambda: f"The oldest undisputed open item is {age} days past due",
    )


def _blocked(rule: Rule, facts: Facts) -> Finding:
    blocked = facts.is_blocked
    return Finding(not blocked, lambda: (str(blocked).lower(), "false"), lambda: "The credit account is blocked")


def _insolvent(rule: Rule, facts: Facts) -> Finding:
    insolvent = facts.is_insolvent
    return Finding(not insolvent, lambda: (str(insolvent).lower(), "false"), lambda: "Insolvency proceedings are known")


def _late_over_30(rule: Rule, facts: Facts) -> Finding:
    most = rule.threshold or 0.0
    if facts.late_over is None:
        return _unknown(None, number(most), "No model answered")
    p = facts.late_over[30]
    return Finding(
        p <= most,
        lambda: (number(p), number(most)),
        lambda: f"The probability of payment more than 30 days late, {p:.1%}, exceeds {most:.1%}",
    )


def _event_probability(rule: Rule, facts: Facts) -> Finding:
    most = next((limit for start, limit in rule.by_event.items() if facts.event.startswith(start)), None)
    p = facts.event_probability
    if p is None or most is None:
        missing = "No model answered" if p is None else f"The policy names no threshold for {facts.event}"
        return _unknown(None if p is None else number(p), None if most is None else number(most), missing)
    return Finding(
        p <= most,
        lambda: (number(p), number(most)),
        lambda: f"The probability of {facts.event_label}, {p:.1%}, exceeds {most:.1%}",
    )


def _risk_class(rule: Rule, facts: Facts) -> Finding:
    outcomes, risk_class = rule.class_outcomes, facts.risk_class
    worst = max((c for c in RISK_CLASSES if outcomes[c] == "APPROVE"), default=None)
    if risk_class is None:
        return _unknown(None, worst, "No model answered")
    outcome = outcomes[risk_class]
    return Finding(
        outcome == "APPROVE",
        lambda: (risk_class, worst),
        lambda: f"Risk class {risk_class} is outside what is approved automatically",
        outcome,
    )


def _payment_behaviour(rule: Rule, facts: Facts) -> Finding:
    most, days = rule.threshold or 0.0, facts.average_days_late
    if days is None:
        return _unknown(None, number(most), "Not known: how late the customer paid in the last year")
    return Finding(
        days <= most,
        lambda: (number(days), number(most)),
        lambda: f"The customer paid {days:.1f} days late on average over the last year",
    )


def _overdue_ratio(rule: Rule, facts: Facts) -> Finding:
    most, ratio = rule.threshold or 0.0, facts.overdue_ratio
    if ratio is None:
        return _unknown(None, number(most), "Nothing is open, or the open items are not known")
    return Finding(
        ratio <= most,
        lambda: (number(ratio), number(most)),
        lambda: f"{ratio:.0%} of the open balance is past due",
    )


def _expected_profit(rule: Rule, facts: Facts) -> Finding:
    text, profit, currency = rule.amounts.get(facts.currency), facts.expected_profit_minor, facts.currency
    least = None if text is None else parse_minor(text, currency)
    if profit is None or least is None:
        missing = "the margin of the order" if profit is None else f"the profit that is expected in {currency}"
        return _unknown(None, text, f"Not known: {missing}")
    return Finding(
        profit >= least,
        lambda: (format_minor(profit, currency), format_minor(least, currency)),
        lambda: f"The order is expected to earn {spoken(profit, currency)} after loss and financing",
    )


def _block_rule(rule: Rule, facts: Facts) -> Finding:
    block = facts.blocked_by
    return Finding(block is None, lambda: (block, None), lambda: f"Blocked by the rule {block}")


#: Every check there is. Adding one is adding an entry.
CHECKS: Final[dict[str, Check]] = {
    check.name: check
    for check in (
        Check("CREDIT_LIMIT_UTILISATION", "010", "POLICY", "threshold", _utilisation, secures=True, has_horizon=True),
        Check("MAX_DOCUMENT_VALUE", "020", "POLICY", "amounts", _document_value),
        Check("MAX_DUNNING_LEVEL", "100", "POLICY", "threshold", _dunning),
        Check("OLDEST_OPEN_ITEM_AGE", "110", "POLICY", "threshold", _oldest_item),
        Check("OVERDUE_RATIO", None, "POLICY", "threshold", _overdue_ratio),
        Check("PAYMENT_BEHAVIOUR", None, "POLICY", "threshold", _payment_behaviour),
        Check("CREDIT_LIMIT_VALIDITY", None, "LIMIT", "", _limit_validity),
        Check("BLOCKED", None, "POLICY", "", _blocked),
        Check("INSOLVENCY", None, "POLICY", "", _insolvent),
        Check("BLOCK_RULE", None, "POLICY", "", _block_rule),
        Check("MODEL_P_LATE_30", None, "MODEL", "threshold", _late_over_30, secures=True),
        Check("MODEL_PD", None, "MODEL", "by_event", _event_probability, secures=True),
        Check("RISK_CLASS", None, "MODEL", "by_class", _risk_class, secures=True),
        Check("EXPECTED_PROFIT", None, "POLICY", "amounts", _expected_profit),
    )
}
