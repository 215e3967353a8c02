"""Importing: files are read, mapped, checked and loaded; bad rows are quarantined; a quality report ends it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pandas as pd

from receivables.bulk import Track, untracked
from receivables.checks import (
    Drafts,
    Find,
    Finding,
    check_against_invoices,
    check_duplicates,
    check_observation,
    check_orders,
    check_references,
    observed_days,
)
from receivables.config import conf_dir, load
from receivables.drafting import draft_table
from receivables.errors import EmptyInputError, InputError, MappingError
from receivables.generic import canonical_tables
from receivables.mapping import Mapping, TableMapping, did_you_mean
from receivables.quality import Quality, Rules, assess
from receivables.quarantine import ROW_REASONS, Problem, Quarantine
from receivables.reading import Extract, Limits, Wanted, read_extract
from receivables.schema import BY_NAME, TABLES, conform
from receivables.store import LedgerStore

_ENDINGS: Final = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class ImportConf:
    """conf/import.toml: how much one import may hold, and when its quality report speaks up."""

    limits: Limits
    quality: Rules

    @classmethod
    def read(cls, path: Path | None = None) -> ImportConf:
        """The configured limits and rules; raises ConfigError where the file is absent or wrong."""
        return load(cls, path or conf_dir() / "import.toml")


@dataclass(frozen=True)
class Assembled:
    """Good rows by ledger table, in canonical form; `positions` are their places in the extract of `drafts`."""

    frames: dict[str, pd.DataFrame]
    duplicates: int
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    observed_until: pd.Timestamp | None
    rows_read: int


@dataclass(frozen=True)
class Imported:
    """What an import did, and the rows that it did not load."""

    quality: Quality
    problems: tuple[Problem, ...] = field(repr=False)


def import_path(
    path: Path, mapping: Mapping, mapping_name: str, store: LedgerStore, conf: ImportConf, *,
    observed_until: dt.date | None = None, track: Track = untracked,
) -> Imported:  # fmt: skip
    """Loads a file or folder into the ledger in one transaction; the same again changes nothing.

    Raises InputError and its kin where the files cannot be read or do not fit the mapping; single bad rows are no
    error: they are returned as problems, and everything else is loaded.
    """
    sources, ignored = find_sources(path, mapping)
    extracts = [(read_extract(file, mapping, _wanted(tables), conf.limits, track), tables) for file, tables in sources]
    quarantine = Quarantine(extract for extract, _ in extracts)
    made = assemble(extracts, mapping, quarantine, store, conf, observed_until)
    if ignored:
        made = replace(made, warnings=(*made.warnings, f"ignored, neither CSV nor Parquet: {', '.join(ignored)}"))
    fingerprint = fingerprint_of([file for file, _ in sources])
    result = store.load(made.frames, source=path.name, fingerprint=fingerprint, track=track)
    quality = assess(
        made.frames,
        result,
        conf.quality,
        name=path.name,
        mapping=mapping_name,
        fingerprint=fingerprint,
        rows_read=made.rows_read,
        duplicates=made.duplicates,
        quarantined=quarantine.rows,
        by_reason=quarantine.by_reason,
        findings=made.findings,
        warnings=made.warnings,
        observed_until=made.observed_until,
    )
    return Imported(quality, quarantine.problems)


def find_sources(path: Path, mapping: Mapping) -> tuple[list[tuple[Path, dict[str, TableMapping]]], list[str]]:
    """The files to read, each with the tables that it holds, and the names of files that are left alone.

    In the canonical layout `path` is a folder of files named after their table, or one such file.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if mapping.layout == "columns":
        if path.is_dir():
            raise InputError(f"{path}: expected one file for this mapping, this is a folder")
        return [(path, mapping.tables)], []
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    readable = [each for each in files if each.name.endswith(_ENDINGS)]
    if not readable:
        raise EmptyInputError(f"{path}: expected files such as invoices.csv or invoices.parquet, found none")
    named = {
        each: each.name.removesuffix(next(end for end in _ENDINGS[::-1] if each.name.endswith(end)))
        for each in readable
    }
    problems = [
        f"{file.name}: no such ledger table{did_you_mean(n, BY_NAME)}" for file, n in named.items() if n not in BY_NAME
    ]
    twice = sorted({name for name in named.values() if list(named.values()).count(name) > 1})
    problems += [f"{name}: more than one file for this table" for name in twice]
    if problems:
        raise MappingError("\n  ".join([f"{path}: files must be named after a table: {', '.join(BY_NAME)}", *problems]))
    mapped = canonical_tables()
    order = [table.name for table in TABLES]
    chosen = sorted(named.items(), key=lambda item: order.index(item[1]))
    return [(file, {name: mapped[name]}) for file, name in chosen], [f.name for f in files if f not in named]


def fingerprint_of(files: Sequence[Path]) -> str:
    """SHA-256 over the files' names and bytes, in hex."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def assemble(
    extracts: Sequence[tuple[Extract, dict[str, TableMapping]]],
    mapping: Mapping,
    quarantine: Quarantine,
    store: LedgerStore,
    conf: ImportConf,
    observed_until: dt.date | None,
) -> Assembled:
    """The good rows of the extracts; everything else is noted in `quarantine`."""
    for extract, _ in extracts:
        _note_broken(extract, quarantine)
    max_chars = conf.limits.max_field_chars
    drafts = {
        name: draft_table(name, mapped, extract, quarantine, max_chars)
        for extract, tables in extracts
        for name, mapped in tables.items()
    }
    duplicates = check_duplicates(drafts, quarantine)
    findings = check_orders(drafts, quarantine, mapping.checks)
    warnings = _lonely_facts(observed_days(drafts, quarantine), conf.quality.lonely_gap_days)
    day = _last_day(observed_until, drafts, quarantine)
    if day is not None:
        drafts = _observed(drafts, day)
        findings += check_observation(drafts, quarantine, mapping.checks, day)
    _refuse_conflicts(drafts, quarantine, store)
    findings += _checked_against_ledger(drafts, quarantine, mapping, store.find)
    frames = {name: conform(name, quarantine.good(draft)) for name, draft in drafts.items()}
    rows = sum(extract.rows for extract, _ in extracts)
    return Assembled(frames, duplicates, tuple(findings), warnings, day, rows)


def _wanted(tables: dict[str, TableMapping]) -> Wanted:
    required = frozenset[str]().union(*(table.required for table in tables.values()))
    return Wanted(required, frozenset[str]().union(*(table.optional for table in tables.values())) - required)


def _note_broken(extract: Extract, quarantine: Quarantine) -> None:
    for row in extract.broken:
        expected = f"expected {row.expected} fields, found {row.found}"
        quarantine.add(Problem(extract.name, row.line, "", row.text, "wrong_field_count", expected))


def _last_day(given: dt.date | None, drafts: Drafts, quarantine: Quarantine) -> pd.Timestamp | None:
    """The last observed day: the given one, otherwise the latest fact's; None without any fact."""
    if given is not None:
        return pd.Timestamp(given)
    latest = observed_days(drafts, quarantine).max()
    return None if pd.isna(latest) else latest


def _observed(drafts: Drafts, day: pd.Timestamp) -> Drafts:
    """The drafts with the last observed day where the source does not give one."""
    if "invoices" not in drafts:
        return drafts
    invoices = drafts["invoices"]
    frame = invoices.frame.assign(observed_until=invoices.frame["observed_until"].fillna(day))
    return {**drafts, "invoices": replace(invoices, frame=frame)}


def _refuse_conflicts(drafts: Drafts, quarantine: Quarantine, store: LedgerStore) -> None:
    """Takes out rows that contradict the ledger, so that a row feeding several tables is loaded whole or not at all."""
    frames = {name: quarantine.good(draft) for name, draft in drafts.items()}
    for conflict in store.conflicts({name: conform(name, frame) for name, frame in frames.items()}):
        draft, row = drafts[conflict.table], frames[conflict.table].index.to_numpy()[[conflict.position]]
        found = f"{conflict.table}.{conflict.column} is {conflict.stored!r} there, {conflict.offered!r} here"
        expected = f"{ROW_REASONS['conflict']}: {found}"
        quarantine.refuse(draft, row, conflict.column, "conflict", expected)


def _checked_against_ledger(drafts: Drafts, quarantine: Quarantine, mapping: Mapping, find: Find) -> list[Finding]:
    check_references(drafts, quarantine, find)
    return check_against_invoices(drafts, quarantine, mapping.checks, find)


def _lonely_facts(days: pd.Series, gap_days: int) -> tuple[str, ...]:
    """A warning where the latest facts lie far after all others: a typing error would move the last observed day."""
    distinct = days.dropna().drop_duplicates().sort_values()
    if len(distinct) < 2:
        return ()
    gap = (distinct.iloc[-1] - distinct.iloc[-2]).days
    if gap <= gap_days:
        return ()
    count = int((days == distinct.iloc[-1]).sum())
    return (
        f"{count} fact(s) on {distinct.iloc[-1].date()} lie {gap} days after all others: look for typing errors, "
        f"or name the last observed day with --observed-until",
    )
