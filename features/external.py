"""Columns that a site brings along: which there are, what they mean, and how they join. Declared in conf/external.toml.

A declared column is a feature like any other: it has a unit, a meaning of null, a direction that the models are held to
and a reason that explanations give. `features.table` appends these entries to its own when it is imported; what a
process computes does not change while it runs. The figures themselves are read by `features.published`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from features.expression import Given
from features.feature import DEFAULT, EITHER, LATE, LOWERS, RAISES, Feature, Reason
from receivables.config import conf_dir, load
from receivables.errors import ConfigError

FILE: Final = "external.toml"
#: What a source may be joined by; NONE is one series for all, such as an interest rate.
CUSTOMER, SEGMENT, COUNTRY, NONE = "customer", "segment", "country", "none"
JOINS: Final = (CUSTOMER, SEGMENT, COUNTRY, NONE)
#: Every name starts with this, so that it never meets one of the product's own, today or later.
PREFIX: Final = "ext_"
_NAME: Final = re.compile(r"ext_[a-z0-9_]{1,56}")
_CODE: Final = re.compile(r"EX[0-9]{2}")
_DIRECTIONS: Final = {"raises": RAISES, "either": EITHER, "lowers": LOWERS}


@dataclass(frozen=True)
class Column:
    """One column of a source; texts as in `Feature`, `reason` the code of one of the file's reasons."""

    name: str
    column: str
    meaning: str
    unit: str
    null_meaning: str
    low: float
    high: float
    direction: str
    reason: str
    models: tuple[str, ...] = (LATE, DEFAULT)


@dataclass(frozen=True)
class Source:
    """A CSV or Parquet file, its path relative to the configuration.

    `join` says by what its rows are found, `key` in which column; `published_at` is the column of the moment from which
    a row counts. With `period` a row speaks of a period, and one that is published later about an earlier period does
    not replace what is known of a later one. A row older than `max_age_days` counts no longer.
    """

    name: str
    file: str
    join: str
    published_at: str
    columns: tuple[Column, ...]
    key: str | None = None
    period: str | None = None
    max_age_days: int | None = None

    def features(self) -> tuple[Feature, ...]:
        """Its columns as entries of the feature table."""
        about = f"external {self.join} {self.period or ''} {self.max_age_days or ''}"
        return tuple(
            Feature(
                c.name, f"external: {self.name}", c.meaning, c.unit, c.null_meaning, c.low, c.high,
                _DIRECTIONS[c.direction], c.reason, frozenset(c.models), Given(f"{about} {c.name}"),
            )
            for c in self.columns
        )  # fmt: skip


@dataclass(frozen=True)
class Site:
    """conf/external.toml: what a site brings along; nothing by default."""

    sources: tuple[Source, ...] = ()
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        problems = [*_of_sources(self.sources), *_of_reasons(self)]
        if problems:
            raise ConfigError("\n  ".join([f"{FILE}: {len(problems)} problem(s)", *problems]))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The entries of every source, in order."""
        return tuple(feature for source in self.sources for feature in source.features())

    @property
    def catalogue(self) -> Mapping[str, Reason]:
        """The reasons by code."""
        return {reason.code: reason for reason in self.reasons}


@cache
def site(path: Path | None = None) -> Site:
    """What `path`, by default external.toml in the configuration, declares; nothing where there is no such file.

    Read once per process. Raises ConfigError with every problem.
    """
    place = path or conf_dir() / FILE
    return load(Site, place) if place.exists() else Site()


def _of_sources(sources: tuple[Source, ...]) -> list[str]:
    names = [column.name for source in sources for column in source.columns]
    problems = [f"{name}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for source in sources:
        where = f"source {source.name!r}"
        if source.join not in JOINS:
            problems.append(f"{where}: join: expected one of {', '.join(JOINS)}, got {source.join!r}")
        if (source.key is None) != (source.join == NONE):
            problems.append(f"{where}: key: expected a column for every join but {NONE!r}, got {source.key!r}")
        if source.max_age_days is not None and source.max_age_days < 1:
            problems.append(f"{where}: max_age_days: expected a positive number, got {source.max_age_days}")
        if not source.columns:
            problems.append(f"{where}: expected at least one column")
        problems += [f"{where}: {problem}" for column in source.columns for problem in _of_column(column)]
    return problems


def _of_column(column: Column) -> list[str]:
    problems = []
    if not _NAME.fullmatch(column.name):
        problems.append(f"name: expected {PREFIX} and small letters, digits or _, got {column.name!r}")
    if column.direction not in _DIRECTIONS:
        problems.append(f"{column.name}: direction: expected raises, lowers or either, got {column.direction!r}")
    if not column.low < column.high:
        problems.append(f"{column.name}: expected low < high, got {column.low} and {column.high}")
    if unknown := sorted(set(column.models) - {LATE, DEFAULT}):
        problems.append(f"{column.name}: models: expected {LATE!r} and {DEFAULT!r}, got {unknown}")
    return problems


def _of_reasons(site: Site) -> list[str]:
    codes = [reason.code for reason in site.reasons]
    wanted = {column.reason for source in site.sources for column in source.columns}
    return [
        *(f"reason {code!r}: expected a code EX01 to EX99" for code in codes if not _CODE.fullmatch(code)),
        *(f"reason {code!r}: declared twice" for code in sorted({c for c in codes if codes.count(c) > 1})),
        *(f"reason {code!r}: used by a column but not declared" for code in sorted(wanted - set(codes))),
    ]
