"""Which features a model learns from and the direction it is held to, read from the feature table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from features import FEATURES


class FeatureLike(Protocol):
    """What the models need to know of a feature."""

    @property
    def name(self) -> str:
        """Its column."""

    @property
    def direction(self) -> int:
        """+1 where a higher value raises risk, -1 where it lowers it, 0 where theory is silent."""

    @property
    def reason(self) -> str:
        """Code of the reason that it belongs to."""

    @property
    def uses(self) -> frozenset[str]:
        """Models that learn from it: "late", "default", or none."""


def inputs_for(use: str, features: Iterable[FeatureLike] = FEATURES) -> tuple[str, ...]:
    """Names of the features that the model `use` ("late" or "default") learns from, in table order."""
    return tuple(feature.name for feature in features if use in feature.uses)


def directions(names: Sequence[str], features: Iterable[FeatureLike] = FEATURES) -> dict[str, int]:
    """The direction of each of `names` in the table: the monotone constraints; 0 for names that are not in it."""
    known = {feature.name: feature.direction for feature in features}
    return {name: known.get(name, 0) for name in names}
