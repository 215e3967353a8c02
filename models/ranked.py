"""Reasons of many predictions at once, as numbers: what `models.reasons` says of one, for a portfolio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features import FEATURES, REASONS
from models.contributions import Contributions
from models.effects import Effects
from models.inputs import FeatureLike
from models.numbers import Floats, Ints
from models.reasons import DisplayUnit, ReasonLike, places_by_reason
from models.scale import ScoreScale


@dataclass(frozen=True)
class Ranked:
    """The published reasons of n predictions, the largest by size first.

    `codes` of all reasons, `groups` (n, limit) their places, `sums` (n, limit) log-odds, `units` (n, limit) whole
    displayed units, 0 where there is no reason left. `named` (n,) is the share of the sizes of all reasons that they
    hold. `reference`, `value` (n,) in whole units; `unit` says which.
    """

    codes: tuple[str, ...]
    groups: Ints
    sums: Floats
    units: Ints
    reference: int
    value: Ints
    unit: DisplayUnit
    named: Floats

    @classmethod
    def of(
        cls,
        contributions: Contributions,
        *,
        scale: ScoreScale | None = None,
        limit: int = 4,
        effects: Effects = Effects(),  # noqa: B008 - frozen
        features: Iterable[FeatureLike] = FEATURES,
        catalogue: Mapping[str, ReasonLike] = REASONS,
    ) -> Ranked:
        """The reasons that `effects` lets through, in points of the scale or thousandths."""
        places = dict(sorted(places_by_reason(contributions.names, features, catalogue).items()))
        unit = DisplayUnit(scale)
        sums = np.column_stack([contributions.values[:, list(group)].sum(axis=1) for group in places.values()])
        ranked = np.argsort(-np.abs(sums), axis=1, kind="stable")
        groups, number = effects.of_many(tuple(places), sums, ranked, limit)
        is_one = np.arange(groups.shape[1]) < number[:, None]
        largest = np.where(is_one, np.take_along_axis(sums, groups, axis=1), 0.0)
        units = np.array([[unit.rounded(part) for part in row] for row in largest.tolist()], dtype=np.int64)
        value = np.array([unit.level(total) for total in contributions.total.tolist()], dtype=np.int64)
        named = np.abs(largest).sum(axis=1) / np.maximum(np.abs(sums).sum(axis=1), 1e-300)
        return cls(
            tuple(places),
            groups,
            largest,
            units.reshape(groups.shape),
            unit.level(contributions.reference),
            value,
            unit,
            named,
        )

    @property
    def other(self) -> Ints:
        """(n,) what the reasons leave: reference + units + other = value, exactly."""
        return np.asarray(self.value - self.reference - self.units.sum(axis=1))

    def frame(self, prefix: str) -> pd.DataFrame:
        """One row per prediction: reference, value, code and points of each reason (null where none), other."""
        columns: dict[str, object] = {
            "reference": np.full(len(self.value), self.unit.shown(self.reference)),
            "value": self._shown(self.value),
        }
        codes = np.array(self.codes, dtype=object)
        for rank in range(self.groups.shape[1]):
            is_one = self.units[:, rank] != 0
            told = codes[self.groups[:, rank]]
            told[~is_one] = None
            columns[f"reason_{rank + 1}"] = told
            columns[f"points_{rank + 1}"] = np.where(is_one, self._shown(self.units[:, rank]), np.nan)
        columns["other"] = self._shown(self.other)
        return pd.DataFrame({f"{prefix}_{name}": column for name, column in columns.items()})

    def _shown(self, units: Ints) -> Floats:
        return np.array([self.unit.shown(value) for value in units.tolist()], dtype=np.float64)
