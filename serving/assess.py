"""From what is known about an order to what should be done: position, prediction, decision, limit, remedies."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features import INDEX
from features.state import OneOrder
from models.numbers import Floats
from receivables.credit_limit import LimitFigures, limit_figures
from receivables.facts import Facts
from receivables.fallback import RULES, degraded
from receivables.loss import LossFigures, loss
from receivables.money import parse_minor
from receivables.policy import Decision, decide
from receivables.remedies import Action, Situation, actions
from serving.explain import adverse
from serving.overlay import Overlay, overlay
from serving.payers import Knowledge
from serving.position import Position, position
from serving.predict import CustomerRisk, Lateness, Prediction, customer_risk, latenesses, predict
from serving.release import Alternative, Held, Release, release
from serving.schemas import ScoreRequest
from serving.state import Tools

#: A cause in `degraded`: the caller's time was up before the reasons were put into words.
NO_EXPLANATIONS: Final = "DEADLINE_EXPLANATIONS"
#: Risk classes that are never answered without a remedy.
RISKY: Final = frozenset({"D", "E"})
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


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
    stands = _position(laid, request, known, tools)
    scorer = None if known.mode == RULES else _Scorer(request, laid, stands, known, tools)
    prediction = scorer.prediction() if scorer else None
    facts = _facts(request, stands, prediction, tools)
    decision = degraded(tools.policy.fallback, known.mode, facts, decide(tools.policy, facts))
    is_late = scorer is not None and request.options.explain == "FULL" and time.perf_counter() >= until
    held = Held(request, facts, decision, stands.documents or (), tools.policy)
    released = release(held, scorer.trial, until=until) if scorer else Release()
    limit = limit_figures(tools.policy.limit, facts)
    against = tuple(adverse(tools.champion, prediction)) if prediction else ()
    situation = _situation(request, stands, facts, decision, limit, released, against)
    needed = decision.outcome != "APPROVE" or facts.risk_class in RISKY
    return Assessment(
        laid=laid,
        position=stands,
        prediction=prediction,
        facts=facts,
        decision=decision,
        limit=limit,
        loss=loss(tools.policy.loss, facts),
        approvable_minor=released.approvable_minor,
        alternatives=released.alternatives,
        adverse=against,
        actions=actions(tools.policy.remedies, situation, needed=needed),
        causes=(*released.causes, *((NO_EXPLANATIONS,) if is_late else ())),
    )


@dataclass(frozen=True)
class _Scored:
    """What the policy looks at of a prediction."""

    x: Floats
    lateness: Lateness
    risk: CustomerRisk


class _Scorer:
    """Scores the order of a request, and the same order changed."""

    def __init__(self, request: ScoreRequest, laid: Overlay, stands: Position, known: Knowledge, tools: Tools) -> None:
        self._request, self._laid, self._stands, self._known, self._tools = request, laid, stands, known, tools
        self._made: dict[OneOrder, _Scored | Prediction] = {}

    def prediction(self) -> Prediction:
        """The models on the order as it is."""
        made = predict(self._tools.champion, lambda: self._features(_order(self._request)))
        self._made[_order(self._request)] = made
        return made

    def trial(self, requests: Sequence[ScoreRequest]) -> list[Facts]:
        """The facts of changed requests; those that change the order alone are scored together."""
        same = [_stands_alike(self._request, changed) for changed in requests]
        together = iter(self._together([r for r, alike in zip(requests, same, strict=True) if alike]))
        return [next(together) if alike else self._anew(r) for r, alike in zip(requests, same, strict=True)]

    def _together(self, requests: Sequence[ScoreRequest]) -> list[Facts]:
        orders = [_order(request) for request in requests]
        # what is prepaid or secured is not the models' business: such changes are the same order to them
        self._score([order for order in dict.fromkeys(orders) if order not in self._made])
        return [_facts(r, self._stands, self._made[o], self._tools) for r, o in zip(requests, orders, strict=True)]

    def _score(self, orders: Sequence[OneOrder]) -> None:
        if not orders:
            return
        champion = self._tools.champion
        x = np.stack([self._features(order) for order in orders])
        risks = [customer_risk(champion, float(log_odds)) for log_odds in champion.default.log_odds(x)]
        for i, late in enumerate(latenesses(champion, x)):
            self._made[orders[i]] = _Scored(x[i : i + 1], late, risks[i])

    def _anew(self, request: ScoreRequest) -> Facts:
        """The facts of a request that also changes where the customer stands."""
        laid = overlay(self._known.account, request)
        stands = _position(laid, request, self._known, self._tools)
        return _Scorer(request, laid, stands, self._known, self._tools)._together([request])[0]

    def _features(self, order: OneOrder) -> Floats:
        customer = self._request.customer
        return self._laid.state.features(
            _microseconds(self._request.as_of),
            order,
            self._tools.champion.priors,
            country=customer.country or "",
            segment=customer.customer_credit_group or "",
            customer_id=customer.payer,
        )


def _position(laid: Overlay, request: ScoreRequest, known: Knowledge, tools: Tools) -> Position:
    all_listed = laid.used_open_items and bool(request.open_items and request.open_items.complete)
    is_known = known.is_synchronised or all_listed
    return position(laid, request, tools.rates, known, is_known=is_known)


def _stands_alike(one: ScoreRequest, other: ScoreRequest) -> bool:
    """Whether two requests say the same of the customer, however they differ in the order."""
    names = ("customer", "credit_account", "open_items", "settled_items")
    return all(getattr(one, name) is getattr(other, name) for name in names)


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


def _facts(request: ScoreRequest, stands: Position, scored: _Scored | Prediction | None, tools: Tools) -> Facts:
    order, customer, event = request.order, request.customer, tools.champion.default.event
    late, risk = (scored.lateness, scored.risk) if scored else (None, None)

    def known(name: str) -> float | None:
        value = np.nan if scored is None else float(scored.x[0, INDEX[name]])
        return None if np.isnan(value) else value

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
        delivery_on=order.requested_delivery_date,
        segment=customer.customer_credit_group or "",
        country=customer.country or "",
        payment_method=order.payment_method or "",
        order_type=order.order_type or "",
        check_point=request.check_point,
        limit_minor=stands.limit_minor,
        limit_valid_to=stands.limit_valid_to,
        rate=stands.rate,
        exposure_before_minor=stands.exposure_minor,
        is_blocked=stands.is_blocked,
        is_insolvent=stands.is_insolvent,
        max_dunning_level=stands.max_dunning_level,
        oldest_overdue_days=stands.oldest_overdue_days,
        overdue_ratio=known("overdue_ratio"),
        average_days_late=known("wadl_365d"),
        settled_invoices=int(known("n_settled") or 0),
        history_days=int(known("history_days") or 0),
        late_over=late.late_over if late else None,
        mean_days_late=late.mean if late else None,
        event=event.name,
        event_label=event.label,
        event_probability=risk.probability if risk else None,
        rating=risk.rating if risk else None,
        risk_class=risk.risk_class if risk else None,
    )


def _situation(
    request: ScoreRequest,
    stands: Position,
    facts: Facts,
    decision: Decision,
    limit: LimitFigures,
    released: Release,
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
        approvable_minor=released.approvable_minor,
        queue=request.customer.customer_credit_group or "",
        approver=decision.approver,
        released={found.change: found.parameters for found in released.alternatives},
    )
