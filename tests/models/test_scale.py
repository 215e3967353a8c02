"""Score, rating and class follow from the PD, and points from log-odds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Grade, ScoreScale
from models.numbers import sigmoid
from receivables.config import conf_dir
from receivables.errors import ArtefactError, ConfigError

SCALE = ScoreScale.load()
pds = st.floats(1e-9, 1 - 1e-9)


def test_the_published_example_holds() -> None:
    assert (SCALE.score(0.034), SCALE.rating(0.034), SCALE.risk_class(0.034)) == (620, "R06", "C")


def test_doubling_the_odds_adds_the_points_that_the_scale_is_named_for() -> None:
    odds = 20.0
    for _ in range(4):
        assert SCALE.score(1 / (1 + odds)) == 600 + 40 * round(math.log2(odds / 20))
        odds *= 2


@given(pds, pds)
def test_a_higher_pd_never_earns_a_better_score_rating_or_class(p: float, q: float) -> None:
    low, high = sorted([p, q])
    assert SCALE.score(low) >= SCALE.score(high)
    assert SCALE.rating(low) <= SCALE.rating(high)
    assert SCALE.risk_class(low) <= SCALE.risk_class(high)


@given(st.floats(-20, 20), st.floats(-3, 3))
def test_points_of_parts_add_up_to_the_score_before_its_bounds(log_odds: float, part: float) -> None:
    whole = SCALE.unbounded(log_odds + part)
    assert whole == pytest.approx(SCALE.unbounded(log_odds) + SCALE.points(part), abs=1e-9)
    shown = SCALE.score(float(sigmoid(np.array([log_odds]))[0]))
    assert shown == min(max(round(SCALE.unbounded(log_odds)), 300), 900)
    assert SCALE.is_bounded(log_odds) == (not 300 <= SCALE.unbounded(log_odds) <= 900)


def test_many_are_rated_like_one_and_a_bound_belongs_to_the_better_grade() -> None:
    p = np.array([0.0, *(grade.pd_up_to for grade in SCALE.grades), 0.5])
    assert SCALE.ratings(p).tolist() == ["R01", *(grade.rating for grade in SCALE.grades), "R10"]
    assert SCALE.ratings(p).tolist() == [SCALE.rating(v) for v in p]
    assert SCALE.risk_classes(p).tolist() == [SCALE.risk_class(v) for v in p]
    assert SCALE.scores(np.array([0.0, 1.0])).tolist() == [900, 300]


def test_each_grade_but_the_last_doubles_the_odds_of_the_one_before() -> None:
    odds = [p / (1 - p) for p in (grade.pd_up_to for grade in SCALE.grades[:-1])]
    assert np.allclose(np.array(odds[1:]) / np.array(odds[:-1]), 2.0, rtol=1e-3)
    assert [grade.rating for grade in SCALE.grades] == [f"R{i:02d}" for i in range(1, 11)]


def test_every_mistake_in_the_file_is_named_at_once(tmp_path: Path) -> None:
    text = (conf_dir() / "rating.toml").read_text()
    path = tmp_path / "rating.toml"
    path.write_text(text.replace("pd_up_to = 1.0", "pd_up_to = 0.9").replace("base_odds = 20.0", "base_odds = -1.0"))
    with pytest.raises(ConfigError) as caught:
        ScoreScale.load(path)
    assert "reach a PD of 1.0" in str(caught.value)
    assert "odds and points must be positive" in str(caught.value)
    path.write_text(text + "\ncolour = 1\n[[grades]]\nrating = 5\n")
    with pytest.raises(ConfigError, match="unknown key"):
        ScoreScale.load(path)


@pytest.mark.parametrize(
    "grades",
    [
        (Grade("R01", "A", 0.2), Grade("R02", "B", 0.1), Grade("R03", "C", 1.0)),
        (Grade("R01", "A", 0.2), Grade("R01", "B", 1.0)),
        (Grade("R01", "B", 0.2), Grade("R02", "A", 1.0)),
        (),
    ],
)
def test_grades_that_contradict_each_other_are_refused(grades: tuple[Grade, ...]) -> None:
    with pytest.raises(ConfigError):
        replace(SCALE, grades=grades)


def test_it_survives_json_and_refuses_what_is_not_one() -> None:
    import json

    assert ScoreScale.from_dict(json.loads(json.dumps(SCALE.to_dict()))) == SCALE
    for wrong in ([], {}, {**json.loads(json.dumps(SCALE.to_dict())), "grades": []}):
        with pytest.raises(ArtefactError):
            ScoreScale.from_dict(wrong)
