"""How near anybody could come to the simulator's truth of payment times, and how near the payment-time model does.

    python -m benchmarks.simulated_observer --customers 1000 --months 14 --seed 1 --sample 300

Judges the invoices of the last two months. `truth` knows each customer's habits and hidden state of decline. `observer`
knows the simulator, its law and how often each habit occurs, and sees each payment on its day, but must infer habits
and state of each customer from its payments, by Bayes' rule over a lattice of habits with a filter over the states.
What it leaves above 1 no forecast from a ledger can reach. Its lattice leaves out how little the spread of one
behaviour varies, takes each segment's mean share of disputes and ignores that a filing stops payment. Log-losses are
expected ones, over what might happen, so they carry no luck.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.simulated_default import cross_entropy, ratios
from features import Orders, build_features
from models.numbers import Floats, Ints
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig
from receivables.simulation.book import numbered
from receivables.simulation.config import SimulationConfig
from receivables.simulation.days import NEVER
from receivables.simulation.law import GRID, HORIZONS, Intent, ready
from receivables.simulation.payments import settle
from receivables.simulation.portfolio import _LEAD_SIGN
from receivables.simulation.stress import BURN_IN
from receivables.simulation.world import World, draw_world
from receivables.simulator import simulate
from training.dataset import Known, LateData
from training.fit import Settings, fit_late

#: Months that are judged; all before them are learnt from.
JUDGED_MONTHS: Final = 2
DAYS: Final = (0, 5, 15, 30)
#: Places of the base day in standard deviations: few where customers of one behaviour are alike, many where not.
_NARROW: Final = np.linspace(-2.4, 2.4, 9)
_WIDE: Final = np.linspace(-2.7, 2.7, 25)
#: Habits less likely than this, against the likeliest, before the judged months are dropped.
_NEGLIGIBLE: Final = -18.0
_TINY: Final = 1e-300


@dataclass(frozen=True)
class Lattice:
    """Habits (k,) that a customer of one segment may have, with the logarithm of how often they occur."""

    behaviour: Ints
    run: Ints
    direction: Ints
    base: Floats
    log_share: Floats

    @classmethod
    def of(cls, config: SimulationConfig, segment: int) -> Lattice:
        """Every behaviour, run and direction, the base day on a line of places."""
        shares, made = np.array(config.segments[segment].behaviours), []
        for b, behaviour in enumerate(config.behaviours):
            places = _WIDE if behaviour.base_sd > 1 else _NARROW
            dense = np.exp(-(places**2) / 2)
            for r, run in enumerate(config.runs):
                for d, toward in enumerate(behaviour.directions):
                    base = behaviour.base_mean + behaviour.base_sd * places + run.lead_days * _LEAD_SIGN[d]
                    share = shares[b] * run.share * toward * dense / dense.sum()
                    made += [(b, r, d, x, w) for x, w in zip(base, share, strict=True)]
        b_, r_, d_, base_, share_ = map(np.array, zip(*made, strict=True))
        return cls(b_, r_, d_, base_, np.log(np.maximum(share_, _TINY)))

    def take(self, kept: Ints) -> Lattice:
        """Some of the habits."""
        return Lattice(*(getattr(self, name)[kept] for name in ("behaviour", "run", "direction", "base", "log_share")))


class Observer:
    """P(late over each of `DAYS`) of a customer's judged invoices, habits and state inferred from its payments."""

    def __init__(self, world: World, paid: Ints, cancelled: Ints, since: int) -> None:
        self.world, self._paid, self._cancelled, self._since = world, paid, cancelled, since
        config = world.config
        self._lattices = [Lattice.of(config, s) for s in range(len(config.segments))]
        self._month = world.months.of(world.orders.issued)
        self._delay = np.array([s.delay_days for s in config.stress])
        self._slow = np.array([s.slow_share for s in config.stress])
        self._never = np.array([s.never_share for s in config.stress])

    def paid_by(self, habits: Lattice, segment: int, rows: Ints, day: Ints) -> Floats:
        """(k, states, n) probability that each invoice is paid by its `day` (n,) after due, before filing."""
        orders, config = self.world.orders, self.world.config
        shape = len(habits.base), len(self._delay), len(rows)
        k, s, n = (place.ravel() for place in np.indices(shape))
        row = rows[n]
        ratio, due = np.clip(orders.log_ratio[row], -2.0, 2.0), orders.due[row]
        behaviour, run, direction = habits.behaviour[k], habits.run[k], habits.direction[k]
        slow = np.array([b.slow_share for b in config.behaviours])[behaviour] + self._slow[s]
        disputes = config.segments[segment].dispute_share * np.exp(0.3 * ratio)
        intent = Intent(
            centre=habits.base[k] + self._delay[s] + config.amount.delay_per_log * ratio,
            spread=np.array([b.spread_median for b in config.behaviours])[behaviour],
            slow_share=np.minimum(slow, 1.0),
            slow_days=np.array([b.slow_days for b in config.behaviours])[behaviour],
            dispute_share=np.minimum(disputes, 1.0),
            dispute_days=config.events.dispute_days,
            never_share=self._never[s],
            earliest=np.maximum(orders.issued[row] + 1 - due, int(GRID[0])),
            due=due,
            run=run,
            direction=direction,
        )
        calendars, asked = self.world.calendars, day[n]
        latest = calendars.reach(run, direction, due + asked) - due
        possible = (calendars.next(run, due + intent.earliest) - due <= asked) & (asked >= GRID[0])
        plain, disputed = (part[:, 0] for part in ready(latest[:, None], intent))
        mixed = plain + intent.dispute_share * (disputed - plain)
        return np.where(possible, mixed, 0.0).reshape(shape)

    def of(self, customer: int) -> tuple[Ints, Floats]:
        """Numbers of the customer's judged invoices, and (n, days) probabilities."""
        world, orders = self.world, self.world.orders
        segment = int(world.portfolio.segment[customer])
        rows = np.flatnonzero((orders.customer == customer) & (self._cancelled == NEVER))
        judged = rows[orders.issued[rows] >= self._since]
        habits = self._lattices[segment]
        seen = self._paid_evidence(habits, segment, rows)
        first = self._weights(customer, habits, rows, seen, segment, self._since)[0]
        kept = np.flatnonzero(first.max() - first <= -_NEGLIGIBLE)
        habits, seen = habits.take(kept), seen[kept]
        made = np.empty((len(judged), len(DAYS)))
        late = np.stack([1.0 - self.paid_by(habits, segment, judged, np.full(len(judged), d)) for d in DAYS], axis=3)
        for day in np.unique(orders.issued[judged]):
            weights, state = self._weights(customer, habits, rows, seen, segment, int(day))
            joint = np.exp(weights - weights.max())[:, None] * state
            at = np.flatnonzero(orders.issued[judged] == day)
            made[at] = np.einsum("ks,ksnd->nd", joint, late[:, :, at]) / joint.sum()
        return judged, made

    def _paid_evidence(self, habits: Lattice, segment: int, rows: Ints) -> Floats:
        """(k, states, n) log-likelihood of the day of each payment; 0 where none is ever made."""
        made = np.zeros((len(habits.base), len(self._delay), len(rows)))
        done = np.flatnonzero(self._paid[rows] < NEVER)
        day = self._paid[rows[done]] - self.world.orders.due[rows[done]]
        likely = self.paid_by(habits, segment, rows[done], day) - self.paid_by(habits, segment, rows[done], day - 1)
        made[:, :, done] = np.log(np.maximum(likely, _TINY))
        return made

    def _weights(
        self, customer: int, habits: Lattice, rows: Ints, seen: Floats, segment: int, day: int
    ) -> tuple[Floats, Floats]:
        """(k,) log-weights of the habits at the start of `day`; (k, states) probabilities of the state given each."""
        world = self.world
        known = world.orders.issued[rows] < day
        paid, open_ = (
            np.flatnonzero(known & (self._paid[rows] < day)),
            np.flatnonzero(known & (self._paid[rows] >= day)),
        )
        month = int(world.months.of(np.array([day]))[0])
        evidence = np.zeros((month + 1, len(habits.base), len(self._delay)))
        np.add.at(evidence, self._month[rows[paid]], np.moveaxis(seen[:, :, paid], 2, 0))
        if len(open_):
            age = np.clip(day - 1 - world.orders.due[rows[open_]], GRID[0] - 1, GRID[-1])
            left = np.log(np.maximum(1.0 - self.paid_by(habits, segment, rows[open_], age), _TINY))
            np.add.at(evidence, self._month[rows[open_]], np.moveaxis(left, 2, 0))
        begin = np.eye(len(self._delay))[world.portfolio.stress[customer]]
        state = np.tile(begin @ np.linalg.matrix_power(world.chain.transition, BURN_IN), (len(habits.base), 1))
        weights = habits.log_share.copy()
        for step in evidence:
            top = step.max(axis=1, keepdims=True)
            state = state @ world.chain.transition * np.exp(step - top)
            total = np.maximum(state.sum(axis=1, keepdims=True), _TINY)
            state, weights = state / total, weights + (top + np.log(total))[:, 0]
        return weights, state


def compare(customers: int, months: int, seed: int, sample: int) -> dict[str, object]:
    """Ratios to the truth by day, over the judged invoices of a sample of the customers without the largest."""
    config = SimulationConfig.read()
    world = draw_world(customers, months, seed, config.end, config)
    settled = settle(world, lambda chunks: chunks)
    since = int(world.months.starts[-1 - JUDGED_MONTHS])
    observer = Observer(world, settled.fate.paid, settled.fate.cancelled, since)
    judging = np.unique(world.orders.customer[world.orders.issued >= since])
    others = judging[judging != np.argmax(world.portfolio.per_month)]
    chosen = np.random.default_rng(0).permutation(others)[:sample]
    found = [observer.of(int(customer)) for customer in chosen]
    rows, p = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    model = _model(simulate(customers, months, seed, config.end, config).ledger, world, rows)
    booked = ~np.isnan(model[:, 0])
    rows, p, model = rows[booked], p[booked], model[booked]
    truth, made = settled.truth.late_over, {}
    for j, day in enumerate(DAYS):
        forecasts = {"observer": p[:, j], "model": model[:, j]}
        made[f"late over {day}"] = ratios(truth[rows, HORIZONS.index(day)], forecasts, world.orders.customer[rows])
    largest = (world.orders.issued >= since) & (world.orders.customer == np.argmax(world.portfolio.per_month))
    loss = cross_entropy(truth[:, 0], truth[:, 0])
    share = float(loss[largest].sum() / (loss[largest].sum() + loss[rows].sum() * len(others) / len(chosen)))
    return {
        "customers judged": len(chosen),
        "largest customer's share of the truth's loss over 0": round(share, 3),
        **made,
    }


def _model(ledger: Ledger, world: World, rows: Ints) -> Floats:
    """(n, days) what the payment-time model, learnt from what was known before the judged months, says of the rows.

    Null for invoices that are booked after the ledger's end.
    """
    cutoff = pd.Timestamp(np.datetime64(int(world.months.starts[-1 - JUDGED_MONTHS]), "D"))
    data = LateData.of(Known.at(ledger, cutoff))
    fit = fit_late(data, Settings(), margin_days=OutcomeConfig.read().maturity_margin_days)
    whole = Known.at(ledger, pd.Timestamp(world.config.end) + pd.Timedelta(days=1))
    orders, ids = Orders.of_invoices(whole.ledger), numbered("00", world.orders.size, 8)
    at = pd.Index(orders.ids).get_indexer(pd.Index(ids[rows]))
    there, made = at >= 0, np.full((len(rows), len(DAYS)), np.nan)
    law = fit.model.law(build_features(whole.history, orders.take(at[there]), data.known.priors))
    made[there] = np.column_stack([law.late_over(day) for day in DAYS])
    return made


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--months", type=int, default=14, help="the last two are judged")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=300, help="customers that the observer follows")
    args = parser.parse_args()
    found = compare(args.customers, args.months, args.seed, args.sample)
    print(json.dumps({"arguments": vars(args), **found}, indent=1))


if __name__ == "__main__":
    main()
