"""Faithful reasons pass, false ones are caught; reasons of many are those of one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from models import Contributions, DefaultModel, LateModel, ScoreScale, explanation
from models.ranked import Ranked
from models.reason_checks import check_reasons, resampled
from models.reasons import OTHER
from receivables.errors import InputError
from tests.models.book import NAMES, Book

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
    category: str = "X"
    title: str = "X"
    text: str = ""


TABLE = tuple(Feature(name, f"R{i}") for i, name in enumerate(NAMES))
CATALOGUE = {f"R{i}": Reason(f"R{i}") for i in range(len(NAMES))}


@dataclass(frozen=True)
class Linear(DefaultModel):
    """A model whose log-odds are known: x @ weights; its contributions are right, or falsified by `told`."""

    weights: tuple[float, ...] = ()
    told: tuple[float, ...] = ()
    mean: float = 0.0

    def log_odds(self, x):  # type: ignore[no-untyped-def]
        return np.asarray(x) @ np.array(self.weights)

    def explain(self, x):  # type: ignore[no-untyped-def]
        parts = np.asarray(x) * np.array(self.told)
        return Contributions(NAMES, 0.0, parts, parts.sum(axis=1))


WEIGHTS = (3.0, -2.0, 1.0, 0.5, 0.0, 0.0, 0.0)
ROWS = np.random.default_rng(0).normal(size=(60, len(NAMES)))


def checked(told: tuple[float, ...], reference: np.ndarray = np.zeros((1, len(NAMES)))):  # type: ignore[no-untyped-def]  # noqa: B008
    return check_reasons(Linear(weights=WEIGHTS, told=told), ROWS, reference, features=TABLE, catalogue=CATALOGUE)


def test_reasons_that_say_what_the_model_does_are_faithful() -> None:
    found = checked(WEIGHTS)
    assert (found.rows, found.sign, found.order, found.faithful) == (60, 1.0, 1.0, 1.0)
    assert found.stable is None
    assert found.reasons == 4 * 60


def test_a_reason_with_the_wrong_sign_is_caught() -> None:
    found = checked((3.0, -2.0, -1.0, 0.5, 0.0, 0.0, 0.0))
    assert found.sign == pytest.approx(0.75)
    assert found.faithful <= 0.75


def test_reasons_in_the_wrong_order_are_caught() -> None:
    found = checked((0.001, -2.0, 1.0, 0.5, 0.0, 0.0, 0.0))
    assert found.sign == 1.0
    assert found.order < 0.9
    assert found.faithful < 0.9


def test_a_reason_about_nothing_that_the_model_looks_at_is_caught() -> None:
    assert checked((3.0, -2.0, 1.0, 0.5, 0.0, 0.0, 9.0)).sign < 0.76


def test_without_rows_or_reference_nothing_is_checked() -> None:
    with pytest.raises(InputError, match="60 and 0"):
        checked(WEIGHTS, np.empty((0, len(NAMES))))


def test_fitted_models_are_faithful_and_stable_in_most_reasons(
    late: LateModel, default: DefaultModel, book: Book
) -> None:
    for model, parts in ((late, resampled(late, 2)), (default, [default])):
        found = check_reasons(model, book.x[:40], book.x[-24:], others=parts)
        assert found.sign > 0.8
        assert found.faithful > 0.7
        assert found.stable is not None
        assert found.stable == 1.0 if parts[0] is model else 0.6 < found.stable < 1.0


def test_the_parts_of_a_model_of_seeds_have_its_log_odds_in_the_mean(late: LateModel, book: Book) -> None:
    parts = resampled(late, 2)
    mean = (parts[0].margins(book.x[:50]) + parts[1].margins(book.x[:50])) / 2  # type: ignore[union-attr]
    assert np.abs(mean - late.margins(book.x[:50])).max() < 1e-12
    assert resampled(late, 7) == []
    assert resampled(replace(late, forest=late.forest.part(0, 120)), 1) == []


@pytest.mark.parametrize("scale", [None, SCALE])
def test_reasons_of_many_are_those_of_each(default: DefaultModel, book: Book, scale: ScoreScale | None) -> None:
    contributions = default.explain(book.x[:200])
    many = Ranked.of(contributions, scale=scale)
    frame = many.frame("x")
    for i in range(200):
        told = explanation(contributions.row(i), book.x[i], scale=scale)
        row = frame.iloc[i]
        shown = [(row[f"x_reason_{k}"], row[f"x_points_{k}"]) for k in range(1, 5) if row[f"x_reason_{k}"] is not None]
        assert shown == [(line.code, line.points) for line in told.lines if line.code != OTHER]
        assert (row["x_reference"], row["x_value"], row["x_other"]) == (
            told.reference,
            told.value,
            told.lines[-1].points,
        )
    assert (many.reference + many.units.sum(axis=1) + many.other == many.value).all()
