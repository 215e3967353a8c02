"""Splits by time, what may be learnt at them, and that nothing known later reaches what is learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivables.errors import EmptyInputError, NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig
from tests.features.blindness import falsify, forget
from tests.features.conftest import examples
from tests.training.seller import CUTOFF, Seller
from training.dataset import DefaultData, Known, LateData, fingerprint, snapshots
from training.fit import GRID, LateFit
from training.splits import rolling_origins

END = pd.Timestamp(2026, 7, 1)


def _days(offsets: list[int]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    return np.datetime64("2026-01-01", "us") + np.array(offsets).astype("timedelta64[D]")


@examples(40)
@given(
    st.lists(st.integers(0, 170), min_size=2, max_size=60),
    st.integers(1, 5),
    st.floats(0.05, 0.9),
)
def test_origins_follow_one_another_without_overlap_and_judge_every_later_order(
    offsets: list[int], count: int, share: float
) -> None:
    as_of = _days(offsets)
    if len(set(offsets)) == 1:
        return
    splits = rolling_origins(as_of, np.ones(len(as_of), np.bool_), end=END, share=share, count=count)
    judged = np.sum([split.test(as_of) for split in splits], axis=0)
    assert 1 <= len(splits) <= count
    assert splits[-1].until == END
    assert [split.until for split in splits[:-1]] == [split.cutoff for split in splits[1:]]
    assert (judged == (as_of >= splits[0].cutoff.to_datetime64())).all()
    assert (as_of < splits[0].cutoff.to_datetime64()).any()


def test_outcomes_of_a_single_day_cannot_be_split() -> None:
    as_of = _days([5, 5, 5])
    with pytest.raises(NotEnoughDataError, match="more than one issue date"):
        rolling_origins(as_of, np.ones(3, np.bool_), end=END, share=0.3, count=2)


def test_a_split_learns_only_from_labels_that_had_matured_at_it(
    late_data: LateData, late_fit: LateFit, config: OutcomeConfig
) -> None:
    due = late_data.orders.due_on
    for split in late_fit.splits:
        labels = late_data.labels(GRID, cutoff=split.cutoff, margin_days=config.maturity_margin_days)
        for j, k in enumerate(GRID):
            last_day = due + np.timedelta64(k + config.maturity_margin_days, "D")
            known = ~np.isnan(labels[:, j])
            assert known.any()
            assert (last_day[known] < split.cutoff.to_datetime64()).all()
        learnt = ~np.isnan(labels).all(axis=1)
        later = late_data.orders.as_of >= split.cutoff.to_datetime64()
        # a label below day 0 may mature before the due date, never before the order
        assert not (learnt & later).any()


def test_every_judged_order_lies_after_the_origin_whose_model_judges_it(late_data: LateData, late_fit: LateFit) -> None:
    rows = late_fit.heldout.rows
    assert len(set(rows.tolist())) == len(rows)
    assert (late_data.orders.as_of[rows] >= late_fit.splits[0].cutoff.to_datetime64()).all()


def _learnt_from(ledger: Ledger, cutoff: pd.Timestamp, config: OutcomeConfig) -> dict[str, bytes]:
    """The bytes of everything that training looks at."""
    known = Known.at(ledger, cutoff)
    late = LateData.of(known)
    margin = config.maturity_margin_days
    found = {
        "features": late.x.tobytes(),
        "labels": late.labels(GRID, cutoff=cutoff, margin_days=margin).tobytes(),
        "days late": late.days_late(margin_days=margin).tobytes(),
        "invoices": "|".join(late.orders.ids).encode(),
        "fingerprint": fingerprint(known.ledger).encode(),
        "snapshots": snapshots(known.ledger, cutoff=cutoff, margin_days=margin).to_csv().encode(),
    }
    default = DefaultData.of(known, config)
    return found | {
        "event": default.event.name.encode(),
        "default features": default.x.tobytes(),
        "default labels": default.labels(cutoff=cutoff).tobytes(),
    }


@pytest.fixture(scope="module")
def as_it_is(seller: Seller, config: OutcomeConfig) -> dict[str, bytes]:
    return _learnt_from(seller.simulated.ledger, CUTOFF, config)


@pytest.mark.parametrize("seed", [1, 2])
def test_falsifying_whatever_became_known_after_the_cut_off_changes_nothing_that_is_learnt_from(
    seller: Seller, config: OutcomeConfig, as_it_is: dict[str, bytes], seed: int
) -> None:
    other = falsify(seller.simulated.ledger, CUTOFF, np.random.default_rng(seed))
    assert _learnt_from(other, CUTOFF, config) == as_it_is


def test_deleting_whatever_became_known_after_the_cut_off_changes_nothing_that_is_learnt_from(
    seller: Seller, config: OutcomeConfig, as_it_is: dict[str, bytes]
) -> None:
    assert _learnt_from(forget(seller.simulated.ledger, CUTOFF), CUTOFF, config) == as_it_is


def test_changing_one_fact_that_was_known_changes_the_fingerprint(seller: Seller) -> None:
    known = seller.simulated.ledger.known(CUTOFF)
    invoices = known["invoices"].copy()
    invoices.loc[7, "amount_minor"] += 1
    changed = Ledger({**known.frames, "invoices": invoices})
    assert fingerprint(changed) != fingerprint(known)
    assert fingerprint(known) == seller.trained.fingerprint


def test_the_order_of_rows_does_not_change_the_fingerprint(seller: Seller) -> None:
    known = seller.simulated.ledger.known(CUTOFF)
    shuffled = Ledger({name: frame.sample(frac=1, random_state=1) for name, frame in known.frames.items()})
    assert fingerprint(shuffled) == fingerprint(known)


def test_a_cut_off_before_the_first_invoice_is_refused(seller: Seller) -> None:
    with pytest.raises(EmptyInputError, match="no invoice was known"):
        Known.at(seller.simulated.ledger, pd.Timestamp(2020, 1, 1))
