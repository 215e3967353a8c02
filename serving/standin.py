"""The stand-in table made from a ledger as it is known now: who may be decided on without us, and in which class."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features import INDEX
from receivables.decision import moment_text
from receivables.ledger import Ledger
from receivables.standin import StandInTable
from serving.portfolio_scores import snapshot
from serving.predict import customer_risk
from serving.state import Tools

_OLDEST = "oldest_open_item_days"


def table_of(ledger: Ledger, tools: Tools, now: dt.datetime) -> StandInTable:
    """The table of all customers with invoices but those that are insolvent, or overdue as the policy does not allow.

    Customers of classes for which `fallback.stand_in.up_to` names nothing are left out too.
    """
    terms = tools.policy.fallback.stand_in
    known = ledger.known(pd.Timestamp(now.astimezone(dt.UTC).replace(tzinfo=None)))
    names = sorted(map(str, known["invoices"]["customer_id"].unique()))
    x = snapshot(known, names, tools.champion, now.date())
    odds = tools.champion.default.log_odds(x) if len(x) else ()
    gone = set(map(str, known["insolvencies"]["customer_id"]))
    most = min(
        (rule.threshold or 0.0 for rule in tools.policy.checks if rule.check == "OLDEST_OPEN_ITEM_AGE"), default=0.0
    )
    customers = {}
    for name, row, log_odds in zip(names, x, odds, strict=True):
        risk_class = customer_risk(tools.champion, float(log_odds)).risk_class
        if name not in gone and not row[INDEX[_OLDEST]] > most and risk_class in terms.up_to:
            customers[name] = risk_class
    return StandInTable(
        issued_at=moment_text(now),
        valid_until=moment_text(now + dt.timedelta(hours=terms.valid_hours)),
        policy=tools.policy.version,
        policy_sha256=tools.policy.sha256,
        model=str(tools.champion.manifest["version"]),
        up_to=terms.up_to,
        customers=customers,
    )
