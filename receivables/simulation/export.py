"""A simulated ledger as the files of the generic import set, and its truth beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from receivables.errors import InputError
from receivables.generic import file_column
from receivables.ledger import Ledger
from receivables.money import format_minor
from receivables.schema import TABLES, Kind, Table

#: Sub-folder for the truth: the importer reads the files of a folder, not its sub-folders.
TRUTH = "truth"


def export(folder: Path, ledger: Ledger, truth: pd.DataFrame, default_truth: pd.DataFrame) -> list[Path]:
    """Writes one CSV per table that has rows, and truth/invoices.csv and truth/month_ends.csv; returns the paths.

    Raises InputError where the folder already holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a new or empty folder to export to; name another one")
    (folder / TRUTH).mkdir(parents=True, exist_ok=True)
    frames = {folder / f"{t.name}.csv": as_text(t, ledger[t.name]) for t in TABLES if len(ledger[t.name])}
    frames[folder / TRUTH / "invoices.csv"] = truth
    frames[folder / TRUTH / "month_ends.csv"] = default_truth
    for path, frame in frames.items():
        frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return list(frames)


def as_text(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """The table's rows in the text forms that the generic import reads; what is empty stays empty."""
    columns = {}
    for column in table.columns:
        values = frame[column.name]
        if column.kind is Kind.MONEY:
            pairs = zip(values, frame["currency"], strict=True)
            columns[file_column(column)] = [format_minor(minor, currency) for minor, currency in pairs]
        elif column.kind in (Kind.DATE, Kind.MOMENT):
            columns[file_column(column)] = _iso(values, moment=column.kind is Kind.MOMENT)
        else:
            columns[file_column(column)] = list(values)
    return pd.DataFrame(columns)


def _iso(values: pd.Series, *, moment: bool) -> list[str]:
    stamps = values.to_numpy()
    text = np.datetime_as_string(stamps.astype("datetime64[s]" if moment else "datetime64[D]"))
    return ["" if missing else f"{t}Z" if moment else str(t) for t, missing in zip(text, np.isnat(stamps), strict=True)]
