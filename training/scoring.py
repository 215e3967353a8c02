"""Invoices scored as the orders they came from, as of 00:00 of their issue date, by a champion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import pandas as pd

from features import History, Orders, build_features
from models.champion import Champion
from receivables.outcomes import late_column

HORIZONS: Final = (0, 5, 15, 30, 60, 90)
#: Share of the outcomes that lie between earliest and latest.
INTERVAL: Final = 0.8
#: Columns of a file of scores, in order.
COLUMNS: Final = (
    "invoice_id", "customer_id", *(late_column(k) for k in HORIZONS), "expected_days_late", "median_days_late",
    "earliest_days_late", "latest_days_late", "default_probability", "credit_score", "rating",
)  # fmt: skip
#: Invoices scored at a time: bounds memory, and moves the progress bar.
CHUNK: Final = 5_000


def score(
    history: History,
    orders: Orders,
    champion: Champion,
    *,
    track: Callable[[Iterable[int]], Iterable[int]] = lambda chunks: chunks,
) -> pd.DataFrame:
    """One row per order with `COLUMNS`; peers' rates are the champion's own, so the service answers the same.

    Probabilities 0 to 1; expected_days_late is the mean of the payment-time law, negative = early, median_days_late its
    median, earliest and latest_days_late bound an interval that holds `INTERVAL` of the outcomes; credit_score and
    rating are those of default_probability.
    """
    starts = range(0, len(orders), CHUNK)
    parts = [_chunk(history, orders.take(slice(start, start + CHUNK)), champion) for start in track(starts)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _chunk(history: History, orders: Orders, champion: Champion) -> pd.DataFrame:
    x = build_features(history, orders, champion.priors)
    law, p = champion.late.law(x), champion.default.probability(x)
    earliest, latest = champion.late.interval(x, INTERVAL, law)
    return pd.DataFrame(
        {
            "invoice_id": orders.ids,
            "customer_id": orders.customer_id,
            **{late_column(k): law.late_over(k) for k in HORIZONS},
            "expected_days_late": law.mean(),
            "median_days_late": law.quantile(0.5),
            "earliest_days_late": earliest,
            "latest_days_late": latest,
            "default_probability": p,
            "credit_score": champion.scale.scores(p).astype(np.int64),
            "rating": champion.scale.ratings(p),
        }
    )
