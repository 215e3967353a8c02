"""How near the default model comes to the truth of the simulator, and how near anybody could.

    python -m benchmarks.simulated_default --customers 3000 --months 36 --seed 1

Trains on what was known seven month ends before the last, and scores every active customer that is not in default at
these month ends. `truth` knows the hidden state of decline. `observer` knows every habit and the law of payment
exactly and sees each payment on its day, but must infer the state: a filter over the simulator's own chain. What it
leaves above 1 no forecast from a ledger can reach. Log-losses are expected ones, over what might happen, so they carry
no luck.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Final

import numpy as np
import pandas as pd

from features import NAMES, Orders, build_features
from models.inputs import directions, inputs_for
from models.numbers import Floats, Ints
from models.scorecard import Scorecard
from receivables.outcomes import EventRule, OutcomeConfig, default_labels
from receivables.simulation.book import Book
from receivables.simulation.conduct import Conduct
from receivables.simulation.config import SimulationConfig
from receivables.simulation.days import NEVER
from receivables.simulation.defaults import PAST_DUE, default_within
from receivables.simulation.law import GRID, payment_law
from receivables.simulation.payments import settle
from receivables.simulation.stress import BURN_IN
from receivables.simulation.world import World, draw_world
from receivables.simulator import arrivals_of, simulate
from training.dataset import ACTIVE_DAYS, DefaultData, Known
from training.fit import Settings
from training.fit_default import fitted_on_all

MONTH_ENDS: Final = 7
#: Days ahead, the event that is learnt for them, and the truth's column.
HORIZONS: Final = ((365, "default_12m", "p_default_365d"), (180, "default_6m", "p_default_180d"))
_TINY: Final = 1e-300
_CHUNK: Final = 8192


class Observer:
    """Probability of default of each customer at a month end, hidden states inferred from payments."""

    def __init__(self, world: World) -> None:
        self.world, self._conduct = world, Conduct(world.config, world.portfolio)
        fate = settle(world, lambda chunks: chunks).fate
        self._paid, self._closed = fate.paid, np.minimum(fate.paid, fate.cancelled)
        self._month, self._arrivals = world.months.of(world.orders.issued), arrivals_of(world)
        self.customer_id = Book(
            world.config, world.portfolio, world.orders, fate, world.orders.issued + 1, world.end, world.streams
        ).customer_ids
        self._log_paid = self._log_likelihood_of_payments()

    def _unpaid(self, rows: Ints) -> Floats:
        """(states, n, grid) probability that an invoice is unpaid after each day, by state at issue."""
        orders = self.world.orders
        some = dataclasses.replace(
            orders, **{f.name: getattr(orders, f.name)[rows] for f in dataclasses.fields(orders)}
        )
        states = range(len(self.world.chain.daily))
        laws = [self._conduct.invoices(some, np.full(len(rows), state)) for state in states]
        return np.stack([1.0 - payment_law(intent, self.world.calendars).mixed for intent in laws])

    def _log_likelihood_of_payments(self) -> Floats:
        made = np.zeros((self.world.orders.size, len(self.world.chain.daily)))
        paid = np.flatnonzero(self._paid < NEVER)
        for begin in range(0, len(paid), _CHUNK):
            rows = paid[begin : begin + _CHUNK]
            place = np.clip(self._paid[rows] - self.world.orders.due[rows] - GRID[0], 0, len(GRID) - 1)
            unpaid, i = self._unpaid(rows), np.arange(len(rows))
            before = np.where(place > 0, unpaid[:, i, place - 1], 1.0)
            made[rows] = np.log(np.maximum(before - unpaid[:, i, place], _TINY)).T
        return made

    def _evidence(self, day: int, months: int) -> tuple[Floats, Floats]:
        """Log-likelihood (months, c, states) of what is seen at the start of `day`, and that no open invoice fails."""
        orders, size = self.world.orders, self._log_paid.shape[1]
        seen = np.zeros((months, self.world.portfolio.size, size))
        paid = np.flatnonzero(self._paid < day)
        np.add.at(seen, (self._month[paid], orders.customer[paid]), self._log_paid[paid])
        safe = seen.copy()
        pending = np.flatnonzero((orders.issued < day) & (self._closed >= day))
        age, unpaid, i = day - 1 - orders.due[pending], self._unpaid(pending), np.arange(len(pending))
        left = np.where(age < GRID[0], 1.0, unpaid[:, i, np.clip(age - GRID[0], 0, len(GRID) - 1)])
        fails = np.where(age >= PAST_DUE, 0.0, unpaid[:, :, PAST_DUE - GRID[0]])
        place = self._month[pending], orders.customer[pending]
        np.add.at(seen, place, np.log(np.maximum(left, _TINY)).T)
        np.add.at(safe, place, np.log(np.maximum(left - fails, _TINY)).T)
        return seen, safe

    def at(self, day: int, windows: tuple[int, ...]) -> dict[int, Floats]:
        """Window -> (c,) probability of default within it, at the month end before `day`."""
        world, size = self.world, len(self.world.chain.daily)
        month = int(np.flatnonzero(world.months.starts == day)[0]) - 1
        seen, safe = self._evidence(day, month + 1)
        state = np.eye(size)[world.portfolio.stress] @ np.linalg.matrix_power(world.chain.transition, BURN_IN)
        free = state.copy()
        for m in range(month + 1):
            alive = (1 - world.chain.daily) ** (world.months.starts[m + 1] - world.months.starts[m])
            top = seen[m].max(axis=1, keepdims=True)
            state = state @ world.chain.transition * np.exp(seen[m] - top) * alive
            free = free @ world.chain.transition * np.exp(safe[m] - top) * alive
            total = np.maximum(state.sum(axis=1, keepdims=True), _TINY)
            state, free = state / total, free / total
        return {window: 1 - (free * self._survives(month, window)).sum(axis=1) for window in windows}

    def _survives(self, month: int, window: int) -> Floats:
        """(c, states) probability of no new default within the window, open invoices apart."""
        world, n = self.world, self.world.portfolio.size
        return np.stack(
            [
                1 - default_within(world.chain, world.months, month, np.full(n, s), np.zeros(n), self._arrivals, window)
                for s in range(len(world.chain.daily))
            ],
            axis=1,
        )


def cross_entropy(truth: Floats, p: Floats) -> Floats:
    """(n,) log-loss of p over every outcome that the truth allows, each weighed by its probability."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(-(truth * np.log(q) + (1 - truth) * np.log1p(-q)))


def ratios(truth: Floats, forecasts: dict[str, Floats], customers: Floats, replicates: int = 300) -> dict[str, object]:
    """Each forecast's log-loss over the truth's, with its 95 % interval, customers redrawn."""
    code = np.unique(customers, return_inverse=True)[1]
    drawn = np.random.default_rng(0).integers(0, code.max() + 1, (replicates, code.max() + 1))
    weights = np.stack([np.bincount(draw, minlength=code.max() + 1) for draw in drawn])[:, code]
    best, made = cross_entropy(truth, truth), {}
    for name, p in forecasts.items():
        loss = cross_entropy(truth, p)
        low, high = np.quantile((weights @ loss) / (weights @ best), [0.025, 0.975])
        made[name] = [round(float(v), 3) for v in (loss.sum() / best.sum(), low, high)]
    return {"rows": len(truth), "truth_log_loss": round(float(best.mean()), 5), **made}


def judged(known: Known, frame: pd.DataFrame, event: EventRule, config: OutcomeConfig) -> tuple[Floats, Floats]:
    """Features of the customers in `frame` at one month end, and which of them are active and not in the event."""
    invoices = known.ledger["invoices"]
    recent = invoices["issued_on"] >= known.cutoff - pd.Timedelta(days=ACTIVE_DAYS)
    active = frame["customer_id"].isin(invoices.loc[recent, "customer_id"]).to_numpy()
    orders = Orders.snapshots(frame["customer_id"].tolist(), frame["as_of"].to_numpy())
    labels = default_labels(known.ledger, frame[["customer_id", "as_of"]], event, cutoff=known.cutoff, config=config)
    return build_features(known.history, orders, known.priors), active & (labels["excluded"] != "IN_EVENT").to_numpy()


def compare(customers: int, months: int, seed: int) -> dict[str, object]:
    """Ratios of every forecast to the truth, per horizon."""
    config, outcomes = SimulationConfig.read(), OutcomeConfig.read()
    made = simulate(customers, months, seed, config.end, config)
    observer = Observer(draw_world(customers, months, seed, config.end, config))
    ends = sorted(made.default_truth["as_of"].unique())[-MONTH_ENDS:]
    views = [Known.at(made.ledger, pd.Timestamp(end)) for end in ends]
    days = [int(np.datetime64(end, "D").astype(np.int64)) for end in ends]
    seen = [observer.at(day, tuple(window for window, *_ in HORIZONS)) for day in days]
    found: dict[str, object] = {}
    for window, name, column in HORIZONS:
        event = next(rule for rule in outcomes.events if rule.name == name)
        data = DefaultData.of(views[0], dataclasses.replace(outcomes, events=(event,)))
        labels = data.labels(cutoff=views[0].cutoff)
        matured = ~np.isnan(labels)
        parts: list[tuple[Floats, pd.DataFrame]] = []
        for view, end, forecast in zip(views, ends, seen, strict=True):
            frame = made.default_truth[made.default_truth["as_of"] == end].dropna(subset=[column])
            by_customer = pd.Series(forecast[window], index=observer.customer_id)
            frame = frame.assign(observer=by_customer.reindex(frame["customer_id"]).to_numpy())
            x, outside = judged(view, frame, event, outcomes)
            parts.append((x[outside], frame[outside]))
        x, frame = np.concatenate([part[0] for part in parts]), pd.concat([part[1] for part in parts])
        forecasts = {
            "observer": frame["observer"].to_numpy(),
            "default model": fitted_on_all(data, Settings(), labels).probability(x),
        }
        for who, names in (("scorecard", inputs_for("default")), ("worst days", ("oldest_open_item_days",))):
            at = [NAMES.index(feature) for feature in names]
            card = Scorecard.fit(data.x[matured][:, at], labels[matured], names=names, monotone=directions(names))
            forecasts[who] = card.probability(x[:, at])
        found[name] = ratios(frame[column].to_numpy(), forecasts, frame["customer_id"].to_numpy(dtype=str))
    return found


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps({"arguments": vars(args), **compare(args.customers, args.months, args.seed)}, indent=1))


if __name__ == "__main__":
    main()
