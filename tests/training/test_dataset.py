"""What is learnt from: known facts only, aligned with their orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from receivables.errors import EmptyInputError
from receivables.ledger import Ledger
from receivables.outcomes import EventRule, OutcomeConfig, late_labels
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from tests.training.seller import CUTOFF, END
from training.dataset import (
    SNAPSHOT_STEP_DAYS,
    DefaultData,
    Known,
    LateData,
    cutoff_after,
    last_observed_day,
    snapshots,
)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """All that a simulated seller ever knew; no training run is needed here."""
    return simulate(130, 14, 11, END, SimulationConfig.read()).ledger


@pytest.fixture(scope="module")
def late_data(ledger: Ledger) -> LateData:
    return LateData.of(Known.at(ledger, CUTOFF))


@pytest.fixture(scope="module")
def default_data(late_data: LateData, config: OutcomeConfig) -> DefaultData:
    return DefaultData.of(late_data.known, config)


def test_as_of_a_day_means_everything_known_by_its_end() -> None:
    assert cutoff_after(dt.date(2019, 4, 30)) == pd.Timestamp("2019-05-01")


def test_labels_belong_to_their_orders(late_data: LateData) -> None:
    found = late_labels(late_data.known.ledger, horizons=(5,), cutoff=CUTOFF, margin_days=2)
    expected = dict(found.itertuples(index=False))
    labels = late_data.labels((5,), cutoff=CUTOFF, margin_days=2)[:, 0]
    np.testing.assert_array_equal(labels, [expected[invoice] for invoice in late_data.orders.ids])
    assert 0 < np.nanmean(labels) < 1


def test_labels_at_an_earlier_cutoff_are_those_of_the_ledger_known_then(late_data: LateData, ledger: Ledger) -> None:
    earlier = CUTOFF - pd.Timedelta(days=60)
    labels = late_data.labels((0, 30), cutoff=earlier, margin_days=2)
    alone = LateData.of(Known.at(ledger, earlier))
    row = {invoice: i for i, invoice in enumerate(alone.orders.ids)}
    then = alone.labels((0, 30), cutoff=earlier, margin_days=2)
    for i, invoice in enumerate(late_data.orders.ids):
        expected = then[row[invoice]] if invoice in row else [np.nan, np.nan]
        np.testing.assert_array_equal(labels[i], expected)


def test_features_at_an_origin_are_those_of_the_ledger_known_at_the_origin(ledger: Ledger, late_data: LateData) -> None:
    """So computing them once on all that was known at the cut-off shows an origin nothing from after it."""
    origin = CUTOFF - pd.Timedelta(days=60)
    rows = late_data.orders.as_of < origin.to_datetime64()
    early = LateData.of(Known.at(ledger, origin), late_data.orders.take(rows))
    assert early.x.tobytes() == late_data.x[rows].tobytes()


def test_days_late_count_open_invoices_and_leave_young_ones_out(late_data: LateData) -> None:
    days = late_data.days_late(margin_days=2)
    due = late_data.orders.due_on
    assert np.isnan(days[due > (CUTOFF - pd.Timedelta(days=33)).to_datetime64()]).all()
    late = late_data.labels((30,), cutoff=CUTOFF, margin_days=2)[:, 0]
    both = ~np.isnan(days) & ~np.isnan(late)
    np.testing.assert_array_equal(days[both] > 30, late[both] == 1)


def test_snapshots_step_back_from_the_cutoff_and_hold_active_customers(ledger: Ledger) -> None:
    frame = snapshots(ledger.known(CUTOFF), cutoff=CUTOFF, margin_days=2)
    moments = np.sort(frame["as_of"].unique())
    assert moments[-1] == np.datetime64(CUTOFF - pd.Timedelta(days=2 + SNAPSHOT_STEP_DAYS))
    assert set(np.diff(moments)) == {np.timedelta64(SNAPSHOT_STEP_DAYS, "D")}
    assert not frame.duplicated().any()
    issued = ledger["invoices"].groupby("customer_id")["issued_on"].agg(list)
    for customer, moment in frame.sample(50, random_state=0).itertuples(index=False):
        apart = [(moment - day).days for day in issued[customer]]
        assert any(-SNAPSHOT_STEP_DAYS < days <= 180 for days in apart)


def test_some_snapshots_are_of_customers_before_their_first_invoice(default_data: DefaultData) -> None:
    from features import INDEX

    assert np.isnan(default_data.x[:, INDEX["history_days"]]).any()


def test_the_event_beside_differs_in_its_horizon_alone_and_shares_the_snapshots(
    late_data: LateData, config: OutcomeConfig
) -> None:
    names = {90: "e90", 60: "e60", 30: "e30"}
    e90, e60, e30 = (EventRule(name, "late", days_past_due=30, horizon_days=days) for days, name in names.items())
    another = EventRule("another", "late", days_past_due=60, horizon_days=60)

    def beside(*events: EventRule) -> DefaultData | None:
        return DefaultData.of(late_data.known, replace(config, events=events)).beside()

    found = beside(e90, another, e60, e30)
    assert found is not None
    assert found.event == e60
    longer = replace(found, event=e90).labels(cutoff=CUTOFF)
    both = ~np.isnan(longer)
    assert (found.labels(cutoff=CUTOFF)[both] <= longer[both]).all()
    scarce = beside(e90, replace(e60, minimum_events=10**6), e30)
    assert scarce is not None
    assert scarce.event == e30
    assert beside(e90, another) is None


def test_an_empty_ledger_and_a_cutoff_before_every_invoice_say_so(ledger: Ledger) -> None:
    with pytest.raises(EmptyInputError, match="holds no invoices"):
        last_observed_day(Ledger.of())
    with pytest.raises(EmptyInputError, match="no invoice was known at 2001-01-01"):
        Known.at(ledger, pd.Timestamp("2001-01-01"))
