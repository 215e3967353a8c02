"""Where a customer stands at a moment, without an order: account, event risk, limit, open items, remedies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features import INDEX
from models.contributions import Contributions
from models.numbers import Floats
from receivables.aging import NAMES, bucket_of
from receivables.credit_limit import LimitFigures, limit_figures
from receivables.errors import NotFoundError, UnavailableError
from receivables.facts import Facts
from receivables.money import format_minor
from receivables.remedies import Action, Situation, actions
from serving.account import Account
from serving.explain import adverse_to
from serving.payers import Knowledge
from serving.predict import CustomerRisk, customer_risk
from serving.state import State

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Classes that are never answered without a remedy.
_RISKY: Final = frozenset({"D", "E"})


@dataclass(frozen=True)
class Standing:
    """A customer at a moment: account as known then, event risk, contributions, open documents and limit figures."""

    account: Account
    x: Floats
    risk: CustomerRisk
    parts: Contributions
    facts: Facts
    limit: LimitFigures


def standing_of(state: State, payer: str, as_of: dt.datetime) -> tuple[Knowledge, Standing]:
    """Where a customer stands at a moment; raises NotFoundError for one that was not known then."""
    known = known_payer(state, payer)
    account = known.account.as_known(naive(as_of))
    if not account.facts:
        raise NotFoundError(f"nothing was known of customer {payer!r} at that moment")
    champion = state.tools.champion
    x = account.state.features(microseconds(as_of), None, champion.priors)
    parts = champion.default.explain(x.reshape(1, -1))
    found = customer_risk(champion, float(parts.total[0]))
    facts = _facts(state, known, account, x, found, as_of.date())
    return known, Standing(account, x, found, parts, facts, limit_figures(state.tools.policy.limit, facts))


def _facts(state: State, known: Knowledge, account: Account, x: Floats, found: CustomerRisk, today: dt.date) -> Facts:
    """The customer as the policy sees it, with an order over nothing."""
    limit, event = account.limit_on(today), state.tools.champion.default.event
    owed = [held for held in account.invoices.values() if held.residual]
    counted = [held.currency for held in owed]
    currency = limit.currency if limit else max(counted, key=counted.count, default=None)
    rates = state.tools.rates.into(known.quotes, currency)
    day = today.toordinal() - _EPOCH.toordinal()
    overdue = [(today - held.due_on).days for held in owed if held.due_on < today]
    return Facts(
        as_of=today,
        currency=rates.base,
        gross_minor=0,
        net_days=0,
        legal_form="",
        limit_currency=rates.base,
        limit_minor=limit.amount_minor if limit else None,
        exposure_before_minor=sum(rates.convert_one(held.residual, held.currency, day) for held in owed),
        is_insolvent=account.is_insolvent,
        oldest_overdue_days=max(overdue, default=0),
        settled_invoices=int(feature_of(x, "n_settled") or 0),
        history_days=int(feature_of(x, "history_days") or 0),
        event=event.name,
        event_label=event.label,
        event_probability=found.probability,
        rating=found.rating,
        risk_class=found.risk_class,
    )


def remedies_of(state: State, stands: Standing, today: dt.date) -> Sequence[Action]:
    """What to do about the customer itself; at least something for the classes D and E."""
    disputed = set(stands.account.disputes.values())
    late = {n: held for n, held in stands.account.invoices.items() if held.residual and held.due_on < today}
    owed = {n: held for n, held in late.items() if n not in disputed}
    currencies = {held.currency for held in owed.values()}
    champion = state.tools.champion
    situation = Situation(
        facts=stands.facts,
        checks=(),
        limit=stands.limit,
        adverse=adverse_to(champion, stands.parts, stands.x),
        overdue=sorted(owed, key=lambda number: (owed[number].due_on, number)),
        overdue_minor=sum(held.residual for held in owed.values()) if len(currencies) == 1 else None,
        overdue_currency=min(currencies, default=""),
        disputed=sorted(number for number in disputed if number in stands.account.invoices),
    )
    return actions(state.tools.policy.remedies, situation, needed=stands.facts.risk_class in _RISKY or bool(owed))


def open_blocks(account: Account, today: dt.date) -> list[dict[str, Any]]:
    """What is open by currency: documents, amounts by aging bucket, the oldest."""
    found = []
    owed = [held for held in account.invoices.values() if held.residual]
    for currency in sorted({held.currency for held in owed}):
        items = [held for held in owed if held.currency == currency]
        days = np.array([(today - held.due_on).days for held in items])
        sums = np.zeros(len(NAMES), np.int64)
        np.add.at(sums, bucket_of(days), np.array([held.residual for held in items]))
        found.append(
            {
                "currency": currency,
                "documents": len(items),
                "amount": format_minor(int(sums.sum()), currency),
                "overdue_amount": format_minor(int(sums[1:].sum()), currency),
                "oldest_days_past_due": max(int(days.max()), 0),
                "aging": {name: format_minor(int(minor), currency) for name, minor in zip(NAMES, sums, strict=True)},
            }
        )
    return found


def known_payer(state: State, payer: str, *, must_exist: bool = True) -> Knowledge:
    """What the ledger holds of a payer; raises NotFoundError for an unknown one, UnavailableError out of reach."""
    known = state.payers.known(payer, has_items=False)
    if known.causes:
        raise UnavailableError("the ledger cannot be reached")
    if must_exist and not known.account.facts:
        raise NotFoundError(f"no customer {payer!r}")
    return known


def feature_of(x: Floats, name: str) -> float | None:
    """One feature of a row (F,); null where it is unknown."""
    value = float(x[INDEX[name]])
    return None if np.isnan(value) else value


def naive(at: dt.datetime) -> dt.datetime:
    """The moment in UTC without its offset, as the ledger keeps it."""
    return at.astimezone(dt.UTC).replace(tzinfo=None)


def microseconds(at: dt.datetime) -> int:
    """Since 1970, UTC."""
    return (at - _EPOCH) // dt.timedelta(microseconds=1)
