"""Everything that is drawn before the first payment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from receivables.simulation.config import SimulationConfig
from receivables.simulation.days import Months, RunCalendars, number
from receivables.simulation.orders import Orders, draw_orders
from receivables.simulation.portfolio import Portfolio, draw_portfolio
from receivables.simulation.streams import Ints, Streams
from receivables.simulation.stress import Chain, walk

#: Days that the payment calendars cover before and after the ledger's months.
_BEFORE, _AFTER = 130, 600


@dataclass(frozen=True)
class World:
    """Customers, their hidden decline and their orders.

    `path` (m, c) is each customer's state in each month, `filed` (c,) the day of its insolvency, `state` (n,) the
    customer's state when each invoice was issued, `end` the ledger's last day.
    """

    config: SimulationConfig
    months: Months
    streams: Streams
    portfolio: Portfolio
    chain: Chain
    path: Ints
    filed: Ints
    orders: Orders
    calendars: RunCalendars
    end: int

    @property
    def state(self) -> Ints:
        """State of decline (n,) of each invoice's customer at issue."""
        return self.path[self.months.of(self.orders.issued), self.orders.customer]


def draw_world(customers: int, count: int, seed: int, end: dt.date, config: SimulationConfig) -> World:
    """`customers` customers over the `count` calendar months up to `end`."""
    months, streams = Months.ending(end, count), Streams(seed)
    portfolio = draw_portfolio(config, customers, months, streams)
    chain = Chain.of(config.stress)
    path, filed = walk(chain, portfolio.stress, months, streams)
    orders = draw_orders(config, portfolio, months, number(end), filed, streams)
    calendars = RunCalendars.between(config.runs, int(months.starts[0]) - _BEFORE, int(months.starts[-1]) + _AFTER)
    return World(config, months, streams, portfolio, chain, path, filed, orders, calendars, number(end))
