"""Nothing that became known after an order's moment can reach its features; and the proof notices when it does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import INDEX, NAMES, History, Orders, Priors, build_features
from features.expression import Floats
from models.champion import Champion
from models.default import DefaultModel
from models.event import Event
from models.inputs import directions, inputs_for
from models.late import LateModel
from models.law import GRID
from models.scale import ScoreScale
from receivables.currencies import Currencies, Rates
from receivables.ledger import Ledger
from receivables.outcomes import EventRule, OutcomeConfig
from receivables.settlements import settlements
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from tests.features.blindness import Score, assert_blind, belated, falsify, moments_of
from tests.features.conftest import examples
from tests.features.ledgers import ledgers
from training.dataset import DefaultData, Known, LateData
from training.scoring import score


def _matrix(ledger: Ledger, orders: Orders) -> Floats:
    return build_features(History.of(ledger), orders, Priors.of(ledger))


def features(ledger: Ledger, orders: Orders) -> bytes:
    """The bytes of every feature, from the ledger on."""
    return _matrix(ledger, orders).tobytes()


@pytest.fixture(scope="module")
def sloppy() -> Ledger:
    """Thirty customers over a year, a quarter of all facts booked weeks late."""
    ledger = simulate(30, 13, 8, dt.date(2026, 10, 31), SimulationConfig.read()).ledger
    return belated(ledger, seed=2)


def check(score: Score, ledger: Ledger) -> None:
    """The one proof, for the product and for every seeded leak."""
    assert_blind(score, ledger, moments_of(ledger, 4, seed=6))


def test_no_feature_depends_on_what_became_known_later(sloppy: Ledger) -> None:
    check(features, sloppy)


@examples(8)
@given(st.data())
def test_no_feature_depends_on_what_became_known_later_on_any_ledger(data: st.DataObject) -> None:
    ledger = data.draw(ledgers())
    if len(ledger["invoices"]):
        assert_blind(features, ledger, moments_of(ledger, 1, seed=data.draw(st.integers(0, 1000))))


# -- leaks, seeded on purpose: each is a mistake that somebody could make -------------------------------------------


def _seeing(change: Callable[[Ledger], Ledger]) -> Score:
    return lambda ledger, orders: features(change(ledger), orders)


def _with(ledger: Ledger, table: str, **columns: pd.Series) -> Ledger:
    return Ledger({**ledger.frames, table: ledger[table].assign(**columns)})


def payments_count_from_their_value_date(ledger: Ledger) -> Ledger:
    booked, on = (ledger["allocations"][name] for name in ("known_at", "cleared_on"))
    return _with(ledger, "allocations", known_at=booked.where(booked < on, on))


def invoices_count_from_their_issue_date(ledger: Ledger) -> Ledger:
    return _with(ledger, "invoices", known_at=ledger["invoices"]["issued_on"])


def limits_count_from_their_first_day(ledger: Ledger) -> Ledger:
    return _with(ledger, "limit_changes", known_at=ledger["limit_changes"]["valid_from"])


def disputes_are_closed_when_they_are_opened(ledger: Ledger) -> Ledger:
    disputes = ledger["disputes"]
    return _with(ledger, "disputes", closed_known_at=disputes["known_at"].where(disputes["closed_on"].notna()))


def master_data_was_always_known(ledger: Ledger) -> Ledger:
    start = pd.Series(pd.Timestamp(1990, 1, 1), index=ledger["customers"].index, dtype="datetime64[us]")
    return _with(ledger, "customers", known_at=start)


def _clairvoyant(history: History) -> History:
    """Every settlement is known when its invoice is."""
    known = np.repeat(history.invoices.known, np.diff(history.clearings.start))
    return replace(history, clearings=replace(history.clearings, known=known))


def settlements_are_seen_at_issue(ledger: Ledger, orders: Orders) -> bytes:
    return build_features(_clairvoyant(History.of(ledger)), orders, Priors.of(ledger)).tobytes()


def promises_know_their_outcome(ledger: Ledger, orders: Orders) -> bytes:
    history, priors = History.of(ledger), Priors.of(ledger)
    matrix = build_features(history, orders, priors)
    column = INDEX["broken_promise_ratio_365d"]
    matrix[:, column] = build_features(_clairvoyant(history), orders, priors)[:, column]
    return matrix.tobytes()


def peers_are_those_of_the_ledgers_end(ledger: Ledger, orders: Orders) -> bytes:
    end = ledger["allocations"]["known_at"].max().to_datetime64()
    return build_features(History.of(ledger), orders, Priors.of(ledger).at(end)).tobytes()


def averages_are_over_all_rows(ledger: Ledger, orders: Orders) -> bytes:
    matrix = _matrix(ledger, orders)
    settled = settlements(ledger, as_of=pd.Timestamp(2100, 1, 1))
    means = settled.groupby("customer_id")["days_late"].mean()
    matrix[:, INDEX["mean_days_late_365d"]] = means.reindex(orders.customer_id).to_numpy()
    return matrix.tobytes()


def amounts_are_converted_at_the_last_rate(ledger: Ledger, orders: Orders) -> bytes:
    rates = ledger["exchange_rates"].sort_values("rate_on").drop_duplicates(["currency", "base_currency"], keep="last")
    long_ago = pd.Series(pd.Timestamp(1990, 1, 1), index=rates.index, dtype="datetime64[us]")
    timeless = Ledger({**ledger.frames, "exchange_rates": rates.assign(rate_on=long_ago, known_at=long_ago)})
    history = History.of(ledger, Rates.of(timeless, Currencies.read()))
    return build_features(history, orders, Priors.of(ledger)).tobytes()


LEAKS: dict[str, Score] = {
    **{
        change.__name__: _seeing(change)
        for change in (
            payments_count_from_their_value_date,
            invoices_count_from_their_issue_date,
            limits_count_from_their_first_day,
            disputes_are_closed_when_they_are_opened,
            master_data_was_always_known,
        )
    },
    "settlements_are_seen_at_issue": settlements_are_seen_at_issue,
    "promises_know_their_outcome": promises_know_their_outcome,
    "peers_are_those_of_the_ledgers_end": peers_are_those_of_the_ledgers_end,
    "averages_are_over_all_rows": averages_are_over_all_rows,
    "amounts_are_converted_at_the_last_rate": amounts_are_converted_at_the_last_rate,
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_proof_fails_on_a_seeded_leak(leak: str, sloppy: Ledger) -> None:
    with pytest.raises(AssertionError, match="it saw what was learnt later"):
        check(LEAKS[leak], sloppy)


# -- the same proof for the scores of a champion --------------------------------------------------------------------

CUTOFF = pd.Timestamp(2026, 8, 1)
_SMALL = {"num_iterations": 30, "min_data_in_leaf": 40, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def seller() -> Ledger:
    """Sixty customers over sixteen months, sloppily booked."""
    return belated(simulate(60, 16, 21, dt.date(2026, 10, 31), SimulationConfig.read()).ledger, seed=4)


def _late_model(ledger: Ledger) -> LateModel:
    data, names = LateData.of(Known.at(ledger, CUTOFF)), inputs_for("late")
    labels = data.labels(GRID, cutoff=CUTOFF, margin_days=2)
    return LateModel.fit(
        data.x, labels, names=NAMES, inputs=names, monotone=directions(names), params=_SMALL, seeds=(1,)
    )


def _default_model(ledger: Ledger) -> DefaultModel:
    # thirty days past due within ninety days: sixty customers do not default often enough
    config, names = OutcomeConfig.read(), inputs_for("default")
    rule = EventRule("serious_delinquency_3m", "serious delinquency", 30, 90)
    data = DefaultData.of(Known.at(ledger, CUTOFF), replace(config, events=(rule,)))
    labels = data.labels(cutoff=CUTOFF)
    event = Event(rule.name, rule.label, rule.days_past_due, rule.horizon_days, False)
    model = DefaultModel(
        event=event, names=NAMES, inputs=names, monotone=directions(names), params=_SMALL, seeds=(1,), raw=False
    )
    return model.fit(data.x[~np.isnan(labels)], labels[~np.isnan(labels)])


@pytest.fixture(scope="module")
def champion(seller: Ledger) -> Champion:
    """Both models, trained on what was known at the cut-off."""
    priors = Priors.of(seller).at(CUTOFF.to_datetime64())
    return Champion(_late_model(seller), _default_model(seller), ScoreScale.load(), priors, {})


def _scores(champion: Champion, change: Callable[[History], History] = lambda history: history) -> Score:
    def scores(ledger: Ledger, orders: Orders) -> bytes:
        frame = score(change(History.of(ledger)), orders, champion)
        return frame.select_dtypes("number").to_numpy(np.float64).tobytes() + "".join(frame["rating"]).encode()

    return scores


def _after_training(ledger: Ledger) -> list[pd.Timestamp]:
    return [moment for moment in moments_of(ledger, 12, seed=9) if moment > CUTOFF][:3]


def test_no_score_depends_on_what_became_known_later(champion: Champion, seller: Ledger) -> None:
    assert_blind(_scores(champion), seller, _after_training(seller))


def test_the_proof_fails_on_scores_that_see_settlements_at_issue(champion: Champion, seller: Ledger) -> None:
    with pytest.raises(AssertionError, match="it saw what was learnt later"):
        assert_blind(_scores(champion, _clairvoyant), seller, _after_training(seller))


def test_training_learns_nothing_from_what_became_known_after_the_cut_off(champion: Champion, seller: Ledger) -> None:
    other = falsify(seller, CUTOFF, np.random.default_rng(5))
    assert _late_model(other).to_files() == champion.late.to_files()
    assert _default_model(other).to_files() == champion.default.to_files()
    assert Priors.of(other).at(CUTOFF.to_datetime64()).to_json()["*"] == champion.priors.to_json()["*"]
