"""The two number types of the models and the one map from log-odds to probability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from receivables.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Log-odds beyond which the probability is 0 or 1 in double precision; keeps exp() from overflowing.
_LIMIT = 700.0


def sigmoid(log_odds: Floats) -> Floats:
    """Probabilities of any shape; a value does not depend on what else is in the array.

    >>> sigmoid(np.array([0.0, 2.0])).round(4).tolist()
    [0.5, 0.8808]
    """
    # contiguous: strided input may take another vector path, and one order must score as it does in a batch
    bounded = np.minimum(np.maximum(np.ascontiguousarray(log_odds, dtype=np.float64), -_LIMIT), _LIMIT)
    return np.asarray(1.0 / (1.0 + np.exp(-bounded)))


def logit(probability: Floats) -> Floats:
    """Log-odds of probabilities strictly between 0 and 1."""
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def matrix(x: npt.ArrayLike, width: int | None = None) -> Floats:
    """`x` as a C-contiguous float64 (n, width) matrix, NaN = null; raises InputError on another shape."""
    made = np.ascontiguousarray(x, dtype=np.float64)
    if made.ndim != 2 or (width is not None and made.shape[1] != width):
        raise InputError(f"expected a matrix of {width or 'some'} columns, got an array of shape {made.shape}")
    return made


def log_loss(y: Floats, log_odds: Floats) -> Floats:
    """Per row -log likelihood of outcomes 0/1, computed from log-odds without rounding at the ends."""
    return np.asarray(np.logaddexp(0.0, log_odds) - y * log_odds)
