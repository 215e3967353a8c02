"""What no engine can do without, and what is done with its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.reference import NAMES
from benchmarks.synthetic import COLUMNS, Columns
from features.expression import Floats


def floor(columns: Columns) -> Floats:
    """Reads the five columns, sorts by customer and time once, writes 25 columns of float64: nothing is worked out."""
    read = sum(int(getattr(columns, name).sum()) for name in COLUMNS)
    order = columns.by_customer()
    source = columns.amount.astype(np.float64)
    source[order[0]] = read
    out = np.empty((len(NAMES), len(columns)))
    for column in out:
        column[:] = source
    return out


def write_parquet(answer: Floats, path: Path) -> None:
    """The reference features as a Parquet file, with the library's defaults."""
    pq.write_table(pa.table({name: answer[:, i] for i, name in enumerate(NAMES)}), path)
