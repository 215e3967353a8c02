"""What can be done about a risk: the remedies that a policy offers, matched to what failed and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, Final

from receivables.credit_checks import CheckResult
from receivables.credit_limit import LimitFigures
from receivables.facts import Facts
from receivables.money import format_minor, parse_minor


@dataclass(frozen=True)
class Remedy:
    """A remedy as the policy wants it: who does it and what calls for it.

    It is called for by a failed (or unknown) check of `checks`, by an adverse reason of `categories`, or by a
    probability of late payment of at least `min_late_over_0`. `parameters` are given to whoever carries it out.
    """

    code: str
    owner: str
    checks: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    min_late_over_0: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """What remedies are chosen on: the facts, what the checks and the limit say, and the adverse reasons.

    `adverse` is (reason code, category), strongest first. `overdue` and `disputed` are document numbers;
    `overdue_minor` is the amount of the former, null where their currencies differ. `approvable_minor` is the largest
    order that would be approved, in the order's currency, null where it is not known; `approver` the role that may
    approve this one; `credit_account` whose limit and exposure decide where that is the payer's group. `released` holds
    what would let the order through, by change: a remedy asks for exactly that.
    """

    facts: Facts
    checks: Sequence[CheckResult]
    limit: LimitFigures
    adverse: Sequence[tuple[str, str]] = ()
    overdue: Sequence[str] = ()
    overdue_minor: int | None = None
    overdue_currency: str = ""
    disputed: Sequence[str] = ()
    approvable_minor: int | None = None
    queue: str = ""
    approver: str = ""
    credit_account: str = ""
    released: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def called_for(self) -> frozenset[str]:
        """Checks that did not pass and so speak against the order."""
        return frozenset(check.check for check in self.checks if check.outcome != "APPROVE")


@dataclass(frozen=True)
class Action:
    """A remedy to carry out now; `why` names the reason codes and checks that call for it."""

    code: str
    owner: str
    priority: int
    parameters: Mapping[str, Any]
    why: tuple[str, ...]


#: Where nothing else fits, a person looks.
LAST_RESORT: Final = "ROUTE_TO_CREDIT_ANALYST"


def actions(remedies: Sequence[Remedy], situation: Situation, *, needed: bool) -> tuple[Action, ...]:
    """The remedies that apply, in the policy's order; at least one where `needed`.

    Where nothing is `needed` only remedies against mere lateness (`min_late_over_0`) are proposed.
    """
    found: list[Action] = []
    for remedy in remedies:
        if not needed and remedy.min_late_over_0 is None:
            continue
        why = _why(remedy, situation, needed)
        parameters = PARAMETERS[remedy.code](remedy, situation) if why else None
        if parameters is not None:
            found.append(Action(remedy.code, remedy.owner, len(found) + 1, parameters, why))
    if needed and not found:
        found.append(_last_resort(remedies, situation))
    return tuple(found)


def _why(remedy: Remedy, situation: Situation, needed: bool) -> tuple[str, ...]:
    late = situation.facts.late_over
    often_late = remedy.min_late_over_0 is not None and late is not None and late[0] >= remedy.min_late_over_0
    causes = ["LATE_PAYMENT_LIKELY"] if often_late else []
    if needed:
        causes += [code for code, category in situation.adverse if category in remedy.categories]
        causes += [check for check in remedy.checks if check in situation.called_for]
    return tuple(causes)


def _last_resort(remedies: Sequence[Remedy], situation: Situation) -> Action:
    remedy = next(remedy for remedy in remedies if remedy.code == LAST_RESORT)
    why = tuple(sorted(situation.called_for)) or ("RISK_CLASS",)
    return Action(remedy.code, remedy.owner, 1, _analyst(remedy, situation), why)


def _as_given(remedy: Remedy, situation: Situation) -> dict[str, Any]:
    return dict(remedy.parameters)


def _overdue(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    if not situation.overdue:
        return None
    found: dict[str, Any] = {"document_numbers": list(situation.overdue)}
    if situation.overdue_minor is not None:
        found["amount"] = format_minor(situation.overdue_minor, situation.overdue_currency)
        found["currency"] = situation.overdue_currency
    return found


def _disputed(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    return {"document_numbers": list(situation.disputed)} if situation.disputed else None


def _prepayment(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    """The share of the order that lets it through, else that leaves what is approvable, else the policy's usual one."""
    if "PREPAYMENT" in situation.released:
        return {**situation.released["PREPAYMENT"], "currency": situation.facts.currency}
    facts, approvable = situation.facts, situation.approvable_minor
    if approvable is None or approvable >= facts.gross_minor:
        return dict(remedy.parameters) or None
    share = Decimal(100 * (facts.gross_minor - approvable)) / facts.gross_minor
    percent = int(share.to_integral_value(ROUND_CEILING))
    return {"percent": str(percent)} if percent < 100 else {"percent": "100"}


def _shorter_terms(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    if "SHORTEN_TERMS" in situation.released:
        return dict(situation.released["SHORTEN_TERMS"])
    return dict(remedy.parameters) if situation.facts.net_days > int(remedy.parameters["net_days"]) else None


def _reduced_limit(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    limit, currency = situation.limit, situation.facts.limit_currency
    if limit.recommendation != "REDUCE" or limit.recommended is None:
        return None
    of_group = {"credit_account": situation.credit_account} if situation.credit_account else {}
    return {"limit": format_minor(limit.recommended, currency), "currency": currency, **of_group}


def _security(remedy: Remedy, situation: Situation) -> dict[str, Any]:
    """What more must be secured so that the order goes through, else all that is not."""
    facts = situation.facts
    wanted = situation.released.get("SECURE")
    missing = parse_minor(wanted["secured_amount"], facts.currency) - facts.secured_minor if wanted else None
    minor = facts.unsecured_minor if missing is None else missing
    return {"amount": format_minor(minor, facts.currency), "currency": facts.currency}


def _split(remedy: Remedy, situation: Situation) -> dict[str, Any] | None:
    facts, approvable = situation.facts, situation.approvable_minor
    if not approvable or approvable >= facts.gross_minor:
        return None
    return {"first_gross_amount": format_minor(approvable, facts.currency), "currency": facts.currency}


def _analyst(remedy: Remedy, situation: Situation) -> dict[str, Any]:
    is_over = "CREDIT_LIMIT_UTILISATION" in situation.called_for
    given = {
        "queue": situation.queue,
        "approver": situation.approver,
        "credit_account": situation.credit_account if is_over else "",
    }
    return {**remedy.parameters, **{name: value for name, value in given.items() if value}}


#: How each remedy finds its parameters; null where it makes no sense for the order at hand.
PARAMETERS: Final[dict[str, Callable[[Remedy, Situation], dict[str, Any] | None]]] = {
    "REQUEST_PAYMENT_OF_OVERDUE": _overdue,
    "REQUEST_PREPAYMENT": _prepayment,
    "SHORTEN_PAYMENT_TERMS": _shorter_terms,
    "REDUCE_LIMIT": _reduced_limit,
    "REQUEST_SECURITY_OR_INSURANCE": _security,
    "ROUTE_TO_CREDIT_ANALYST": _analyst,
    "RESOLVE_DISPUTE_FIRST": _disputed,
    "PRE_DUE_REMINDER": _as_given,
    "CALL": _as_given,
    "SPLIT_DELIVERY": _split,
    "OFFER_EARLY_DISCOUNT": _as_given,
}
