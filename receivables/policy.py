"""The credit policy: a versioned file of checks, appetite, limits, loss terms and remedies, and the decision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from receivables import config, credit_checks
from receivables.appetite import (
    AUTOMATIC,
    Approval,
    Block,
    Exclusion,
    Segment,
    approver,
    blocked_by,
    excluded,
    rules_of,
)
from receivables.credit_checks import APPROVED, CHECKS, OUTCOMES, CheckResult, Rule, evaluate
from receivables.credit_limit import LimitTerms
from receivables.errors import ConfigError
from receivables.facts import Facts
from receivables.fallback import Fallback
from receivables.loss import LossTerms, loss
from receivables.remedies import Remedy

#: Where several checks are equally bad, the first of these names who decided.
_PRECEDENCE: Final = ("POLICY", "LIMIT", "MODEL")
_BAD: Final = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_NOT_RUN: Final = "NOT_EVALUATED"


@dataclass(frozen=True)
class ReleaseTerms:
    """What may be offered so that a held order goes through: the usual payment terms in net days."""

    net_days: tuple[int, ...]


@dataclass(frozen=True)
class Policy:
    """A credit policy as loaded; `sha256` is that of the file, so that a decision names exactly what it followed.

    `valid_hours` is how long an answer may be acted on; records are kept until the end of the year `retention_years`
    after the decision, or its own number of years for a type of subject (legal form) in `retention_years_by_subject`.
    Of `segments`, `approvals` and `blocks` the first that fits an order counts.
    """

    version: str
    valid_hours: int
    retention_years: int
    very_late_after_days: int
    checks: tuple[Rule, ...]
    loss: LossTerms
    limit: LimitTerms
    release: ReleaseTerms
    approvals: tuple[Approval, ...]
    remedies: tuple[Remedy, ...]
    segments: tuple[Segment, ...] = ()
    blocks: tuple[Block, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    fallback: Fallback = field(default_factory=Fallback)
    retention_years_by_subject: dict[str, int] = field(default_factory=dict)
    sha256: str = ""

    def years_kept(self, subject_type: str) -> int:
        """For how many years after the year of a decision about such a subject it is kept."""
        return self.retention_years_by_subject.get(subject_type, self.retention_years)

    def rules(self, facts: Facts) -> tuple[Rule, ...]:
        """The rules for an order, those of its segment among them, without those that an exclusion takes out."""
        gone = excluded(self.exclusions, facts)
        return tuple(rule for rule in rules_of(self.checks, self.segments, facts) if rule.check not in gone)


@dataclass(frozen=True)
class Decision:
    """What is to be done with the order, who decided, every check of the policy, and the role that may approve it."""

    outcome: str
    decided_by: str
    credit_status: str
    human_review_required: bool
    checks: tuple[CheckResult, ...]
    approver: str


def load_policy(path: Path) -> Policy:
    """The policy in the file; raises ConfigError with every problem at once."""
    from receivables.policy_problems import problems

    policy = dataclasses.replace(config.load(Policy, path), sha256=config.sha256(path))
    found = list(problems(policy))
    if found:
        raise ConfigError("\n  ".join([f"{path}: {len(found)} problem(s)", *found]))
    return policy


def decide(policy: Policy, facts: Facts) -> Decision:
    """The decision of the policy on the facts: the worst outcome of all checks, none of which overrides another.

    Decided by POLICY or LIMIT where such a check is among the worst, else by MODEL; FALLBACK where no model answered
    and that is what decided. `credit_status` is SAP's: A released, B blocked.
    """
    facts = completed(policy, facts)
    gone = excluded(policy.exclusions, facts)
    rules = rules_of(policy.checks, policy.segments, facts)
    results = tuple(_not_run(rule, gone[rule.check]) if rule.check in gone else evaluate(rule, facts) for rule in rules)
    outcome = max((result.outcome for result in results), key=_BAD.__getitem__, default="APPROVE")
    role = approver(policy.approvals, facts)
    is_approved = outcome in APPROVED
    return Decision(
        outcome=outcome,
        decided_by=_decided_by(outcome, results),
        credit_status="A" if is_approved else "B",
        human_review_required=not is_approved or role != AUTOMATIC or facts.legal_form == "NATURAL_PERSON",
        checks=results,
        approver=role,
    )


def outcome_of(policy: Policy, facts: Facts) -> str:
    """The outcome of `decide` on the facts, and nothing else: for searches, which decide often."""
    facts = completed(policy, facts)
    return max(
        (credit_checks.outcome_of(rule, facts) for rule in policy.rules(facts)), key=_BAD.__getitem__, default="APPROVE"
    )


def approves(policy: Policy, facts: Facts) -> bool:
    """Whether the outcome of `decide` lets the order through."""
    facts = completed(policy, facts)
    return all(credit_checks.outcome_of(rule, facts) in APPROVED for rule in policy.rules(facts))


def completed(policy: Policy, facts: Facts) -> Facts:
    """The facts with what the policy itself adds to them: the block that applies, and the profit to be expected."""
    figures = loss(policy.loss, facts)
    profit = figures.expected_profit if figures else None
    block = blocked_by(policy.blocks, facts)
    if (profit, block) == (facts.expected_profit_minor, facts.blocked_by):
        return facts
    return facts.changed(expected_profit_minor=profit, blocked_by=block)


def _not_run(rule: Rule, name: str) -> CheckResult:
    step = CHECKS[rule.check].sap_step
    return CheckResult(rule.check, step, _NOT_RUN, None, None, f"Not run: excluded by {name}", "APPROVE", "POLICY")


def _decided_by(outcome: str, results: tuple[CheckResult, ...]) -> str:
    decisive = [result for result in results if result.outcome == outcome and outcome != "APPROVE"] or list(results)
    silent = [result for result in decisive if result.result == _NOT_RUN]
    if any(result.decided_by == "MODEL" for result in silent) and (silent == decisive or outcome == "APPROVE"):
        return "FALLBACK"
    who = {result.decided_by for result in decisive} if outcome != "APPROVE" else set()
    return next((name for name in _PRECEDENCE if name in who), "MODEL")
