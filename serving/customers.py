"""What is known of a customer: risk without an order, profile, history, and why the score changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from receivables.decision import moment_text, wire
from receivables.money import format_minor
from serving.account import Account
from serving.answer import action_blocks, limit_block, model_block, moment, percentile
from serving.explain import event_block, number
from serving.handlers import Call, Reply
from serving.predict import customer_risk
from serving.problems import FieldProblem, refuse
from serving.query import count_of, moment_of, require_known
from serving.score_change import MAX_EVENTS, facts_between, score_change, told
from serving.standing import (
    Standing,
    feature_of,
    known_payer,
    microseconds,
    naive,
    open_blocks,
    remedies_of,
    standing_of,
)
from serving.state import State

#: Behaviour shown in a profile: features of the customer itself.
BEHAVIOUR: Final = (
    "n_settled", "n_settled_365d", "history_days", "tenure_days", "wadl_365d", "mean_days_late_90d", "last_days_late",
    "late_over_0_rate", "late_over_30_rate", "days_late_std_365d", "on_time_streak", "late_streak", "dso_90d",
    "days_since_payment", "broken_promise_ratio_365d", "dispute_ratio_365d", "dunning_level_max_180d",
    "partial_payment_ratio_365d", "peer_late_over_0_rate", "distance_to_peers",
)  # fmt: skip
#: Reasons that a risk answer lists; entries of a history; month ends of a score history.
_REASONS: Final = 4
_MOST: Final = 500
_MONTHS: Final = 24
#: Sales a day of the last 90 days over those of the last 365.
_GROWS: Final = 1.25
_SHRINKS: Final = 0.5


def risk(state: State, call: Call) -> Reply:
    """`GET /v1/customers/{payer}/risk`: score, reasons, limit and remedies without an order, as of now or `as_of`."""
    require_known(call, {"as_of"})
    as_of = moment_of(call, "as_of", dt.datetime.now(dt.UTC))
    known, stands = standing_of(state, call.path["payer"], as_of)
    champion = state.tools.champion
    document = {
        **_head(call, as_of),
        "score": {
            "credit_score": stands.risk.score,
            "rating": stands.risk.rating,
            "risk_class": stands.risk.risk_class,
            "percentile": percentile(champion, stands.risk.score),
        },
        "probabilities": {champion.default.event.name: stands.risk.probability},
        "explanation": event_block(champion, stands.parts, stands.x, _REASONS),
        "limit": limit_block(stands.limit, stands.facts.limit_currency),
        "open": open_blocks(stands.account, as_of.date()),
        "is_insolvent": stands.account.is_insolvent,
        "actions": action_blocks(remedies_of(state, stands, as_of.date())),
        "ledger_loaded_at": moment(known.loaded_at) if known.loaded_at else None,
        "model": model_block(champion),
        "policy_version": state.tools.policy.version,
    }
    return Reply(wire(document))


def profile(state: State, call: Call) -> Reply:
    """`GET /v1/customers/{payer}/profile`: master data, behaviour, open items, limits, and what happened last."""
    require_known(call, {"as_of", "events"})
    as_of = moment_of(call, "as_of", dt.datetime.now(dt.UTC))
    _, stands = standing_of(state, call.path["payer"], as_of)
    account, today = stands.account, as_of.date()
    masters = [row for table, row in account.state.facts() if table == "customers"]
    terms = [row for table, row in account.state.facts() if table == "terms_changes" and row["valid_from"] <= today]
    names = ("parent_id", "segment", "country", "industry", "legal_form", "customer_since")
    document = {
        **_head(call, as_of),
        "master_data": {name: _text(masters[-1].get(name)) if masters else None for name in names},
        "life_cycle": _life_cycle(stands),
        "behaviour": {name: number(feature_of(stands.x, name)) for name in BEHAVIOUR},
        "rating": stands.risk.rating,
        "risk_class": stands.risk.risk_class,
        "open": open_blocks(account, today),
        "limits": [
            {"valid_from": str(limit.valid_from), "amount": format_minor(limit.amount_minor, limit.currency),
             "currency": limit.currency}
            for limit in sorted(account.limits, key=lambda limit: limit.valid_from)
        ],
        "agreed_net_days": max(terms, key=lambda row: row["valid_from"])["net_days"] if terms else None,
        "open_disputes": sorted(account.disputes),
        "timeline": _events(account, as_of, count_of(call, "events", default=20, most=_MOST)),
    }  # fmt: skip
    return Reply(wire(document))


def history(state: State, call: Call) -> Reply:
    """`GET /v1/customers/{payer}/history`: decisions, scores at month ends, and facts, the newest first."""
    require_known(call, {"as_of", "limit", "months"})
    as_of = moment_of(call, "as_of", dt.datetime.now(dt.UTC))
    limit = count_of(call, "limit", default=50, most=_MOST)
    payer = call.path["payer"]
    decisions = state.log.of_customer(payer, before=moment_text(as_of), limit=limit)
    known = known_payer(state, payer, must_exist=not decisions)
    account = known.account.as_known(naive(as_of))
    months = count_of(call, "months", default=12, most=_MONTHS)
    document = {
        **_head(call, as_of),
        "decisions": [
            {
                "score_id": record.score_id,
                "as_of": record.response["as_of"],
                "outcome": record.response["decision"]["outcome"],
                "credit_score": record.response["score"]["credit_score"],
                "rating": record.response["score"]["rating"],
                "gross_amount": record.request["order"]["gross_amount"],
                "currency": record.request["order"]["currency"],
                "valid_until": record.response["valid_until"],
            }
            for record in decisions
        ],
        "scores": _score_history(state, account, as_of, months),
        "events": _events(account, as_of, limit),
    }
    return Reply(wire(document))


def change(state: State, call: Call) -> Reply:
    """`GET /v1/customers/{payer}/score-change?from=&to=`: what each event between two moments did to the score."""
    require_known(call, {"from", "to"})
    now = dt.datetime.now(dt.UTC)
    until = moment_of(call, "to", now)
    since = moment_of(call, "from", until - dt.timedelta(days=90))
    if since >= until:
        raise refuse("IMPOSSIBLE_VALUES", "the period cannot be", [FieldProblem("query.from", "expected before to")])
    known = known_payer(state, call.path["payer"])
    first, last = naive(since), naive(until)
    if sum(1 for _ in facts_between(known.account, first, last)) > MAX_EVENTS:
        problem = FieldProblem("query.from", f"more than {MAX_EVENTS} events lie between: ask for a shorter period")
        raise refuse("IMPOSSIBLE_VALUES", "the period is too long", [problem])
    found = score_change(known.account.as_known(last), state.tools.champion, since=first, until=last)
    totals: dict[str, int] = {}
    for line in found.lines:
        totals[line.kind] = totals.get(line.kind, 0) + line.points
    document = {
        "payer": call.path["payer"],
        "from": moment(since),
        "to": moment(until),
        "target": state.tools.champion.default.event.name,
        "unit": "score_points",
        "score_from": found.before,
        "score_to": found.after,
        "change": found.after - found.before,
        "events": found.events,
        "by_kind": dict(sorted(totals.items(), key=lambda item: (-abs(item[1]), item[0]))),
        "lines": [asdict(line) | {"at": moment(line.at.replace(tzinfo=dt.UTC))} for line in found.lines],
        "model": model_block(state.tools.champion),
    }
    return Reply(wire(document))


def _score_history(state: State, account: Account, as_of: dt.datetime, months: int) -> list[dict[str, Any]]:
    """The score at the last month ends and at the moment, as it was known at each, the newest first."""
    if not account.facts:
        return []
    ends, first = [as_of], as_of.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(months):
        ends.append(first)
        first = (first - dt.timedelta(days=1)).replace(day=1)
    champion = state.tools.champion
    known = [end for end in ends if account.as_known(naive(end)).facts]
    rows = [account.as_known(naive(end)).state.features(microseconds(end), None, champion.priors) for end in known]
    if not rows:
        return []
    found = [customer_risk(champion, float(odds)) for odds in champion.default.log_odds(np.stack(rows))]
    return [
        {"at": moment(end), "credit_score": one.score, "rating": one.rating, "risk_class": one.risk_class,
         champion.default.event.name: one.probability}
        for end, one in zip(known, found, strict=True)
    ]  # fmt: skip


def _events(account: Account, as_of: dt.datetime, most: int) -> list[dict[str, Any]]:
    """The last facts, the newest first."""
    facts = sorted(facts_between(account, dt.datetime.min, naive(as_of)), key=lambda fact: fact.at, reverse=True)  # noqa: DTZ901
    told_ = [(fact.at, *told(fact.table, fact.row)) for fact in facts[:most]]
    return [
        {"known_at": moment(at.replace(tzinfo=dt.UTC)), "kind": kind, "references": list(references), "text": text}
        for at, kind, references, text in told_
    ]


def _life_cycle(stands: Standing) -> str:
    """Where the customer is in its life with the seller."""
    settled, since = feature_of(stands.x, "n_settled") or 0, feature_of(stands.x, "days_since_invoice")
    if stands.account.is_insolvent:
        return "LOST"
    if settled < 3:
        return "NEW"
    if since is None or since > 180:
        return "DORMANT"
    growth = feature_of(stands.x, "sales_growth_90_365")
    if growth is None or _SHRINKS < growth < _GROWS:
        return "STABLE"
    return "GROWING" if growth >= _GROWS else "DECLINING"


def _head(call: Call, as_of: dt.datetime) -> dict[str, Any]:
    return {"payer": call.path["payer"], "as_of": moment(as_of)}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
