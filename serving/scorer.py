"""Scores the order of a request, and the same order changed: what the policy would decide on then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features import INDEX
from features.state import OneOrder
from models.numbers import Floats
from receivables.facts import Facts
from receivables.money import parse_minor
from serving.overlay import Overlay, overlay
from serving.payers import Knowledge
from serving.position import Position, position
from serving.predict import CustomerRisk, Prediction, customer_risk, outlook, predict
from serving.schemas import ScoreRequest
from serving.state import Tools

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY_ZERO: Final = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class _Scored:
    """What the policy looks at of a prediction; `x` is the feature row (1, F)."""

    x: Floats
    late_over: Mapping[int, float]
    mean: float
    risk: CustomerRisk

    @classmethod
    def of(cls, made: Prediction) -> _Scored:
        """That of a prediction."""
        return cls(made.x, made.lateness.late_over, made.lateness.mean, made.risk)

    def facts(self) -> dict[str, Any]:
        """The facts that are the models' and the features'."""
        row, risk = self.x[0], self.risk
        overdue, days_late, settled, history = (float(row[place]) for place in _KNOWN)
        return {
            "overdue_ratio": None if np.isnan(overdue) else overdue,
            "average_days_late": None if np.isnan(days_late) else days_late,
            "settled_invoices": 0 if np.isnan(settled) else int(settled),
            "history_days": 0 if np.isnan(history) else int(history),
            "late_over": self.late_over,
            "mean_days_late": self.mean,
            "event_probability": risk.probability,
            "rating": risk.rating,
            "risk_class": risk.risk_class,
        }


_KNOWN: Final = tuple(INDEX[name] for name in ("overdue_ratio", "wadl_365d", "n_settled", "history_days"))


class Scorer:
    """Scores the order of a request, and the same order changed; what the models cannot tell apart is scored once."""

    def __init__(self, request: ScoreRequest, laid: Overlay, stands: Position, known: Knowledge, tools: Tools) -> None:
        self._request, self._laid, self._stands, self._known, self._tools = request, laid, stands, known, tools
        self._order = _order(request)
        self._made: dict[OneOrder, _Scored] = {}
        self._outlooks: dict[bytes, tuple[Mapping[int, float], float]] = {}
        self._risks: dict[bytes, CustomerRisk] = {}

    def prediction(self) -> Prediction:
        """The models on the order as it is."""
        made = predict(self._tools.champion, lambda: self._features(self._order))
        self._made[self._order] = _Scored.of(made)
        return made

    def trial(self, requests: Sequence[ScoreRequest]) -> list[Facts]:
        """The facts of changed requests."""
        return [self._facts(r) if _stands_alike(self._request, r) else self._anew(r) for r in requests]

    def at_amount(self, facts: Facts, gross_minor: int) -> Facts:
        """The facts of the order over another gross amount, given those of the order: what `trial` gives for it."""
        return facts.changed(
            gross_minor=gross_minor, **self._scored(self._order._replace(amount_minor=gross_minor)).facts()
        )

    def _facts(self, request: ScoreRequest) -> Facts:
        # what is prepaid or secured is not the models' business: such changes are the same order to them
        return _facts(request, self._stands, self._scored(_order(request)), self._tools)

    def _anew(self, request: ScoreRequest) -> Facts:
        """The facts of a request that also changes where the customer stands."""
        laid = overlay(self._known.account, request)
        stands = position_of(laid, request, self._known, self._tools)
        return Scorer(request, laid, stands, self._known, self._tools)._facts(request)

    def _scored(self, order: OneOrder) -> _Scored:
        made = self._made.get(order)
        if made is None:
            champion, x = self._tools.champion, self._features(order).reshape(1, -1)
            late, default = champion.late.cell(x), champion.default.cell(x)
            if late not in self._outlooks:
                self._outlooks[late] = outlook(champion, x)
            if default not in self._risks:
                self._risks[default] = customer_risk(champion, float(champion.default.log_odds(x)[0]))
            made = self._made[order] = _Scored(x, *self._outlooks[late], self._risks[default])
        return made

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


def position_of(laid: Overlay, request: ScoreRequest, known: Knowledge, tools: Tools) -> Position:
    """Where the customer of a request stands."""
    all_listed = laid.used_open_items and bool(request.open_items and request.open_items.complete)
    is_known = known.is_synchronised or all_listed
    return position(laid, request, tools.rates, known, is_known=is_known)


def facts_of(request: ScoreRequest, stands: Position, prediction: Prediction | None, tools: Tools) -> Facts:
    """What the policy decides on; without a prediction what no model says stays null."""
    return _facts(request, stands, _Scored.of(prediction) if prediction else None, tools)


def _facts(request: ScoreRequest, stands: Position, scored: _Scored | None, tools: Tools) -> Facts:
    order, customer, event = request.order, request.customer, tools.champion.default.event

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
        event=event.name,
        event_label=event.label,
        **(scored.facts() if scored else {"settled_invoices": 0, "history_days": 0}),
    )


def _stands_alike(one: ScoreRequest, other: ScoreRequest) -> bool:
    """Whether two requests say the same of the customer, however they differ in the order."""
    names = ("customer", "credit_account", "open_items", "settled_items")
    return all(getattr(one, name) is getattr(other, name) for name in names)


def _order(request: ScoreRequest) -> OneOrder:
    order = request.order
    return OneOrder(
        issued=order.issue_date.toordinal() - _DAY_ZERO,
        due=order.due_date.toordinal() - _DAY_ZERO,
        net_days=order.payment_terms.net_days,
        amount_minor=parse_minor(order.gross_amount, order.currency),
        currency=order.currency,
    )


def _microseconds(moment: dt.datetime) -> int:
    """Since 1970, UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
