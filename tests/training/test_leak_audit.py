"""The leak audit passes on the product, names the feature through which a leak came, and shows what leaks flatter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import INDEX, History, Orders, Priors, build_features
from models.numbers import Floats
from receivables.errors import InputError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig
from tests.features.blindness import belated
from tests.training.seller import CUTOFF, Seller
from training import leak_audit, leakage_gap
from training.dataset import LateData
from training.fit import LateFit
from training.leak_audit import FAILED, HELD, NOT_JUDGED, Check, Probe, blindness, cold_ceiling
from training.leakage_gap import AVERAGES, HONEST, POPULAR, RANDOM

_COLUMN = "mean_days_late_365d"


@pytest.fixture(scope="module")
def sloppy(seller: Seller) -> Ledger:
    """The seller as a slow bookkeeper would know it: facts become known weeks late."""
    return belated(seller.simulated.ledger, seed=3)


@pytest.fixture(scope="module")
def moments(seller: Seller) -> list[pd.Timestamp]:
    """Two days with orders, one of them long after training."""
    issued = seller.simulated.ledger["invoices"]["issued_on"].to_numpy()
    return leak_audit.moments_of(issued[issued > CUTOFF.to_datetime64()], 2)


def _looked_at(compute: Callable[[Ledger, Orders], Floats], ledger: Ledger, moments: list[pd.Timestamp]) -> Check:
    return blindness(ledger, [Probe("figures", (_COLUMN,), compute)], moments, margin_days=2)[0]


def test_features_scores_and_labels_of_the_product_do_not_see_the_future(
    sloppy: Ledger, moments: list[pd.Timestamp], late_fit: LateFit, late_data: LateData
) -> None:
    priors = late_data.known.priors.at(CUTOFF.to_datetime64())
    model = late_fit.model
    probes = [leak_audit.feature_probe(), leak_audit.score_probe(lambda _: (model, priors), model.grid)]
    found = blindness(sloppy, probes, moments, margin_days=2)
    assert [check.verdict for check in found] == [HELD] * 3, found
    assert not leak_audit.failed(found)
    assert all("2 moments" in check.said for check in found)


def test_a_customer_average_over_all_rows_is_caught_and_named(sloppy: Ledger, moments: list[pd.Timestamp]) -> None:
    def leaky(ledger: Ledger, orders: Orders) -> Floats:
        counts = ledger["allocations"]["invoice_id"].isin(ledger["invoices"]["invoice_id"]).sum()
        return np.full((len(orders), 1), float(counts))

    check = _looked_at(leaky, sloppy, moments)
    assert check.verdict == FAILED
    assert _COLUMN in check.said
    assert leak_audit.failed([check])


def test_a_single_feature_that_sees_the_ledgers_end_is_caught(sloppy: Ledger, moments: list[pd.Timestamp]) -> None:
    def leaky(ledger: Ledger, orders: Orders) -> Floats:
        history = History.of(ledger)
        end = Priors.of(history).at(ledger["allocations"]["known_at"].max().to_datetime64())
        return build_features(history, orders, end)[:, [INDEX["peer_late_over_0_rate"]]]

    assert _looked_at(leaky, sloppy, moments).verdict == FAILED


def test_an_audit_of_no_moments_is_refused(sloppy: Ledger) -> None:
    with pytest.raises(InputError, match="at least one moment"):
        blindness(sloppy, [leak_audit.feature_probe()], [], margin_days=2)


@pytest.mark.parametrize(("skill", "verdict"), [(0.4, HELD), (4.0, FAILED)], ids=["honest", "too good"])
def test_new_customers_may_not_be_ranked_better_than_is_possible(skill: float, verdict: str) -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(900) < 0.4).astype(float)
    p = 1 / (1 + np.exp(-(skill * y + rng.normal(size=900))))
    check = cold_ceiling(y, p, np.array([f"c{i // 3}" for i in range(900)], dtype=object))
    assert check.verdict == verdict
    assert "900 cold-start orders" in check.said


def test_a_handful_of_new_customers_is_not_judged() -> None:
    y = np.array([0.0, 1.0, 1.0])
    assert cold_ceiling(y, y, np.array(["a", "b", "c"], dtype=object)).verdict == NOT_JUDGED


def test_popular_leaks_flatter_on_the_same_orders_and_are_called_wrong(
    late_data: LateData, config: OutcomeConfig
) -> None:
    knows_nothing = replace(late_data, x=np.zeros_like(late_data.x))
    found = leakage_gap.leakage_gap(knows_nothing, margin_days=config.maturity_margin_days, seed=1, horizons=(0,))
    by_way = {rung.way: rung for rung in found}
    assert list(by_way) == [HONEST, RANDOM, AVERAGES, POPULAR]
    assert len({rung.rows for rung in found}) == 1
    assert (by_way[HONEST].auc, by_way[HONEST].flattered) == (0.5, 0.0)
    assert by_way[POPULAR].low > 0.1
    assert by_way[AVERAGES].low > 0.1
    assert by_way[POPULAR].log_loss < by_way[HONEST].log_loss
    assert all(way.startswith("WRONG") for way in by_way if way != HONEST)


def test_too_few_outcomes_give_no_ladder(late_data: LateData) -> None:
    few = LateData(late_data.known, late_data.orders.take(slice(0, 40)), late_data.x[:40])
    assert leakage_gap.leakage_gap(few, margin_days=2, seed=1, horizons=(0,)) == []
