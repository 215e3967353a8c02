"""Compiled loops are used only where they have been held against LightGBM, on rows around a forest's own thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.booster import Booster
from models.contributions import TOLERANCE
from models.layout import Layout, layout
from models.numbers import Floats
from models.treeshap import explained, shap_values
from models.walk import Walk

if TYPE_CHECKING:
    from models.forest import Forest

_PROBES: Final = 16


def checked_walk(forest: Forest) -> Walk | None:
    """The walk; None where its log-odds are not LightGBM's to the last bit."""
    walk, rows = Walk.of(forest.trees), probes(forest)
    return walk if np.array_equal(walk.margin(rows), Booster(forest.text()).margin(rows)) else None


def checked_layout(forest: Forest) -> tuple[Layout | None, str]:
    """The layout, or None and the reason why LightGBM's `pred_contrib` has to explain this forest."""
    found = layout(forest.trees)
    if found is None:
        return None, "the counts of some splits are not the sum of their sides"
    rows, booster = probes(forest), Booster(forest.text())
    values, reached = explained(found, rows)
    found = replace(found, is_whole=found.is_whole and np.array_equal(reached, booster.margin(rows)))
    # both loops, because few rows take another one than many
    ours, blocks, theirs = values, shap_values(found, rows), booster.contributions(rows)
    gaps = (ours - theirs[:, :-1], blocks - theirs[:, :-1], found.reference - theirs[:, -1])
    gap = float(max(np.abs(each).max() for each in gaps))
    # also where one of them is not a number
    return (found, "") if gap <= TOLERANCE else (None, f"they differ by {gap:.3g} log-odds on the probes")


def probes(forest: Forest) -> Floats:
    """(16, columns) rows on, just above and just below thresholds of every column, with nulls, zeros and extremes."""
    r = np.random.default_rng(0)
    features = np.concatenate([tree.feature for tree in forest.trees])
    thresholds = np.concatenate([tree.threshold for tree in forest.trees])
    columns = []
    for column in range(len(forest.names)):
        on = r.choice(np.append(thresholds[features == column], 0.0), _PROBES - 3)
        beside = np.nextafter(on, r.choice([-np.inf, np.inf], len(on)))
        near = np.where(r.random(len(on)) < 0.5, on, beside)
        columns.append(r.permutation(np.append(near, [np.nan, 0.0, -1e300])))
    return np.column_stack(columns)
