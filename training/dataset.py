"""What the models learn from: orders and customer snapshots with their features, labels apart.

Features are point in time, so they are computed once for the whole ledger; labels depend on the cut-off and are asked
for again at each.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import History, Orders, Priors, build_features
from models.numbers import Floats
from receivables.errors import EmptyInputError, NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import (
    EventRule,
    Outcome,
    OutcomeConfig,
    choose_event,
    default_labels,
    late_column,
    late_labels,
)
from receivables.settlements import settlements_of

#: Days between the snapshots of a customer.
SNAPSHOT_STEP_DAYS: Final = 30
#: A snapshot is taken of customers invoiced within so many days before it, or within a step after it.
ACTIVE_DAYS: Final = 180
#: Days late are judged on invoices due this long ago: judging those paid early first would flatter every model.
DAYS_LATE_AFTER: Final = 30


def cutoff_after(day: dt.date) -> pd.Timestamp:
    """The moment up to which facts are used for "as of" a day: everything known by its end.

    >>> cutoff_after(dt.date(2019, 4, 30))
    Timestamp('2019-05-01 00:00:00')
    """
    return pd.Timestamp(day) + pd.Timedelta(days=1)


def last_observed_day(ledger: Ledger) -> dt.date:
    """The last day of which the ledger holds facts; raises EmptyInputError for a ledger without invoices."""
    last = ledger["invoices"]["observed_until"].max()
    if pd.isna(last):
        raise EmptyInputError("the ledger holds no invoices; import or simulate some first")
    day: dt.date = last.date()
    return day


def fingerprint(known: Ledger) -> str:
    """SHA-256 over every table, rows in the order of their text: the same facts give the same digest."""
    digest = hashlib.sha256()
    for name in sorted(known.frames):
        frame = known.frames[name]
        digest.update(f"{name}:{','.join(frame.columns)}:{len(frame)}\n".encode())
        digest.update(np.sort(pd.util.hash_pandas_object(frame, index=False).to_numpy()).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Known:
    """A ledger as known at `cutoff`, compiled for features."""

    ledger: Ledger
    cutoff: pd.Timestamp
    history: History
    priors: Priors

    @classmethod
    def at(cls, ledger: Ledger, cutoff: pd.Timestamp) -> Known:
        """The view as of `cutoff`; raises EmptyInputError where no invoice was known by then."""
        known = ledger.known(cutoff)
        if known["invoices"].empty:
            raise EmptyInputError(f"no invoice was known at {cutoff}; choose a later cut-off or load a longer history")
        history = History.of(known)
        return cls(known, cutoff, history, Priors.of(history))


@dataclass(frozen=True)
class LateData:
    """Invoices as orders at 00:00 UTC of their issue, with features x (n, F)."""

    known: Known
    orders: Orders
    x: Floats

    @classmethod
    def of(cls, known: Known, orders: Orders | None = None) -> LateData:
        """The given orders, by default every invoice of the view."""
        orders = Orders.of_invoices(known.ledger) if orders is None else orders
        return cls(known, orders, build_features(known.history, orders, known.priors))

    def labels(self, grid: Sequence[int], *, cutoff: pd.Timestamp, margin_days: int) -> Floats:
        """(n, g) later than each grid day: 1, 0, or NaN where that cannot be told at `cutoff`."""
        found = late_labels(self.known.ledger, horizons=grid, cutoff=cutoff, margin_days=margin_days)
        aligned = found.set_index("invoice_id").reindex(pd.Index(self.orders.ids))
        return aligned[[late_column(k) for k in grid]].to_numpy(dtype=np.float64)

    def days_late(self, *, margin_days: int, after: int = DAYS_LATE_AFTER) -> Floats:
        """(n,) days late of invoices due `after` days before the end of what was observed, else NaN.

        One that is still open then counts with its days so far, a lower bound; one that was never paid is left out.
        """
        state = settlements_of(self.known.ledger).set_index("invoice_id").reindex(pd.Index(self.orders.ids))
        old = state["due_on"] + pd.Timedelta(days=after + margin_days) <= state["observed_until"]
        payable = state["outcome"].isin([Outcome.OPEN, Outcome.PAID])
        return state["days_past_due"].where(old & payable).to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class DefaultData:
    """Customer snapshots with features x (n, F) and the event that the ledger supports."""

    known: Known
    orders: Orders
    x: Floats
    event: EventRule
    config: OutcomeConfig

    @classmethod
    def of(cls, known: Known, config: OutcomeConfig) -> DefaultData:
        """Snapshots of the active customers; raises NotEnoughDataError where no configured event is learnable."""
        frame = snapshots(known.ledger, cutoff=known.cutoff, margin_days=config.maturity_margin_days)
        offers = (
            (e, default_labels(known.ledger, frame, e, cutoff=known.cutoff, config=config)) for e in config.events
        )
        event, labels = choose_event(offers)
        usable = labels[labels["excluded"] != "IN_EVENT"]
        orders = Orders.snapshots(usable["customer_id"].tolist(), usable["as_of"].to_numpy())
        return cls(known, orders, build_features(known.history, orders, known.priors), event, config)

    def beside(self) -> DefaultData | None:
        """The same snapshots with the next learnable event that differs in its horizon; None without one."""
        for event in self.config.events:
            is_like = (event.label, event.days_past_due) == (self.event.label, self.event.days_past_due)
            if is_like and event.horizon_days != self.event.horizon_days:
                other = replace(self, event=event)
                try:
                    choose_event([(event, other._labels(self.known.cutoff))])
                except NotEnoughDataError:
                    continue
                return other
        return None

    def labels(self, *, cutoff: pd.Timestamp) -> Floats:
        """(n,) 1 where the event comes within its horizon, 0 where not, NaN where that cannot be told at `cutoff`."""
        return self._labels(cutoff)["label"].to_numpy(dtype=np.float64)

    def _labels(self, cutoff: pd.Timestamp) -> pd.DataFrame:
        frame = pd.DataFrame({"customer_id": self.orders.customer_id, "as_of": self.orders.as_of})
        return default_labels(self.known.ledger, frame, self.event, cutoff=cutoff, config=self.config)


def open_invoices(data: LateData) -> npt.NDArray[np.bool_]:
    """(n,) whether each order's invoice was still open at the cut-off."""
    state = settlements_of(data.known.ledger).set_index("invoice_id").reindex(pd.Index(data.orders.ids))
    return np.asarray((state["outcome"] == Outcome.OPEN).to_numpy(dtype=np.bool_))


def snapshots(ledger: Ledger, *, cutoff: pd.Timestamp, margin_days: int) -> pd.DataFrame:
    """customer_id and as_of: each active customer every `SNAPSHOT_STEP_DAYS` back from the cut-off.

    A customer whose first invoice comes within a step is taken too, before anything is known of it: the model is asked
    about such customers, so it must have seen them.
    """
    invoices = ledger["invoices"].sort_values("issued_on")
    first = invoices["issued_on"].iloc[0]
    step = pd.Timedelta(days=SNAPSHOT_STEP_DAYS)
    moment = cutoff.normalize() - pd.Timedelta(days=margin_days)
    parts = []
    while (moment := moment - step) + step > first:
        active = invoices["issued_on"].between(moment - pd.Timedelta(days=ACTIVE_DAYS), moment + step, inclusive="left")
        ids = np.unique(invoices.loc[active, "customer_id"].to_numpy(dtype=object))
        parts.append(pd.DataFrame({"customer_id": ids, "as_of": np.full(len(ids), moment.to_datetime64())}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.astype({"customer_id": "str", "as_of": "datetime64[us]"})


def segments(ledger: Ledger, customer_id: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Each customer's segment as the ledger knows it, "unknown" where it does not."""
    known = ledger["customers"].set_index("customer_id")["segment"]
    return known.reindex(pd.Index(customer_id)).fillna("unknown").to_numpy(dtype=object)
