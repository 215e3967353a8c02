"""Intervals of days late hold their level on what came after, whatever the law itself claims."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.intervals import DEPTHS, FEWEST, LEVELS, Intervals, depth_of, reach_of
from models.law import GRID, PaymentLaw
from models.numbers import Floats
from receivables.errors import ArtefactError

RNG = np.random.default_rng(4)
N = 4000
SETTLED = RNG.choice([0.0, 10.0, 100.0], N)
#: Customers without history scatter far more than the law of all says.
DAYS = np.round(RNG.logistic(0, np.where(SETTLED < 3, 8.0, 2.0)))
CUSTOMERS = np.arange(N) % 400


def _law(n: int) -> PaymentLaw:
    margins = -(np.array(GRID) + 0.5) / 4.0
    return PaymentLaw.from_margins(GRID, np.broadcast_to(margins, (n, len(GRID))))


def _held(found: Intervals, level: float, rows: Floats) -> float:
    low, high = found.between(_law(len(rows)), SETTLED[rows.astype(int)], level)
    actual = DAYS[rows.astype(int)]
    return float(((low <= actual) & (actual <= high)).mean())


@pytest.mark.parametrize("level", LEVELS)
def test_each_depth_of_history_holds_the_level_on_new_outcomes(level: float) -> None:
    learnt, new = np.arange(N) < N // 2, np.arange(N) >= N // 2
    found = Intervals.learn(_law(N), np.where(learnt, DAYS, np.nan), SETTLED, CUSTOMERS)
    for depth in DEPTHS:
        rows = np.flatnonzero(new & (depth_of(SETTLED) == DEPTHS.index(depth))).astype(float)
        # whole days: an interval cannot hold a share exactly, one day more adds up to 7 % here
        assert level - 0.05 < _held(found, level, rows) < level + 0.12


def test_thin_histories_have_wider_intervals_that_hold_the_median() -> None:
    law, found = _law(3), Intervals.learn(_law(N), DAYS, SETTLED, CUSTOMERS)
    low, high = found.between(law, np.array([0.0, 10.0, np.nan]), 0.8)
    assert high[0] - low[0] > high[1] - low[1]
    assert high[2] == high[0]
    assert (low <= law.quantile(0.5)).all()
    assert (law.quantile(0.5) <= high).all()


def test_the_fewer_customers_the_level_rests_on_the_wider_the_intervals() -> None:
    """Eight customers, each with habits of its own, say less about others than four hundred."""
    few = np.digitize(DAYS, np.quantile(DAYS, np.arange(1, 8) / 8))
    many, found = (Intervals.learn(_law(N), DAYS, SETTLED, groups).found for groups in (CUSTOMERS, few))
    assert all(b < a for i, wide in enumerate(found) for a, b in zip(many[i].tails, wide.tails, strict=True))


def test_the_reach_is_the_largest_tail_whose_interval_holds_the_outcome() -> None:
    law, actual = _law(200), np.round(np.random.default_rng(6).logistic(0, 6, 200))
    reach = reach_of(law, actual, np.zeros(200, np.bool_))
    use = (reach > 1e-5) & (reach < 0.48)
    for tail, inside in ((reach[use] * 0.999, True), (reach[use] * 1.001, False)):
        low, high = law.rows(np.flatnonzero(use)).quantile(tail), law.rows(np.flatnonzero(use)).quantile(1.0 - tail)
        held = (low <= actual[use]) & (actual[use] <= high)
        assert (held == inside).all()


def test_an_open_invoice_counts_where_the_law_expects_the_middle_of_what_may_come() -> None:
    law = _law(2)
    found = reach_of(law, np.array([3.0, 60.0]), np.array([True, True]))
    beyond = np.array([law.late_over(3)[0], law.late_over(60)[0]])
    assert found == pytest.approx(beyond / 2.0)


def test_what_is_reported_as_held_was_found_on_the_earlier_half() -> None:
    drifting = np.where(np.arange(N) < N // 2, DAYS, 3.0 * DAYS)
    found = Intervals.learn(_law(N), drifting, SETTLED, CUSTOMERS)
    observed = {tails.level: tails.observed for tails in found.found}
    assert observed[0.8] is not None
    assert observed[0.8] < 0.65


def test_with_few_outcomes_the_law_is_taken_at_its_word() -> None:
    found = Intervals.learn(_law(FEWEST - 1), DAYS[: FEWEST - 1], SETTLED[: FEWEST - 1], CUSTOMERS[: FEWEST - 1])
    assert found == Intervals()
    assert np.array_equal(found.between(_law(2), np.zeros(2), 0.8), _law(2).interval(0.8))


def test_json_brings_back_the_same_intervals_and_nothing_else() -> None:
    found = Intervals.learn(_law(N), DAYS, SETTLED, CUSTOMERS)
    document = json.loads(json.dumps(found.to_dict()))
    assert Intervals.from_dict(document) == found
    for spoilt in (
        {**document, "depths": [0]},
        {**document, "found": [{**document["found"][0], "tails": [0.1, 0.1, 0.6]}]},
    ):
        with pytest.raises(ValueError, match="tails"):
            Intervals.from_dict(spoilt)
    with pytest.raises(ArtefactError):
        Intervals.from_dict({**document, "found": [{"level": 0.8}]})
