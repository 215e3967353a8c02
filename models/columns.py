"""Columns of a frame or an array: their names, which of them are learnt from, and those derived from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.derived import Derived
from models.forest import NAME
from models.numbers import Floats


def columns_of(x: npt.ArrayLike) -> tuple[str, ...] | None:
    """Column names of a frame; None for anything else."""
    columns = getattr(x, "columns", None)
    return None if columns is None else tuple(map(str, columns))


def can_name(columns: Sequence[str]) -> bool:
    """Whether a forest can carry these names."""
    return len(set(columns)) == len(columns) and all(NAME.fullmatch(name) for name in columns)


def widened(rows: Floats, derived: Sequence[Derived]) -> Floats:
    """The rows with the derived columns after their own."""
    return np.column_stack([rows, *(column.values(rows) for column in derived)]) if derived else rows


def all_names(inputs: tuple[str, ...], derived: Sequence[Derived]) -> tuple[str, ...]:
    """The inputs' names, then one for each derived column."""
    return (*inputs, *(f"derived.{i}.{column.operation}" for i, column in enumerate(derived)))


def places(names: tuple[str, ...], inputs: tuple[str, ...]) -> list[int]:
    """Where each input stands among the columns."""
    return [names.index(name) for name in inputs]
