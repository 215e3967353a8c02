"""The same facts give the same bits, however rows are ordered and orders are batched, for one order or a portfolio."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import NAMES, History, Orders, Priors, build_features
from features.expression import Floats
from receivables.ledger import Ledger
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from tests.features.conftest import examples
from tests.features.ledgers import ledgers, orders_of


def matrix_of(ledger: Ledger, orders: Orders) -> Floats:
    return build_features(History.of(ledger), orders, Priors.of(ledger))


def same_bits(a: Floats, b: Floats) -> bool:
    return a.shape == b.shape and np.array_equal(a.view(np.int64), b.view(np.int64))


def shuffled(ledger: Ledger, r: random.Random) -> Ledger:
    """The same rows in another order, in every table."""
    return Ledger.of(
        **{name: frame.sample(frac=1.0, random_state=r.randrange(2**31)) for name, frame in ledger.frames.items()}
    )


def batches(orders: Orders, r: random.Random) -> Iterator[Orders]:
    """The orders cut at random places."""
    cuts = sorted(r.randrange(len(orders) + 1) for _ in range(r.randrange(5)))
    for first, last in zip([0, *cuts], [*cuts, len(orders)], strict=True):
        yield orders.take(slice(first, last))


@examples(20)
@given(st.data())
def test_the_order_of_the_ledgers_rows_changes_no_bit(data: st.DataObject) -> None:
    ledger, r = data.draw(ledgers()), random.Random(data.draw(st.integers(0, 1000)))
    orders = data.draw(orders_of(ledger))
    assert same_bits(matrix_of(shuffled(ledger, r), orders), matrix_of(ledger, orders))


@examples(20)
@given(st.data())
def test_the_order_of_the_orders_and_the_batches_change_no_bit(data: st.DataObject) -> None:
    ledger, r = data.draw(ledgers()), random.Random(data.draw(st.integers(0, 1000)))
    orders = data.draw(orders_of(ledger, most=20))
    history, priors = History.of(ledger), Priors.of(ledger)
    whole = build_features(history, orders, priors)
    parts = [build_features(history, batch, priors) for batch in batches(orders, r)]
    assert same_bits(np.concatenate(parts), whole)
    turned = np.array(r.sample(range(len(orders)), len(orders)), dtype=np.int64)
    assert same_bits(build_features(history, orders.take(turned), priors), whole[turned])


@examples(20)
@given(st.data())
def test_one_customers_history_gives_the_portfolios_row(data: st.DataObject) -> None:
    ledger = data.draw(ledgers())
    orders = data.draw(orders_of(ledger))
    priors, whole = Priors.of(ledger), matrix_of(ledger, orders)
    for row, customer in enumerate(orders.customer_id):
        history = History.of(ledger.of_customers([customer]))
        alone = build_features(history, orders.take(slice(row, row + 1)), priors)
        assert same_bits(alone, whole[row : row + 1]), [
            name for name, a, b in zip(NAMES, alone[0], whole[row], strict=True) if not (a == b or a != a)
        ]


@examples(8)
@given(st.data())
def test_what_was_known_then_gives_the_same_row_as_what_is_known_now(data: st.DataObject) -> None:
    ledger = data.draw(ledgers())
    orders = data.draw(orders_of(ledger))
    whole = matrix_of(ledger, orders)
    for row in range(len(orders)):
        one = orders.take(slice(row, row + 1))
        known = ledger.known(pd.Timestamp(one.as_of[0]))
        assert same_bits(matrix_of(known, one), whole[row : row + 1])


def test_no_orders_give_an_empty_matrix(simulated: Ledger) -> None:
    none = Orders.of_invoices(simulated).take(slice(0, 0))
    assert matrix_of(simulated, none).shape == (0, len(NAMES))


@pytest.fixture(scope="module")
def four_years() -> Ledger:
    return simulate(90, 48, 5, dt.date(2026, 10, 31), SimulationConfig.read()).ledger


def _ten_thousand(ledger: Ledger) -> Orders:
    """10,000 orders: of the ledger's invoices, at random minutes of their day."""
    orders = Orders.of_invoices(ledger)
    rows = np.random.default_rng(3).choice(len(orders), 10_000, replace=False)
    minutes = np.random.default_rng(4).integers(0, 1440, len(rows))
    some = orders.take(np.sort(rows))
    return Orders(**{**vars(some), "as_of": some.as_of + minutes.astype("timedelta64[m]")})


def test_ten_thousand_simulated_orders_scored_one_by_one_equal_the_portfolio_bit_for_bit(four_years: Ledger) -> None:
    orders = _ten_thousand(four_years)
    priors = Priors.of(four_years)
    offline = build_features(History.of(four_years), orders, priors)
    online = np.empty_like(offline)
    for customer in sorted(set(orders.customer_id)):
        history = History.of(four_years.of_customers([customer]))
        for row in np.flatnonzero(orders.customer_id == customer):
            online[row] = build_features(history, orders.take(slice(row, row + 1)), priors)[0]
    assert same_bits(online, offline)
