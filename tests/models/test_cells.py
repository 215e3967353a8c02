"""What a model cannot tell apart has one cell, and one answer."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from models import DefaultModel, LateModel
from tests.models.book import Book


def test_orders_of_one_cell_have_the_same_law_and_log_odds(late: LateModel, default: DefaultModel, book: Book) -> None:
    r = np.random.default_rng(5)
    laws: dict[bytes, list[list[float]]] = defaultdict(list)
    odds: dict[bytes, list[float]] = defaultdict(list)
    for row in book.x[:40]:
        for step in (0.0, 1e-9, 1e-4, 0.01, 0.3):
            changed = np.where(r.random(len(row)) < 0.1, row * (1.0 + step), row)[None, :]
            laws[late.cell(changed)].append(late.law(changed).survival[0].tolist())
            odds[default.cell(changed)].append(float(default.log_odds(changed)[0]))
    for found in (laws, odds):
        assert all(answer == answers[0] for answers in found.values() for answer in answers)
        assert 40 <= len(found) < 200


def test_a_null_a_zero_and_a_value_beyond_every_threshold_are_told_apart(default: DefaultModel, book: Book) -> None:
    column = int(default.core_.trees[0].feature[0])  # type: ignore[attr-defined]
    place = default.names_.index(default.inputs_[column])
    rows = np.repeat(book.x[:1], 4, axis=0)
    rows[:, place] = np.nan, -1e300, 1e300, 2e300
    cells = [default.cell(row[None, :]) for row in rows]
    assert len(set(cells[:3])) == 3
    assert cells[2] == cells[3]
