"""The leak audit: proof on the user's own ledger that nothing that became known later reaches a feature or a score.

Three checks. Blindness: at a sample of moments everything known later is destroyed, or replaced by nonsense, and the
features, scores and labels of that moment must stay the same to the last bit. Ceiling: customers about whom hardly
anything is known cannot be ranked well honestly, so a high AUC on them betrays a leak. The third, how much popular
leaks would have flattered the model, is in `training.leakage_gap`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import NAMES, History, Orders, Priors, build_features
from models.late import LateModel
from models.numbers import Floats
from receivables.errors import InputError
from receivables.falsify import falsify, forget
from receivables.ledger import Ledger
from receivables.outcomes import late_column, late_labels
from training.metrics import AUC, Resampling, estimate

#: Moments at which the future is destroyed.
MOMENTS: Final = 6
#: At most so many customers are looked at: each moment compiles the ledger anew, three times.
CUSTOMERS: Final = 500
#: An AUC above this is not to be had honestly on customers with fewer than three known settlements: with averages over
#: all rows it is 0.94 and more, point in time 0.67 to 0.77 (measured on real ledgers).
CEILING: Final = 0.80
_FALSIFIED: Final = 2
_CHECKED_ROWS: Final = 30

Compute = Callable[[Ledger, Orders], Floats]


@dataclass(frozen=True)
class Probe:
    """Something that claims to be blind to the future: `compute` gives (n, columns) for a ledger and n orders."""

    name: str
    columns: tuple[str, ...]
    compute: Compute


@dataclass(frozen=True)
class Check:
    """One line of the audit: `verdict` is passed, failed, or not judged; `said` states the figures it rests on."""

    name: str
    verdict: str
    said: str

    def to_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return asdict(self)


HELD: Final = "passed"
FAILED: Final = "failed"
NOT_JUDGED: Final = "not judged"


def feature_probe() -> Probe:
    """All features, peers' rates worked out from the same ledger."""
    return Probe("features", NAMES, lambda ledger, orders: _features(ledger, orders, None))


def score_probe(served: Callable[[np.datetime64], tuple[LateModel, Priors]], grid: Sequence[int]) -> Probe:
    """The payment-time law on its grid, by the model and peers' rates that were `served` at the orders' moment."""

    def compute(ledger: Ledger, orders: Orders) -> Floats:
        model, priors = served(orders.as_of[0])
        return model.law(_features(ledger, orders, priors)).survival

    return Probe("scores", tuple(late_column(k) for k in grid), compute)


def _features(ledger: Ledger, orders: Orders, priors: Priors | None) -> Floats:
    history = History.of(ledger)
    return build_features(history, orders, Priors.of(history) if priors is None else priors)


def blindness(
    ledger: Ledger, probes: Sequence[Probe], moments: Sequence[pd.Timestamp], *, margin_days: int, seed: int = 0
) -> list[Check]:
    """One check per probe, and one of the labels: the same bits with the true, without any, and with a false future.

    Raises InputError where no moments are given.
    """
    if not moments:
        raise InputError("leak audit: expected at least one moment to look at, got none")
    tally = {probe.name: _Tally() for probe in probes}
    labels = _Tally()
    for i, moment in enumerate(moments):
        part = ledger.of_customers(_sample(ledger, moment, np.random.default_rng([seed, i])))
        orders = orders_at(part, moment)
        futures = [forget(part, moment)]
        futures += [falsify(part, moment, np.random.default_rng([seed, i, j])) for j in range(_FALSIFIED)]
        for probe in probes:
            seen = probe.compute(part, orders)
            for other in futures:
                tally[probe.name].add(probe.columns, seen, probe.compute(other, orders))
        seen = _labels(part, moment, margin_days)
        for other in futures:
            labels.add(("label",), seen, _labels(other, moment, margin_days))
    return [t.check(name, len(moments)) for name, t in {**tally, "labels": labels}.items()]


def orders_at(ledger: Ledger, moment: pd.Timestamp) -> Orders:
    """The orders placed at a moment (those issued that day, where it is a midnight) and every customer without one."""
    placed = Orders.of_invoices(ledger, moment.date(), moment.date())
    placed = placed.take(placed.as_of == moment.to_datetime64())
    customers = sorted(set(ledger["invoices"]["customer_id"]))
    snapshots = Orders.snapshots(customers, np.full(len(customers), moment.to_datetime64(), "datetime64[us]"))
    joined = {name: np.concatenate([vars(placed)[name], vars(snapshots)[name]]) for name in vars(placed)}
    return Orders(**joined)


def moments_of(issued: npt.NDArray[np.datetime64], count: int = MOMENTS) -> list[pd.Timestamp]:
    """Up to `count` of the days on which orders were issued, evenly spread, as midnights."""
    days = np.unique(issued.astype("datetime64[D]"))
    chosen = days[np.unique(np.linspace(0, len(days) - 1, min(count, len(days))).round().astype(int))]
    return [pd.Timestamp(day) for day in chosen]


def _sample(ledger: Ledger, moment: pd.Timestamp, rng: np.random.Generator) -> list[str]:
    """Customers to look at: those who ordered that day first, up to `CUSTOMERS`."""
    invoices = ledger["invoices"]
    ordered = np.unique(invoices.loc[invoices["issued_on"] == moment.normalize(), "customer_id"].to_numpy(object))
    others = np.setdiff1d(invoices["customer_id"].to_numpy(object), ordered)
    chosen = [*rng.permutation(ordered), *rng.permutation(others)][:CUSTOMERS]
    return sorted(map(str, chosen))


def _labels(ledger: Ledger, moment: pd.Timestamp, margin_days: int) -> Floats:
    found = late_labels(ledger, horizons=(0, 30), cutoff=moment, margin_days=margin_days).sort_values("invoice_id")
    return found[[late_column(k) for k in (0, 30)]].to_numpy(np.float64).reshape(-1, 1)


class _Tally:
    """Counts values that were compared, and remembers the columns that differed."""

    def __init__(self) -> None:
        self.compared = 0
        self.differed: dict[str, int] = {}

    def add(self, columns: Sequence[str], seen: Floats, other: Floats) -> None:
        self.compared += seen.size
        if seen.shape != other.shape:
            self.differed["number of rows"] = self.differed.get("number of rows", 0) + 1
            return
        # bits, not values: 0.0 and -0.0 differ, and so do two kinds of null
        unlike = (np.ascontiguousarray(seen).view(np.uint64) != np.ascontiguousarray(other).view(np.uint64)).sum(axis=0)
        for name, count in zip(columns, unlike, strict=True):
            if count:
                self.differed[name] = self.differed.get(name, 0) + int(count)

    def check(self, name: str, moments: int) -> Check:
        said = (
            f"{self.compared:,} values at {moments} moments, with the future destroyed and twice falsified: "
            f"{sum(self.differed.values()):,} differ"
        )
        worst = sorted(self.differed, key=self.differed.__getitem__, reverse=True)[:_CHECKED_ROWS]
        return Check(
            f"{name} do not see the future",
            FAILED if self.differed else HELD,
            said + (f"; they saw what was learnt later: {', '.join(worst)}" if worst else ""),
        )


def cold_ceiling(y: Floats, p: Floats, customer_id: npt.NDArray[np.object_]) -> Check:
    """Whether late over 0 is ranked suspiciously well on cold-start orders; `y` (n,) holds their matured outcomes.

    Fails where the whole 95 % interval of the AUC lies above `CEILING`.
    """
    name = "new customers are not ranked better than is honestly possible"
    if len(y) < 2 * _CHECKED_ROWS or min(y.sum(), len(y) - y.sum()) < _CHECKED_ROWS // 3:
        return Check(name, NOT_JUDGED, f"{len(y):,} matured orders of customers with fewer than three settlements")
    found = estimate(AUC, y, p, Resampling.of(customer_id.astype(str)))
    said = f"AUC {found} of late over 0 on {len(y):,} cold-start orders; honest up to {CEILING:.2f}, a leak above"
    return Check(name, FAILED if found.low > CEILING else HELD, said)


def failed(checks: Sequence[Check]) -> bool:
    """Whether any check failed."""
    return any(check.verdict == FAILED for check in checks)


def document(checks: Sequence[Check], gap: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The audit as plain JSON values; `gap` as `training.leakage_gap` found it."""
    return {"checks": [check.to_dict() for check in checks], "leakage_gap": list(gap)}
