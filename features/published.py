"""What external sources said, as it was published: the newest row as of each moment, never one published later.

A moment of publication carries its offset from UTC. A bare date counts from the midnight that ends it: on the day
itself nobody can tell whether it was known before or after the order. The same look-up answers for one order and for a
portfolio.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.expression import Floats
from features.external import COUNTRY, CUSTOMER, NONE, SEGMENT, Site, Source
from features.kernel import DAY_US
from receivables.config import conf_dir
from receivables.errors import InputError

Ints = NDArray[np.int64]
Strings = NDArray[np.object_]
#: Problems named in a message before the rest is only counted.
_NAMED: Final = 20


@dataclass(frozen=True)
class Keys:
    """By what n orders find rows: customer, segment, country ("" = unknown)."""

    customer: Strings
    segment: Strings
    country: Strings

    def of(self, join: str) -> Strings:
        """The keys for one kind of join; "" for all where one series serves everybody."""
        blank = np.full(len(self.customer), "", dtype=object)
        return {CUSTOMER: self.customer, SEGMENT: self.segment, COUNTRY: self.country, NONE: blank}[join]


@dataclass(frozen=True)
class Rows:
    """The rows of one key: moments (m,) in microseconds, rising, and values (m, columns)."""

    published: Ints
    values: Floats


@dataclass(frozen=True)
class Published:
    """One source, read: rows by key."""

    source: Source
    rows: Mapping[str, Rows]

    @classmethod
    def read(cls, source: Source, folder: Path) -> Published:
        """The source's file; raises InputError with every row that cannot be right."""
        path = folder / source.file
        frame = _frame(path)
        named = [source.published_at, *filter(None, (source.key, source.period)), *(c.column for c in source.columns)]
        if missing := [name for name in named if name not in frame.columns]:
            raise InputError(f"{path}: expected columns {missing}, got {list(frame.columns)}")
        problems: list[str] = []
        moments = _parsed(frame[source.published_at], _moment, problems)
        values = [_parsed(frame[c.column], _number, problems) for c in source.columns]
        keys = [""] * len(frame) if source.key is None else [_text(v) for v in frame[source.key]]
        problems += [f"row {i + 2}: {source.key}: empty" for i, k in enumerate(keys) if source.key and not k]
        periods = [""] * len(frame) if source.period is None else [_text(v) for v in frame[source.period]]
        twice = pd.DataFrame({"key": keys, "moment": moments, "period": periods}).duplicated()
        problems += [
            f"row {i + 2}: the same key, period and publication as a row before" for i in np.flatnonzero(twice)
        ]
        if problems:
            more = [f"and {len(problems) - _NAMED} more"] if len(problems) > _NAMED else []
            raise InputError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems[:_NAMED], *more]))
        return cls(source, _by_key(keys, np.array(moments, dtype=np.int64), periods, np.array(values).T))

    def as_of(self, keys: Strings, as_of: Ints) -> Floats:
        """(n, columns) the newest values published by each moment; NaN without any, or where they are too old."""
        out = np.full((len(keys), len(self.source.columns)), np.nan)
        age = self.source.max_age_days
        for key, at in _groups(keys):
            if (found := self.rows.get(key)) is None:
                continue
            row = np.searchsorted(found.published, as_of[at], side="right") - 1
            counts = row >= 0
            if age is not None:
                counts &= as_of[at] - found.published[row] <= age * DAY_US
            out[at[counts]] = found.values[row[counts]]
        return out


def columns(site: Site, keys: Keys, as_of: Ints) -> Floats:
    """(n, columns of all sources) what was published by each moment, in the order of `site.features`."""
    parts = [source.as_of(keys.of(source.source.join), as_of) for source in read(site, conf_dir())]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(as_of), 0))


@cache
def read(site: Site, folder: Path) -> tuple[Published, ...]:
    """Every source, read once per process; raises InputError."""
    return tuple(Published.read(source, folder) for source in site.sources)


def _groups(keys: Strings) -> Iterator[tuple[str, Ints]]:
    if len(keys) == 1:
        yield str(keys[0]), np.zeros(1, dtype=np.int64)
        return
    codes, names = pd.factorize(keys)
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order], append=len(names)))
    for begin, end in zip([0, *(ends[:-1] + 1)], ends, strict=True):
        yield str(names[codes[order[begin]]]), order[begin : end + 1]


def _by_key(keys: list[str], moments: Ints, periods: list[str], values: Floats) -> dict[str, Rows]:
    made = {}
    for key, at in _groups(np.array(keys, dtype=object)) if keys else ():
        order = at[np.lexsort(([periods[i] for i in at], moments[at]))]
        newest, kept = "", []
        for i in order:
            if periods[i] >= newest:  # else a revision of a period that is no longer the newest
                newest = periods[i]
                kept.append(i)
        # of several rows published at once the one of the last period counts
        last = np.append(moments[kept][1:] != moments[kept][:-1], True)
        made[key] = Rows(moments[kept][last], values[kept][last])
    return made


def _frame(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; external.toml names it") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _parsed(column: pd.Series, parse: Any, problems: list[str]) -> list[Any]:
    made = []
    for i, value in enumerate(column):
        try:
            made.append(parse(value))
        except (ValueError, TypeError) as error:
            problems.append(f"row {i + 2}: {column.name}: {error}")
            made.append(-1 - i)  # told apart, so that it is not taken for a repetition as well
    return made


def _moment(value: Any) -> int:
    """Microseconds since 1970 UTC from which a row counts."""
    stamp = pd.Timestamp(value)
    if pd.isna(stamp):
        raise ValueError("expected a moment, got nothing")
    if stamp.tzinfo is not None:
        return _microseconds(stamp.tz_convert("UTC").tz_localize(None))
    if stamp != stamp.normalize() or (isinstance(value, str) and len(value.strip()) != len("2026-01-31")):
        raise ValueError(f"expected a date as YYYY-MM-DD, or a moment with its offset from UTC, got {value!r}")
    return _microseconds(stamp) + DAY_US


def _microseconds(stamp: pd.Timestamp) -> int:
    return int(np.datetime64(stamp, "us").astype(np.int64))


def _number(value: Any) -> float:
    text = _text(value)
    if not text:
        return math.nan
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number or nothing, got {value!r}")
    return number


def _text(value: Any) -> str:
    return "" if value is None or value != value or value is pd.NaT else str(value).strip()
