"""Every customer that owes something, rated as of a day, and how customers moved between risk classes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import History, Orders, build_features
from models.champion import Champion
from models.contributions import Contributions
from models.numbers import Floats
from receivables.aging import Book, aged
from receivables.ledger import Ledger
from serving.predict import CustomerRisk, customer_risk

#: A customer that owes nothing on the day is in no class.
NONE = "-"


@dataclass(frozen=True)
class Rated:
    """Customers with an open balance on a day: risk and open minor units of the book's currency by customer."""

    risks: Mapping[str, CustomerRisk]
    open_minor: Mapping[str, int]


def rated(known: Ledger, book: Book, champion: Champion, on: dt.date) -> Rated:
    """The customers that owe something at the end of day `on`; `known` is the ledger as of that moment."""
    items = aged(book, on)
    open_minor = {str(c): int(v) for c, v in items.groupby("customer_id")["base_minor"].sum().items()}
    x = snapshot(known, sorted(open_minor), champion, on)
    odds = champion.default.log_odds(x) if len(x) else np.empty(0)
    risks = {c: customer_risk(champion, float(o)) for c, o in zip(sorted(open_minor), odds, strict=True)}
    return Rated(risks, open_minor)


def snapshot(known: Ledger, customers: list[str], champion: Champion, on: dt.date) -> Floats:
    """(n, F) features of customers without an order at the end of day `on`."""
    moment = np.datetime64(pd.Timestamp(on) + pd.Timedelta(days=1), "us")
    moments = np.full(len(customers), moment)
    return build_features(History.of(known), Orders.snapshots(customers, moments), champion.priors)


def transitions(before: Rated, after: Rated) -> dict[tuple[str, str], tuple[int, int]]:
    """Customers, and what they owe on the later day, by their class on both days; `NONE` where they owed nothing."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for customer in sorted({*before.risks, *after.risks}):
        classes = tuple(r.risks[customer].risk_class if customer in r.risks else NONE for r in (before, after))
        n, minor = found.get((classes[0], classes[1]), (0, 0))
        found[classes[0], classes[1]] = (n + 1, minor + after.open_minor.get(customer, 0))
    return found


def contributions(x: Floats, champion: Champion) -> Contributions:
    """What speaks for and against each customer."""
    return champion.default.explain(x)
