"""The figures as tables, as a flat map and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.world.judge import OURS, Line
from benchmarks.world.leaks import HONEST, LEAKS
from receivables.outcomes import late_column

Leaks = Mapping[str, Mapping[str, float]]


def flat(found: Sequence[Line], leaks: Leaks) -> dict[str, float]:
    """world_<contender>_<horizon>_<metric>, the interval of the difference, and world_leak_<contender>_<way>_auc."""
    made: dict[str, float] = {}
    for line in found:
        key = f"world_{line.contender}_{late_column(line.day)}"
        made |= {f"{key}_log_loss": line.log_loss, f"{key}_auc": line.auc, f"{key}_ece": line.ece}
        if line.minus is not None:
            made |= {f"{key}_minus_low": line.minus.low, f"{key}_minus_high": line.minus.high}
    made |= {f"world_leak_{who}_{way}_auc": auc for who, ways in leaks.items() for way, auc in ways.items()}
    return made


def merge(file: Path, figures: Mapping[str, float]) -> None:
    """Writes the figures over those of the same name in the flat map that `file` holds, and keeps the others."""
    held = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = {key: value for key, value in held.items() if not key.startswith("world_")}
    file.write_text(json.dumps({**kept, **figures}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def tables(found: Sequence[Line], leaks: Leaks, titles: Mapping[str, str]) -> str:
    """Markdown: one table per horizon, best log-loss first, and one of the leaks."""
    parts = []
    for day in dict.fromkeys(line.day for line in found):
        mine = sorted((line for line in found if line.day == day), key=lambda line: line.log_loss)
        head = (
            f"Late over {day} days: {mine[0].rows:,} invoices, {mine[0].events:,} late\n\n"
            "| | log-loss | AUC | ECE | product minus it, log-loss [95 %] | |\n|---|---|---|---|---|---|\n"
        )
        parts.append(head + "\n".join(_row(line, titles) for line in mine))
    if leaks:
        ways = (HONEST, *LEAKS)
        head = f"AUC of late over 0 days\n\n| | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}\n"
        rows = (
            f"| {titles[who]} | {' | '.join(f'{found[way]:.3f}' for way in ways)} |" for who, found in leaks.items()
        )
        parts.append(head + "\n".join(rows))
    return "\n\n".join(parts)


def _row(line: Line, titles: Mapping[str, str]) -> str:
    title = f"**{titles[line.contender]}**" if line.contender == OURS else titles[line.contender]
    minus = "" if line.minus is None else f"{line.minus.value:+.4f} [{line.minus.low:+.4f}, {line.minus.high:+.4f}]"
    return f"| {title} | {line.log_loss:.4f} | {line.auc:.4f} | {line.ece:.3f} | {minus} | {line.verdict} |"


def draw(found: Sequence[Line], titles: Mapping[str, str], file: Path) -> None:
    """One panel per horizon: the product's log-loss minus each contender's, with its interval."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    days = list(dict.fromkeys(line.day for line in found))
    figure, panels = plt.subplots(1, len(days), figsize=(4 + 2.2 * len(days), 4.5), sharey=True, squeeze=False)
    for panel, day in zip(panels[0], days, strict=True):
        for place, line in enumerate(line for line in found if line.day == day and line.minus is not None):
            minus = line.minus
            assert minus is not None
            colour = {"product better": "#1b7837", "product worse": "#b2182b"}.get(line.verdict, "#666666")
            panel.plot([minus.low, minus.high], [place, place], color=colour, linewidth=2)
            panel.plot(minus.value, place, "o", color=colour)
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_title(f"late over {day}")
        panel.set_xlabel("log-loss, product minus it")
    names = [titles[line.contender] for line in found if line.day == days[0] and line.minus is not None]
    panels[0][0].set_yticks(range(len(names)), names)
    panels[0][0].invert_yaxis()
    figure.suptitle("Left of the line the product is better; bars are 95 % intervals over customers")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)
