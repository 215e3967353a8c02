"""One column in two periods: how far it moved, and whether that is more than chance."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from monitoring.config import DriftConfig
from monitoring.psi import Bins, Counts, chance_bound, count_codes, psi
from monitoring.window import Window

#: Categories of a column that are told apart; the rarer ones are counted together.
_LEVELS = 20


class Verdict(StrEnum):
    """What a comparison ends in."""

    NONE = "NONE"
    WATCH = "WATCH"
    DRIFT = "DRIFT"


@dataclass(frozen=True)
class Shift:
    """One column in both periods. `chance` is the PSI that chance alone stays below; means are over non-null values.

    Means are NaN for categories and where every value is null; shares of nulls are between 0 and 1.
    """

    column: str
    severity: str
    psi: float
    chance: float
    verdict: Verdict
    reference_mean: float
    current_mean: float
    reference_null: float
    current_null: float


def shifts(reference: Window, current: Window, config: DriftConfig) -> list[Shift]:
    """Every column of both periods, numbers before categories."""
    numbers = [
        _shift(name, *_histograms(values, current.numbers[name], config.bins), values, current.numbers[name], config)
        for name, values in reference.numbers.items()
    ]
    return numbers + [
        _shift(
            name, *_code_histograms(values, current.codes[name]), _nulls(values), _nulls(current.codes[name]), config
        )
        for name, values in reference.codes.items()
    ]


def _histograms(before: np.ndarray, after: np.ndarray, bins: int) -> tuple[Counts, Counts]:
    cut = Bins.of(before, bins)
    return cut.count(before), cut.count(after)


def _code_histograms(before: np.ndarray, after: np.ndarray) -> tuple[Counts, Counts]:
    levels = [level for level, _ in sorted(Counter(before).items(), key=lambda item: (-item[1], item[0]))[:_LEVELS]]
    return count_codes(before, levels), count_codes(after, levels)


def _nulls(codes: np.ndarray) -> np.ndarray:
    # categories have no mean: only their nulls are reported
    return np.where(codes == "NULL", np.nan, np.inf)


def _shift(column: str, before: Counts, after: Counts, old: np.ndarray, new: np.ndarray, config: DriftConfig) -> Shift:
    check, value = config.check(column), psi(before, after)
    chance = chance_bound(before, after, config.confidence)
    beyond = [
        v for v, limit in ((Verdict.DRIFT, check.drift), (Verdict.WATCH, check.watch)) if value > max(limit, chance)
    ]
    return Shift(
        column=column,
        severity=check.severity,
        psi=value,
        chance=chance,
        verdict=beyond[0] if beyond else Verdict.NONE,
        reference_mean=_mean(old),
        current_mean=_mean(new),
        reference_null=float(np.isnan(old).mean()),
        current_null=float(np.isnan(new).mean()),
    )


def _mean(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.mean()) if seen.size else math.nan
