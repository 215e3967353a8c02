"""The customers of a portfolio as the champion sees them on one day: event probability, score, rating, main reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import History, Orders, build_features
from models import Champion
from models.contributions import Contributions
from models.event import Event
from models.reasons import ADVERSE, OTHER, reasons
from receivables.ledger import Ledger
from reports import words


@dataclass(frozen=True)
class Scored:
    """Customers scored without an order.

    `customers` is indexed by customer_id: probability of `event`, score, rating, risk_class. `ratings` are all grades
    from best to worst.
    """

    customers: pd.DataFrame
    event: Event
    ratings: tuple[str, ...]
    model: str
    champion: Champion
    inputs: np.ndarray
    contributions: Contributions

    def reason(self, customer_id: str) -> str:
        """What speaks most against a customer, in words; "" where nothing does."""
        row = self.customers.index.tolist().index(customer_id)
        effects, scale = self.champion.default_effects, self.champion.scale
        lines = reasons(self.contributions.row(row), self.inputs[row], scale=scale, limit=5, effects=effects)
        adverse = [line for line in lines if line.direction == ADVERSE and line.code != OTHER]
        return adverse[0].text if adverse else ""


def score_customers(known: Ledger, customer_ids: Sequence[str], champion: Champion, moment: dt.datetime) -> Scored:
    """The customers as of `moment` (UTC), from a ledger that is a view as of that moment."""
    moments = np.full(len(customer_ids), np.datetime64(moment, "us"))
    inputs = build_features(History.of(known), Orders.snapshots(customer_ids, moments), champion.priors)
    contributions = champion.default.explain(inputs)
    chances, scale = contributions.probability, champion.scale
    frame = pd.DataFrame(
        {
            "probability": chances,
            "score": scale.scores(chances),
            "rating": scale.ratings(chances),
            "risk_class": scale.risk_classes(chances),
        },
        index=pd.Index(customer_ids, name="customer_id"),
    )
    model = f"trained on what was known by {words.day(champion.manifest['training_cutoff'])}"
    grades = tuple(grade.rating for grade in scale.grades)
    return Scored(frame, champion.default.event, grades, model, champion, inputs, contributions)
