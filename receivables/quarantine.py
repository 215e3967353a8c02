"""Rows that are not loaded: where they stand, what is wrong with them, and the file that says so."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from receivables.mapping import TableMapping
from receivables.reading import Extract
from receivables.schema import BY_NAME
from receivables.spreadsheet import guarded

#: Why a whole row is refused: code in the quarantine file, meaning.
ROW_REASONS: Final = {
    "wrong_field_count": "the row has more or fewer fields than the header",
    "duplicate_key": "an earlier row of the import has the same key and other content",
    "conflict": "the ledger holds this key with other content, which an import does not change",
    "unknown_reference": "neither the import nor the ledger holds the row that this value refers to",
    "other_currency": "the amount is in another currency than the invoice that it belongs to",
    "other_customer": "the row names another customer than the invoice that it belongs to",
}
#: Characters of a cell that are shown.
_SHOWN: Final = 200


@dataclass(frozen=True)
class Problem:
    """One reason why one row is not loaded. `row` is the line in a CSV file, the row's number in a Parquet file."""

    file: str
    row: int
    column: str
    value: str
    reason: str
    expected: str


@dataclass(frozen=True)
class Draft:
    """One ledger table's rows out of one file, before checks; indexed by the row's place in the extract."""

    table: str
    extract: Extract
    mapped: TableMapping
    frame: pd.DataFrame


class Quarantine:
    """Gathers problems while an import is checked, and knows which rows are still good."""

    def __init__(self, extracts: Iterable[Extract]) -> None:
        self._good = {each.name: np.ones(len(each.lines), bool) for each in extracts}
        self._problems: dict[Problem, None] = {}  # one bad value can spoil several ledger columns

    def refuse(self, draft: Draft, rows: np.ndarray, column: str, reason: str, expected: str) -> None:
        """Takes rows (labels of the draft's frame) out, for what a ledger or source column holds there."""
        extract, field = draft.extract, draft.mapped.columns.get(column)
        source = (field.source or field.end_of) if field else column
        values = extract.frame[source].iloc[rows].tolist() if source in extract.frame else [""] * len(rows)
        for line, value in zip(extract.lines[rows].tolist(), values, strict=True):
            self.add(Problem(extract.name, line, source or column, value, reason, expected))
        self._good[extract.name][rows] = False

    def add(self, problem: Problem) -> None:
        """Notes a row that never became part of an extract."""
        self._problems[problem] = None

    def good(self, draft: Draft) -> pd.DataFrame:
        """The draft's rows that nothing is known against, each key once."""
        frame = self.all_good(draft)
        if draft.mapped.distinct:
            frame = frame.sort_values("known_at", kind="stable")
        return frame.drop_duplicates(list(BY_NAME[draft.table].key))

    def all_good(self, draft: Draft) -> pd.DataFrame:
        """The draft's rows that nothing is known against, repeated ones too."""
        good = self._good[draft.extract.name]
        chosen: pd.DataFrame = draft.frame[good[draft.frame.index.to_numpy()]]
        return chosen

    def good_rows(self, extract: str) -> np.ndarray:
        """Which rows of an extract nothing is known against."""
        return self._good[extract]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem once."""
        return tuple(self._problems)

    @property
    def rows(self) -> int:
        """Rows that are not loaded."""
        return len({(problem.file, problem.row) for problem in self.problems})

    @property
    def by_reason(self) -> dict[str, int]:
        """Rows per reason; a row can have several."""
        seen = {(problem.file, problem.row, problem.reason) for problem in self.problems}
        return dict(Counter(reason for _, _, reason in seen).most_common())


def write_quarantine(path: Path, problems: Iterable[Problem]) -> None:
    """Writes the problems as CSV, in the order of file and row; no cell can run as a formula in a spreadsheet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(problems, key=lambda problem: (problem.file, problem.row, problem.column, problem.reason))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow([each.name for each in fields(Problem)])
        writer.writerows([harmless(str(cell)) for cell in astuple(problem)] for problem in ordered)


def harmless(cell: str) -> str:
    """The cell's text, shortened, with an apostrophe before what a spreadsheet would run.

    >>> harmless("=HYPERLINK(1)"), harmless("12.50")
    ("'=HYPERLINK(1)", '12.50')
    """
    return guarded(cell.replace("\0", "\\0")[:_SHOWN])
