"""Outcomes that a model can learn: was an invoice paid late, did a customer default.

A label is 1, 0 or NaN. NaN means: cannot be told at the cut-off. Time alone decides whether a label counts, never the
outcome itself: invoices that are still open past the horizon are late, and an event that has already happened counts
only once its whole window has passed. Labels that mature with the outcome would be biased towards it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from receivables.config import conf_dir, load
from receivables.currencies import Currencies, Rates
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger
from receivables.settlements import Outcome, settlements, settlements_of

__all__ = [
    "EventRule",
    "Materiality",
    "Outcome",
    "OutcomeConfig",
    "choose_event",
    "default_labels",
    "late_column",
    "late_labels",
    "settlements",
]

_DAY = pd.Timedelta(days=1)
#: Later than every day of a ledger, in days since 1970.
_NEVER = 2**20
#: Days since 1970 lie within +-2^20, so customer * 2^22 + day keeps the order of both.
_SPAN = 2**22
_CLEARINGS = {"allocations": "cleared_on", "credit_notes": "credited_on", "write_offs": "written_off_on"}
_Days = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EventRule:
    """A customer event within `horizon_days` of a moment: an invoice `days_past_due`, a write-off or an insolvency.

    It may be learnt where at least `minimum_events` labels are 1, at `minimum_customers` different customers or more.
    """

    name: str
    label: str
    days_past_due: int
    horizon_days: int
    minimum_events: int = 1
    minimum_customers: int = 1


@dataclass(frozen=True)
class Materiality:
    """What is open of an invoice counts if it exceeds both: minor units of the reporting currency, share of balance."""

    absolute_minor: int
    share_of_balance: float


@dataclass(frozen=True)
class OutcomeConfig:
    """conf/outcomes.toml."""

    late_horizons_days: tuple[int, ...]
    maturity_margin_days: int
    probation_days: int
    materiality: Materiality
    events: tuple[EventRule, ...]

    @classmethod
    def read(cls, path: Path | None = None) -> OutcomeConfig:
        """The configured outcomes; raises ConfigError where the file is absent or wrong."""
        return load(cls, path or conf_dir() / "outcomes.toml")


def late_column(horizon: int) -> str:
    """The name under which lateness over `horizon` days goes everywhere.

    >>> late_column(30)
    'late_over_30'
    """
    return f"late_over_{horizon}"


def late_labels(ledger: Ledger, *, horizons: Sequence[int], cutoff: pd.Timestamp, margin_days: int) -> pd.DataFrame:
    """invoice_id and one float column per horizon k: 1 settled more than k days late or still open then, 0 not, or NaN.

    NaN where day due + k + margin has not been observed before `cutoff`, and where the invoice was closed by credit
    notes alone, which says nothing about paying. A written-off invoice was never paid: 1. Uses nothing that became
    known after `cutoff`.
    """
    state = settlements(ledger, as_of=cutoff)
    never_paid = (state["outcome"] == Outcome.WRITTEN_OFF) | state["settled_on"].isna()
    observable = state["outcome"] != Outcome.CREDITED
    columns: dict[str, pd.Series] = {"invoice_id": state["invoice_id"]}
    for horizon in horizons:
        last_day = state["due_on"] + horizon * _DAY
        matured = last_day + margin_days * _DAY <= state["observed_until"]
        late = (never_paid | (state["settled_on"] > last_day)).astype("float64")
        columns[late_column(horizon)] = late.where(matured & observable)
    return pd.DataFrame(columns)


def default_labels(
    ledger: Ledger,
    snapshots: pd.DataFrame,
    event: EventRule,
    *,
    cutoff: pd.Timestamp,
    config: OutcomeConfig,
    currencies: Currencies | None = None,
) -> pd.DataFrame:
    """`snapshots` (customer_id, as_of) with `label`: 1 the event comes within its horizon after as_of, 0 not, or NaN.

    `excluded` says why a label is NaN: IN_EVENT, the customer already is in the event's state (a material invoice at
    or beyond the days past due, a recent write-off, an insolvency); IMMATURE, the window plus margin has not been
    observed before `cutoff`. "" otherwise. Uses nothing that became known after `cutoff`.
    """
    known = ledger.known(cutoff)
    state = settlements_of(known)
    start = _days(snapshots["as_of"])
    marks = _marks(known, state, event, config, currencies or Currencies.read())
    customers = pd.Index(snapshots["customer_id"].unique())
    of_snapshot = customers.get_indexer(snapshots["customer_id"])
    marks = marks[marks["customer_id"].isin(customers)]
    began, ended = (_Counter.of(customers.get_indexer(marks["customer_id"]), marks[c]) for c in ("begins", "ends"))
    before = began.before(of_snapshot, start)
    happened = began.before(of_snapshot, start + event.horizon_days) > before
    inside = before > ended.before(of_snapshot, start)
    needed = start + event.horizon_days + config.maturity_margin_days - 1
    immature = needed > _observed(known, state, snapshots["customer_id"], cutoff)
    excluded = np.select([inside, immature], ["IN_EVENT", "IMMATURE"], "")
    label = np.where(excluded == "", happened.astype(float), np.nan)
    return snapshots[["customer_id", "as_of"]].assign(label=label, excluded=excluded.astype(object))


def choose_event(labels: Iterable[tuple[EventRule, pd.DataFrame]]) -> tuple[EventRule, pd.DataFrame]:
    """The first event whose labels (of `default_labels`) reach its minimum numbers, with them.

    Raises NotEnoughDataError that lists what each event had.
    """
    found = []
    for event, frame in labels:
        hit = frame[frame["label"] == 1]
        events, customers = len(hit), hit["customer_id"].nunique()
        if events >= event.minimum_events and customers >= event.minimum_customers:
            return event, frame
        needed = f"{event.minimum_events} events, {event.minimum_customers} customers"
        found.append(f"{event.name}: {events} events of {customers} customers; needed {needed}")
    raise NotEnoughDataError(
        "\n  ".join(["the ledger supports none of the events in conf/outcomes.toml at the cut-off:", *found])
        + "\n  load a longer history, or configure a weaker event"
    )


def _marks(
    known: Ledger, state: pd.DataFrame, event: EventRule, config: OutcomeConfig, currencies: Currencies
) -> pd.DataFrame:
    """customer_id and the days since 1970 on which each occurrence of the event `begins` and its state `ends`."""
    rates = Rates.of(known, currencies)
    losses, filings = known["write_offs"], known["insolvencies"]
    lost_on = _days(losses["written_off_on"])
    lost = rates.convert(*(losses[c].to_numpy() for c in ("amount_minor", "currency", "written_off_on")))
    parts = (
        _past_due(known, state, event, config.materiality, rates),
        pd.DataFrame(
            {"customer_id": losses["customer_id"], "begins": lost_on, "ends": lost_on + config.probation_days}
        )[lost > config.materiality.absolute_minor],
        pd.DataFrame({"customer_id": filings["customer_id"], "begins": _days(filings["filed_on"]), "ends": _NEVER}),
    )
    return pd.concat(parts, ignore_index=True)


def _past_due(
    known: Ledger, state: pd.DataFrame, event: EventRule, materiality: Materiality, rates: Rates
) -> pd.DataFrame:
    """Marks of the invoices that reached the days past due with a material residual that day."""
    reached = _days(state["due_on"]) + event.days_past_due
    customer = pd.factorize(state["customer_id"])[0]
    moves = _moves(known, state, rates)
    of_invoice = _Counter.of(moves["row"].to_numpy(), moves["day"], moves["minor"])
    of_customer = _Counter.of(customer[moves["row"]], moves["day"], moves["base_minor"])
    # added up in the invoice's currency, then converted: rounding each clearing could leave something open
    residual = rates.convert(
        of_invoice.before(np.arange(len(state)), reached + 1),
        *(state[c].to_numpy() for c in ("currency", "issued_on")),
    )
    balance = of_customer.before(customer, reached + 1)
    hit = (
        (reached <= _days(state["observed_until"]))
        & (residual > materiality.absolute_minor)
        & (residual > materiality.share_of_balance * balance)
    )
    ends = _days(state["settled_on"])
    return pd.DataFrame({"customer_id": state["customer_id"], "begins": reached, "ends": ends})[hit]


def _moves(known: Ledger, state: pd.DataFrame, rates: Rates) -> pd.DataFrame:
    """Every change of an invoice's residual: `row` in `state`, `day`, `minor` units, `base_minor` converted.

    Clearings are converted at the rate of the invoice's issue, so that a change of rates leaves nothing open.
    """
    ids = pd.Index(state["invoice_id"])
    parts = [
        pd.DataFrame({"row": np.arange(len(ids)), "day": _days(state["issued_on"]), "minor": state["amount_minor"]})
    ]
    for table, day in _CLEARINGS.items():
        facts = known[table]
        row = ids.get_indexer(pd.Index(facts["invoice_id"]))
        moves = pd.DataFrame({"row": row, "day": _days(facts[day]), "minor": -facts["amount_minor"]})
        parts.append(moves[row >= 0])
    moves = pd.concat(parts, ignore_index=True)
    currency, issued = (state[c].to_numpy()[moves["row"]] for c in ("currency", "issued_on"))
    return moves.assign(base_minor=rates.convert(moves["minor"].to_numpy(), currency, issued))


@dataclass(frozen=True)
class _Counter:
    """Sums of amounts (or counts) per group up to a day, for many groups and days at once."""

    keys: _Days
    totals: _Days

    @classmethod
    def of(cls, group: npt.NDArray[np.intp], day: pd.Series, amount: pd.Series | None = None) -> _Counter:
        """The counter of movements; without amounts each counts one."""
        keys = group * _SPAN + day.to_numpy()
        order = np.argsort(keys, kind="stable")
        amounts = np.ones(len(keys), np.int64) if amount is None else amount.to_numpy()[order]
        return cls(keys[order], np.concatenate([[0], np.cumsum(amounts)]))

    def before(self, group: npt.NDArray[np.intp], day: _Days) -> _Days:
        """Sum of each group's movements on days before `day`."""
        first, last = (np.searchsorted(self.keys, group * _SPAN + limit) for limit in (-_SPAN // 2, day))
        return np.asarray(self.totals[last] - self.totals[first])


def _observed(known: Ledger, state: pd.DataFrame, customer_id: pd.Series, cutoff: pd.Timestamp) -> _Days:
    """Last day about which everything is known: the ledger's, or that of the customer's open invoices if earlier."""
    whole = known["invoices"]["observed_until"].max()
    still_open = state[state["settled_on"].isna()]
    of_customer = still_open.groupby("customer_id")["observed_until"].min()
    last = of_customer.reindex(customer_id).fillna(whole).fillna(cutoff - _DAY)
    return _days(last)


def _days(dates: pd.Series) -> _Days:
    """Days since 1970; `_NEVER` where there is none."""
    days = dates.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), _NEVER, days.astype(np.int64))
