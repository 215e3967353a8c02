"""The observer of a simulated ledger: what it knows, and that it never comes nearer than the truth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulated_default import cross_entropy
from benchmarks.simulated_observer import DAYS, Lattice, Observer
from receivables.simulation.conduct import Conduct
from receivables.simulation.config import SimulationConfig
from receivables.simulation.law import GRID, HORIZONS, payment_law
from receivables.simulation.payments import Settled, settle
from receivables.simulation.world import World, draw_world


@pytest.fixture(scope="module")
def world() -> World:
    config = SimulationConfig.read()
    return draw_world(40, 10, 3, config.end, config)


@pytest.fixture(scope="module")
def settled(world: World) -> Settled:
    return settle(world, lambda chunks: chunks)


@pytest.fixture(scope="module")
def observer(world: World, settled: Settled) -> Observer:
    return Observer(world, settled.fate.paid, settled.fate.cancelled, int(world.months.starts[-3]))


def test_the_habits_of_a_lattice_are_as_frequent_as_those_of_the_simulator() -> None:
    config = SimulationConfig.read()
    lattice = Lattice.of(config, 1)
    share = np.exp(lattice.log_share)
    assert share.sum() == pytest.approx(
        sum(config.segments[1].behaviours) * sum(r.share for r in config.runs), rel=1e-6
    )
    late = share[lattice.behaviour == 3].sum() / share.sum()
    assert late == pytest.approx(config.segments[1].behaviours[3] / sum(config.segments[1].behaviours), rel=1e-6)


def test_given_the_habits_it_knows_the_law_of_the_simulator(world: World, observer: Observer) -> None:
    """Beside the simulator's own sum over its grid; the lattice takes the middle spread and share of disputes."""
    customer = int(np.bincount(world.orders.customer).argsort()[-2])
    rows = np.flatnonzero(world.orders.customer == customer)[:20]
    habits, segment = world.portfolio.habits, int(world.portfolio.segment[customer])
    known = (habits.behaviour, habits.run, habits.direction, habits.base, np.zeros(world.portfolio.size))
    own = Lattice(*(values[[customer]] for values in known))
    state = np.ones(len(world.orders.customer), dtype=np.int64)
    law = payment_law(Conduct(world.config, world.portfolio).invoices(world.orders, state), world.calendars).mixed[rows]
    for day in (-3, 0, 5, 15):
        found = observer.paid_by(own, segment, rows, np.full(len(rows), day))[0, 1]
        np.testing.assert_allclose(found, law[:, day - GRID[0]], atol=0.06)


def test_it_comes_nearer_than_the_share_of_its_segment_and_not_nearer_than_the_truth(
    world: World, settled: Settled, observer: Observer
) -> None:
    since = int(world.months.starts[-3])
    busy = np.bincount(world.orders.customer[world.orders.issued >= since]).argsort()[-9:-1]
    found = [observer.of(int(customer)) for customer in busy]
    rows, p = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    assert ((p > 0) & (p < 1)).all()
    assert (np.diff(p, axis=1) <= 0).all()
    truth = settled.truth.late_over[rows, HORIZONS.index(DAYS[0])]
    best, ours = cross_entropy(truth, truth).mean(), cross_entropy(truth, p[:, 0]).mean()
    assert best <= ours <= 1.15 * best < cross_entropy(truth, np.full(len(truth), truth.mean())).mean()
