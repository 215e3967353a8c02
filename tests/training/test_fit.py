"""Fits: blind to the future, the same on any number of threads, judged on what they have not learnt."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import INDEX
from models.calibration import Calibration
from models.late import LateModel
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from tests.training.seller import CUTOFF, END, SETTINGS
from training import fit
from training.dataset import DefaultData, Known, LateData
from training.evaluate import ALL, COLD, judge, pick
from training.fit import LateFit, fit_late, judged_late
from training.fit_default import DefaultFit, fit_default, judged_default, model_event

FAST = dataclasses.replace(SETTINGS, rounds=((10, 30),))


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """All that a simulated seller ever knew; no training run is needed here."""
    return simulate(130, 14, 11, END, SimulationConfig.read()).ledger


@pytest.fixture(scope="module")
def late_data(ledger: Ledger) -> LateData:
    return LateData.of(Known.at(ledger, CUTOFF))


@pytest.fixture(scope="module")
def late_fit(late_data: LateData, config: OutcomeConfig) -> LateFit:
    return fit_late(late_data, FAST, margin_days=config.maturity_margin_days)


@pytest.fixture(scope="module")
def default_data(late_data: LateData, config: OutcomeConfig) -> DefaultData:
    return DefaultData.of(late_data.known, config)


@pytest.fixture(scope="module")
def default_fit(default_data: DefaultData) -> DefaultFit:
    return fit_default(default_data, FAST)


def scrambled_after(ledger: Ledger, cutoff: pd.Timestamp) -> Ledger:
    """The ledger with every fact known after `cutoff` given other amounts, days and customers, and some dropped."""
    rng = np.random.default_rng(3)
    frames = {}
    for name, frame in ledger.frames.items():
        after = (frame["known_at"] > cutoff).to_numpy()
        late = frame[after].sample(frac=0.6, random_state=4)
        for column in late.columns.intersection(["amount_minor", "customer_id", "cleared_on", "due_on", "filed_on"]):
            late[column] = rng.permutation(late[column].to_numpy())
        frames[name] = pd.concat([frame[~after], late], ignore_index=True)
    return Ledger(frames)


def text_of(model: Any) -> bytes:
    return b"".join(model.to_files().values())


def test_models_are_the_same_whatever_became_known_after_the_cutoff(
    ledger: Ledger, late_fit: LateFit, default_fit: DefaultFit, config: OutcomeConfig
) -> None:
    known = Known.at(scrambled_after(ledger, CUTOFF), CUTOFF)
    late = fit_late(LateData.of(known), FAST, margin_days=config.maturity_margin_days)
    assert text_of(late.model) == text_of(late_fit.model)
    assert late.heldout.margins.tobytes() == late_fit.heldout.margins.tobytes()
    default = fit_default(DefaultData.of(known, config), FAST)
    assert text_of(default.model) == text_of(default_fit.model)


def test_the_number_of_threads_changes_nothing(late_data: LateData, late_fit: LateFit, config: OutcomeConfig) -> None:
    alone = fit_late(late_data, dataclasses.replace(FAST, threads=1), margin_days=config.maturity_margin_days)
    assert text_of(alone.model) == text_of(late_fit.model)


def test_another_seed_gives_another_model(late_data: LateData, late_fit: LateFit, config: OutcomeConfig) -> None:
    other = fit_late(late_data, dataclasses.replace(FAST, seed=2), margin_days=config.maturity_margin_days)
    assert text_of(other.model) != text_of(late_fit.model)


def test_an_origin_learns_only_labels_that_had_matured_by_then(
    late_data: LateData, config: OutcomeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each fit is given is recorded on its way to the real fit."""
    given: list[np.ndarray] = []
    original = LateModel.fit.__func__  # type: ignore[attr-defined]

    def recording(cls: type[LateModel], x: Any, labels: Any, **more: Any) -> LateModel:
        given.append(np.asarray(x))
        return original(cls, x, labels, **more)  # type: ignore[no-any-return]

    monkeypatch.setattr(LateModel, "fit", classmethod(recording))
    made = fit_late(late_data, dataclasses.replace(FAST, threads=1), margin_days=config.maturity_margin_days)
    rows_of = {late_data.x[i].tobytes(): i for i in range(len(late_data.x))}
    for split, x in zip(made.splits, given, strict=False):
        learnt = {rows_of[row.tobytes()] for row in x}
        held = set(made.heldout.rows[split.test(late_data.orders.as_of[made.heldout.rows])].tolist())
        assert held
        assert not learnt & held
        assert max(late_data.orders.as_of[list(learnt)]) < split.cutoff.to_datetime64()


def test_the_model_ranks_better_than_chance_out_of_time(late_data: LateData, late_fit: LateFit) -> None:
    figures = judge(judged_late(late_data, late_fit), replicates=50)
    found = pick(figures, "late_over_0", fit.MODEL, "auc")
    assert found is not None
    assert found.low > 0.6
    assert found.rows > 500


def test_no_cold_customer_is_predicted_better_than_honestly_possible(late_data: LateData, late_fit: LateFit) -> None:
    """Above 0.85 for customers with hardly any history would mean that a feature knows the outcome."""
    judged = judged_late(late_data, late_fit)
    cold = judged.settled_known < COLD
    y, p = judged.outcomes["late_over_0"][cold], judged.predictors[fit.MODEL]["late_over_0"][cold]
    use = ~np.isnan(y)
    assert use.sum() >= 20
    assert fit_auc(y[use], p[use]) < 0.85


def fit_auc(y: np.ndarray, p: np.ndarray) -> float:
    from training.metrics import auc

    return float(auc(y, p, np.ones(len(y))))


def test_more_rounds_are_tried_only_where_the_first_tier_ends_at_its_last() -> None:
    """A stub of boosting that gets better with every tree up to the fifth."""
    labels = np.tile([np.nan] * 4 + [1.0, 0.0, 1.0] + [0.0] * 6, (4, 1))
    labels[:2, [4, 7]] = 0.0

    @dataclasses.dataclass(frozen=True)
    class Stub:
        forest: Any

        def margins(self, x: np.ndarray) -> np.ndarray:
            quality = 5 - abs(5 - len(self.forest.trees))
            return np.where(np.nan_to_num(labels) == 1, 1.0, -1.0) * quality

    asked: list[int] = []

    def grow(rounds: int) -> list[Any]:
        asked.append(rounds)
        return [Stub(fit.Forest(("a",), (_leaf(),) * rounds))]

    assert fit.choose_rounds(((2, 4), (5, 8)), grow, [np.zeros((4, 1))], labels)[0] == 5
    assert asked == [4, 8]
    asked.clear()
    assert fit.choose_rounds(((5, 6), (7, 8)), grow, [np.zeros((4, 1))], labels)[0] == 5
    assert asked == [6]


def _leaf() -> Any:
    from models.forest import Tree

    none, one = np.empty(0, np.int64), np.array([1], np.int64)
    return Tree(none, none.astype(float), none.astype(float), none, none, none, none, np.array([0.1]), one)


def test_a_history_too_short_to_hold_out_time_holds_out_customers_and_says_so(
    default_data: DefaultData, default_fit: DefaultFit
) -> None:
    assert "customers held out" in default_fit.heldout.how
    judged = judged_default(default_data, default_fit)
    assert len(judged.outcomes[default_data.event.name]) == int((~np.isnan(default_fit.labels)).sum())


def test_the_calibration_of_the_default_model_is_learnt_on_held_out_rows_only(default_fit: DefaultFit) -> None:
    found = default_fit.model.calibration_
    assert isinstance(found, Calibration)
    assert found.outcomes == len(default_fit.heldout.rows)


def test_the_belt_of_the_default_model_speaks_for_the_held_out_customers(
    default_data: DefaultData, default_fit: DefaultFit
) -> None:
    customers = len(set(default_data.orders.customer_id[default_fit.heldout.rows]))
    lines = default_fit.model.belt_.lines
    assert max(line.customers for line in lines) == customers
    x = default_data.x[default_fit.heldout.rows]
    low, high = default_fit.model.interval(x, 0.9) or (np.nan, np.nan)
    p = default_fit.model.probability(x)
    assert ((low < p + 1e-12) & (p < high + 1e-12)).all()


def test_too_few_matured_outcomes_are_an_error_that_says_what_to_do(ledger: Ledger, config: OutcomeConfig) -> None:
    first = ledger["invoices"]["issued_on"].min()
    known = Known.at(ledger, first + pd.Timedelta(days=6))
    with pytest.raises(NotEnoughDataError, match="longer history"):
        fit_late(LateData.of(known), FAST, margin_days=config.maturity_margin_days)
    with pytest.raises(NotEnoughDataError, match=r"default_12m: 0 events of 0 customers"):
        DefaultData.of(known, config)


def test_every_figure_of_a_run_names_rows_events_and_an_interval(late_data: LateData, late_fit: LateFit) -> None:
    for figure in judge(judged_late(late_data, late_fit), replicates=20):
        assert figure.rows >= figure.events >= 10
        if figure.slice == ALL and np.isfinite(figure.value):
            assert figure.low <= figure.high


def test_the_event_of_the_model_is_called_default_only_where_it_is_one(default_data: DefaultData) -> None:
    event = model_event(default_data.event)
    assert event.is_default == (default_data.event.days_past_due >= 90) == (event.label == "default")
    assert INDEX["oldest_open_item_days"] < default_data.x.shape[1]
