"""What is scored: moments with offsets, invoices as orders, customers without one."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from features import INDEX, NAMES, History, Orders, Priors, build_features
from receivables.ledger import Ledger
from tests.features.test_feature_bits import same_bits


def _one(as_of: dt.datetime, customer_id: str = "nobody") -> Orders:
    return Orders.one(
        customer_id=customer_id, as_of=as_of, issued_on=dt.date(2026, 5, 4), due_on=dt.date(2026, 6, 3), net_days=30,
        amount_minor=120_000, currency="EUR", country="DE", segment="TRADE",
    )  # fmt: skip


def test_one_instant_told_in_different_time_zones_gives_the_same_row(simulated: Ledger) -> None:
    history, priors = History.of(simulated), Priors.of(simulated)
    customer = str(simulated["invoices"]["customer_id"].mode()[0])
    instant = dt.datetime(2026, 5, 3, 23, 30, tzinfo=dt.UTC)
    rows = [
        build_features(history, _one(instant.astimezone(dt.timezone(dt.timedelta(hours=h))), customer), priors)
        for h in (0, 2, -8, 14)
    ]
    assert all(same_bits(row, rows[0]) for row in rows)


def test_the_same_clock_in_another_time_zone_is_another_instant() -> None:
    berlin = dt.timezone(dt.timedelta(hours=2))
    assert _one(dt.datetime(2026, 5, 4, 1, 0, tzinfo=berlin)).as_of[0] == np.datetime64("2026-05-03T23:00:00")


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset from UTC"):
        _one(dt.datetime(2026, 5, 4, 12, 0))  # noqa: DTZ001 - the point of the test


def test_an_invoice_becomes_the_order_of_its_first_midnight(simulated: Ledger) -> None:
    orders = Orders.of_invoices(simulated, dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    expected = simulated["invoices"].set_index("invoice_id").loc[list(orders.ids)]
    assert (orders.as_of == expected["issued_on"].to_numpy()).all()
    assert orders.issued_on.min() >= np.datetime64("2026-03-01")
    assert orders.issued_on.max() <= np.datetime64("2026-03-31")
    assert (orders.amount_minor == expected["amount_minor"].to_numpy()).all()
    assert len(orders) == simulated["invoices"]["issued_on"].between("2026-03-01", "2026-03-31").sum()


def test_an_order_does_not_see_its_own_invoice(simulated: Ledger) -> None:
    orders = Orders.of_invoices(simulated, dt.date(2026, 3, 2), dt.date(2026, 3, 2))
    priors = Priors.of(simulated)
    seen = build_features(History.of(simulated), orders, priors)
    invoices = simulated["invoices"]
    without = Ledger({**simulated.frames, "invoices": invoices[~invoices["invoice_id"].isin(orders.ids)]})
    assert same_bits(build_features(History.of(without), orders, priors), seen)


def test_a_customer_without_an_order_has_null_order_features_and_no_others(simulated: Ledger) -> None:
    customers = sorted(set(simulated["customers"]["customer_id"]))
    moments = np.full(len(customers), np.datetime64("2026-09-01", "us"))
    matrix = build_features(History.of(simulated), Orders.snapshots(customers, moments), Priors.of(simulated))
    needs_order = [name for name in NAMES if name.startswith(("due_", "order_amount", "order_to"))]
    needs_order += [name for name in NAMES if name.endswith("_same_due_weekday")]
    needs_order += ["issue_weekday", "net_days", "days_to_due", "terms_vs_own_mean", "late_rate_same_terms",
                    "utilisation_after", "days_from_due_to_pay_day"]  # fmt: skip
    always_null = [name for name in NAMES if np.isnan(matrix[:, INDEX[name]]).all()]
    assert sorted(always_null) == sorted(needs_order)


def test_a_bare_date_of_a_snapshot_is_its_first_moment() -> None:
    orders = Orders.snapshots(["a"], [dt.datetime(2026, 5, 4)])  # noqa: DTZ001 - snapshots are in UTC by contract
    assert orders.as_of[0] == np.datetime64("2026-05-04T00:00:00")
    assert np.isnat(orders.due_on[0])
