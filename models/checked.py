"""Compiled loops are used only where they have been held against LightGBM, on rows around a forest's own thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

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


class Checked(NamedTuple):
    """The layout, or None and `why` LightGBM's `pred_contrib` has to explain a forest; its log-odds of the probes.

    The log-odds are LightGBM's, null where it was not asked for them.
    """

    layout: Layout | None
    why: str
    margin: Floats | None


def checked_walk(forest: Forest, margin: Floats | None = None) -> Walk | None:
    """The walk; None where its log-odds are not LightGBM's to the last bit, which are `margin` if they are at hand."""
    walk, rows = Walk.of(forest.trees), probes(forest)
    expected = Booster(forest.text()).margin(rows) if margin is None else margin
    return walk if np.array_equal(walk.margin(rows), expected) else None


def checked_layout(forest: Forest) -> Checked:
    """The layout, where the loops that use it explain the probes as LightGBM does."""
    found = layout(forest.trees)
    if found is None:
        return Checked(None, "the counts of some splits are not the sum of their sides", None)
    rows, booster = probes(forest), Booster(forest.text())
    margin = booster.margin(rows)
    values, reached = explained(found, rows)
    found = replace(found, is_whole=found.is_whole and np.array_equal(reached, margin))
    # both loops, because few rows take another one than many
    ours, blocks, theirs = values, shap_values(found, rows), booster.contributions(rows)
    gaps = (ours - theirs[:, :-1], blocks - theirs[:, :-1], found.reference - theirs[:, -1])
    gap = float(max(np.abs(each).max() for each in gaps))
    # also where one of them is not a number
    if gap <= TOLERANCE:
        return Checked(found, "", margin)
    return Checked(None, f"they differ by {gap:.3g} log-odds on the probes", margin)


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
