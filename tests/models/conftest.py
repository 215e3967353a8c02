"""Both models, fitted once to a small order book."""

from __future__ import annotations

import pytest

from models import DefaultModel, LateModel
from models.event import SERIOUS_DELINQUENCY_6M
from tests.models.book import INPUTS, NAMES, RAISES, Book, make_book


@pytest.fixture(scope="session")
def book() -> Book:
    return make_book(4000, seed=1)


@pytest.fixture(scope="session")
def late(book: Book) -> LateModel:
    return LateModel.fit(
        book.x,
        book.labels,
        names=NAMES,
        inputs=INPUTS,
        monotone=RAISES,
        seeds=(1, 2),
        params={"num_iterations": 60, "learning_rate": 0.1, "min_data_in_leaf": 100},
    )


@pytest.fixture(scope="session")
def default(book: Book) -> DefaultModel:
    model = DefaultModel(
        event=SERIOUS_DELINQUENCY_6M,
        names=NAMES,
        inputs=INPUTS,
        monotone=RAISES,
        seeds=(1, 2),
        params={"num_iterations": 120, "learning_rate": 0.1, "num_leaves": 6},
        raw=False,
    )
    return model.fit(book.x, book.event)
