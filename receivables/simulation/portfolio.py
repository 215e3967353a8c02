"""The customers: what each is, how much it orders and how it pays, drawn once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from receivables.simulation.config import SimulationConfig, index_of
from receivables.simulation.days import NEAREST, NEVER, Months
from receivables.simulation.streams import Bools, Floats, Ints, Streams, pick
from receivables.simulation.stress import HEALTHY

#: Money is made ready earlier where a run is waited for, later where the run before is taken: after, nearest, before.
_LEAD_SIGN = np.array([-1.0, 0.0, 1.0])
#: Customers of a segment contest their invoices more or less often: shape of the gamma law around the segment's share.
_DISPUTE_SHAPE = 3.0


@dataclass(frozen=True)
class Habits:
    """How customers pay (c,): behaviour, run and direction (after, nearest, before) are indices; money is ready around
    `base` days after due, with logistic scale `spread`.
    """

    behaviour: Ints
    run: Ints
    direction: Ints
    base: Floats
    spread: Floats


@dataclass(frozen=True)
class Agreed:
    """Agreed terms (c,) as indices into `net_days`: at first; from day `changed` on (NEVER for most) the `later`."""

    terms: Ints
    changed: Ints
    later: Ints

    def on(self, customer: Ints, day: Ints) -> Ints:
        """What is agreed with each customer on each day."""
        return np.where(day >= self.changed[customer], self.later[customer], self.terms[customer])


@dataclass(frozen=True)
class Portfolio:
    """One value per customer (c,). Segment and country are indices; money is ln of base-currency units."""

    segment: Ints
    country: Ints
    habits: Habits
    agreed: Agreed
    dispute_share: Floats
    partial_share: Floats
    per_month: Floats
    log_amount: Floats
    log_sd: Floats
    joined: Ints
    stress: Ints

    @property
    def size(self) -> int:
        """Number of customers."""
        return len(self.segment)


def draw_portfolio(config: SimulationConfig, count: int, months: Months, streams: Streams) -> Portfolio:
    """`count` customers; the one that orders most is made the dominant one."""
    segment = pick(streams("segment").random(count), np.array([s.share for s in config.segments]))
    per_month = _volume(config, segment, streams)
    largest = int(np.argmax(per_month))
    segment[largest] = index_of(config.segments, config.largest.segment)
    per_month[largest] = _dominant_volume(per_month, largest, config.largest.share)
    return Portfolio(
        segment=segment,
        country=pick(streams("country").random(count), np.array([c.share for c in config.countries])),
        habits=_habits(config, segment, largest, streams),
        agreed=_agreed(config, segment, largest, months, streams),
        dispute_share=_dispute_share(config, segment, streams),
        partial_share=config.events.partial_share * streams("partial share").lognormal(0, 1, count),
        per_month=per_month,
        log_amount=np.log(config.amount.median) + config.amount.between_log_sd * streams("size").normal(size=count),
        log_sd=config.amount.within_log_sd * streams("size spread").uniform(0.5, 1.5, count),
        joined=_joined(config, count, largest, months, streams),
        stress=np.where(_never_declines(config, segment, largest), 0, HEALTHY),
    )


def _volume(config: SimulationConfig, segment: Ints, streams: Streams) -> Floats:
    factor = np.array([s.volume for s in config.segments])[segment]
    return np.asarray(
        factor * config.volume.per_month * streams("volume").lognormal(0, config.volume.log_sd, len(segment))
    )


def _dominant_volume(per_month: Floats, largest: int, share: float) -> float:
    others = per_month.sum() - per_month[largest]
    return float(max(per_month[largest], others * share / (1 - share)))


def _habits(config: SimulationConfig, segment: Ints, largest: int, streams: Streams) -> Habits:
    """How each customer pays: behaviour, run, direction, base day and spread."""
    count = len(segment)
    weights = np.array([s.behaviours for s in config.segments])[segment]
    behaviour = pick(streams("behaviour").random(count), weights)
    behaviour[largest] = index_of(config.behaviours, config.largest.behaviour)
    run = pick(streams("run").random(count), np.array([r.share for r in config.runs]))
    run[largest] = index_of(config.runs, config.largest.run)
    directions = np.array([b.directions for b in config.behaviours])[behaviour]
    direction = pick(streams("direction").random(count), directions)
    direction[largest] = NEAREST
    noise = streams("base").normal(size=count)
    noise[largest] = 0.0
    lead = np.array([r.lead_days for r in config.runs])[run] * _LEAD_SIGN[direction]
    base = _of(config, "base_mean")[behaviour] + _of(config, "base_sd")[behaviour] * noise
    spread = np.exp(_of(config, "spread_log_sd")[behaviour] * streams("spread").normal(size=count))
    spread[largest] = 1.0
    return Habits(
        behaviour=behaviour,
        run=run,
        direction=direction,
        base=base + lead,
        spread=_of(config, "spread_median")[behaviour] * spread,
    )


def _of(config: SimulationConfig, field: str) -> Floats:
    return np.array([getattr(behaviour, field) for behaviour in config.behaviours], dtype=np.float64)


def _agreed(config: SimulationConfig, segment: Ints, largest: int, months: Months, streams: Streams) -> Agreed:
    count = len(segment)
    weights = np.array([s.terms for s in config.segments])[segment]
    terms = pick(streams("terms").random(count), weights)
    terms[largest] = config.net_days.index(config.largest.net_days)
    changes = streams("terms change").random(count) < config.events.terms_change_share
    changes[largest] = False
    day = streams("terms change day").integers(months.starts[0] + 30, months.starts[-1] + 30, count)
    later = pick(streams("new terms").random(count), weights)
    return Agreed(terms, np.where(changes, day, NEVER), later)


def _dispute_share(config: SimulationConfig, segment: Ints, streams: Streams) -> Floats:
    usual = np.array([s.dispute_share for s in config.segments])[segment]
    factor = streams("dispute share").gamma(_DISPUTE_SHAPE, 1 / _DISPUTE_SHAPE, len(segment))
    return np.asarray(np.minimum(usual * factor, 0.5))


def _joined(config: SimulationConfig, count: int, largest: int, months: Months, streams: Streams) -> Ints:
    """Day of the first business: before the ledger begins, for a share inside it."""
    start, stop = months.starts[0], months.starts[-1]
    inside = streams("arriving").random(count) < config.volume.arriving_share
    inside[largest] = False
    years = streams("tenure").exponential(5.0, count)
    before = start - 1 - np.minimum(years * 365.25, 40 * 365).astype(np.int64)
    return np.where(inside, streams("arrival day").integers(start, stop, count), before)


def _never_declines(config: SimulationConfig, segment: Ints, largest: int) -> Bools:
    sound = np.array([s.public_body for s in config.segments])[segment]
    sound[largest] = True
    return np.asarray(sound)
