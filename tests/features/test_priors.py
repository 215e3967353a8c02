"""How peers pay, at each moment: recounted in plain Python, frozen at a moment, written and read."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import CURVE, History, Priors
from features.priors import START, TERMS, PeerCounts
from features.priors import terms_bucket as engine_bucket
from features.priors import terms_bucket as terms_bucket_of
from receivables.currencies import Currencies
from receivables.ledger import Ledger
from tests.features.conftest import examples
from tests.features.ledgers import SEGMENTS, ledgers, moments_of
from tests.features.oracle import World, terms_bucket

#: Every peer group that an order may ask for, and one that no ledger knows; None: without terms.
GROUPS = tuple(itertools.product([s or "" for s in SEGMENTS] + ["elsewhere"], [None, *range(len(TERMS) + 1)]))


def _curves(priors: Priors, moment: pd.Timestamp) -> np.ndarray:
    n = len(GROUPS)
    return priors.curve(
        np.full(n, moment.to_datetime64(), dtype="datetime64[us]").astype(np.int64),
        np.array([segment for segment, _ in GROUPS], dtype=object),
        np.array([bucket or 0 for _, bucket in GROUPS], dtype=np.int64),
        np.array([bucket is not None for _, bucket in GROUPS]),
    )


def _some_moments(ledger: Ledger, data: st.DataObject) -> list[pd.Timestamp]:
    known = moments_of(ledger) or [pd.Timestamp("2024-06-01")]
    waits = pd.to_timedelta([0, 20, 366], unit="D").as_unit("us")
    return [known[data.draw(st.integers(0, len(known) - 1))] + wait for wait in waits]


@examples(15)
@given(st.data())
def test_rates_at_a_moment_are_what_a_recount_finds(data: st.DataObject) -> None:
    ledger, currencies = data.draw(ledgers()), Currencies.read()
    priors = Priors.of(ledger)
    for moment in _some_moments(ledger, data):
        world = World(ledger, moment, currencies)
        wanted = [[float(world.peers(moment.date(), k, *group)) for k in CURVE] for group in GROUPS]
        np.testing.assert_allclose(_curves(priors, moment), wanted, rtol=1e-13, atol=0)


@examples(15)
@given(st.data())
def test_rates_frozen_at_a_moment_answer_as_they_did_then_and_survive_writing(data: st.DataObject) -> None:
    ledger = data.draw(ledgers())
    priors = Priors.of(History.of(ledger))
    for moment in _some_moments(ledger, data):
        frozen = priors.at(moment.to_datetime64())
        read = Priors.from_json(json.loads(json.dumps(frozen.to_json())))
        then = _curves(priors, moment)
        for later in (moment, moment + pd.Timedelta(days=999), moment - pd.Timedelta(days=999)):
            assert np.array_equal(_curves(frozen, later), then)
            assert np.array_equal(_curves(read, later), then)
        assert read.to_json() == frozen.to_json()


def test_rates_through_time_cannot_be_written(simulated: Ledger) -> None:
    with pytest.raises(ValueError, match="one moment"):
        Priors.of(simulated).to_json()


def test_without_any_invoice_the_rates_are_the_published_start() -> None:
    rates = _curves(Priors.of(Ledger.of()), pd.Timestamp("2026-01-01"))
    assert (rates == np.array([START[k] for k in CURVE])).all()
    frozen = Priors.of(Ledger.of()).at(np.datetime64("2026-01-01", "us"))
    assert (_curves(Priors.from_json(frozen.to_json()), pd.Timestamp("2026-01-01")) == rates).all()


def test_the_published_start_is_a_falling_curve() -> None:
    assert list(START) == list(CURVE)
    assert all(a > b for a, b in itertools.pairwise(START.values()))


def test_terms_fall_into_the_first_bucket_that_holds_them() -> None:
    net_days = np.arange(-3, 130)
    assert engine_bucket(net_days).tolist() == [terms_bucket(int(n)) for n in net_days]
    assert engine_bucket(np.array([0, 1, 10, 11, 30, 90, 91])).tolist() == [0, 1, 1, 2, 3, 6, 7]


@examples(15)
@given(st.data())
def test_parts_of_a_ledger_merge_to_the_rates_of_the_whole_bit_for_bit(data: st.DataObject) -> None:
    ledger = data.draw(ledgers())
    customers = sorted(
        {name for frame in ledger.frames.values() if "customer_id" in frame for name in frame.customer_id}
    )
    cuts = [[c for i, c in enumerate(customers) if i % 3 == cut] for cut in data.draw(st.permutations(range(3)))]
    parts = [Priors.parts(History.of(ledger.of_customers(cut))) for cut in cuts]
    whole = Priors.of(ledger)
    # in one go, and as a tree of additions
    for merged in (Priors.merge(parts), Priors.merge([parts[0], PeerCounts.merge(parts[1:])])):
        assert merged.groups == whole.groups
        for name in ("starts", "moments", "matured", "late"):
            assert np.array_equal(getattr(merged, name), getattr(whole, name)), name


@pytest.mark.parametrize("shift", [0, 1, 43_200_000_000])
def test_many_orders_get_the_rates_that_each_gets_alone_in_any_order(simulated: Ledger, shift: int) -> None:
    priors, n = Priors.of(simulated), 3000
    random = np.random.default_rng(5)
    days = simulated["invoices"]["issued_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    as_of = random.choice(days, n) * 86_400_000_000 + shift * random.integers(0, 2, n)
    segments = np.array([*sorted(set(simulated["customers"]["segment"].dropna())), "", "elsewhere"], dtype=object)
    asked = (as_of, random.choice(segments, n), random.integers(0, len(TERMS) + 1, n), random.random(n) < 0.8)
    together = priors.curve(*asked)
    alone = np.concatenate([priors.curve(*(column[i : i + 1] for column in asked)) for i in range(n)])
    assert np.array_equal(together, alone)
    order = np.argsort(as_of, kind="stable")
    assert np.array_equal(priors.curve(*(column[order] for column in asked)), together[order])


def test_one_order_gets_the_rates_of_a_batch_at_once_and_again(simulated: Ledger) -> None:
    through_time, random = Priors.of(simulated), np.random.default_rng(6)
    moments = simulated["invoices"]["issued_on"].to_numpy().astype("datetime64[us]").astype(np.int64)
    for priors in (through_time, through_time.at(np.datetime64(int(moments.max()), "us"))):
        for as_of in random.choice(moments, 40):
            segment, net_days = random.choice(["", "TRADE", "elsewhere"]), int(random.integers(0, 120))
            for asked in (net_days, None):
                bucket, with_terms = terms_bucket_of(np.array([asked or 0])), np.array([asked is not None])
                wanted = priors.curve(np.array([as_of]), np.array([segment], dtype=object), bucket, with_terms)[0]
                for _ in range(2):
                    assert priors.curve_one(int(as_of), str(segment), asked) == tuple(wanted.tolist())
