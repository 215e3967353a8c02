"""Hidden decline of customers: a chain of states, one step at the start of each month, with a daily hazard of filing.

State 0 is sound for good (public bodies, the dominant customer); the others are ordered from healthy to failing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from receivables.simulation.config import Stress
from receivables.simulation.days import NEVER, Months
from receivables.simulation.streams import Floats, Ints, Streams

#: Months that the chain has already run when the ledger begins.
BURN_IN = 12
#: The state in which a customer that can decline begins.
HEALTHY = 1


@dataclass(frozen=True)
class Chain:
    """Monthly `transition` (k, k) between the states and `daily` hazard (k,) of an insolvency."""

    transition: Floats
    daily: Floats

    @classmethod
    def of(cls, states: tuple[Stress, ...]) -> Chain:
        """The chain of the configured states; a state only moves to its neighbours, and never to state 0."""
        size = len(states)
        moves = np.zeros((size, size))
        for i, state in enumerate(states):
            if i + 1 < size:
                moves[i, i + 1] = state.worse
            if i > HEALTHY:
                moves[i, i - 1] = state.better
            moves[i, i] = 1 - moves[i].sum()
        monthly = np.array([state.filing for state in states])
        return cls(moves, 1 - (1 - monthly) ** (1 / 30.4375))

    def step(self, states: Ints, uniform: Floats) -> Ints:
        """The states one month on."""
        edges = np.cumsum(self.transition, axis=1)[states][:, :-1]
        return np.asarray((uniform[:, None] >= edges).sum(axis=1), dtype=np.int64)


def walk(chain: Chain, begin: Ints, months: Months, streams: Streams) -> tuple[Ints, Ints]:
    """Hidden state of each customer in each month (m, c), and the day on which it files (c,), NEVER for most."""
    states = begin
    for month in range(-BURN_IN, 0):
        states = chain.step(states, streams(f"stress {months.first_month + month}").random(len(begin)))
    path = np.empty((months.count, len(begin)), dtype=np.int64)
    filed = np.full(len(begin), NEVER, dtype=np.int64)
    for month in range(months.count):
        states = chain.step(states, streams(f"stress {months.first_month + month}").random(len(begin)))
        path[month] = states
        day = months.starts[month] + _days_until_filing(
            chain.daily[states], streams(f"filing {months.first_month + month}")
        )
        filed = np.where((filed == NEVER) & (day < months.starts[month + 1]), day, filed)
    return path, filed


def _days_until_filing(daily: Floats, rng: np.random.Generator) -> Ints:
    uniform = 1 - rng.random(len(daily))
    with np.errstate(divide="ignore"):
        wait = np.log(uniform) / np.log1p(-daily)
    return np.minimum(np.floor(wait), NEVER).astype(np.int64)


def alive(chain: Chain, months: Months, horizon: int) -> Floats:
    """Probability (k, d, horizon + 1) that a customer in a state on day d of the months has not filed n days later.

    Exact: the law of the chain is carried forward day by day, so the declines and recoveries to come are integrated
    out. Filing on the day itself is already excluded.
    """
    size, days = len(chain.daily), int(months.starts[-1] - months.starts[0])
    begins = np.isin(
        months.starts[0] + np.arange(days + horizon + 1), months.extended(horizon // 28 + 2).starts, assume_unique=True
    )
    law = np.repeat(np.eye(size)[:, None, :], days, axis=1)
    out = np.ones((size, days, horizon + 1))
    for ahead in range(1, horizon + 1):
        new_month = begins[ahead : ahead + days]
        law[:, new_month] = law[:, new_month] @ chain.transition
        law *= 1 - chain.daily
        out[:, :, ahead] = law.sum(axis=2)
    return out
