"""Seeded randomness: one independent stream for each purpose."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Streams:
    """Random generators by purpose: a draw added for one purpose never moves the draws of another.

    >>> float(Streams(7)("size").random()) == float(Streams(7)("size").random())
    True
    """

    seed: int

    def __call__(self, purpose: str) -> np.random.Generator:
        """The generator of a purpose, at its beginning."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])


def pick(uniform: Floats, weights: Floats) -> Ints:
    """Index drawn with the given weights, one row of weights (n, k) or one for all (k,) per uniform number (n,).

    >>> pick(np.array([0.1, 0.9]), np.array([1.0, 1.0])).tolist()
    [0, 1]
    """
    edges = np.cumsum(weights, axis=-1)
    edges = edges / edges[..., -1:]
    return np.asarray((uniform[:, None] >= edges).sum(axis=1), dtype=np.int64)


def booked_late(rng: np.random.Generator, count: int, share: float, longest: int) -> Ints:
    """Days (count,) by which facts become known after the end of their day: 0 for most, 1 to `longest` for a share."""
    late = rng.random(count) < share
    return np.where(late, rng.integers(1, longest + 1, count), 0).astype(np.int64)
