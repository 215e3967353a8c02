"""The data-quality report as text and as a self-contained page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from receivables.money import spoken
from receivables.parsing import REASONS
from receivables.quality import ClearingDay, Quality, document
from receivables.quarantine import ROW_REASONS

_WIDTH: Final = 860.0
_HEIGHT: Final = 150.0
_MOST_BARS: Final = 400
_MOST_LABELS: Final = 13


@dataclass(frozen=True)
class Bar:
    """One bar of a picture, in SVG units; `label` stands below it or is empty; `text` is read aloud and on hover."""

    x: float
    y: float
    width: float
    height: float
    label: str
    text: str
    marked: bool


def write_reports(folder: Path, quality: Quality) -> dict[str, Path]:
    """Writes the report as text, JSON and HTML; the paths by ending."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "txt": as_text(quality),
        "json": json.dumps(document(quality), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "html": as_html(quality),
    }
    paths = {ending: folder / f"import-{quality.stem}.{ending}" for ending in contents}
    for ending, path in paths.items():
        path.write_text(contents[ending], encoding="utf-8")
    return paths


def as_text(quality: Quality) -> str:
    """The report for a terminal."""
    lines = [
        f"Import of {quality.name} with mapping {quality.mapping}: {headline(quality)}",
        f"Observed until {quality.observed_until or 'unknown'}; fingerprint {quality.fingerprint[:16]}",
        "",
        *_aligned(
            ("table", "rows", "new", "updated", "unchanged"),
            [(t.table, f"{t.rows:,}", f"{t.inserted:,}", f"{t.updated:,}", f"{t.unchanged:,}") for t in quality.tables],
        ),
        "",
        *_aligned(
            ("currency", "invoices", "issued", "cleared", "open"),
            [
                (
                    b.currency,
                    f"{b.invoices:,}",
                    *(spoken(m, b.currency) for m in (b.issued_minor, b.cleared_minor, b.open_minor)),
                )
                for b in quality.balances
            ],
        ),
        "",
        *_aligned(
            ("month", "invoices", "customers", "still open"),
            [(m.month, f"{m.invoices:,}", f"{m.customers:,}", f"{m.open_share:.1%}") for m in quality.months],
        ),
    ]
    quarantined = [f"  {reason}: {count:,} row(s); {meaning(reason)}" for reason, count in quality.by_reason.items()]
    found = [f"  {each.table}: {each.rows:,} row(s) loaded although {each.meaning}" for each in quality.findings]
    for title, part in (
        ("Quarantined", quarantined),
        ("Findings", found),
        ("Warnings", [f"  {w}" for w in quality.warnings]),
    ):
        lines += ["", f"{title}:", *(part or ["  none"])]
    return "\n".join(lines) + "\n"


def headline(quality: Quality) -> str:
    """What happened, in one sentence."""
    if quality.batch is None:
        done = "nothing changed" if quality.rows_good else "nothing was loaded"
    else:
        done = f"loaded as batch {quality.batch}"
    return (
        f"{quality.rows_read:,} rows read, {quality.rows_good:,} good, {quality.duplicates:,} repeated, "
        f"{quality.quarantined:,} quarantined; {done}"
    )


def meaning(reason: str) -> str:
    """What a reason of the quarantine means."""
    return (REASONS | ROW_REASONS).get(reason, "")


def as_html(quality: Quality) -> str:
    """The report as one page that needs nothing else: no script, no network, every value escaped."""
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spoken"] = spoken
    clearings, unit = _clearing_bars(quality.clearing_days)
    return environment.get_template("quality.html.j2").render(
        q=quality,
        headline=headline(quality),
        meaning=meaning,
        month_bars=bars([(m.month, m.invoices, f"{m.month}: {m.invoices:,} invoices", False) for m in quality.months]),
        month_top=max((m.invoices for m in quality.months), default=0),
        clearing_bars=clearings,
        clearing_unit=unit,
        width=_WIDTH,
        height=_HEIGHT,
    )


def bars(points: Sequence[tuple[str, int, str, bool]]) -> list[Bar]:
    """Bars of (label, value, text, marked), the tallest filling the picture; about a dozen keep their label."""
    if not points:
        return []
    top, step = max(value for _, value, _, _ in points), _WIDTH / len(points)
    every = -(-len(points) // _MOST_LABELS)
    return [
        Bar(
            x=round(i * step + step * 0.1, 2),
            y=round(_HEIGHT * (1 - value / top), 2),
            width=round(min(step * 0.8, 60.0), 2),
            height=round(_HEIGHT * value / top, 2),
            label=label if i % every == 0 else "",
            text=text,
            marked=marked,
        )
        for i, (label, value, text, marked) in enumerate(points)
    ]


def _clearing_bars(days: Sequence[ClearingDay]) -> tuple[list[Bar], str]:
    """Clearings by day with the days between, or by month where there would be too many bars to see."""
    if not days:
        return [], "day"
    counts = pd.Series([day.clearings for day in days], index=pd.to_datetime([day.day for day in days]))
    mass = {day.day for day in days if day.mass}
    unit = "day" if (counts.index[-1] - counts.index[0]).days < _MOST_BARS else "month"
    summed = counts.resample("D" if unit == "day" else "MS").sum()
    labels = [str(each)[: 10 if unit == "day" else 7] for each in summed.index]
    points = [
        (label, int(value), f"{label}: {int(value):,} clearings", any(day.startswith(label) for day in mass))
        for label, value in zip(labels, summed, strict=True)
    ]
    return bars(points), unit


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in text: the first column to the left, figures to the right."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
