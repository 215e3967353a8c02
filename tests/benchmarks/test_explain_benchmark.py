"""The measurement of explanations gives every figure that its bars need, and notices a wrong answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import explain
from benchmarks.part import Sizes
from models.forest import Forest

SIZES = Sizes(600, 0, 0, 1, None, Path())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_LEARNT", 500)
    monkeypatch.setattr(explain, "_TREES", 4)
    for name, value in (("_FEW", 30), ("_PREDICTED", 200), ("_TURNS", 1)):
        monkeypatch.setattr(explain, name, value)


def test_every_bar_has_its_figure() -> None:
    found = explain.explain(SIZES)
    assert {bar.key for bar in explain.PART.bars} <= set(found)
    assert found["explain_max_error"] < 1e-12
    assert "600 rows" in explain.PART.table(found)  # type: ignore[misc]


def test_an_answer_that_differs_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Forest.shap
    monkeypatch.setattr(Forest, "shap", lambda forest, x: (right(forest, x)[0], right(forest, x)[1] + 1e-8))
    with pytest.raises(AssertionError):
        explain.explain(SIZES)
