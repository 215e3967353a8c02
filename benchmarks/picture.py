"""The figures as one picture: who needs how long for the same features, and how long one order takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.contest import CONTENDERS
from benchmarks.latency import PART, SIZES
from benchmarks.part import number

_OURS, _OTHERS = "#1f6f8b", "#b9c2c9"
_ONLINE_BARS: Final = {bar.key: bar.bound for bar in PART.bars if bar.key.startswith("online_p50_us_")}
#: Figures that the picture cannot do without.
NEEDED: Final = ("contest_rows", *_ONLINE_BARS)


def draw(results: Mapping[str, float], path: Path) -> None:
    """A PNG of the contest and the latencies; KeyError where one of the two was not measured."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), width_ratios=(3, 2), layout="constrained")
    _contest(left, results)
    _latency(right, results)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _contest(axes: Any, results: Mapping[str, float]) -> None:
    seconds = [results[f"contest_{name}_cpu_s"] for name in CONTENDERS]
    colours = [_OURS if name.startswith("ours") else _OTHERS for name in CONTENDERS]
    bars = axes.barh(list(CONTENDERS.values()), seconds, color=colours)
    axes.bar_label(bars, [f"{number(second)} s" for second in seconds], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(right=max(seconds) * 4)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.invert_yaxis()
    rows = number(results["contest_rows"])
    axes.set_title(f"CPU seconds for the same 25 features of {rows} invoices (log scale)", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _latency(axes: Any, results: Mapping[str, float]) -> None:
    from matplotlib import ticker

    for percentile, style in (("p50", "o-"), ("p99", "o:")):
        values = [results[f"online_{percentile}_us_{size}"] for size in SIZES]
        axes.plot(SIZES, values, style, color=_OURS, label=percentile)
    for size in SIZES:
        axes.hlines(_ONLINE_BARS[f"online_p50_us_{size}"], size / 1.6, size * 1.6, color="#c0392b", linewidth=1)
    axes.plot([], [], color="#c0392b", linewidth=1, label="bar for p50")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(SIZES, [number(size) for size in SIZES])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.set_xlabel("past invoices of the customer")
    axes.set_title("Microseconds for the whole table of one order", fontsize=10)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
