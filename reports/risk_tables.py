"""Where the risk of a portfolio sits: expected loss by rating, and the customers to look at first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from reports import words
from reports.portfolio_tables import SERIOUS
from reports.scoring import Scored

_WATCHED: Final = 15


def rating_table(items: pd.DataFrame, scored: Scored, loss_given_default: float) -> pd.DataFrame:
    """By rating (index, all grades): customers n, open_minor, mean probability, at_risk_minor.

    at risk = probability x open balance, and where the event is a default also x loss given default. Customers without
    an open balance are not counted.
    """
    owed = items.groupby("customer_id")["base_minor"].sum()
    frame = scored.customers.assign(open_minor=owed).dropna(subset=["open_minor"])
    severity = loss_given_default if scored.event.is_default else 1.0
    frame = frame.assign(at_risk_minor=frame["probability"] * frame["open_minor"] * severity)
    grouped = frame.groupby("rating").agg(
        n=("open_minor", "size"),
        open_minor=("open_minor", "sum"),
        probability=("probability", "mean"),
        at_risk_minor=("at_risk_minor", "sum"),
    )
    return grouped.reindex(scored.ratings).fillna({"n": 0, "open_minor": 0, "at_risk_minor": 0.0})


@dataclass(frozen=True)
class Watched:
    """A customer to look at: who, what it owes, how likely the event is, what is at risk, and why."""

    customer_id: str
    segment: str
    open: str
    overdue: str
    oldest: str
    rating: str
    probability: str
    at_risk: str
    reason: str


def watch_list(items: pd.DataFrame, segments: Mapping[str, str], scored: Scored | None, base: str) -> list[Watched]:
    """Customers by probability x open balance; without a champion by what is more than 30 days past due."""
    by = items.assign(
        overdue=items["base_minor"].where(items["days_past_due"] > 0, 0),
        serious=items["base_minor"].where(items["days_past_due"] > SERIOUS, 0),
        n_overdue=(items["days_past_due"] > 0).astype("int64"),
    ).groupby("customer_id")
    table = by.agg(
        open=("base_minor", "sum"), overdue=("overdue", "sum"), serious=("serious", "sum"),
        n_overdue=("n_overdue", "sum"), oldest=("days_past_due", "max"),
    )  # fmt: skip
    chance = scored.customers["probability"].reindex(table.index) if scored else pd.Series(math.nan, index=table.index)
    risk = chance * table["open"] if scored else table["serious"].astype("float64")
    chosen = risk[risk > 0].sort_values(ascending=False, kind="stable").head(_WATCHED)
    return [_watched(str(c), table.loc[c], segments, float(chosen[c]), scored, base) for c in chosen.index]


def _watched(
    customer_id: str, row: pd.Series, segments: Mapping[str, str], risk: float, scored: Scored | None, base: str
) -> Watched:
    n, oldest = int(row["n_overdue"]), int(row["oldest"])
    overdue = f"{words.count(n, 'invoice')} past due, the oldest by {words.count(oldest, 'day')}" if n else ""
    of = scored.customers.to_dict("index")[customer_id] if scored else None
    return Watched(
        customer_id=customer_id,
        segment=words.spell(segments.get(customer_id, "")),
        open=words.short_money(row["open"], base),
        overdue=words.short_money(row["overdue"], base),
        oldest=str(max(oldest, 0)),
        rating="" if of is None else str(of["rating"]),
        probability="" if of is None else words.percent(float(of["probability"])),
        at_risk=words.short_money(risk, base),
        reason=(scored.reason(customer_id) if scored else "") or overdue,
    )
