"""The stand-by scorecards: as JSON and back, a law that never contradicts itself, explanations that add up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.event import SERIOUS_DELINQUENCY_6M
from models.law import GRID
from models.standby import Standby
from receivables.errors import ArtefactError, NotEnoughDataError
from tests.models.book import INPUTS, NAMES, Book, make_book


@pytest.fixture(scope="module")
def book() -> Book:
    return make_book(1500, seed=3)


@pytest.fixture(scope="module")
def standby(book: Book) -> Standby:
    return made(book)


def made(book: Book) -> Standby:
    return Standby.fit(
        (book.x, book.labels), (book.x, book.event), names=NAMES, grid=GRID, late_inputs=INPUTS, event_inputs=INPUTS
    )


def test_comes_back_from_json_to_the_last_bit(standby: Standby, book: Book) -> None:
    again = Standby.from_json(standby.to_json(), NAMES)
    assert np.array_equal(again.late.law(book.x).survival, standby.late.law(book.x).survival)
    assert np.array_equal(again.event.margin(book.x[:, : len(INPUTS)]), standby.event.margin(book.x[:, : len(INPUTS)]))


def test_what_is_explained_is_the_probability_of_being_late_at_all(standby: Standby, book: Book) -> None:
    law, parts = standby.late.explained(book.x[:50])
    assert np.allclose(parts.reference + parts.values.sum(axis=1), parts.total, atol=1e-9)
    assert np.array_equal(1.0 / (1.0 + np.exp(-parts.total)), law.late_over(0))


def test_tells_late_orders_from_others(standby: Standby, book: Book) -> None:
    late, known = book.labels[:, GRID.index(0)], standby.late.law(book.x).late_over(0)
    assert known[late == 1].mean() > known[late == 0].mean()


def test_is_a_default_model_of_the_event(standby: Standby, book: Book) -> None:
    model = standby.default(SERIOUS_DELINQUENCY_6M)
    assert model.explained_by == "scorecard"
    assert ((model.probability(book.x) > 0) & (model.probability(book.x) < 1)).all()


def test_without_outcomes_of_being_late_there_is_none(book: Book) -> None:
    with pytest.raises(NotEnoughDataError):
        Standby.fit(
            (book.x, np.zeros_like(book.labels)), (book.x, book.event),
            names=NAMES, grid=GRID, late_inputs=INPUTS, event_inputs=INPUTS,
        )  # fmt: skip


@pytest.mark.parametrize("change", [{"late": {}}, {"late": {"5": {}}}, {"event": None}, {"event": {"names": ["no"]}}])
def test_a_damaged_file_is_refused(standby: Standby, change: dict[str, object]) -> None:
    document = json.loads(standby.to_json()) | change
    with pytest.raises(ArtefactError):
        Standby.from_json(json.dumps(document).encode(), NAMES)
