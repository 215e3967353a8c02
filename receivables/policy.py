"""The credit policy: a versioned file of checks, limits, loss terms and remedies, and the decision that follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from receivables import config
from receivables.credit_checks import CHECKS, OUTCOMES, RISK_CLASSES, CheckResult, Facts, Rule, evaluate
from receivables.credit_limit import LimitTerms
from receivables.errors import ConfigError, InputError
from receivables.loss import LossTerms
from receivables.money import parse_minor
from receivables.remedies import LAST_RESORT, PARAMETERS, Remedy

#: Where several checks are equally bad, the first of these names who decided.
_PRECEDENCE: Final = ("POLICY", "LIMIT", "MODEL")


@dataclass(frozen=True)
class Policy:
    """A credit policy as loaded; `sha256` is that of the file, so that a decision names exactly what it followed.

    `valid_hours` is how long an answer may be acted on; records are kept until the end of the year `retention_years`
    after the decision.
    """

    version: str
    valid_hours: int
    retention_years: int
    very_late_after_days: int
    checks: tuple[Rule, ...]
    loss: LossTerms
    limit: LimitTerms
    remedies: tuple[Remedy, ...]
    sha256: str = ""


@dataclass(frozen=True)
class Decision:
    """What is to be done with the order, who decided, and every check that was run."""

    outcome: str
    decided_by: str
    credit_status: str
    human_review_required: bool
    checks: tuple[CheckResult, ...]


def load_policy(path: Path) -> Policy:
    """The policy in the file; raises ConfigError with every problem at once."""
    policy = dataclasses.replace(config.load(Policy, path), sha256=config.sha256(path))
    problems = list(_problems(policy))
    if problems:
        raise ConfigError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
    return policy


def decide(policy: Policy, facts: Facts) -> Decision:
    """The decision of the policy on the facts: the worst outcome of all checks, none of which overrides another.

    Decided by POLICY or LIMIT where such a check is among the worst, else by MODEL; FALLBACK where no model answered
    and that is what decided. `credit_status` is SAP's: A released, B blocked.
    """
    results = tuple(evaluate(rule, facts) for rule in policy.checks)
    outcome = max((result.outcome for result in results), key=OUTCOMES.index, default="APPROVE")
    approved = outcome in ("APPROVE", "APPROVE_WITH_CONDITIONS")
    return Decision(
        outcome=outcome,
        decided_by=_decided_by(outcome, results),
        credit_status="A" if approved else "B",
        human_review_required=not approved or facts.legal_form == "NATURAL_PERSON",
        checks=results,
    )


def _decided_by(outcome: str, results: tuple[CheckResult, ...]) -> str:
    decisive = [result for result in results if result.outcome == outcome and outcome != "APPROVE"] or list(results)
    silent = [result for result in decisive if result.result == "NOT_EVALUATED"]
    if any(result.decided_by == "MODEL" for result in silent) and (silent == decisive or outcome == "APPROVE"):
        return "FALLBACK"
    who = {result.decided_by for result in decisive} if outcome != "APPROVE" else set()
    return next((name for name in _PRECEDENCE if name in who), "MODEL")


def _problems(policy: Policy) -> Iterator[str]:
    """What the types alone do not say."""
    if policy.very_late_after_days not in (30, 60, 90):
        yield f"very_late_after_days: expected 30, 60 or 90, got {policy.very_late_after_days}"
    for name, least in (("valid_hours", 1), ("retention_years", 1)):
        if getattr(policy, name) < least:
            yield f"{name}: expected at least {least}, got {getattr(policy, name)}"
    for i, rule in enumerate(policy.checks):
        yield from (f"checks[{i}] {rule.check}: {problem}" for problem in _rule_problems(rule))
    names = [rule.check for rule in policy.checks]
    yield from (f"checks: {name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1}))
    yield from _share_problems("loss.loss_given_default", policy.loss.loss_given_default)
    yield from _share_problems("loss.financing_rate", policy.loss.financing_rate)
    yield from (f"limit.factor.{k}: expected at least 0, got {v}" for k, v in policy.limit.factor.items() if v < 0)
    missing = [risk_class for risk_class in RISK_CLASSES if risk_class not in policy.limit.review_days]
    yield from (f"limit.review_days: no entry for class {risk_class}" for risk_class in missing)
    for i, remedy in enumerate(policy.remedies):
        yield from (f"remedies[{i}] {remedy.code}: {problem}" for problem in _remedy_problems(remedy))
    if LAST_RESORT not in {remedy.code for remedy in policy.remedies}:
        yield f"remedies: {LAST_RESORT} must be among them, it is what is left where nothing else applies"


def _rule_problems(rule: Rule) -> Iterator[str]:
    check = CHECKS.get(rule.check)
    if check is None:
        yield f"no such check; there are {', '.join(CHECKS)}"
        return
    for key in ("outcome", "when_unknown"):
        if getattr(rule, key) not in OUTCOMES:
            yield f"{key}: expected one of {', '.join(OUTCOMES)}, got {getattr(rule, key)!r}"
    given = {key for key in ("threshold", "amounts", "by_event", "by_class") if getattr(rule, key) not in (None, {})}
    if check.needs and check.needs not in given:
        yield f"{check.needs} is missing"
    yield from (f"{key} has no meaning for this check" for key in sorted(given - {check.needs}))
    if rule.threshold is not None and rule.threshold < 0:
        yield f"threshold: expected at least 0, got {rule.threshold}"
    yield from _amount_problems(rule.amounts)
    for event, limit in rule.by_event.items():
        yield from _share_problems(f"by_event.{event}", limit)
    for risk_class, outcome in rule.by_class.items():
        if risk_class not in RISK_CLASSES or outcome not in OUTCOMES:
            yield f"by_class.{risk_class}: expected one of {', '.join(OUTCOMES)} for a class A to E, got {outcome!r}"


def _amount_problems(amounts: dict[str, str]) -> Iterator[str]:
    for currency, text in amounts.items():
        try:
            parse_minor(text, currency)
        except InputError as error:
            yield f"amounts.{currency}: {error}"


def _share_problems(where: str, value: float) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield f"{where}: expected a share from 0 to 1, got {value}"


def _remedy_problems(remedy: Remedy) -> Iterator[str]:
    if remedy.code not in PARAMETERS:
        yield f"no such remedy; there are {', '.join(PARAMETERS)}"
    yield from (f"no such check {name!r}" for name in remedy.checks if name not in CHECKS)
    if remedy.code == "SHORTEN_PAYMENT_TERMS" and not isinstance(remedy.parameters.get("net_days"), int):
        yield "parameters.net_days: expected the number of days to shorten to"
