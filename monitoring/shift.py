"""One column in two periods: how far it moved, and whether that is more than chance or one large customer.

Every PSI is taken twice: over orders, and over customers, each customer counting once however many orders it placed.
Orders of one customer are alike, so one large customer can move a column of orders; it cannot move one of customers. A
column drifts where both moved, each beyond its threshold and beyond chance.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from monitoring.config import DriftConfig
from monitoring.psi import Bins, Floats, Places, Weights, chance_bound, psi
from monitoring.window import Texts, Window

#: Categories of a column that are told apart; the rarer ones are counted together.
_LEVELS = 20


class Verdict(StrEnum):
    """What a comparison ends in."""

    NONE = "NONE"
    WATCH = "WATCH"
    DRIFT = "DRIFT"


@dataclass(frozen=True)
class Shift:
    """One column in both periods: PSI over orders and over customers, and what chance alone stays below.

    Means are over non-null values of orders, NaN for categories and where every value is null; shares of nulls are
    between 0 and 1.
    """

    column: str
    severity: str
    psi: float
    chance: float
    customer_psi: float
    customer_chance: float
    verdict: Verdict
    reference_mean: float
    current_mean: float
    reference_null: float
    current_null: float


def shifts(reference: Window, current: Window, config: DriftConfig) -> list[Shift]:
    """Every column of both periods, numbers before categories."""
    weights = (_per_customer(reference), _per_customer(current))
    found = []
    for name, before in reference.numbers.items():
        cut, after = Bins.of(before, config.bins), current.numbers[name]
        found.append(_shift(name, (cut.place(before), cut.place(after)), weights, (before, after), config))
    for name, codes in reference.codes.items():
        places = _levels(codes, current.codes[name])
        found.append(_shift(name, places, weights, (_nulls(codes), _nulls(current.codes[name])), config))
    return found


def _per_customer(window: Window) -> Floats:
    """(n,) one over the number of orders of the order's customer: the weights of a customer add up to 1."""
    _, index, count = np.unique(window.customer_id.astype(str), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[index])


def _levels(before: Texts, after: Texts) -> tuple[Places, Places]:
    """The rank of each code among the commonest of the reference; the rarer ones and the new ones share a place."""
    ranked = sorted(Counter(before).items(), key=lambda item: (-item[1], item[0]))[:_LEVELS]
    rank = {level: i for i, (level, _) in enumerate(ranked)}
    first, second = (np.array([rank.get(code, _LEVELS) for code in codes], dtype=np.intp) for codes in (before, after))
    return first, second


def _nulls(codes: Texts) -> Floats:
    # categories have no mean: only their nulls are reported
    return np.where(codes == "NULL", np.nan, np.inf)


def _shift(
    column: str,
    places: tuple[Places, Places],
    weights: tuple[Floats, Floats],
    values: tuple[Floats, Floats],
    config: DriftConfig,
) -> Shift:
    check, bins = config.check(column), 1 + max(int(p.max()) for p in places)
    orders = [_histogram(p, np.ones(len(p)), bins) for p in places]
    customers = [_histogram(p, w, bins) for p, w in zip(places, weights, strict=True)]
    value, over_customers = psi(orders[0], orders[1]), psi(customers[0], customers[1])
    chance = chance_bound(orders[0], orders[1], config.confidence)
    customer_chance = chance_bound(customers[0], customers[1], config.confidence)

    def beyond(limit: float) -> tuple[bool, bool]:
        return value > max(limit, chance), over_customers > max(limit, customer_chance)

    drifted, stirred = all(beyond(check.drift)), any(beyond(check.watch))
    return Shift(
        column=column,
        severity=check.severity,
        psi=value,
        chance=chance,
        customer_psi=over_customers,
        customer_chance=customer_chance,
        verdict=Verdict.DRIFT if drifted else Verdict.WATCH if stirred else Verdict.NONE,
        reference_mean=_mean(values[0]),
        current_mean=_mean(values[1]),
        reference_null=float(np.isnan(values[0]).mean()),
        current_null=float(np.isnan(values[1]).mean()),
    )


def _histogram(places: Places, weights: Floats, bins: int) -> Weights:
    return np.asarray(np.bincount(places, weights, minlength=bins), dtype=np.float64)


def _mean(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.mean()) if seen.size else math.nan
