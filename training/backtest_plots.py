"""Pictures of a backtest, as PNG and SVG: the figures over time, reliability by origin and horizon, the base rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from receivables.outcomes import late_column
from training import plots
from training.backtest import OLDER
from training.backtest_figures import DAYS_LATE, ORIGIN, WHOLE
from training.evaluate import ALL
from training.fit import MODEL, OWN_RATE, SCORECARD
from training.metrics import AUC, COVERAGE, LOG_LOSS, MAE, SLOPE
from training.scores import DUE_DATE, OWN_MEDIAN, SEGMENT_RATE

#: Horizons that are drawn.
SHOWN: Final = (0, 5, 15, 30)
_COLOURS: Final = {
    MODEL: "#1f5fa8",
    OWN_RATE: "#b4442d",
    SCORECARD: "#5b8c3a",
    SEGMENT_RATE: "#8a8f98",
    OLDER: "#7fa8d4",
    OWN_MEDIAN: "#b4442d",
    DUE_DATE: "#8a8f98",
}
_WORDS: Final = {AUC.name: "AUC", LOG_LOSS.name: "log-loss", MAE.name: "mean absolute error, days",
                 COVERAGE.name: "share within the 80 % interval", SLOPE.name: "calibration slope"}  # fmt: skip


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes the figure as PNG and SVG and returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    vector = folder / f"{name}.svg"
    # without date and random ids the same figures give the same file
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": name}):
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    return [plots.save(figure, folder / f"{name}.png"), vector]


def over_time(figures: pd.DataFrame) -> Figure:
    """Every origin's AUC, log-loss, slope, error in days and coverage, with intervals, beside the simpler rules."""
    figure, axes = plots.grid(3, len(SHOWN), width=3.5, height=2.6)
    for j, target in enumerate(late_column(k) for k in SHOWN):
        for i, metric in enumerate((AUC.name, LOG_LOSS.name)):
            _series(axes[i][j], figures, target, metric, (MODEL, OWN_RATE, SCORECARD, SEGMENT_RATE))
            axes[i][j].set_title(f"{_WORDS[metric]}, {_said(target)}", fontsize=9)
    days = ((MAE.name, (MODEL, OWN_MEDIAN, DUE_DATE)), (COVERAGE.name, (MODEL,)))
    for place, (metric, who) in zip(axes[2], days, strict=False):
        _series(place, figures, DAYS_LATE, metric, who)
        place.set_title(_WORDS[metric], fontsize=9)
    for place, target in zip(axes[2][2:], (late_column(0), late_column(5)), strict=True):
        _series(place, figures, target, SLOPE.name, (MODEL, SCORECARD))
        place.set_title(f"{_WORDS[SLOPE.name]}, {_said(target)}", fontsize=9)
        place.axhline(1.0, color="#8a8f98", linewidth=0.8)
    axes[2][1].axhline(COVERAGE.ideal, color="#8a8f98", linewidth=0.8)
    for place in (axes[0][0], axes[2][0]):
        place.legend(frameon=False, fontsize=7)
    return figure


def _series(place: Any, figures: pd.DataFrame, target: str, metric: str, predictors: Sequence[str]) -> None:
    use = figures[(figures["by"] == ORIGIN) & (figures["slice"] == ALL) & (figures["target"] == target)]
    use = use[use["metric"] == metric]
    for i, who in enumerate(predictors):
        rows = use[use["predictor"] == who].sort_values("group")
        at = [figures_at + (i - len(predictors) / 2) * 0.08 for figures_at in range(len(rows))]
        spread = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        place.errorbar(at, rows["value"], yerr=spread, fmt="o-", markersize=3, linewidth=1.1, elinewidth=0.8,
                       color=_COLOURS[who], label=who)  # fmt: skip
        if who == MODEL:
            place.set_xticks(range(len(rows)), list(rows["group"].str.slice(0, 7)), fontsize=7)
    place.tick_params(axis="y", labelsize=7)


def reliability(curves: pd.DataFrame) -> Figure:
    """Late share against probability, a row per origin and one for all, a column per horizon."""
    groups = [*sorted(set(curves["group"]) - {WHOLE}), WHOLE]
    figure, axes = plots.grid(len(groups), len(SHOWN), width=2.9, height=2.7)
    for i, group in enumerate(groups):
        for place, target in zip(axes[i], (late_column(k) for k in SHOWN), strict=True):
            rows = curves[(curves["group"] == group) & (curves["target"] == target)]
            place.set_title(f"{_said(target)}, {group if group == WHOLE else group[:7]}", fontsize=8)
            place.tick_params(labelsize=7)
            if rows.empty:
                place.text(0.5, 0.5, "too few outcomes", ha="center", fontsize=8, transform=place.transAxes)
                continue
            top = max(rows[["probability", "share"]].to_numpy().max() * 1.1, 0.01)
            spread = [(rows["share"] - rows["low"]).clip(lower=0), (rows["high"] - rows["share"]).clip(lower=0)]
            place.plot([0, top], [0, top], color="#8a8f98", linewidth=1)
            place.errorbar(rows["probability"], rows["share"], yerr=spread, fmt="o-", markersize=3, linewidth=1.1,
                           elinewidth=0.8, color=_COLOURS[MODEL])  # fmt: skip
            place.set(xlim=(0, top), ylim=(0, top))
        axes[i][0].set_ylabel("late share", fontsize=8)
    for place in axes[-1]:
        place.set_xlabel("mean probability", fontsize=8)
    return figure


def base_rate(drift: pd.DataFrame) -> Figure:
    """Late share by week of issue with its interval, and what the model had said of the same orders."""
    figure, axes = plots.grid(1, len(SHOWN), width=3.6, height=3.0)
    for place, target in zip(axes[0], (late_column(k) for k in SHOWN), strict=True):
        rows = drift[drift["target"] == target]
        weeks = pd.to_datetime(rows["week"])
        place.fill_between(weeks, rows["low"], rows["high"], color="#d5dde3", linewidth=0, label="95 % interval")
        place.plot(weeks, rows["share"], color="#17242f", linewidth=1.2, label="late share")
        place.plot(weeks, rows["probability"], color=_COLOURS[MODEL], linewidth=1.4, label="mean probability")
        place.set_title(_said(target), fontsize=9)
        place.set_ylim(bottom=0)
        place.tick_params(labelsize=7)
        place.tick_params(axis="x", rotation=45)
    axes[0][0].legend(frameon=False, fontsize=7)
    return figure


def _said(target: str) -> str:
    return target.replace("_", " ") + " days"
