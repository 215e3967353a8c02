"""What is wrong with a policy beyond the types of its keys: every problem, each with the place where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from receivables import fallback
from receivables.appetite import AUTOMATIC, When
from receivables.credit_checks import CHECKS, OUTCOMES, RISK_CLASSES, Rule
from receivables.credit_limit import LimitTerms
from receivables.errors import InputError
from receivables.money import parse_minor
from receivables.policy import Policy
from receivables.remedies import LAST_RESORT, PARAMETERS, Remedy
from receivables.schema import LEGAL_FORMS


def problems(policy: Policy) -> Iterator[str]:
    """Every problem of a policy that was read."""
    if policy.very_late_after_days not in (30, 60, 90):
        yield f"very_late_after_days: expected 30, 60 or 90, got {policy.very_late_after_days}"
    for name, least in (("valid_hours", 1), ("retention_years", 1)):
        if getattr(policy, name) < least:
            yield f"{name}: expected at least {least}, got {getattr(policy, name)}"
    for subject, years in policy.retention_years_by_subject.items():
        if subject not in LEGAL_FORMS or years < 0:
            expected = f"a legal form ({', '.join(LEGAL_FORMS)}) and at least 0 years"
            yield f"retention_years_by_subject: expected {expected}, got {subject} = {years}"
    yield from _rules("checks", policy.checks)
    yield from _share("loss.loss_given_default", policy.loss.loss_given_default)
    yield from _share("loss.financing_rate", policy.loss.financing_rate)
    yield from _limit(policy.limit)
    yield from (f"release.net_days: expected at least 0, got {days}" for days in policy.release.net_days if days < 0)
    yield from _appetite(policy)
    yield from _approvals(policy)
    yield from fallback.problems(policy.fallback)
    for entry in policy.fallback.approve:
        yield from _amounts(f"fallback.approve {entry.name}: when.up_to", entry.when.up_to)
    for risk_class, amounts in policy.fallback.stand_in.up_to.items():
        yield from _amounts(f"fallback.stand_in.up_to.{risk_class}", amounts)
    for i, remedy in enumerate(policy.remedies):
        yield from (f"remedies[{i}] {remedy.code}: {problem}" for problem in _remedy(remedy))
    if LAST_RESORT not in {remedy.code for remedy in policy.remedies}:
        yield f"remedies: {LAST_RESORT} must be among them, it is what is left where nothing else applies"


def _rules(where: str, rules: tuple[Rule, ...]) -> Iterator[str]:
    for i, rule in enumerate(rules):
        yield from (f"{where}[{i}] {rule.check}: {problem}" for problem in _rule(rule))
    yield from _twice(where, [rule.check for rule in rules])


def _twice(where: str, names: list[str]) -> Iterator[str]:
    yield from (f"{where}: {name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1}))


def _rule(rule: Rule) -> Iterator[str]:
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
    unused = given - {check.needs}
    unused |= {"unsecured_only"} if rule.unsecured_only and not check.secures else set()
    unused |= {"horizon_days"} if rule.horizon_days is not None and not check.has_horizon else set()
    yield from (f"{key} has no meaning for this check" for key in sorted(unused))
    for key in ("threshold", "horizon_days"):
        value = getattr(rule, key)
        if value is not None and value < 0:
            yield f"{key}: expected at least 0, got {value}"
    yield from _amounts("amounts", rule.amounts)
    for event, limit in rule.by_event.items():
        yield from _share(f"by_event.{event}", limit)
    for risk_class, outcome in rule.by_class.items():
        if risk_class not in RISK_CLASSES or outcome not in OUTCOMES:
            yield f"by_class.{risk_class}: expected one of {', '.join(OUTCOMES)} for a class A to E, got {outcome!r}"


def _amounts(where: str, amounts: Mapping[str, str]) -> Iterator[str]:
    for currency, text in amounts.items():
        try:
            parse_minor(text, currency)
        except InputError as error:
            yield f"{where}.{currency}: {error}"


def _share(where: str, value: float) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield f"{where}: expected a share from 0 to 1, got {value}"


def _limit(terms: LimitTerms) -> Iterator[str]:
    yield from (f"limit.factor.{k}: expected at least 0, got {v}" for k, v in terms.factor.items() if v < 0)
    missing = [risk_class for risk_class in RISK_CLASSES if risk_class not in terms.review_days]
    yield from (f"limit.review_days: no entry for class {risk_class}" for risk_class in missing)
    for name in ("raise_after_days", "raise_after_settled"):
        if getattr(terms, name) < 0:
            yield f"limit.{name}: expected at least 0, got {getattr(terms, name)}"
    yield from _amounts("limit.floor", terms.floor)
    for risk_class, amounts in terms.cap.items():
        if risk_class not in RISK_CLASSES:
            yield f"limit.cap.{risk_class}: expected a class A to E"
        yield from _amounts(f"limit.cap.{risk_class}", amounts)


def _appetite(policy: Policy) -> Iterator[str]:
    for kind in ("segments", "blocks", "exclusions"):
        entries = getattr(policy, kind)
        yield from _twice(kind, [entry.name for entry in entries])
        for entry in entries:
            yield from (f"{kind} {entry.name}: {problem}" for problem in _when(entry.when))
    for segment in policy.segments:
        yield from _rules(f"segments {segment.name}: checks", segment.checks)
    for exclusion in policy.exclusions:
        unknown = [name for name in exclusion.checks if name not in CHECKS]
        yield from (f"exclusions {exclusion.name}: no such check {name!r}" for name in unknown)
    if policy.blocks and "BLOCK_RULE" not in {rule.check for rule in policy.checks}:
        yield "blocks: the check BLOCK_RULE must be among the checks, it is what they act through"


def _when(when: When) -> Iterator[str]:
    if when == When():
        yield "when: expected at least one condition; an empty one would hold for every order"
    yield from _amounts("when.up_to", when.up_to)


def _approvals(policy: Policy) -> Iterator[str]:
    yield from _twice("approvals", [tier.role for tier in policy.approvals])
    for tier in policy.approvals:
        unknown = [name for name in tier.classes if name not in RISK_CLASSES]
        yield from (f"approvals {tier.role}: no such class {name!r}" for name in unknown)
        yield from _amounts(f"approvals {tier.role}: up_to", tier.up_to)
    last = policy.approvals[-1] if policy.approvals else None
    if last is None or last.up_to or set(last.classes) != set(RISK_CLASSES) or last.role == AUTOMATIC:
        yield "approvals: the last role must be a person's and cover every class without an up_to"


def _remedy(remedy: Remedy) -> Iterator[str]:
    if remedy.code not in PARAMETERS:
        yield f"no such remedy; there are {', '.join(PARAMETERS)}"
    yield from (f"no such check {name!r}" for name in remedy.checks if name not in CHECKS)
    if remedy.code == "SHORTEN_PAYMENT_TERMS" and not isinstance(remedy.parameters.get("net_days"), int):
        yield "parameters.net_days: expected the number of days to shorten to"
