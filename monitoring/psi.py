"""Population stability index on bins frozen by the reference period, and how much of it is mere chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
#: How much of a period falls in each bin: numbers of orders, or of customers.
Weights = npt.NDArray[np.float64]

#: Added to every bin, so that a bin that one period leaves empty has a finite logarithm (Jeffreys' prior).
_HALF = 0.5


@dataclass(frozen=True)
class Bins:
    """Where the reference was cut: strictly rising `edges`; bin i holds edges[i-1] < value <= edges[i].

    The first and last bin lie outside everything that the reference held, one more bin holds the nulls.
    """

    edges: Floats

    @classmethod
    def of(cls, reference: Floats, bins: int) -> Bins:
        """About `bins` bins of equal reference weight; fewer where one value fills several. All null: one null bin."""
        seen = reference[np.isfinite(reference)]
        if not seen.size:
            return cls(np.empty(0))
        # an order statistic, not an interpolation: equal values stay in one bin on every platform
        cuts = np.quantile(seen, np.linspace(0, 1, bins + 1)[1:], method="inverted_cdf")
        return cls(np.unique(np.append(cuts, np.nextafter(seen.min(), -np.inf))))

    def place(self, values: Floats) -> Places:
        """(n,) the bin of each value; nulls have the last one, number len(edges) + 1.

        >>> Bins.of(np.array([1.0, 2.0, 3.0, 4.0]), 2).place(np.array([0.0, 1.0, 2.0, 3.0, 9.0, np.nan])).tolist()
        [0, 1, 1, 2, 3, 4]
        """
        return np.where(np.isnan(values), len(self.edges) + 1, np.searchsorted(self.edges, values, side="left"))


def psi(reference: Weights, current: Weights) -> float:
    """Population stability index of two histograms over the same bins: 0 for equal shares, without upper bound.

    sum((p - q) ln(p / q)) over the bins that either period uses, half a case added to each weight. By convention
    below 0.1 is stable and above 0.25 is a shift (Siddiqi 2017, Intelligent Credit Scoring, 2nd ed., ch. 13).

    >>> round(psi(np.array([500, 500]), np.array([600, 400])), 4)
    0.0405
    """
    used = (reference + current) > 0
    p, q = _shares(reference[used]), _shares(current[used])
    return float(np.sum((p - q) * np.log(p / q)))


def chance_bound(reference: Weights, current: Weights, confidence: float) -> float:
    """The PSI that two samples of these sizes from one and the same population exceed with probability 1 - confidence.

    PSI / (1/n + 1/m) is approximately chi-square with (used bins - 1) degrees of freedom (Yurdakul & Naranjo 2020,
    Journal of Risk Model Validation 14(4)), for independent cases; the quantile is Wilson and Hilferty's (1931).

    >>> round(chance_bound(np.full(10, 30), np.full(10, 30), 0.999), 3)
    0.187
    """
    freedom = int(np.count_nonzero(reference + current)) - 1
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    chi_square = freedom * (1 - spread + NormalDist().inv_cdf(confidence) * math.sqrt(spread)) ** 3
    return float(chi_square * (1 / reference.sum() + 1 / current.sum()))


def _shares(weights: Weights) -> Floats:
    smoothed = weights + _HALF
    return np.asarray(smoothed / smoothed.sum())
