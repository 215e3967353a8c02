"""One list of checks over every feature and every reason."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
import pytest

from features import (
    CURVE,
    FEATURES,
    INDEX,
    NAMES,
    REASONS,
    Feature,
    History,
    Orders,
    Priors,
    build_features,
    curve_name,
)
from features.docs import features_page
from features.expression import Aggregate, Floats, Log, Op, OrderDay, above, equal, nodes
from features.expression import Field as FactField
from features.plan import Plan
from receivables.ledger import Ledger

each_feature = pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
each_reason = pytest.mark.parametrize("code", REASONS)


def _fields(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


@pytest.fixture(scope="module")
def matrix(simulated: Ledger) -> Floats:
    """Orders and month-end snapshots of a simulated ledger."""
    history, priors = History.of(simulated), Priors.of(simulated)
    customers = sorted(set(simulated["customers"]["customer_id"]))
    moments = pd.date_range("2025-10-01", "2026-10-01", freq="MS").to_numpy().astype("datetime64[us]")
    pairs = [(customer, moment) for customer in customers for moment in moments]
    snapshots = Orders.snapshots([c for c, _ in pairs], np.array([m for _, m in pairs]))
    orders = Orders.of_invoices(simulated)
    return np.concatenate([build_features(history, of, priors) for of in (orders, snapshots)])


def test_names_are_unique_and_in_the_order_of_the_table() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(FEATURES)
    assert [FEATURES[INDEX[name]].name for name in NAMES] == list(NAMES)


def test_models_learn_from_at_least_sixty_features() -> None:
    assert sum(bool(feature.uses) for feature in FEATURES) >= 60
    assert all(feature.uses <= {"late", "default"} for feature in FEATURES)


@each_feature
def test_a_feature_says_everything_about_itself(feature: Feature) -> None:
    assert feature.name.isidentifier()
    assert feature.name.islower()
    assert all(text.strip() for text in (feature.group, feature.meaning, feature.unit, feature.null_meaning))
    assert feature.low < feature.high
    assert feature.direction in (-1, 0, 1)
    assert feature.reason in REASONS


@each_feature
def test_values_are_null_only_where_the_table_says_so_and_mostly_as_expected(feature: Feature, matrix: Floats) -> None:
    values = matrix[:, INDEX[feature.name]]
    present = values[~np.isnan(values)]
    assert len(present) > 0
    assert np.isfinite(present).all()
    if feature.null_meaning == "cannot be null":
        assert len(present) == len(values)
    expected = (present >= feature.low) & (present <= feature.high)
    assert expected.mean() >= 0.99, f"beyond {feature.low} .. {feature.high}: {present[~expected][:5]}"


@each_feature
def test_flags_and_shares_stay_within_what_their_unit_allows(feature: Feature, matrix: Floats) -> None:
    values = matrix[:, INDEX[feature.name]]
    values = values[~np.isnan(values)]
    if feature.unit == "flag":
        assert set(values) <= {0.0, 1.0}
    if feature.unit in {"invoices", "disputes", "promises", "write-offs", "changes", "level", "weekday", "day"}:
        assert (values == np.rint(values)).all()
        assert (values >= 0).all()


@each_feature
def test_a_feature_of_orders_alone_is_not_used_for_customers(feature: Feature) -> None:
    by_order = {getattr(leaf, "name", "").startswith("order_") for leaf in nodes(feature.node)}
    by_order |= {isinstance(c.value, OrderDay) for leaf in nodes(feature.node) for c in getattr(leaf, "where", ())}
    assert not (True in by_order and "default" in feature.uses)


@each_reason
def test_a_reason_talks_only_about_its_own_features(code: str) -> None:
    reason, own = REASONS[code], {f.name for f in FEATURES if f.reason == code}
    assert own, "a reason without features is never given"
    assert reason.code == code
    assert reason.category.isupper()
    assert reason.title.strip()
    assert set(_fields(reason.text)) <= own


@each_reason
def test_a_reason_reads_well_with_real_values(code: str, matrix: Floats) -> None:
    reason = REASONS[code]
    columns = [INDEX[name] for name in _fields(reason.text)]
    usable = matrix[~np.isnan(matrix[:, columns]).any(axis=1)]
    assert len(usable) > 0
    for row in usable[:: max(1, len(usable) // 20)]:
        said = reason.text.format(**{name: row[INDEX[name]] for name in _fields(reason.text)})
        assert "nan" not in said
        assert "{" not in said


def test_the_payment_curve_falls_where_it_is_read_off_the_same_invoices(matrix: Floats) -> None:
    late = [matrix[:, INDEX[f"peer_late_over_{k}_rate"]] for k in (0, 5, 30)]
    assert (np.mean(late, axis=1)[:-1] > np.mean(late, axis=1)[1:]).all()
    assert {curve_name(k) for k in CURVE} <= set(NAMES)


def test_the_page_of_features_names_every_feature_and_reason() -> None:
    page = features_page()
    assert all(f"`{name}`" in page for name in NAMES)
    assert all(f"| {code} |" in page for code in REASONS)


_SAME_WEEKDAY = equal(FactField.DUE_WEEKDAY, OrderDay.DUE_WEEKDAY)


@pytest.mark.parametrize(
    "aggregate",
    [
        Aggregate(Log.BILLED, 365, where=(above(FactField.DAYS_LATE, 5), above(FactField.DUE_AGE, 0))),
        Aggregate(Log.OPEN, 365, where=(equal(FactField.AGE, 3),)),
        Aggregate(Log.SETTLED, 365, Op.SUM, FactField.AMOUNT, where=(_SAME_WEEKDAY,)),
        Aggregate(Log.ISSUED, 365, Op.SUM, FactField.DAYS_LATE),
        Aggregate(Log.BILLED, 365, Op.SUM, FactField.DAYS_LATE),
        Aggregate(Log.DUNNING, 365, where=(equal(FactField.PARTS, 1),)),
    ],
)
def test_an_aggregate_that_the_kernel_would_get_wrong_is_refused(aggregate: Aggregate) -> None:
    with pytest.raises(ValueError, match="cannot collect"):
        Plan.of([aggregate])
