"""Curves of a backtest: reliability by origin and horizon, and how the base rate drifts from week to week."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from features import Orders, calendars
from models.numbers import Floats
from receivables.outcomes import late_column
from training.backtest import column
from training.backtest_figures import ORIGIN, WHOLE, groups, outcome
from training.dataset import Known, LateData
from training.evaluate import MIN_OUTCOMES
from training.fit import HORIZONS, MODEL
from training.metrics import Resampling

_BINS: Final = 10


def reliability(frame: pd.DataFrame, *, replicates: int = 300, seed: int = 0) -> pd.DataFrame:
    """Bins of equal size of the model's probability: mean probability and late share with its 95 % interval.

    Columns group (an origin, or all), target, bin, rows, probability, share, low, high.
    """
    return pd.DataFrame(list(_bins(frame, replicates, seed)), columns=[
        "group", "target", "bin", "rows", "probability", "share", "low", "high"
    ])  # fmt: skip


def _bins(frame: pd.DataFrame, replicates: int, seed: int) -> Iterator[tuple[Any, ...]]:
    customer = frame["customer_id"].to_numpy(object)
    for by, group, members in groups(frame):
        if by not in (WHOLE, ORIGIN):
            continue
        for target in (late_column(k) for k in HORIZONS):
            y = outcome(frame, target)
            use = members & ~np.isnan(y)
            if min(y[use].sum(), (1 - y[use]).sum()) < MIN_OUTCOMES:
                continue
            p = frame.loc[use, column(MODEL, target)].to_numpy(np.float64)
            sample = Resampling.of(customer[use].astype(str), replicates=replicates, seed=seed)
            member = np.zeros((len(p), _BINS))
            member[np.argsort(p, kind="stable"), np.arange(len(p)) * _BINS // len(p)] = 1.0
            low, high = _interval(member, y[use], sample)
            for i, inside in enumerate(member.T.astype(np.bool_)):
                found = float(p[inside].mean()), float(y[use][inside].mean())
                yield group, target, i, int(inside.sum()), *found, float(low[i]), float(high[i])


def _interval(member: Floats, y: Floats, sample: Resampling) -> tuple[Floats, Floats]:
    """(columns,) bounds of the event share in each column of membership."""
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = sample.replicate(lambda w: (w @ (member * y[:, None])) / (w @ member))
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return low, high


def base_rate(known: Known, frame: pd.DataFrame, *, margin_days: int, replicates: int = 300) -> pd.DataFrame:
    """Late share of all invoices by the Monday of their issue, with its 95 % interval and what the model had said.

    Columns week, target, rows, share, low, high, probability (mean over the same orders, NaN before the first origin).
    A week counts once nine in ten of its invoices have matured: short terms mature first, and pay otherwise.
    """
    orders = Orders.of_invoices(known.ledger)
    data = LateData(known, orders, np.empty((len(orders), 0)))
    labels = data.labels(HORIZONS, cutoff=known.cutoff, margin_days=margin_days)
    said = frame.set_index("invoice_id").reindex(pd.Index(orders.ids))
    week = orders.issued_on - calendars.weekday(orders.issued_on).astype("timedelta64[D]")
    rows = []
    for j, k in enumerate(HORIZONS):
        p = said[column(MODEL, late_column(k))].to_numpy(np.float64)
        for monday in np.unique(week):
            inside = week == monday
            use = inside & ~np.isnan(labels[:, j])
            if use.sum() < max(0.9 * inside.sum(), 2 * MIN_OUTCOMES):
                continue
            y = labels[use, j]
            sample = Resampling.of(orders.customer_id[use].astype(str), replicates=replicates)
            low, high = _interval(np.ones((len(y), 1)), y, sample)
            mean = float(p[use].mean()) if not np.isnan(p[use]).any() else float("nan")
            rows.append((str(monday), late_column(k), len(y), float(y.mean()), float(low[0]), float(high[0]), mean))
    return pd.DataFrame(rows, columns=["week", "target", "rows", "share", "low", "high", "probability"])
