"""What the pictures of a validation report show: figures over origins, differences, reliability, base rate, shifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from reports import words
from reports.charts import Frame, Picture, fit, picture
from reports.svg import ACCENT, ADVERSE, INK, MUTED, RULE, Scale, dot, element, line, polyline, text, ticks
from reports.validation_tables import CHALLENGERS
from reports.validation_words import Cells, interval, short_words, target_words
from training.backtest_figures import ORIGIN, WHOLE, Cell
from training.evaluate import MINUS
from training.fit import MODEL, OWN_RATE, SCORECARD
from training.metrics import LOG_LOSS
from training.scores import DUE_DATE, OWN_MEDIAN, SEGMENT_RATE

#: Colour and dash of everyone, told apart in greyscale by the dash.
_STYLE: Final = {
    MODEL: (ACCENT, ""),
    OWN_RATE: (ADVERSE, "5 3"),
    OWN_MEDIAN: (ADVERSE, "5 3"),
    SCORECARD: ("#4c7a2f", "2 2"),
    SEGMENT_RATE: (MUTED, "8 3"),
    DUE_DATE: (MUTED, "8 3"),
}


def over_origins(cells: Cells, target: str, metric: str, name: str, predictors: Sequence[str]) -> Picture:
    """A metric at every origin with its interval, the simpler predictors beside it."""
    origins = cells.groups(ORIGIN)
    found = {who: [cells.get(target, metric, who, by=ORIGIN, group=origin) for origin in origins] for who in predictors}
    known = [c for row in found.values() for c in row if c is not None]
    low, high = (min((c.low for c in known), default=0.0), max((c.high for c in known), default=1.0))
    width, height = 470.0, 250.0
    frame = Frame.of(low, high, width, height - 22)
    parts = [*frame.grid(lambda v: f"{v:.3g}"), *frame.names([words.day(origin) for origin in origins])]
    for k, (who, row) in enumerate(found.items()):
        parts += _whiskers(frame, row, who, (k - (len(found) - 1) / 2) * 9)
    parts += _legend(predictors, height)
    rows = [[words.day(origin), *(interval(found[who][i]) for who in predictors)] for i, origin in enumerate(origins)]
    return picture(
        f"{name}, {target_words(target)}", "By origin, with 95 % intervals over customers.", parts,
        width=width, height=height, header=["orders from", *predictors], rows=rows,
    )  # fmt: skip


def _whiskers(frame: Frame, row: Sequence[Cell | None], who: str, shift: float) -> Iterator[Markup]:
    colour, dash = _STYLE[who]
    points = [(frame.x(i, len(row)) + shift, cell) for i, cell in enumerate(row) if cell is not None]
    if len(points) > 1:
        yield polyline([(x, frame.y(cell.value)) for x, cell in points], stroke=colour, width=1.6, dash=dash)
    for x, cell in points:
        yield line(x, frame.y(cell.low), x, frame.y(cell.high), stroke=colour, width=1.2)
        yield dot(x, frame.y(cell.value), 4, colour, tip=f"{who}, {words.day(cell.group)}: {interval(cell)}")


def _legend(names: Sequence[str], height: float) -> Iterator[Markup]:
    x = 52.0
    for name in names:
        colour, dash = _STYLE[name]
        yield line(x, height - 8, x + 20, height - 8, stroke=colour, width=2.4, dash=dash)
        yield text(x + 25, height - 4, name, size=11)
        x += 40 + len(name) * 5.9


def difference_picture(cells: Cells) -> Picture:
    """Log-loss beside each challenger's, in per cent of the challenger's: left of 0 the model is better."""
    rows = [
        (target, who, gap, other)
        for target in cells.targets()
        for who in CHALLENGERS
        if (gap := cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{who}")) is not None
        if (other := cells.get(target, LOG_LOSS.name, who)) is not None
    ]
    shares = [tuple(100 * v / other.value for v in (gap.value, gap.low, gap.high)) for _, _, gap, other in rows]
    low, high = min((s[1] for s in shares), default=-1.0), max((s[2] for s in shares), default=1.0)
    width, step = 960.0, 20.0
    marks = ticks(max(min(low, 0.0), -100.0), min(max(high, 0.0), 100.0))
    scale = Scale(marks[0], marks[-1], 330, width - 20)
    height = len(rows) * step + 34
    parts: list[Markup] = []
    for mark in marks:
        parts += [
            line(scale(mark), 4, scale(mark), height - 26, stroke=INK if mark == 0 else RULE),
            text(scale(mark), height - 10, f"{mark:+.0f}%" if mark else "equal", anchor="middle", size=11, fill=MUTED),
        ]
    for i, ((target, who, _, _), share) in enumerate(zip(rows, shares, strict=True)):
        y = i * step + 14
        value, left, right = (min(max(v, marks[0]), marks[-1]) for v in share)
        clear = right < 0 or left > 0
        parts += [
            text(320, y + 4, fit(f"{short_words(target)}, {who}", 310), anchor="end"),
            line(scale(left), y, scale(right), y, stroke=ACCENT if clear else MUTED, width=2.4),
            dot(scale(value), y, 4.5, ACCENT if clear else MUTED, tip=f"{share[0]:+.1f} %"),
        ]
    table = [
        [short_words(target), who, f"{s[0]:+.1f} [{s[1]:+.1f}, {s[2]:+.1f}]"]
        for (target, who, _, _), s in zip(rows, shares, strict=True)
    ]
    return picture(
        "Log-loss beside every challenger",
        "Per cent of the challenger's log-loss with 95 % intervals; left of equal the model is better, grey where the "
        "interval includes no difference.", parts, width=width, height=height,
        header=["outcome", "challenger", "per cent [95 %]"], rows=table,
    )  # fmt: skip


def reliability_picture(curves: pd.DataFrame, target: str, group: str = WHOLE) -> Picture:
    """Late share against mean probability in ten bins."""
    rows = curves[(curves["target"] == target) & (curves["group"] == group)]
    top = float(max(rows[["probability", "share", "high"]].to_numpy().max(), 0.01)) if len(rows) else 1.0
    width, height = 470.0, 320.0
    frame = Frame.of(0.0, top, width, height - 14, right=24)
    across = Scale(0.0, frame.marks[-1], frame.left, frame.right)
    ends = [(across(v), frame.y(v)) for v in (0.0, frame.marks[-1])]
    form = _share_form(frame.marks)
    parts = [*frame.grid(form), polyline(ends, stroke=MUTED, width=1, dash="4 3")]
    parts += [text(across(m), frame.y.start + 16, form(m), anchor="middle", size=11, fill=MUTED) for m in frame.marks]
    parts.append(text((frame.left + frame.right) / 2, height - 5, "mean probability", anchor="middle", size=11))
    points = []
    for r in rows.to_dict(orient="records"):
        x = across(float(r["probability"]))
        points.append((x, frame.y(float(r["share"]))))
        parts.append(line(x, frame.y(float(r["low"])), x, frame.y(float(r["high"])), stroke=ACCENT, width=1.2))
    if points:
        parts.append(polyline(points, stroke=ACCENT, width=1.8))
    parts += [dot(x, y, 3.6, ACCENT) for x, y in points]
    table = [
        [f"{r['probability']:.4f}", f"{r['rows']:,}", f"{r['share']:.4f} [{r['low']:.4f}, {r['high']:.4f}]"]
        for r in rows.to_dict(orient="records")
    ]
    when = "all origins" if group == WHOLE else f"orders from {words.day(group)}"
    return picture(
        f"Reliability, {target_words(target)}, {when}",
        "Ten bins of equal size; on the dashed line probability and late share agree.", parts,
        width=width, height=height, header=["probability", "n", "late share [95 %]"], rows=table,
    )  # fmt: skip


def _share_form(marks: Sequence[float]) -> Any:
    digits = 0 if marks[1] - marks[0] >= 0.01 else 1
    return lambda v: f"{100 * v:.{digits}f}%"


def base_rate_picture(drift: pd.DataFrame, target: str) -> Picture:
    """Late share by week with its interval, and the mean probability of the same orders."""
    rows = drift[drift["target"] == target].to_dict(orient="records")
    width, height = 470.0, 250.0
    frame = Frame.of(0.0, max((float(r["high"]) for r in rows), default=1.0), width, height - 22)
    labels = [words.day(str(r["week"]))[:-5] for r in rows]
    at = [frame.x(i, len(rows)) for i in range(len(rows))]
    upper = [(x, frame.y(float(r["high"]))) for x, r in zip(at, rows, strict=True)]
    lower = [(x, frame.y(float(r["low"]))) for x, r in zip(at, rows, strict=True)]
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *lower[::-1]])
    said = [
        (x, frame.y(float(r["probability"])))
        for x, r in zip(at, rows, strict=True)
        if r["probability"] == r["probability"]
    ]
    parts = [
        element("polygon", points=outline, fill="#dfe6ec"),
        *frame.grid(_share_form(frame.marks)),
        *frame.names(labels),
        polyline([(x, frame.y(float(r["share"]))) for x, r in zip(at, rows, strict=True)], stroke=INK, width=1.6),
        polyline(said, stroke=ACCENT, width=2.4, dash="6 3"),
        line(52, height - 8, 72, height - 8, stroke=INK, width=1.6),
        text(77, height - 4, "late share, band: 95 %", size=11),
        line(220, height - 8, 240, height - 8, stroke=ACCENT, width=2.4, dash="6 3"),
        text(245, height - 4, "mean probability", size=11),
    ]
    table = [
        [
            words.day(str(r["week"])), f"{r['rows']:,}", f"{r['share']:.3f} [{r['low']:.3f}, {r['high']:.3f}]",
            "—" if r["probability"] != r["probability"] else f"{r['probability']:.3f}",
        ]
        for r in rows
    ]  # fmt: skip
    return picture(
        f"Base rate by week of issue, {target_words(target)}",
        "Weeks of which nine in ten invoices have matured; the model speaks from the first origin on.", parts,
        width=width, height=height, header=["week of", "n", "late share [95 %]", "mean probability"], rows=table,
    )  # fmt: skip


def sensitivity_picture(shifts: Sequence[Mapping[str, Any]]) -> Picture:
    """Mean chance of being late at all with each feature at its 10 % and at its 90 % quantile for every order."""
    ends = [(float(s["at_low"]["late_over_0"]), float(s["at_high"]["late_over_0"])) for s in shifts]
    base = float(shifts[0]["probability"]["late_over_0"]) if shifts else 0.5
    marks = ticks(min([base, *(min(e) for e in ends)]), max([base, *(max(e) for e in ends)]))
    width, step = 960.0, 22.0
    scale, height = Scale(marks[0], marks[-1], 330, width - 20), len(shifts) * step + 34
    form = _share_form(marks)
    parts = [
        piece
        for mark in marks
        for piece in (
            line(scale(mark), 4, scale(mark), height - 26),
            text(scale(mark), height - 10, form(mark), anchor="middle", size=11, fill=MUTED),
        )
    ]
    parts.append(line(scale(base), 4, scale(base), height - 26, stroke=INK))
    for i, (s, (low, high)) in enumerate(zip(shifts, ends, strict=True)):
        y = i * step + 15
        parts += [
            text(320, y + 4, fit(str(s["feature"]).replace("_", " "), 310), anchor="end"),
            line(scale(low), y, scale(high), y, stroke=ADVERSE if high > low else ACCENT, width=6),
            dot(scale(high), y, 5, ADVERSE if high > low else ACCENT, tip=f"at its 90 % quantile: {form(high)}"),
        ]
    table = [
        [str(s["feature"]), f"{s['low']:,.4g}", words.percent(low, 1), f"{s['high']:,.4g}", words.percent(high, 1)]
        for s, (low, high) in zip(shifts, ends, strict=True)
    ]
    return picture(
        "One feature moved for all orders",
        "Mean chance of being late at all, from the feature's 10 % quantile to its 90 % quantile (the dot); the dark "
        "line is the chance as it is.", parts, width=width, height=height,
        header=["feature", "10 % quantile", "late at all", "90 % quantile", "late at all then"], rows=table,
    )  # fmt: skip
