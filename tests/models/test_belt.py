"""The belt around a probability: it holds the late rate of orders scored alike, and says when it knows little."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.belt import Belt
from models.late import LateModel
from models.numbers import Floats, sigmoid
from tests.models.book import Book

CUSTOMERS, EACH = 150, 40
TRUE = (0.4, 0.8)


def _rows(seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Served log-odds, outcomes, depth and customers; the truth is a line on the log-odds and the customer's own."""
    r = np.random.default_rng(seed)
    log_odds, customers = r.normal(-0.5, 1.5, CUSTOMERS * EACH), np.repeat(np.arange(CUSTOMERS), EACH)
    own = r.normal(0, 0.5, CUSTOMERS)[customers]
    late = r.random(len(log_odds)) < sigmoid(TRUE[0] + TRUE[1] * log_odds + own)
    # one customer in ten is new
    return log_odds, late.astype(float), np.where(customers % 10 == 0, 0.0, 50.0), customers.astype(float)


def test_the_belt_holds_the_true_rate_about_as_often_as_it_says() -> None:
    at = np.array([-2.0, 0.0, 1.0])
    held = []
    for seed in range(60):
        found = Belt.learn(*_rows(seed)).between(at, np.full(3, 50.0), 0.9)
        assert found is not None
        # the average over customers of a line with an own part is a little flatter than the line
        truth = [sigmoid(TRUE[0] + TRUE[1] * x + np.random.default_rng(0).normal(0, 0.5, 4000)).mean() for x in at]
        held.append((found[0] <= truth) & (truth <= found[1]))
    assert 0.84 < np.mean(held) <= 0.99


def test_the_belt_holds_the_probability_itself_and_is_wider_where_history_is_thin() -> None:
    found = Belt.learn(*_rows(1)).between(np.array([1.0, 1.0]), np.array([0.0, 50.0]), 0.9)
    assert found is not None
    low, high = found
    assert (low <= sigmoid(np.array([1.0, 1.0]))).all()
    assert (sigmoid(np.array([1.0, 1.0])) <= high).all()
    assert high[0] - low[0] > high[1] - low[1]


def test_customers_not_invoices_are_the_sample() -> None:
    log_odds, late, depth, customers = _rows(2)
    whole = Belt.learn(log_odds, late, depth, customers).lines[2]
    single = Belt.learn(log_odds, late, depth, np.arange(len(late))).lines[2]
    assert whole.intercept_variance > 1.5 * single.intercept_variance


def test_with_few_outcomes_nothing_is_claimed(late: LateModel, book: Book) -> None:
    log_odds, late_at_all, depth, customers = (part[:80] for part in _rows(3))
    found = Belt.learn(log_odds, late_at_all, depth, customers)
    assert found == Belt()
    assert found.between(log_odds, depth, 0.9) is None
    assert late.late_interval(book.x, 0.9) is None


def test_the_model_serves_its_belt_and_carries_it_in_its_files(late: LateModel, book: Book) -> None:
    served = replace(late, belt=Belt.learn(*_rows(4)))
    found = LateModel.from_files(late.names, served.to_files()).late_interval(book.x, 0.9)
    assert found is not None
    p = late.law(book.x).late_over(0)
    assert ((found[0] <= p) & (p <= found[1])).all()


def test_a_belt_that_is_none_is_refused() -> None:
    document = json.loads(json.dumps(Belt.learn(*_rows(5)).to_dict()))
    assert Belt.from_dict(document) == Belt.learn(*_rows(5))
    with pytest.raises(ValueError, match="depths"):
        Belt.from_dict({**document, "lines": document["lines"][:1]})
    with pytest.raises(ValueError, match="variances"):
        Belt.from_dict({**document, "lines": [{**document["lines"][0], "slope_variance": -1.0}] * 3})
