"""The invoices: who orders when, on which terms and for how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from receivables.money import exponent
from receivables.simulation.config import SimulationConfig
from receivables.simulation.days import Months, issue_weights
from receivables.simulation.portfolio import Portfolio
from receivables.simulation.streams import Bools, Floats, Ints, Streams, pick


@dataclass(frozen=True)
class Orders:
    """One value per invoice (n,), in order of issue: `customer` and `net` are indices, `minor` is in its currency.

    `log_ratio` is ln(amount / the customer's usual amount). `special` marks terms other than agreed.
    """

    customer: Ints
    issued: Ints
    due: Ints
    net: Ints
    minor: Ints
    log_ratio: Floats
    special: Bools

    @property
    def size(self) -> int:
        """Number of invoices."""
        return len(self.customer)


def monthly_rate(config: SimulationConfig, portfolio: Portfolio, calendar_month: int) -> Floats:
    """Expected invoices (c,) of each customer in a calendar month, January = 0; actual numbers are Poisson."""
    season = np.asarray(config.volume.season)
    return np.asarray(portfolio.per_month * season[calendar_month] / season.mean())


def draw_orders(
    config: SimulationConfig, portfolio: Portfolio, months: Months, last: int, filed: Ints, streams: Streams
) -> Orders:
    """Every invoice issued up to day `last` to customers that have joined and not filed for insolvency."""
    pairs = [_month(config, portfolio, months, m, streams) for m in range(months.count)]
    customer = np.concatenate([pair[0] for pair in pairs])
    issued = np.concatenate([pair[1] for pair in pairs])
    open_for_business = (issued >= portfolio.joined[customer]) & (issued < filed[customer]) & (issued <= last)
    customer, issued = customer[open_for_business], issued[open_for_business]
    order = np.lexsort((customer, issued))
    return _priced(config, portfolio, customer[order], issued[order], streams)


def _month(
    config: SimulationConfig, portfolio: Portfolio, months: Months, month: int, streams: Streams
) -> tuple[Ints, Ints]:
    """Customer and issue day of each invoice of one month."""
    rng = streams(f"orders {months.first_month + month}")
    counts = rng.poisson(monthly_rate(config, portfolio, months.season(month)))
    customer = np.repeat(np.arange(portfolio.size), counts)
    start, stop = int(months.starts[month]), int(months.starts[month + 1])
    day = start + pick(rng.random(len(customer)), issue_weights(start, stop, config.volume.weekdays))
    return customer, day


def _priced(config: SimulationConfig, portfolio: Portfolio, customer: Ints, issued: Ints, streams: Streams) -> Orders:
    count = len(customer)
    special = streams("special terms").random(count) < config.events.special_terms_share
    other = streams("which terms").integers(0, len(config.net_days), count)
    net = np.where(special, other, portfolio.agreed.on(customer, issued))
    log_ratio = portfolio.log_sd[customer] * streams("amount").normal(size=count)
    base_amount = np.exp(portfolio.log_amount[customer] + log_ratio)
    due = issued + np.asarray(config.net_days, dtype=np.int64)[net]
    minor = np.maximum(np.rint(base_amount * _minor_per_base(config)[portfolio.country[customer]]), 100)
    return Orders(customer, issued, due, net, minor.astype(np.int64), log_ratio, special)


def _minor_per_base(config: SimulationConfig) -> Floats:
    """Minor units of each country's currency for one unit of the base currency."""
    rates = {config.base_currency: 1.0, **{currency.code: currency.rate for currency in config.currencies}}
    return np.array([10 ** exponent(c.currency) / rates[c.currency] for c in config.countries])
