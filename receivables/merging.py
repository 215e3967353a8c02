"""Holding offered rows against stored ones: what is new, what may grow, what is the same, what contradicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from receivables.schema import Table


class Growth(StrEnum):
    """How a stored value may change without contradicting what was loaded before."""

    FILL = "fill"  # an empty value may be filled once
    LATEST = "latest"  # the later of both counts
    KNOWN = "known"  # the earliest moment at which one of both said all that now holds, else the later moment


#: The only columns of the ledger that may change; every other difference under the same key is a conflict.
GROWTH: Final[dict[str, dict[str, Growth]]] = {
    "customers": {
        **dict.fromkeys(("parent_id", "segment", "country", "industry", "legal_form", "customer_since"), Growth.FILL),
        "known_at": Growth.KNOWN,
    },
    "invoices": {"observed_until": Growth.LATEST},
    "disputes": dict.fromkeys(("closed_on", "closed_known_at", "result"), Growth.FILL),
}


@dataclass(frozen=True)
class Conflict:
    """A row that contradicts a stored row of the same key; `position` is its place in the offered frame."""

    table: str
    key: tuple[str, ...]
    column: str
    stored: str
    offered: str
    position: int


@dataclass(frozen=True)
class Comparison:
    """`inserts` and `updates` are rows to write, in the table's columns; `unchanged` counts rows already stored."""

    inserts: pd.DataFrame
    updates: pd.DataFrame
    unchanged: int
    conflicts: tuple[Conflict, ...]


def compare(
    table: Table, held: pd.DataFrame, offered: pd.DataFrame, growth: Mapping[str, Growth] | None = None
) -> Comparison:
    """`offered` rows against `held` rows, both in the table's columns; `held` has each key once.

    A key offered more than once counts by its first row; the others are compared with that one.
    """
    rules = GROWTH.get(table.name, {}) if growth is None else growth
    key = list(table.key)
    again = offered.duplicated(key).to_numpy()
    firsts = offered[~again]
    repeats = _against(table, firsts, offered[again], {}) if again.any() else None
    made = Comparison(firsts, offered.iloc[:0], 0, ()) if held.empty else _against(table, held, firsts, rules)
    if repeats is None:
        return made
    return Comparison(
        made.inserts, made.updates, made.unchanged + repeats.unchanged, (*made.conflicts, *repeats.conflicts)
    )


def _against(table: Table, held: pd.DataFrame, offered: pd.DataFrame, rules: Mapping[str, Growth]) -> Comparison:
    """`compare` where both sides hold each key once, or `offered` only keys that `held` has."""
    place = _places(table, held, offered)
    new = place < 0
    positions = np.flatnonzero(~new)
    stored = held.iloc[place[positions]].reset_index(drop=True)
    given = offered.iloc[positions].reset_index(drop=True)
    merged, changed, contradicted = stored.copy(), np.zeros(len(given), bool), np.zeros(len(given), bool)
    fills = [name for name, rule in rules.items() if rule is Growth.FILL]
    conflicts: list[Conflict] = []
    for name in table.names:
        if name in table.key:
            continue
        if rules.get(name) is Growth.KNOWN:
            merged[name], clash = _known(stored, given, name, fills), np.zeros(len(given), bool)
        else:
            merged[name], clash = _grow(stored[name], given[name], rules.get(name))
        changed |= ~_same(merged[name], stored[name])
        fresh = np.flatnonzero(clash & ~contradicted)
        labels = offered.index.to_numpy()[positions[fresh]]
        conflicts += [
            _conflict(table, name, stored, given, at, label)
            for at, label in zip(fresh.tolist(), labels.tolist(), strict=True)
        ]
        contradicted |= clash
    updated = changed & ~contradicted
    unchanged = int((~changed & ~contradicted).sum())
    return Comparison(offered[new], merged[updated], unchanged, tuple(sorted(conflicts, key=lambda c: c.position)))


def _places(table: Table, held: pd.DataFrame, offered: pd.DataFrame) -> np.ndarray:
    """For each offered row the position of the held row with the same key, -1 where there is none."""
    key = list(table.key)
    if len(key) == 1:
        return np.asarray(pd.Index(held[key[0]]).get_indexer(pd.Index(offered[key[0]])))
    numbered = held[key].assign(place=np.arange(len(held)))
    found = offered[key].merge(numbered, on=key, how="left", validate="many_to_one")
    return found["place"].fillna(-1).to_numpy(np.int64)


def among(values: pd.Series, others: pd.Series) -> np.ndarray:
    """Where a text is one of `others`; pandas' own isin walks through text in Python."""
    found = pc.is_in(pa.array(values, pa.string(), from_pandas=True), value_set=pa.array(others, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _same(left: pd.Series, right: pd.Series) -> np.ndarray:
    equal: np.ndarray = (left == right).to_numpy(bool) | (left.isna() & right.isna()).to_numpy(bool)
    return equal


def _known(stored: pd.DataFrame, given: pd.DataFrame, column: str, fills: list[str]) -> pd.Series:
    """When what both rows together say was known: a value filled later must not be seen at the earlier moment."""
    stored_lacks = (stored[fills].isna() & given[fills].notna()).any(axis=1)
    given_lacks = (given[fills].isna() & stored[fills].notna()).any(axis=1)
    earlier = stored[column].where(stored[column] <= given[column], given[column])
    later = stored[column].where(stored[column] >= given[column], given[column])
    said = earlier.mask(stored_lacks, given[column]).mask(given_lacks, stored[column])
    return said.mask(stored_lacks & given_lacks, later)


def _grow(stored: pd.Series, given: pd.Series, rule: Growth | None) -> tuple[pd.Series, np.ndarray]:
    """The value that holds after the load, and where the given one contradicts the stored one."""
    if rule is Growth.LATEST:
        return stored.where(stored >= given, given), np.zeros(len(stored), bool)
    differs = ~_same(stored, given)
    if rule is Growth.FILL:
        return stored.where(stored.notna(), given), differs & (stored.notna() & given.notna()).to_numpy(bool)
    return stored, differs


def _conflict(table: Table, column: str, stored: pd.DataFrame, given: pd.DataFrame, at: int, position: int) -> Conflict:
    key = tuple(_text(given[name].iloc[at]) for name in table.key)
    return Conflict(table.name, key, column, _text(stored[column].iloc[at]), _text(given[column].iloc[at]), position)


def _text(value: object) -> str:
    if value is pd.NaT or value != value:  # NaN is the missing text
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else f"{value.isoformat()}Z"
    return str(value)
