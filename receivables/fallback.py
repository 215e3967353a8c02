"""What a policy wants while parts of the service are out of order: how long to wait, what may go through unscored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from receivables.appetite import AUTOMATIC, When
from receivables.credit_checks import OUTCOMES, RISK_CLASSES
from receivables.facts import Facts

if TYPE_CHECKING:
    from receivables.policy import Decision

#: Rungs of the ladder: the model on all there is; on what is in memory or in the request; scorecards; the table below.
FULL, STALE, SCORECARD, RULES = "FULL", "STALE", "SCORECARD", "RULES"


@dataclass(frozen=True)
class Unscored:
    """Orders that may go through without a score, where no check that could be made stands against them.

    `when.up_to` is the cap and must be given.
    """

    name: str
    when: When


@dataclass(frozen=True)
class StandIn:
    """Terms of the stand-in table: hours it is valid, and what all orders of a customer may come to, by risk class."""

    valid_hours: int = 24
    up_to: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fallback:
    """Terms of the degraded service.

    A ledger whose newest load is older than `ledger_max_age_hours` is stale. An order waits at most
    `ledger_patience_ms` for a ledger on another machine. Where more than `model_share` of the caller's time is over
    before the model's turn, the scorecards answer. Without a score the first of `approve` that fits lets an order
    through; every other one is reviewed by a person.
    """

    ledger_max_age_hours: int = 72
    ledger_patience_ms: int = 75
    model_share: float = 0.6
    approve: tuple[Unscored, ...] = ()
    stand_in: StandIn = field(default_factory=StandIn)


def degraded(terms: Fallback, mode: str, facts: Facts, decision: Decision) -> Decision:
    """The decision as the rung `mode` may give it: where the checks decided with less than the model, it says so.

    Without a score, checks that failed still count; what is not known is not held against the order beyond a review.
    """
    if mode == SCORECARD and decision.decided_by == "MODEL":
        return replace(decision, decided_by="FALLBACK")
    if mode != RULES:
        return decision
    failed = [check for check in decision.checks if check.result == "FAIL" and check.outcome != "APPROVE"]
    if failed:
        worst = max((check.outcome for check in failed), key=OUTCOMES.index)
        outcome = max(worst, "REVIEW", key=OUTCOMES.index)
        return replace(decision, outcome=outcome, credit_status="B", human_review_required=True)
    if not any(entry.when.holds(facts) for entry in terms.approve):
        return replace(decision, outcome="REVIEW", decided_by="FALLBACK", credit_status="B", human_review_required=True)
    return replace(
        decision,
        outcome="APPROVE",
        decided_by="FALLBACK",
        credit_status="A",
        human_review_required=facts.legal_form == "NATURAL_PERSON",
        approver=AUTOMATIC,
    )


def problems(terms: Fallback) -> Iterator[str]:
    """What is wrong with the terms."""
    for name in ("ledger_max_age_hours", "ledger_patience_ms"):
        if getattr(terms, name) < 1:
            yield f"fallback.{name}: expected at least 1, got {getattr(terms, name)}"
    if not 0 <= terms.model_share <= 1:
        yield f"fallback.model_share: expected a share from 0 to 1, got {terms.model_share}"
    if terms.stand_in.valid_hours < 1:
        yield f"fallback.stand_in.valid_hours: expected at least 1, got {terms.stand_in.valid_hours}"
    unknown = [name for name in terms.stand_in.up_to if name not in RISK_CLASSES]
    yield from (f"fallback.stand_in.up_to.{name}: expected a class A to E" for name in unknown)
    for entry in terms.approve:
        if not entry.when.up_to:
            yield f"fallback.approve {entry.name}: when.up_to is missing; what goes through unscored needs a cap"
