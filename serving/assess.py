"""From what is known about an order to what should be done: position, prediction, decision, limit, remedies."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, replace
from typing import Final

from features.state import OneOrder
from models.numbers import Floats
from receivables.credit_checks import Facts
from receivables.credit_limit import AMOUNT_CHECKS, LimitFigures, largest_amount, limit_figures
from receivables.loss import LossFigures, loss
from receivables.money import parse_minor
from receivables.policy import Decision, Policy, decide
from receivables.remedies import Action, Situation, actions
from serving.explain import adverse
from serving.overlay import Overlay, overlay
from serving.position import Position, position
from serving.predict import Lateness, Prediction, lateness, predict
from serving.schemas import ScoreRequest
from serving.state import Knowledge, Tools

APPROVED: Final = frozenset({"APPROVE", "APPROVE_WITH_CONDITIONS"})
#: Risk classes that are never answered without a remedy.
RISKY: Final = frozenset({"D", "E"})
#: Checks whose result depends on the amount of the order.
_BY_AMOUNT: Final = frozenset({*AMOUNT_CHECKS, "MODEL_P_LATE_30"})
#: A cause in `degraded`: the caller's time was up before alternatives were tried.
DEADLINE: Final = "DEADLINE_COUNTERFACTUALS"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Alternative:
    """The same order over another amount, scored and decided on like the order itself."""

    gross_minor: int
    outcome: str
    late_over_0: float


@dataclass(frozen=True)
class Largest:
    """The largest amount that would be approved, null where it is not known, and the alternative that was tried."""

    approvable_minor: int | None = None
    tried: Alternative | None = None


_UNKNOWN: Final = Largest()


@dataclass(frozen=True)
class Assessment:
    """Everything that is answered about an order; `prediction` and `loss` are null where no model answered.

    `approvable_minor` is the largest amount that would be approved, found by scoring it: null where it is not known.
    """

    laid: Overlay
    position: Position
    prediction: Prediction | None
    facts: Facts
    decision: Decision
    limit: LimitFigures
    loss: LossFigures | None
    approvable_minor: int | None
    alternatives: tuple[Alternative, ...]
    adverse: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]
    causes: tuple[str, ...]


def assess(request: ScoreRequest, known: Knowledge, tools: Tools) -> Assessment:
    """The assessment of the order in `request`, given what the store knows about the payer."""
    until = time.perf_counter() + request.options.timeout_ms / 1000.0
    laid = overlay(known.account, request)
    all_listed = laid.used_open_items and bool(request.open_items and request.open_items.complete)
    is_known = known.is_synchronised or all_listed
    stands = position(laid, request, tools.rates, known.quotes, is_known=is_known)
    scorer = None if known.mode == "RULES" else _Scorer(request, laid, tools)
    prediction = scorer.prediction() if scorer else None
    facts = _facts(request, stands, prediction, tools)
    decision = decide(tools.policy, facts)
    in_time = time.perf_counter() < until
    largest = _largest(facts, decision, tools.policy, scorer) if scorer and in_time else _UNKNOWN
    limit = limit_figures(tools.policy.limit, facts)
    against = tuple(adverse(tools.champion, prediction)) if prediction else ()
    situation = _situation(request, stands, facts, decision, limit, largest.approvable_minor, against)
    needed = decision.outcome != "APPROVE" or facts.risk_class in RISKY
    return Assessment(
        laid=laid,
        position=stands,
        prediction=prediction,
        facts=facts,
        decision=decision,
        limit=limit,
        loss=loss(tools.policy.loss, facts),
        approvable_minor=largest.approvable_minor,
        alternatives=_worth_saying(request, facts, decision, largest.tried),
        adverse=against,
        actions=actions(tools.policy.remedies, situation, needed=needed),
        causes=(DEADLINE,) if scorer and not in_time else (),
    )


class _Scorer:
    """Scores the order of a request, over its own amount or over another."""

    def __init__(self, request: ScoreRequest, laid: Overlay, tools: Tools) -> None:
        self._request, self._state, self._champion = request, laid.state, tools.champion
        self._as_of = _microseconds(request.as_of)
        self._order = _order(request)

    def prediction(self) -> Prediction:
        """The models on the order as it is."""
        return predict(self._champion, lambda: self._features(self._order))

    def lateness(self, gross_minor: int) -> Lateness:
        """When the order would be paid if it came to `gross_minor`."""
        x = self._features(self._order._replace(amount_minor=gross_minor))
        return lateness(self._champion, x.reshape(1, -1))

    def _features(self, order: OneOrder) -> Floats:
        customer = self._request.customer
        return self._state.features(
            self._as_of,
            order,
            self._champion.priors,
            country=customer.country or "",
            segment=customer.customer_credit_group or "",
        )


def _order(request: ScoreRequest) -> OneOrder:
    order = request.order
    return OneOrder(
        issued=order.issue_date.toordinal() - _EPOCH.toordinal(),
        due=order.due_date.toordinal() - _EPOCH.toordinal(),
        net_days=order.payment_terms.net_days,
        amount_minor=parse_minor(order.gross_amount, order.currency),
        currency=order.currency,
    )


def _microseconds(moment: dt.datetime) -> int:
    """Since 1970, UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _facts(request: ScoreRequest, stands: Position, prediction: Prediction | None, tools: Tools) -> Facts:
    order, event = request.order, tools.champion.default.event
    late, risk = (prediction.lateness, prediction.risk) if prediction else (None, None)

    def minor(text: str | None) -> int | None:
        return None if text is None else parse_minor(text, order.currency)

    return Facts(
        as_of=request.as_of.date(),
        currency=order.currency,
        gross_minor=parse_minor(order.gross_amount, order.currency),
        net_days=order.payment_terms.net_days,
        legal_form=request.customer.legal_form,
        limit_currency=stands.currency,
        prepaid_minor=minor(order.prepaid_amount) or 0,
        secured_minor=minor(order.secured_amount) or 0,
        margin_minor=minor(order.contribution_margin_amount),
        limit_minor=stands.limit_minor,
        limit_valid_to=stands.limit_valid_to,
        rate=stands.rate,
        exposure_before_minor=stands.exposure_minor,
        is_blocked=stands.is_blocked,
        is_insolvent=stands.is_insolvent,
        max_dunning_level=stands.max_dunning_level,
        oldest_overdue_days=stands.oldest_overdue_days,
        late_over=late.late_over if late else None,
        mean_days_late=late.mean if late else None,
        event=event.name,
        event_label=event.label,
        event_probability=risk.probability if risk else None,
        rating=risk.rating if risk else None,
        risk_class=risk.risk_class if risk else None,
    )


def _largest(facts: Facts, decision: Decision, policy: Policy, scorer: _Scorer) -> Largest:
    """What one more scoring, of the largest order that the checks on amounts pass, can tell."""
    if any(c.outcome not in APPROVED for c in decision.checks if c.check not in _BY_AMOUNT):
        return Largest(0)
    most = largest_amount(policy.checks, facts)
    if not most:
        return Largest(most)
    late = scorer.lateness(most)
    changed = replace(facts, gross_minor=most, late_over=late.late_over, mean_days_late=late.mean)
    outcome = decide(policy, changed).outcome
    return Largest(most if outcome in APPROVED else None, Alternative(most, outcome, late.late_over[0]))


def _worth_saying(
    request: ScoreRequest, facts: Facts, decision: Decision, found: Alternative | None
) -> tuple[Alternative, ...]:
    """A smaller order that is approved, where the order itself is not and the caller wants to know."""
    if found is None or not request.options.counterfactuals or decision.outcome in APPROVED:
        return ()
    return (found,) if found.outcome in APPROVED and found.gross_minor < facts.gross_minor else ()


def _situation(
    request: ScoreRequest,
    stands: Position,
    facts: Facts,
    decision: Decision,
    limit: LimitFigures,
    approvable: int | None,
    against: tuple[tuple[str, str], ...],
) -> Situation:
    currencies = {document.currency for document in stands.overdue}
    one_currency = len(currencies) == 1
    return Situation(
        facts=facts,
        checks=decision.checks,
        limit=limit,
        adverse=against,
        overdue=[document.number for document in stands.overdue],
        overdue_minor=sum(document.open_minor for document in stands.overdue) if one_currency else None,
        overdue_currency=currencies.pop() if one_currency else "",
        disputed=[document.number for document in stands.disputed],
        approvable_minor=approvable,
        queue=request.customer.customer_credit_group or "",
    )
