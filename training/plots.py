"""Pictures of a training run. Figures are built as objects, without pyplot's global state, so threads do not meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from models.numbers import Floats

_BINS: Final = 10
_SHOWN: Final = 18
_BLUE, _GREY, _RED = "#1f5fa8", "#8a8f98", "#b4442d"


def calibration(curves: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Per target (outcomes y, probabilities p): event share against mean probability, in ten bins of equal size."""
    figure, axes = _canvas(len(curves), width=3.2, height=3.4)
    for place, (name, (y, p)) in zip(axes, curves.items(), strict=True):
        bins = np.array_split(np.argsort(p, kind="stable"), min(_BINS, len(p)))
        points = np.array([(p[rows].mean(), y[rows].mean(), len(rows)) for rows in bins])
        spread = 1.96 * np.sqrt(points[:, 1] * (1 - points[:, 1]) / points[:, 2])
        top = max(points[:, :2].max() * 1.1, 0.01)
        place.plot([0, top], [0, top], color=_GREY, linewidth=1, label="perfect")
        place.errorbar(points[:, 0], points[:, 1], yerr=spread, fmt="o-", color=_BLUE, markersize=4, linewidth=1.2)
        place.set(xlim=(0, top), ylim=(0, top), title=f"{name} (n = {len(y):,})")
        place.set_xlabel("mean predicted probability")
    axes[0].set_ylabel("observed share")
    return figure


def by_month(series: Mapping[str, Mapping[str, float]], metric: str, title: str) -> Figure:
    """One metric of several predictors over months; `series` is predictor -> month -> value."""
    figure, (place,) = _canvas(1, width=8.0, height=3.4)
    months = sorted({month for values in series.values() for month in values})
    for (name, values), color in zip(series.items(), (_BLUE, _RED, _GREY), strict=False):
        place.plot(
            months, [values.get(month, np.nan) for month in months], "o-", color=color, label=name, linewidth=1.4
        )
    place.set(title=title, ylabel=metric)
    place.legend(frameon=False)
    place.tick_params(axis="x", rotation=45)
    return figure


def shap_summary(names: Sequence[str], values: Floats, x: Floats, title: str) -> Figure:
    """Contributions (n, F) in log-odds of the features that matter most: one dot per row, red where x is high."""
    order = np.argsort(np.abs(values).mean(axis=0))[::-1][:_SHOWN][::-1]
    figure, (place,) = _canvas(1, width=8.5, height=0.8 + 0.32 * len(order))
    jitter = np.random.default_rng(0)
    for row, feature in enumerate(order):
        column = x[:, feature]
        rank = np.argsort(np.argsort(column, kind="stable"), kind="stable") / max(len(column) - 1, 1)
        height = row + jitter.uniform(-0.28, 0.28, len(column))
        known = ~np.isnan(column)
        place.scatter(values[~known, feature], height[~known], s=5, color=_GREY, linewidths=0)
        place.scatter(values[known, feature], height[known], s=5, c=rank[known], cmap="coolwarm", linewidths=0)
    place.axvline(0, color=_GREY, linewidth=0.8)
    place.set_yticks(range(len(order)), [names[feature] for feature in order])
    place.set(title=title, xlabel="contribution to the log-odds (grey: the feature is null)")
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Writes the figure as PNG and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", metadata={"Software": ""})
    return path


def grid(rows: int, columns: int, *, width: float, height: float) -> tuple[Figure, list[list[Any]]]:
    """An empty figure of rows x columns places, each `width` x `height` inches."""
    figure = Figure(figsize=(width * columns, height * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(rows, columns, squeeze=False)
    for place in places.flat:
        place.spines[["top", "right"]].set_visible(False)
    return figure, [list(row) for row in places]


def _canvas(columns: int, *, width: float, height: float) -> tuple[Figure, list[Any]]:
    figure, (places,) = grid(1, columns, width=width, height=height)
    return figure, places
