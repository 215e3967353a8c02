"""Whom collections should approach first: by the money at stake, with reasons and what to do.

At stake for a customer is the sum over its open invoices of the amount times the probability that it is still unpaid
`AHEAD` days from now, given that it is unpaid today. Invoices under dispute are told apart: they wait for customer
service, not for the customer.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from models.reasons import ADVERSE, OTHER, explanation
from receivables.aging import Book, aged
from receivables.credit_limit import limit_figures
from receivables.facts import Facts
from receivables.ledger import Ledger
from receivables.money import format_minor
from receivables.remedies import Action, Situation, actions
from serving.answer import action_blocks
from serving.cash_forecast import law_of_open, paid_by_day
from serving.portfolio_scores import contributions, snapshot
from serving.predict import CustomerRisk, customer_risk
from serving.state import Tools

#: Days ahead at which an invoice that is still unpaid counts as at stake.
AHEAD: Final = 30
_REASONS: Final = 2


@dataclass(frozen=True)
class Entry:
    """A customer to approach; minor units of the book's currency. `overdue` and `disputed` are document numbers."""

    customer_id: str
    at_stake_minor: int
    open_minor: int
    overdue_minor: int
    oldest_days: int
    risk: CustomerRisk
    overdue: tuple[str, ...]
    disputed: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]

    def shown(self, base: str) -> dict[str, Any]:
        """The entry as it is answered."""
        return {
            "payer": self.customer_id,
            "at_stake": format_minor(self.at_stake_minor, base),
            "open": format_minor(self.open_minor, base),
            "overdue": format_minor(self.overdue_minor, base),
            "oldest_days_past_due": self.oldest_days,
            "rating": self.risk.rating,
            "risk_class": self.risk.risk_class,
            "event_probability": self.risk.probability,
            "overdue_documents": list(self.overdue),
            "disputed_documents": list(self.disputed),
            "reasons": [{"code": code, "text": text} for code, text in self.reasons],
            "actions": action_blocks(self.actions),
        }


def worklist(known: Ledger, book: Book, tools: Tools, on: dt.date) -> list[Entry]:
    """Customers with something overdue or likely to become so, most at stake first; none without an action."""
    items = aged(book, on)
    if items.empty:
        return []
    law = law_of_open(known, items, tools.champion)
    unpaid = 1.0 - paid_by_day(law, items["days_past_due"].to_numpy(np.int64), AHEAD).sum(axis=1)
    soon = items["days_past_due"].to_numpy() > -AHEAD  # what is due later cannot be late by then
    disputes = known["disputes"]
    disputed = items["invoice_id"].isin(disputes.loc[disputes["closed_on"].isna(), "invoice_id"].dropna()).to_numpy()
    stake = np.where(soon & ~disputed, unpaid * items["base_minor"].to_numpy(), 0.0)
    items = items.assign(stake=stake, disputed=disputed)
    customers = sorted(items["customer_id"].unique())
    x = snapshot(known, customers, tools.champion, on)
    parts = contributions(x, tools.champion)
    made = []
    for i, (customer, rows) in enumerate(items.groupby("customer_id", sort=True)):
        champion = tools.champion
        found = explanation(parts.row(i), x[i], scale=champion.scale, limit=8, effects=champion.default_effects)
        against = [line for line in found.lines if line.direction == ADVERSE and line.code != OTHER]
        risk = customer_risk(tools.champion, float(parts.total[i]))
        reasons = tuple((line.code, line.text) for line in against[:_REASONS])
        adverse = [(line.code, line.category) for line in against]
        made.append(_entry(str(customer), rows, risk, reasons, adverse, tools, book, on))
    wanted = [entry for entry in made if entry.actions]
    return sorted(wanted, key=lambda entry: (-entry.at_stake_minor, entry.customer_id))


def _entry(
    customer: str,
    rows: pd.DataFrame,
    risk: CustomerRisk,
    reasons: tuple[tuple[str, str], ...],
    adverse: list[tuple[str, str]],
    tools: Tools,
    book: Book,
    on: dt.date,
) -> Entry:
    late = rows[(rows["days_past_due"] > 0) & ~rows["disputed"]].sort_values("days_past_due", ascending=False)
    overdue = int(late["base_minor"].sum())
    share = float(rows["stake"].sum()) / max(int(rows["base_minor"].sum()), 1)
    event = tools.champion.default.event
    facts = Facts(
        as_of=on,
        currency=book.base,
        gross_minor=0,
        net_days=0,
        legal_form="",
        limit_currency=book.base,
        late_over={0: min(share, 1.0)},
        event=event.name,
        event_label=event.label,
        event_probability=risk.probability,
        rating=risk.rating,
        risk_class=risk.risk_class,
    )
    disputed = tuple(sorted(rows.loc[rows["disputed"], "invoice_id"]))
    situation = Situation(
        facts=facts,
        checks=(),
        limit=limit_figures(tools.policy.limit, facts),
        adverse=adverse,
        overdue=list(late["invoice_id"]),
        overdue_minor=overdue,
        overdue_currency=book.base,
        disputed=list(disputed),
    )
    return Entry(
        customer_id=customer,
        at_stake_minor=round(float(rows["stake"].sum())),
        open_minor=int(rows["base_minor"].sum()),
        overdue_minor=overdue,
        oldest_days=max(int(rows["days_past_due"].max()), 0),
        risk=risk,
        overdue=tuple(late["invoice_id"]),
        disputed=disputed,
        reasons=reasons,
        actions=actions(tools.policy.remedies, situation, needed=bool(len(late)) or bool(disputed)),
    )
