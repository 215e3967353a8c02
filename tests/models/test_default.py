"""The default model: scikit-learn's protocol on plain arrays, additive, monotone, honest about too few events."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from benchmarks.card_panel import NAMES as CARDS
from benchmarks.card_panel import CardPanel, card_panel
from models import Calibration, DefaultModel, Scorecard
from models.basis import RatingBasis
from models.belt import Belt
from models.event import DEFAULT_12M, SERIOUS_DELINQUENCY_6M, Event
from models.forest import Forest
from models.numbers import log_loss, logit, sigmoid
from receivables.errors import ArtefactError, InputError, NotEnoughDataError
from tests.models.book import NAMES, RAISES, Book, make_book

FAST = {"num_iterations": 30}


def test_it_works_in_scikit_learns_own_cross_validation_on_plain_columns() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    r = np.random.default_rng(0)
    x = r.normal(size=(3000, 5))
    y = (r.random(3000) < sigmoid(1.5 * x[:, 0] - 1)).astype(int)
    folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=1, random_state=42)
    model = clone(DefaultModel(params=FAST, seeds=(1,), raw=False))
    scores = cross_val_score(model, x, y, cv=folds, scoring="roc_auc")
    assert scores.min() > 0.78
    p = model.fit(x.tolist(), y.tolist()).predict_proba(x)
    assert p.shape == (3000, 2)
    assert np.allclose(p.sum(axis=1), 1.0)
    assert np.array_equal(model.predict(x), (p[:, 1] > 0.5).astype(int))


def test_its_log_loss_comes_near_that_of_the_true_probabilities(default: DefaultModel) -> None:
    fresh = make_book(6000, seed=9)
    oracle = log_loss(fresh.event, fresh.log_odds).mean()
    constant = log_loss(fresh.event, np.full(6000, logit(np.array(fresh.event.mean())))).mean()
    assert log_loss(fresh.event, default.margin(fresh.x)).mean() < oracle + 0.3 * (constant - oracle)


def test_what_is_explained_is_exactly_what_is_served(default: DefaultModel, book: Book) -> None:
    for model in (default, default.calibrated(Calibration("affine", 0.7, -0.2))):
        found = model.explain(book.x)
        assert np.array_equal(found.probability, model.probability(book.x))
        assert np.abs(found.reference + found.values.sum(axis=1) - found.total).max() < 1e-9
        assert not found.values[:, NAMES.index("not_used")].any()


def test_a_higher_delinquency_feature_never_lowers_the_risk(default: DefaultModel, book: Book) -> None:
    for name in RAISES:
        worse = book.x.copy()
        worse[:, NAMES.index(name)] += np.random.default_rng(5).uniform(0, 0.5, len(worse))
        assert (default.margin(worse) >= default.margin(book.x)).all(), name


def test_files_bring_back_the_same_model_to_the_last_bit(default: DefaultModel, book: Book) -> None:
    served = default.calibrated(Calibration("intercept", 1.0, 0.25))
    again = DefaultModel.from_files(NAMES, served.event, served.to_files())
    assert np.array_equal(again.probability(book.x), served.probability(book.x))
    assert again.to_files() == served.to_files()


def test_the_belt_around_the_probability_is_learnt_on_new_rows_and_travels_along(default: DefaultModel) -> None:
    fresh = make_book(4000, seed=8)
    assert default.interval(fresh.x, 0.9) is None
    customers, settled = np.arange(4000) // 5, np.full(4000, 30.0)
    belt = Belt.learn(default.log_odds(fresh.x), fresh.event, settled, customers)
    served = default.judged(RatingBasis(), belt)
    again = DefaultModel.from_files(NAMES, served.event, served.to_files())
    low, high = again.interval(fresh.x, 0.9) or (np.nan, np.nan)
    p = served.probability(fresh.x)
    assert (low <= p).all()
    assert (p <= high).all()
    assert np.array_equal(low, (served.interval(fresh.x, 0.9, served.log_odds(fresh.x)) or (np.nan,))[0])
    assert served.calibrated(Calibration("affine", 0.7, -0.2)).interval(fresh.x, 0.9) is None


def test_with_few_events_it_is_a_scorecard_and_with_hardly_any_it_refuses() -> None:
    r = np.random.default_rng(2)
    x = r.normal(size=(2000, 3))
    rare = np.zeros(2000)
    rare[np.argsort(-x[:, 0])[:60]] = 1
    model = DefaultModel().fit(x, rare)
    assert isinstance(model.core_, Scorecard)
    again = DefaultModel.from_files(model.names_, model.event, model.to_files())
    assert np.array_equal(again.probability(x), model.probability(x))
    assert np.array_equal(again.explain(x).probability, model.probability(x))
    with pytest.raises(NotEnoughDataError, match="got 5 events"):
        DefaultModel().fit(x, np.arange(2000) < 5)
    assert isinstance(DefaultModel(params=FAST, seeds=(1,), raw=False).fit(x, x[:, 0] > 0).core_, Forest)


def test_the_same_data_and_seeds_give_the_same_bytes(book: Book) -> None:
    made = [DefaultModel(params=FAST, seeds=(7,), raw=False).fit(book.x, book.event).to_files() for _ in range(2)]
    assert made[0] == made[1]


def test_wrong_use_is_said_plainly(default: DefaultModel) -> None:
    x = np.zeros((4, 2))
    with pytest.raises(InputError, match="call fit first"):
        DefaultModel().probability(x)
    with pytest.raises(InputError, match="outcomes 0 or 1"):
        DefaultModel().fit(x, [0, 1, 2, 1])
    with pytest.raises(InputError, match="columns"):
        DefaultModel(names=("a",)).fit(x, [0, 1, 0, 1])
    with pytest.raises(InputError, match="no such parameters"):
        DefaultModel().set_params(depth=3)
    with pytest.raises(InputError, match="7 columns"):
        default.probability(x)
    with pytest.raises(ArtefactError):
        DefaultModel.from_files(NAMES[1:], default.event, default.to_files())


def test_only_a_default_is_called_default() -> None:
    assert "default within 12 months" in DEFAULT_12M.text()
    weaker = SERIOUS_DELINQUENCY_6M.text()
    assert weaker.startswith("serious delinquency within 6 months")
    assert "default" not in weaker
    assert Event.from_dict(SERIOUS_DELINQUENCY_6M.to_dict()) == SERIOUS_DELINQUENCY_6M
    assert "within 1 month (" in Event("x", "serious delinquency", 30, 30, False).text()


@pytest.fixture(scope="module")
def cards() -> CardPanel:
    return card_panel(3000, seed=3)


@pytest.fixture(scope="module")
def raw(cards: CardPanel) -> DefaultModel:
    return DefaultModel(params=FAST, seeds=(1,)).fit(cards.x, cards.y)


def test_raw_columns_are_derived_from_and_explained_in_full_by_the_given_ones(
    raw: DefaultModel, cards: CardPanel
) -> None:
    found = raw.explain(cards.x[:50])
    assert raw.derived_
    assert found.names == tuple(f"x{i}" for i in range(23))
    assert np.array_equal(found.probability, raw.probability(cards.x[:50]))


def test_a_raw_model_comes_back_from_its_files_to_the_last_bit(raw: DefaultModel, cards: CardPanel) -> None:
    again = DefaultModel.from_files(raw.names_, raw.event, raw.to_files())
    assert np.array_equal(again.probability(cards.x), raw.probability(cards.x))
    assert again.derived_ == raw.derived_


def test_a_fitted_model_survives_a_pickle_between_processes(raw: DefaultModel, cards: CardPanel) -> None:
    raw.probability(cards.x[:5])
    again = pickle.loads(pickle.dumps(raw))  # noqa: S301  # our own, as a process pool would send it
    assert np.array_equal(again.probability(cards.x), raw.probability(cards.x))


def test_a_frame_is_taken_with_its_names_and_only_in_the_order_of_training(cards: CardPanel) -> None:
    frame = pd.DataFrame(cards.x, columns=list(CARDS))
    model = DefaultModel(params=FAST, seeds=(1,)).fit(frame, pd.Series(cards.y))
    assert model.names_ == CARDS
    assert list(model.feature_names_in_) == list(CARDS)
    assert np.array_equal(model.predict_proba(frame), model.predict_proba(cards.x))
    with pytest.raises(InputError, match="in their order"):
        model.predict_proba(frame[list(CARDS[::-1])])
    spoken = DefaultModel(params=FAST, seeds=(1,)).fit(frame.rename(columns={"limit": "the limit (EUR)"}), cards.y)
    assert spoken.names_ == tuple(f"x{i}" for i in range(23))


@pytest.mark.parametrize(
    "shape", ["one column", "constants", "nulls", "whole numbers", "zeros", "codes", "few rows", "wide", "booleans"]
)
def test_tables_of_any_shape_are_learnt_from(cards: CardPanel, shape: str) -> None:
    r = np.random.default_rng(0)
    holes = np.where(r.random(cards.x.shape) < 0.3, np.nan, cards.x)
    x, y = {
        "one column": (cards.x[:, [5]], cards.y),
        "constants": (np.column_stack([np.full(3000, 7.0), cards.x, np.full(3000, np.nan)]), cards.y),
        "nulls": (holes, cards.y),
        "whole numbers": (cards.x.astype(np.int32), cards.y),
        "zeros": (np.zeros((3000, 4)), cards.y),
        "codes": (cards.x[:, 1:4], cards.y),
        "few rows": (cards.x[:90], cards.y[:90]),
        "wide": (np.column_stack([cards.x, r.normal(size=(3000, 300))]), cards.y),
        "booleans": (cards.x[:, 5:11] > 0, cards.y),
    }[shape]
    p = DefaultModel(params={"num_iterations": 5}, seeds=(1,)).fit(x, y).predict_proba(x)
    assert p.shape == (len(x), 2)
    assert np.isfinite(p).all()


def test_derived_columns_and_the_bag_beat_plain_trees_on_a_card_panel() -> None:
    from sklearn.metrics import roc_auc_score

    train, test = card_panel(4000, seed=5), card_panel(4000, seed=6)
    few = {"num_iterations": 150, "learning_rate": 0.05}
    auc = {
        ready: roc_auc_score(
            test.y, DefaultModel(raw=ready, params=few, seeds=(1,)).fit(train.x, train.y).probability(test.x)
        )
        for ready in (True, False)
    }
    assert auc[True] > auc[False] + 0.003
    assert auc[True] < roc_auc_score(test.y, test.p)
