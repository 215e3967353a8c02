"""A mapping says which columns of a source file become which columns of the ledger; mappings are TOML files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from receivables.config import conf_dir, load
from receivables.errors import ConfigError
from receivables.schema import BY_NAME, Kind, Table

FORMATS: Final = ("auto", "csv", "parquet")
LAYOUTS: Final = ("columns", "canonical")
SEVERITIES: Final = ("warn", "quarantine")
_DIRECTIVES: Final = re.compile(r"%(-?[A-Za-z])")


@dataclass(frozen=True)
class Field:
    """Where one ledger column comes from: a source column, and what stands in where that is blank or absent.

    source       column of the file; `optional` allows the file not to have it
    formats      date formats of the source, tried in order: %Y %m %d, or %-m %-d without leading zeros
    prefix       text put before the value
    strip_zeros  leading zeros are removed ("007" becomes "7")
    values       translations; a value that is not listed is refused
    Stand-ins, at most one: `constant`; `days_between` two source dates; `end_of` the day in a source date;
    `observed`, the last day that the source holds facts of.
    """

    source: str = ""
    optional: bool = False
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    prefix: str = ""
    strip_zeros: bool = False
    values: dict[str, str] = field(default_factory=dict)
    constant: str = ""
    days_between: tuple[str, ...] = ()
    end_of: str = ""
    observed: bool = False

    @property
    def stand_ins(self) -> int:
        """How many stand-ins are given."""
        return sum(map(bool, (self.constant, self.days_between, self.end_of, self.observed)))

    @property
    def reads(self) -> frozenset[str]:
        """The source columns that it looks at; a file need not have them where the field is optional."""
        return frozenset(filter(None, (self.source, self.end_of, *self.days_between)))


@dataclass(frozen=True)
class Condition:
    """Holds for source rows whose `column` is one of `equals`, or is filled where none is listed."""

    column: str
    equals: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableMapping:
    """One ledger table out of one file; `distinct` keeps the earliest of the rows that share a key."""

    columns: dict[str, Field]
    when: Condition | None = None
    distinct: bool = False

    @property
    def required(self) -> frozenset[str]:
        """The source columns that a file must have."""
        condition = frozenset({self.when.column}) if self.when else frozenset()
        return condition.union(*(each.reads for each in self.columns.values() if not each.optional))

    @property
    def optional(self) -> frozenset[str]:
        """The source columns that a file may have besides."""
        return frozenset[str]().union(*(each.reads for each in self.columns.values())) - self.required


@dataclass(frozen=True)
class Checks:
    """What happens to rows that fail a check of their dates or sums: "warn" loads and counts them."""

    due_before_issue: str = "quarantine"
    cleared_before_issue: str = "quarantine"
    known_before_event: str = "warn"
    closed_before_opened: str = "quarantine"
    promised_before_made: str = "quarantine"
    after_observation: str = "warn"
    over_allocated: str = "warn"


@dataclass(frozen=True)
class Mapping:
    """How files of one kind become ledger rows.

    layout "columns": one file holds all tables, as `tables` says; "canonical": one file per table, in its own columns.
    """

    meaning: str
    layout: str = "columns"
    format: str = "auto"
    delimiter: str = ","
    encoding: str = "utf-8"
    checks: Checks = field(default_factory=Checks)
    tables: dict[str, TableMapping] = field(default_factory=dict)


def read_mapping(name: str) -> tuple[str, Mapping]:
    """Name and mapping of a TOML file's path, or of a name in conf/mappings; raises ConfigError with every problem."""
    path = Path(name) if name.endswith(".toml") else conf_dir() / "mappings" / f"{name}.toml"
    if not path.exists():
        known = sorted(each.stem for each in (conf_dir() / "mappings").glob("*.toml"))
        raise ConfigError(f"mapping {name!r}: no such file; known are {', '.join(known)}{did_you_mean(name, known)}")
    mapping = load(Mapping, path)
    problems = list(_problems(mapping))
    if problems:
        raise ConfigError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
    return path.stem, mapping


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, or nothing.

    >>> did_you_mean("invoce", ["invoices", "payments"])
    '; did you mean invoices?'
    """
    near = difflib.get_close_matches(name.lower(), {each.lower(): each for each in known}, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _problems(mapping: Mapping) -> Iterable[str]:
    allowed = {"layout": LAYOUTS, "format": FORMATS}
    for key, values in allowed.items():
        if getattr(mapping, key) not in values:
            yield f"{key}: expected one of {', '.join(values)}, got {getattr(mapping, key)!r}"
    for name, severity in vars(mapping.checks).items():
        if severity not in SEVERITIES:
            yield f"checks.{name}: expected one of {', '.join(SEVERITIES)}, got {severity!r}"
    if len(mapping.delimiter) != 1:
        yield f"delimiter: expected one character, got {mapping.delimiter!r}"
    try:
        "".encode(mapping.encoding)
    except LookupError:
        yield f"encoding: Python knows no {mapping.encoding!r}"
    if bool(mapping.tables) is (mapping.layout == "canonical"):
        yield 'tables: expected with layout "columns" and only there'
    for name, table in mapping.tables.items():
        if name not in BY_NAME:
            yield f"tables.{name}: no such ledger table{did_you_mean(name, BY_NAME)}"
        else:
            yield from _table_problems(BY_NAME[name], table)


def _table_problems(table: Table, mapped: TableMapping) -> Iterable[str]:
    for name, each in mapped.columns.items():
        where = f"tables.{table.name}.columns.{name}"
        if name not in table.names:
            yield f"{where}: no such ledger column{did_you_mean(name, table.names)}"
            continue
        yield from (f"{where}: {problem}" for problem in _field_problems(each, table[name].kind))
    for column in table.columns:
        if not column.nullable and column.name not in mapped.columns:
            yield f"tables.{table.name}.columns.{column.name}: required and not mapped"


def _field_problems(each: Field, kind: Kind) -> Iterable[str]:
    if not each.source and not each.stand_ins:
        yield "expected source, constant, days_between, end_of or observed"
    if each.stand_ins > 1:
        yield "expected at most one of constant, days_between, end_of, observed"
    if each.days_between and (len(each.days_between) != 2 or kind is not Kind.WHOLE):
        yield "days_between: expected two source columns, for a column that counts days"
    if each.end_of and kind is not Kind.MOMENT:
        yield "end_of: only for a column that holds a moment"
    if each.observed and kind is not Kind.DATE:
        yield "observed: only for a column that holds a day"
    for text in each.formats:
        found = _DIRECTIVES.findall(text)
        if sorted(part.lstrip("-") for part in found) != ["Y", "d", "m"]:
            yield f"formats: expected each of %Y, %m (or %-m), %d (or %-d) once, got {text!r}"
