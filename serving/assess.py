"""From what is known about an order to what should be done: position, prediction, decision, limit, remedies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from receivables.credit_limit import LimitFigures, limit_figures
from receivables.facts import Facts
from receivables.fallback import RULES, degraded
from receivables.loss import LossFigures, loss
from receivables.policy import Decision, decide
from receivables.remedies import Action, Situation, actions
from serving.explain import adverse
from serving.overlay import Overlay, overlay
from serving.payers import Knowledge
from serving.position import Position
from serving.predict import Prediction
from serving.release import Alternative, Held, Release, release
from serving.schemas import ScoreRequest
from serving.scorer import Scorer, facts_of, position_of
from serving.state import Tools

#: A cause in `degraded`: the caller's time was up before the reasons were put into words.
NO_EXPLANATIONS: Final = "DEADLINE_EXPLANATIONS"
#: Risk classes that are never answered without a remedy.
RISKY: Final = frozenset({"D", "E"})


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
    stands = position_of(laid, request, known, tools)
    scorer = None if known.mode == RULES else Scorer(request, laid, stands, known, tools)
    prediction = scorer.prediction() if scorer else None
    facts = facts_of(request, stands, prediction, tools)
    decision = degraded(tools.policy.fallback, known.mode, facts, decide(tools.policy, facts))
    is_late = scorer is not None and request.options.explain == "FULL" and time.perf_counter() >= until
    held = Held(request, facts, decision, stands.documents or (), tools.policy)
    released = release(held, scorer, until=until) if scorer else Release()
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
        credit_account=stands.credit_account or "",
        released={found.change: found.parameters for found in released.alternatives},
    )
