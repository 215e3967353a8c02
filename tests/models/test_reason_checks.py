"""Faithful reasons pass, false ones are caught; reasons of many are those of one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from models import Contributions, DefaultModel, LateModel, ScoreScale, explanation
from models.effects import Effects
from models.ranked import Ranked
from models.reason_checks import check_reasons, learn_effects
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
    for model in (late, default):
        found = check_reasons(model, book.x[:40], book.x[-24:], others=[model])
        assert found.sign > 0.8
        assert found.faithful > 0.7
        assert found.stable == 1.0


class Felt(Linear):
    """The absence of one feature moves the score by twice what is said, that of another the other way."""

    def log_odds(self, x):  # type: ignore[no-untyped-def]
        return np.asarray(x) @ (np.array(self.weights) * np.array([1.0, 2.0, -1.0, 1.0, 1.0, 1.0, 1.0]))


def test_what_contributions_move_is_learnt_and_a_reason_that_is_not_borne_out_is_never_published() -> None:
    model, reference = Felt(weights=WEIGHTS, told=WEIGHTS), np.zeros((1, len(NAMES)))
    table = {"features": TABLE, "catalogue": CATALOGUE}
    effects = learn_effects(model, ROWS, reference, **table)  # type: ignore[arg-type]
    assert effects.per_unit == pytest.approx({"R0": 1.0, "R1": 2.0, "R2": 0.0, "R3": 1.0})
    fresh = np.random.default_rng(1).normal(size=ROWS.shape)
    before = check_reasons(model, fresh, reference, **table)  # type: ignore[arg-type]
    after = check_reasons(model, fresh, reference, effects=effects, **table)  # type: ignore[arg-type]
    assert before.faithful < 0.75
    assert (after.sign, after.order, after.faithful) == (1.0, 1.0, 1.0)
    assert after.named < before.named == 1.0


def test_a_reason_that_is_hardly_met_counts_as_it_stands() -> None:
    model = Felt(weights=WEIGHTS, told=WEIGHTS)
    few = learn_effects(model, ROWS[:5], np.zeros((1, len(NAMES))), features=TABLE, catalogue=CATALOGUE)
    assert few == Effects()


@pytest.mark.parametrize("effects", [Effects(), Effects({"PB01": 0.5, "PB04": 0.0, "CA01": 1.6})])
@pytest.mark.parametrize("scale", [None, SCALE])
def test_reasons_of_many_are_those_of_each(
    default: DefaultModel, book: Book, scale: ScoreScale | None, effects: Effects
) -> None:
    contributions = default.explain(book.x[:200])
    many = Ranked.of(contributions, scale=scale, effects=effects)
    frame = many.frame("x")
    for i in range(200):
        told = explanation(contributions.row(i), book.x[i], scale=scale, effects=effects)
        row = frame.iloc[i]
        shown = [(row[f"x_reason_{k}"], row[f"x_points_{k}"]) for k in range(1, 5) if pd.notna(row[f"x_reason_{k}"])]
        assert shown == [(line.code, line.points) for line in told.lines if line.code != OTHER]
        assert (row["x_reference"], row["x_value"], row["x_other"]) == (
            told.reference,
            told.value,
            told.lines[-1].points,
        )
    assert (many.reference + many.units.sum(axis=1) + many.other == many.value).all()
