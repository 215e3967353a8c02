"""How near the payment-time model comes to the truth that only the simulator knows.

Trains on twelve months of a simulated ledger, scores the invoices of the two months that follow, each as of its issue
date, and holds the probabilities of being late against the true ones and against what was drawn.

    python benchmarks/simulated_truth.py --customers 2000 --months 14 --seed 1

Nobody can beat the oracle, which knows each customer's hidden traits: `ratio` is the model's log-loss over the
oracle's. `expected` figures average over what might have been drawn, so they carry no luck of the draw. `coverage_80`
is the share of days late inside the 80 % interval.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features import History, Orders
from models.champion import Champion, load_champion
from models.numbers import Floats
from receivables.outcomes import OutcomeConfig, late_column
from receivables.simulation.config import SimulationConfig
from receivables.simulator import Simulated, simulate
from training.fit import Settings
from training.metrics import auc, calibration_slope, log_loss
from training.run import train
from training.scoring import HORIZONS, score

#: Months after the cut-off whose invoices are judged.
JUDGED_MONTHS = 2


@dataclass(frozen=True)
class Closeness:
    """One horizon. Log-losses in nats; slope = of the true log-odds on the predicted ones (1 = neither too bold nor
    too shy), bias = mean predicted minus mean true probability."""

    horizon: int
    rows: int
    late_share: float
    slope: float
    bias: float
    model_log_loss: float
    oracle_log_loss: float
    ratio: float
    expected_ratio: float
    auc: float
    oracle_auc: float


def cutoff_of(end: dt.date) -> pd.Timestamp:
    """The midnight at which the last `JUDGED_MONTHS` calendar months up to `end` begin.

    >>> cutoff_of(dt.date(2026, 10, 31))
    Timestamp('2026-09-01 00:00:00')
    """
    return pd.Timestamp(end).to_period("M").to_timestamp() - pd.DateOffset(months=JUDGED_MONTHS - 1)


def learn(simulated: Simulated, cutoff: pd.Timestamp, folder: Path, settings: Settings) -> Champion:
    """The champion of a complete training run, recorded in `folder`, on what was known at `cutoff`."""
    made = train(
        simulated.ledger,
        cutoff=cutoff,
        folder=folder,
        trained_at=cutoff.to_pydatetime().replace(tzinfo=dt.UTC),
        settings=settings,
        config=OutcomeConfig.read(),
    )
    return load_champion(made.champion)


def against_truth(simulated: Simulated, champion: Champion, cutoff: pd.Timestamp) -> list[Closeness]:
    """The champion's figures on the invoices issued since `cutoff`; those credited in full are left out."""
    return [_closeness(scored(simulated, champion, cutoff), horizon) for horizon in HORIZONS]


def scored(simulated: Simulated, champion: Champion, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Scores beside the truth of the invoices issued since `cutoff`, without those credited in full."""
    ledger = simulated.ledger
    orders = Orders.of_invoices(ledger, cutoff.date(), ledger["invoices"]["issued_on"].max().date())
    joined = score(History.of(ledger), orders, champion).merge(simulated.truth, on="invoice_id", validate="1:1")
    return joined[~joined["cancelled"]]


def interval_coverage(kept: pd.DataFrame) -> float:
    """Share of the invoices whose days late lie in the 80 % interval; one that is never paid lies outside."""
    return float(kept["days_late"].between(kept["earliest_days_late"], kept["latest_days_late"]).mean())


def _closeness(kept: pd.DataFrame, horizon: int) -> Closeness:
    p, truth = (kept[name].to_numpy(np.float64) for name in (late_column(horizon), f"p_{late_column(horizon)}"))
    # what was never paid is late at every horizon
    y: Floats = np.asarray(kept["days_late"].isna() | (kept["days_late"] > horizon), dtype=np.float64)
    w = np.ones(len(y))
    model, oracle = float(log_loss(y, p, w)), float(log_loss(y, truth, w))
    return Closeness(
        horizon,
        len(y),
        float(y.mean()),
        float(calibration_slope(truth, p, w)),
        float((p - truth).mean()),
        model,
        oracle,
        model / oracle,
        _cross_entropy(truth, p) / _cross_entropy(truth, truth),
        float(auc(y, p, w)),
        float(auc(y, truth, w)),
    )


def _cross_entropy(truth: Floats, p: Floats) -> float:
    """Mean log-loss of p over every outcome that the truth allows, each weighed by its probability."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-(truth * np.log(q) + (1 - truth) * np.log1p(-q)).mean())


def main() -> None:
    """Prints one JSON document with the figures, and wall and CPU seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=14, help="12 to learn from, 2 to judge (default 14)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    config, clock = SimulationConfig.read(), _Clock()
    simulated = simulate(args.customers, args.months, args.seed, config.end, config)
    clock.lap("simulate")
    cutoff = cutoff_of(config.end)
    with tempfile.TemporaryDirectory() as folder:
        champion = learn(simulated, cutoff, Path(folder), Settings(threads=args.threads))
    clock.lap("train")
    kept = scored(simulated, champion, cutoff)
    found = [_closeness(kept, horizon) for horizon in HORIZONS]
    clock.lap("score and judge")
    document = {
        "arguments": vars(args),
        "invoices": len(simulated.ledger["invoices"]),
        "cutoff": str(cutoff.date()),
        "seconds": clock.laps,
        "coverage_80": round(interval_coverage(kept), 4),
        "figures": [{key: round(value, 4) for key, value in asdict(line).items()} for line in found],
    }
    print(json.dumps(document, indent=1))


class _Clock:
    """Wall and CPU seconds between calls, by name of the step."""

    def __init__(self) -> None:
        self.laps: dict[str, dict[str, float]] = {}
        self._last = self._now()

    def lap(self, name: str) -> None:
        now = self._now()
        self.laps[name] = {"wall": round(now[0] - self._last[0], 1), "cpu": round(now[1] - self._last[1], 1)}
        self._last = now

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
