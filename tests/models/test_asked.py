"""What is known about day due + k is looked up in the features, and repeats them at their own horizon."""

from __future__ import annotations

import numpy as np

from features import FEATURES
from models import GRID, inputs_for
from models.asked import DUE_WEEKDAY, PAY_SHARES, TO_PAY_DAY, asked_columns
from models.looked_up import LookedUp

DAYS = np.array(GRID)


def test_at_its_own_horizon_an_asked_rate_is_the_feature_also_where_another_is_null() -> None:
    inputs = ("late_over_m5_rate", "late_over_0_rate", "late_over_30_rate")
    rate = asked_columns(inputs)[-1]
    x = np.array([[0.9, 0.5, 0.1], [np.nan, 0.5, np.nan]])
    found = rate.values(x, np.array([-20, -5, 0, 15, 30, 90]))
    assert np.allclose(found[0], [0.9, 0.9, 0.5, 0.3, 0.1, 0.1])
    assert found[1, 2] == 0.5
    assert np.isnan(np.delete(found[1], 2)).all()
    assert [rate.home(day) for day in (-20, 0, 20)] == ["late_over_m5_rate", "late_over_0_rate", "late_over_30_rate"]


def test_weekdays_move_on_with_the_asked_day_and_the_share_follows_them() -> None:
    inputs = (DUE_WEEKDAY, TO_PAY_DAY, *PAY_SHARES)
    columns = {column.name: column for column in asked_columns(inputs)}
    shares = [0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.0]
    x = np.array([[4.0, 5.0, *shares], [np.nan, np.nan, *shares]])  # due on a Friday, paid on Wednesdays
    days = np.array([-1, 0, 5])
    assert columns["asked_weekday"].values(x, days)[0].tolist() == [3, 4, 2]
    assert columns["asked_days_to_pay_day"].values(x, days)[0].tolist() == [6, 5, 0]
    assert columns["asked_pay_share"].values(x, days)[0].tolist() == [0.3, 0.4, 0.2]
    assert all(np.isnan(columns[name].values(x, days)[1]).all() for name in list(columns)[1:])


def test_the_feature_table_feeds_every_kind_of_asked_column() -> None:
    inputs = inputs_for("late")
    names = [column.name for column in asked_columns(inputs)]
    assert names[:4] == ["asked_days", "asked_weekday", "asked_days_to_pay_day", "asked_pay_share"]
    assert {"asked_late_rate", "asked_late_rate_90d", "asked_peer_late_rate"} <= set(names)
    assert len(set(names)) == len(names)


def test_every_asked_column_but_the_day_has_a_home_among_the_inputs_with_a_reason() -> None:
    inputs = inputs_for("late")
    reason = {feature.name: feature.reason for feature in FEATURES}
    x = np.ones((2, len(inputs)))
    for column in asked_columns(inputs):
        assert column.values(x, DAYS).shape == (2, len(DAYS))
        homes = {column.home(day) for day in GRID}
        assert homes == {None} if column.name == "asked_days" else all(reason[home] for home in homes if home)


def test_an_asked_rate_is_held_to_the_direction_its_features_share() -> None:
    rate = asked_columns(("late_over_0_rate", "late_over_30_rate"))[-1]
    assert rate.direction({"late_over_0_rate": 1, "late_over_30_rate": 1}) == 1
    assert rate.direction({"late_over_0_rate": 1}) == 0


def test_the_compiled_table_gives_the_bits_of_the_columns() -> None:
    inputs, r = inputs_for("late"), np.random.default_rng(3)
    rows = r.normal(size=(200, len(inputs)))
    for name in (DUE_WEEKDAY, TO_PAY_DAY):
        rows[:, inputs.index(name)] = r.integers(0, 7, len(rows))
    rows[r.random(rows.shape) < 0.2] = np.nan
    asked = asked_columns(inputs)
    singly = np.stack([column.values(rows, DAYS) for column in asked], axis=2)
    table = LookedUp.of(asked, DAYS)
    assert np.array_equal(table.values(rows), singly, equal_nan=True)
    assert np.array_equal(table.values(rows[:1]), singly[:1], equal_nan=True)
