"""Reasons say in words what the contributions say in numbers, and what people see adds up exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import FEATURES, NAMES, REASONS
from models import Contributions, DefaultModel, ScoreScale, explanation, reasons
from models.reasons import ADVERSE, FAVOURABLE, OTHER
from receivables.errors import InputError
from tests.models.book import Book

SCALE = ScoreScale.load()


@dataclass(frozen=True)
class Feature:
    name: str
    reason: str
    direction: int = 0
    uses: frozenset[str] = frozenset({"late"})


@dataclass(frozen=True)
class Reason:
    code: str
    category: str
    title: str
    text: str


TABLE = (Feature("a", "X1"), Feature("b", "X1"), Feature("c", "X2"), Feature("d", "GONE"))
CATALOGUE = {
    "X1": Reason("X1", "HISTORY", "How it was", "It was {a:.0f} and {b:.1%}"),
    "X2": Reason("X2", "NOW", "How it is", ""),
}
COLUMNS = ("a", "b", "c", "d")


def one(*values: float, reference: float = -0.42) -> Contributions:
    row = np.array([values])
    return Contributions(COLUMNS[: len(values)], reference, row, reference + row.sum(axis=1))


parts = st.lists(st.floats(-6, 6), min_size=4, max_size=4)


@given(parts, st.floats(-5, 5), st.integers(0, 4), st.booleans())
def test_reference_and_reasons_add_up_exactly_as_displayed(
    values: list[float], reference: float, limit: int, in_points: bool
) -> None:
    scale = SCALE if in_points else None
    found = explanation(
        one(*values, reference=reference), [1.0] * 4, scale=scale, limit=limit, features=TABLE, catalogue=CATALOGUE
    )
    shown = sum((Decimal(str(line.points)) for line in found.lines), Decimal(str(found.reference)))
    assert shown == Decimal(str(found.value))
    exact = reference + sum(values)
    expected = SCALE.unbounded(exact) if in_points else 100 * exact
    assert abs((1 if in_points else 100) * found.value - expected) <= 0.5 + 1e-6
    assert found.lines[-1].code == OTHER
    assert len(found.lines) <= limit + 1


@given(parts)
def test_reasons_come_largest_first_and_say_which_way_they_push(values: list[float]) -> None:
    lines = reasons(one(*values), [1.0] * 4, scale=SCALE, features=TABLE, catalogue=CATALOGUE)[:-1]
    sizes = [abs(line.points) for line in lines]
    assert sizes == sorted(sizes, reverse=True)
    assert all(line.direction == (ADVERSE if line.points < 0 else FAVOURABLE) for line in lines)


def test_features_of_one_story_are_told_once_with_the_customers_figures() -> None:
    lines = reasons(one(0.5, 0.25, -0.1, 0.03), [12.4, 0.5, 3.0, 1.0], features=TABLE, catalogue=CATALOGUE)
    assert [(line.code, line.points, line.text) for line in lines] == [
        ("X1", 0.75, "It was 12 and 50.0%"),
        ("X2", -0.1, "How it is"),
        ("OTHER", 0.03, "All other factors together"),
    ]
    assert lines[0].features == (("a", 12.4), ("b", 0.5))
    assert lines[1].features == (("c", 3.0),)


def test_where_a_figure_is_null_the_title_is_said_and_the_null_is_shown_as_such() -> None:
    line = reasons(one(0.5, 0.25, 0.0), [12.4, np.nan, 1.0], features=TABLE, catalogue=CATALOGUE)[0]
    assert line.text == "How it was"
    assert line.features == (("a", 12.4), ("b", None))


def test_what_rounds_to_nothing_is_no_reason() -> None:
    lines = reasons(one(0.0001, 0.0, 0.3), [1.0] * 3, features=TABLE, catalogue=CATALOGUE)
    assert [line.code for line in lines] == ["X2", "OTHER"]


def test_beyond_the_bounds_of_the_scale_the_explanation_says_so() -> None:
    found = explanation(one(3.0, 3.0, 3.0), [1.0] * 3, scale=SCALE, features=TABLE, catalogue=CATALOGUE)
    assert found.bounded
    assert found.value < SCALE.score_min
    assert not explanation(one(0.1), [1.0], scale=SCALE, features=TABLE, catalogue=CATALOGUE).bounded


def test_one_prediction_at_a_time_with_its_own_row() -> None:
    two = Contributions(("a",), 0.0, np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(InputError, match="one prediction"):
        reasons(two, [1.0], features=TABLE, catalogue=CATALOGUE)
    with pytest.raises(InputError, match="expected 1 values"):
        reasons(two.row(0), [1.0, 2.0], features=TABLE, catalogue=CATALOGUE)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_every_text_of_the_catalogue_can_be_said_with_figures(sign: float) -> None:
    reason_of = {feature.name: feature.reason for feature in FEATURES}
    assert set(reason_of.values()) <= set(REASONS)
    for code, reason in REASONS.items():
        values = np.array([[sign if reason_of[name] == code else 0.0 for name in NAMES]])
        told = reasons(Contributions(NAMES, 0.0, values, values.sum(axis=1)), np.ones(len(NAMES)))
        assert told[0].code == code
        assert (told[0].text != reason.title) == bool(reason.text), code
        assert "{" not in told[0].text


def test_a_models_explanation_in_points_ends_at_its_score(default: DefaultModel, book: Book) -> None:
    contributions = default.explain(book.x[:100])
    for i in range(100):
        found = explanation(contributions.row(i), book.x[i], scale=SCALE)
        assert found.value == SCALE.score(default.probability(book.x[i : i + 1])[0])
        assert found.reference + sum(line.points for line in found.lines) == found.value


def test_parts_that_miss_their_total_are_refused() -> None:
    from receivables.errors import ArtefactError

    for total in (0.5 + 2e-9, np.nan):
        with pytest.raises(ArtefactError, match="does not add up"):
            Contributions(("a",), 0.0, np.array([[0.5]]), np.array([total]))
    kept = Contributions(("a", "b"), 0.1, np.array([[0.5, 0.0]]), np.array([0.6]))
    assert kept.record() == {"reference": 0.1, "total": 0.6, "values": {"a": 0.5}}
