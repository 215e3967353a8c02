"""The bars, and the figures of the last full run beside them, as docs/performance.md shows them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Final

from benchmarks.part import Bar, Results, number
from benchmarks.parts import PARTS

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results.json"
PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures of benchmarks/results.json: begin -->", "<!-- figures: end -->"

BARS: Final[tuple[Bar, ...]] = tuple(bar for part in PARTS for bar in part.bars)


class _Numbers(dict[str, str]):
    """The results as they are printed inside a meaning; "..." for what was not measured."""

    def __init__(self, results: Results) -> None:
        super().__init__({key: number(value) for key, value in results.items()})

    def __missing__(self, key: str) -> str:
        return "..."


def bars_table(results: Results) -> str:
    """Markdown: every bar with its figure, reached or not; what was not measured says so."""
    lines = ["| figure | bar | measured | |", "|---|---|---|---|"]
    for bar in BARS:
        value = results.get(bar.key)
        shown = number(value) if value is not None else "not measured"
        verdict = "" if value is None else "reached" if bar.is_met(value) else "**not reached**"
        meaning = bar.meaning.format_map(_Numbers(results))
        lines.append(f"| {meaning} (`{bar.key}`) | {bar.compare} {number(bar.bound)} | {shown} | {verdict} |")
    return "\n".join(lines)


def figures(results: Results) -> str:
    """Everything on the page that comes from the results."""
    cores = [f"{results[key]:.0f} {key}" for key in results if key.startswith("cores of ")]
    versions = ", ".join(key.removeprefix("with ") for key in results if key.startswith("with "))
    where = f"Measured on {cores[0]}, {_days(results)}, with {versions}."
    tables = [part.table(results) for part in PARTS if part.table]
    return "\n\n".join([where, bars_table(results), *filter(None, tables)])


def _days(results: Results) -> str:
    """The day of each part; one day where they were measured together."""
    days = {part.name: results.get(f"{part.name}_measured_on_yyyymmdd") for part in PARTS}
    shown = {name: dt.date.fromisoformat(str(int(day))) for name, day in days.items() if day}
    if len(set(shown.values())) == 1:
        return str(next(iter(shown.values())))
    return ", ".join(f"{day} ({name})" for name, day in shown.items())


def filled(page: str, results: Results) -> str:
    """The page with the figures between its marks; ValueError where a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name}: expected the marks {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{figures(results)}\n{END}{after}"


def today() -> float:
    """The day as a number, so that the map holds numbers only."""
    return float(dt.datetime.now(dt.UTC).strftime("%Y%m%d"))


def results_of(folder: Path = RESULTS.parent) -> dict[str, float]:
    """The flat map in a folder; empty without one."""
    file = folder / RESULTS.name
    results: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return results


def write_results(results: Results, folder: Path) -> None:
    """Writes the flat map into a folder."""
    text = json.dumps(results, indent=1, sort_keys=True)
    (folder / RESULTS.name).write_text(text + "\n", encoding="utf-8")


def write_page() -> None:
    """docs/performance.md with the figures of benchmarks/results.json."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), results_of()), encoding="utf-8")
