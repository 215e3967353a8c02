"""For whom a policy differs: rules of a segment, blocks, exclusions, and who may approve what."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from receivables.credit_checks import Rule
from receivables.facts import Facts
from receivables.money import parse_minor

#: The tier that needs nobody.
AUTOMATIC: Final = "AUTOMATIC"
#: A customer without a rating is approved like one of the worst class.
_WORST: Final = "E"


@dataclass(frozen=True)
class When:
    """Which orders a rule is for: those that match everything that is named; what is not named matches all.

    `up_to` is the largest gross amount by currency; an order in a currency that is not listed does not match.
    """

    segments: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    legal_forms: tuple[str, ...] = ()
    payment_methods: tuple[str, ...] = ()
    order_types: tuple[str, ...] = ()
    check_points: tuple[str, ...] = ()
    up_to: dict[str, str] = field(default_factory=dict)

    def holds(self, facts: Facts) -> bool:
        """Whether the order is one of them."""
        known = facts.__dict__
        for name, listed in self._named:
            if known[name] not in listed:
                return False
        return _within(self.up_to, facts)

    @cached_property
    def _named(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """What is named, by the fact that it is about."""
        named = {
            "segment": self.segments,
            "country": self.countries,
            "legal_form": self.legal_forms,
            "payment_method": self.payment_methods,
            "order_type": self.order_types,
            "check_point": self.check_points,
        }
        return tuple((name, frozenset(listed)) for name, listed in named.items() if listed)


@dataclass(frozen=True)
class Segment:
    """The appetite for some customers: rules that replace those of the same check, or are added to them."""

    name: str
    when: When
    checks: tuple[Rule, ...]


@dataclass(frozen=True)
class Block:
    """Orders that are not delivered on account, whatever else is known; what follows says the check BLOCK_RULE."""

    name: str
    when: When


@dataclass(frozen=True)
class Exclusion:
    """Orders for which some checks are not run."""

    name: str
    when: When
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Approval:
    """Who may approve: orders of the listed risk classes up to an amount by currency; no `up_to` is without bound."""

    role: str
    classes: tuple[str, ...]
    up_to: dict[str, str] = field(default_factory=dict)


def rules_of(checks: tuple[Rule, ...], segments: tuple[Segment, ...], facts: Facts) -> tuple[Rule, ...]:
    """The rules for an order: those of the policy, with those of the first segment that it belongs to."""
    own = next((segment.checks for segment in segments if segment.when.holds(facts)), ())
    if not own:
        return checks
    by_name = {rule.check: rule for rule in own}
    listed = {rule.check for rule in checks}
    return (*(by_name.get(rule.check, rule) for rule in checks), *(rule for rule in own if rule.check not in listed))


def blocked_by(blocks: tuple[Block, ...], facts: Facts) -> str | None:
    """The name of the first block that the order falls under, or null."""
    return next((block.name for block in blocks if block.when.holds(facts)), None)


def excluded(exclusions: tuple[Exclusion, ...], facts: Facts) -> dict[str, str]:
    """Checks that are not run for an order, with the name of the exclusion."""
    return {name: rule.name for rule in exclusions if rule.when.holds(facts) for name in rule.checks}


def approver(approvals: tuple[Approval, ...], facts: Facts) -> str:
    """The first role of the list that may approve the order; AUTOMATIC where nobody has to."""
    return next(tier.role for tier in approvals if may_approve(tier, facts))


def may_approve(tier: Approval, facts: Facts) -> bool:
    """Whether the tier covers the order's risk class and amount."""
    return (facts.risk_class or _WORST) in tier.classes and _within(tier.up_to, facts)


def _within(up_to: dict[str, str], facts: Facts) -> bool:
    if not up_to:
        return True
    text = up_to.get(facts.currency)
    return text is not None and facts.gross_minor <= parse_minor(text, facts.currency)
