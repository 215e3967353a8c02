"""What would release an order: the least change of each kind that lets it through, tried on the same models and policy.

Every alternative is a changed request that was scored and decided on like the order itself, so sending the changed
request gives what was promised. What a change can alter is searched exactly where the policy alone decides; where the
models have a say, which are not monotone, the largest amount found is one whose next minor unit up is refused.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from receivables import credit_checks
from receivables.credit_checks import APPROVED, CHECKS
from receivables.credit_limit import largest_amount, limit_figures
from receivables.facts import Facts
from receivables.money import MAX_MINOR, format_minor
from receivables.policy import Decision, Policy, approves, completed, outcome_of
from serving import changes
from serving.position import OpenDocument
from serving.schemas import ScoreRequest


class Trials(Protocol):
    """Finds the facts of changed orders as those of the order were found."""

    def trial(self, requests: Sequence[ScoreRequest]) -> list[Facts]:
        """The facts of changed requests."""

    def at_amount(self, facts: Facts, gross_minor: int) -> Facts:
        """Those of the order over another amount, given the order's: what `trial` gives for it, in less time."""


#: A cause in `degraded`: the caller's time was up before every alternative was tried.
DEADLINE: Final = "DEADLINE_COUNTERFACTUALS"
#: The checks whose facts each change alters.
TURNS: Final[Mapping[str, frozenset[str]]] = {
    "REDUCE_ORDER": frozenset(
        {"CREDIT_LIMIT_UTILISATION", "MAX_DOCUMENT_VALUE", "MODEL_P_LATE_30", "EXPECTED_PROFIT"}
    ),
    "CLEAR_OPEN_ITEM": frozenset(CHECKS) - {"MAX_DOCUMENT_VALUE", "CREDIT_LIMIT_VALIDITY", "BLOCKED", "INSOLVENCY",
                                            "BLOCK_RULE"},
    "PREPAYMENT": frozenset(
        {"CREDIT_LIMIT_UTILISATION", "MODEL_P_LATE_30", "MODEL_PD", "RISK_CLASS", "EXPECTED_PROFIT"}
    ),
    "SECURE": frozenset(
        {"CREDIT_LIMIT_UTILISATION", "MODEL_P_LATE_30", "MODEL_PD", "RISK_CLASS", "EXPECTED_PROFIT"}
    ),
    "SHORTEN_TERMS": frozenset({"MODEL_P_LATE_30", "EXPECTED_PROFIT"}),
    "RAISE_LIMIT": frozenset({"CREDIT_LIMIT_UTILISATION"}),
}  # fmt: skip
#: Amounts tried side by side; open items whose every combination is tried; combinations scored at most.
_ABREAST: Final = 16
_COMBINED: Final = 8
_SCORED_SETS: Final = 4


@dataclass(frozen=True)
class Alternative:
    """A change of the order, what to change it to, and the outcome of the changed order."""

    change: str
    parameters: Mapping[str, Any]
    outcome: str
    late_over_0: float


@dataclass(frozen=True)
class Release:
    """What was found: the largest amount that would be approved (null where it is not known), and the alternatives."""

    approvable_minor: int | None = None
    alternatives: tuple[Alternative, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """An order as it was decided on, and what is known around it."""

    request: ScoreRequest
    facts: Facts
    decision: Decision
    documents: tuple[OpenDocument, ...]
    policy: Policy

    @cached_property
    def failing(self) -> frozenset[str]:
        """The checks that stand in the way."""
        return frozenset(check.check for check in self.decision.checks if check.outcome not in APPROVED)

    @property
    def is_approved(self) -> bool:
        """Whether nothing does."""
        return self.decision.outcome in APPROVED


def release(held: Held, trials: Trials, *, until: float) -> Release:
    """The alternatives to a held order, one of each kind that helps, and the largest amount that would be approved.

    An approved order has no alternatives. `until` is when (of `time.perf_counter`) the search ends with what it has.
    """
    if time.perf_counter() >= until:
        return Release(causes=(DEADLINE,))
    amount, reduced = _largest(held, trials, until)
    if amount is None and time.perf_counter() >= until:
        return Release(causes=(DEADLINE,))
    if held.is_approved or not held.request.options.counterfactuals:
        return Release(amount)
    found = [reduced] if reduced and amount and amount < held.facts.gross_minor else []
    for change, search in _SEARCHES.items():
        if held.failing <= TURNS[change]:
            if time.perf_counter() >= until:
                return Release(amount, tuple(found), (DEADLINE,))
            found += search(held, trials)
    return Release(amount, tuple(found))


def _largest(held: Held, trials: Trials, until: float) -> tuple[int | None, Alternative | None]:
    if not held.failing <= TURNS["REDUCE_ORDER"]:
        return 0, None
    most = largest_amount(held.policy.rules(held.facts), held.facts)
    if most is None:
        return None, None
    most = min(most, MAX_MINOR)
    if not most or most < held.facts.prepaid_minor:
        return 0, None

    if _is_approved(held, trials, most):
        return most, _reduced(held, trials, most)
    found = _below(most, max(held.facts.prepaid_minor, 1), lambda minor: _is_approved(held, trials, minor), until)
    return found, None if found is None else _reduced(held, trials, found)


def _is_approved(held: Held, trials: Trials, gross_minor: int) -> bool:
    return approves(held.policy, trials.at_amount(held.facts, gross_minor))


def _reduced(held: Held, trials: Trials, gross_minor: int) -> Alternative:
    request = changes.reduced(held.request, gross_minor)
    shown = {"gross_amount": request.order.gross_amount}
    return _outcomes("REDUCE_ORDER", [shown], trials.trial([request]), held.policy)[0]


def _below(most: int, least: int, is_approved: Callable[[int], bool], until: float) -> int | None:
    """The largest approved amount below `most`, narrowed down to a minor unit between two that were tried."""
    low, high = least, most
    is_found = False
    while high - low > 1 or not is_found:
        step = max((high - low) // _ABREAST, 1)
        above = high
        # from the largest down: those below the first that passes need not be tried
        for minor in sorted({low, *range(high - step, low, -step)}, reverse=True):
            if time.perf_counter() >= until:
                return None
            if (is_found and minor == low) or is_approved(minor):
                break
            above = minor
        else:
            return None
        low, high, is_found = minor, above, True
    return low


def _cleared(held: Held, trials: Trials) -> list[Alternative]:
    """The overdue items, of the least amount in all, without which the order goes through."""
    for documents in itertools.islice(_sets(held), _SCORED_SETS):
        parameters = {
            "document_numbers": [document.number for document in documents],
            "amount": format_minor(sum(document.open_minor for document in documents), documents[0].currency),
            "currency": documents[0].currency,
        }
        request = changes.cleared(held.request, documents, _paid_minor(held.facts, documents))
        found = _approved("CLEAR_OPEN_ITEM", [parameters], trials.trial([request]), held.policy)
        if found:
            return found
    return []


def _sets(held: Held) -> Iterator[tuple[OpenDocument, ...]]:
    """Sets of overdue items whose payment satisfies the rules, from the least amount up; of one currency each.

    Where the request states the exposure, only items in its currency: what they take off it is then no matter of rates.
    """
    overdue = [d for d in held.documents if d.days_past_due > 0 and not d.disputed]
    account = held.request.credit_account
    is_stated = bool(account and account.exposure and account.exposure.open_item_amount is not None)
    others = () if is_stated else (held.facts.currency,)
    for currency in dict.fromkeys((held.facts.limit_currency, *others)):
        items = sorted((d for d in overdue if d.currency == currency), key=lambda d: (-d.days_past_due, d.number))
        if len(items) <= _COMBINED:
            sizes = range(1, len(items) + 1)
            chosen = list(itertools.chain.from_iterable(itertools.combinations(items, size) for size in sizes))
        else:  # the oldest, and then one more and one more
            chosen = [tuple(items[:size]) for size in range(1, len(items) + 1)]
        chosen.sort(key=lambda documents: sum(document.open_minor for document in documents))
        yield from (documents for documents in chosen if _satisfies(held, documents))


def _satisfies(held: Held, documents: Sequence[OpenDocument]) -> bool:
    """Whether the rules on open items and on the limit would pass once the documents are paid.

    What the models say then is found out by scoring.
    """
    gone = {document.number for document in documents}
    left = [document for document in held.documents if document.number not in gone]
    before = held.facts.exposure_before_minor
    after = held.facts.changed(
        max_dunning_level=max((d.dunning_level for d in left), default=0),
        oldest_overdue_days=max((d.days_past_due for d in left if d.days_past_due > 0 and not d.disputed), default=0),
        exposure_before_minor=None if before is None else before - _paid_minor(held.facts, documents),
    )
    return _pass(held, after, _OF_OPEN_ITEMS)


def _paid_minor(facts: Facts, documents: Sequence[OpenDocument]) -> int:
    """What the documents take off the exposure, in the limit's currency."""
    minor = sum(document.open_minor for document in documents)
    return minor if documents[0].currency == facts.limit_currency else facts.in_limit_currency(minor)


def _prepaid(held: Held, trials: Trials) -> list[Alternative]:
    """The least whole per cent of the order that, paid in advance, lets it through, however a caller rounds it."""
    gross = held.facts.gross_minor

    def passes(percent: int) -> bool:
        return _pass(held, held.facts.changed(prepaid_minor=gross * percent // 100))

    percent = _least(passes, 1 + 100 * held.facts.prepaid_minor // gross, 100)
    if percent is None:
        return []
    request = changes.prepaid(held.request, changes.share(gross, percent))
    parameters = {"percent": str(percent), "amount": request.order.prepaid_amount}
    return _approved("PREPAYMENT", [parameters], trials.trial([request]), held.policy)


def _secured(held: Held, trials: Trials) -> list[Alternative]:
    """The least security, in all, that lets the order through."""

    def passes(minor: int) -> bool:
        return _pass(held, held.facts.changed(secured_minor=minor))

    minor = _least(passes, held.facts.secured_minor + 1, held.facts.claim_minor)
    if minor is None:
        return []
    request = changes.secured(held.request, minor)
    return _approved("SECURE", [{"secured_amount": request.order.secured_amount}], trials.trial([request]), held.policy)


def _raised(held: Held, trials: Trials) -> list[Alternative]:
    """The limit that the policy would give the customer, where it is higher and large enough."""
    limit, currency = limit_figures(held.policy.limit, held.facts), held.facts.limit_currency
    if limit.recommendation != "RAISE" or limit.recommended is None:
        return []
    if not _pass(held, held.facts.changed(limit_minor=limit.recommended)):
        return []
    request = changes.limited(held.request, limit.recommended, currency)
    parameters = {"credit_limit_amount": format_minor(limit.recommended, currency), "currency": currency}
    return _approved("RAISE_LIMIT", [parameters], trials.trial([request]), held.policy)


def _shortened(held: Held, trials: Trials) -> list[Alternative]:
    """The longest of the usual terms, shorter than the order's, that let it through."""
    terms = sorted((days for days in held.policy.release.net_days if days < held.facts.net_days), reverse=True)
    if not terms:
        return []
    facts = trials.trial([changes.due_in(held.request, days) for days in terms])
    return _approved("SHORTEN_TERMS", [{"net_days": days} for days in terms], facts, held.policy)[:1]


def _pass(held: Held, facts: Facts, among: frozenset[str] | None = None) -> bool:
    """Whether the checks that stand in the way (those `among` them) would pass with these facts.

    That the others still pass is found out by the trial that follows.
    """
    wanted = held.failing if among is None else held.failing & among
    facts = completed(held.policy, facts) if "EXPECTED_PROFIT" in wanted else facts
    return all(
        credit_checks.outcome_of(rule, facts) in APPROVED for rule in held.policy.rules(facts) if rule.check in wanted
    )


def _least(passes: Callable[[int], bool], low: int, high: int) -> int | None:
    """The least number from `low` to `high` that passes, where every larger one does too; null where none does."""
    if low > high or not passes(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle + 1, high)
    return low


def _outcomes(
    change: str, shown: Sequence[Mapping[str, Any]], facts: Sequence[Facts], policy: Policy
) -> list[Alternative]:
    return [
        Alternative(change, parameters, outcome_of(policy, found), found.late_over[0] if found.late_over else 0.0)
        for parameters, found in zip(shown, facts, strict=True)
    ]


def _approved(
    change: str, shown: Sequence[Mapping[str, Any]], facts: Sequence[Facts], policy: Policy
) -> list[Alternative]:
    return [found for found in _outcomes(change, shown, facts, policy) if found.outcome in APPROVED]


#: Checks that are known without scoring once items are cleared.
_OF_OPEN_ITEMS: Final = frozenset({"CREDIT_LIMIT_UTILISATION", "MAX_DUNNING_LEVEL", "OLDEST_OPEN_ITEM_AGE"})
_SEARCHES: Final[Mapping[str, Callable[[Held, Trials], list[Alternative]]]] = {
    "CLEAR_OPEN_ITEM": _cleared,
    "PREPAYMENT": _prepaid,
    "SECURE": _secured,
    "SHORTEN_TERMS": _shortened,
    "RAISE_LIMIT": _raised,
}
