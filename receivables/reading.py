"""Files into text: CSV and Parquet, read within limits, every value exactly as the file has it."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from receivables.bulk import Track, untracked
from receivables.errors import EmptyInputError, InputError, MappingError, TooLargeError
from receivables.mapping import Mapping, did_you_mean

_BLOCK: Final = 4 << 20  # one record of a CSV file must fit
_BATCH: Final = 65_536  # rows of a Parquet file decoded at a time
_MAGIC: Final = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a ZIP archive or Excel workbook",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"SQLite format 3": "a SQLite database",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Limits:
    """What one file may hold; `max_bytes` after decompression."""

    max_rows: int
    max_cells: int
    max_bytes: int
    max_field_chars: int


@dataclass(frozen=True)
class BrokenRow:
    """A record with another number of fields than the header."""

    line: int
    text: str
    expected: int
    found: int


@dataclass(frozen=True)
class Extract:
    """One file: its wanted columns as stripped text, blank as the empty string.

    lines: for each row its line in a CSV file (1 is the header), or its running number in a Parquet file.
    """

    name: str
    frame: pd.DataFrame
    lines: np.ndarray
    broken: tuple[BrokenRow, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in the file, readable or not."""
        return len(self.lines) + len(self.broken)


@dataclass(frozen=True)
class Wanted:
    """Columns to read: a file must have the `required` ones and may have the `optional` ones."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()

    def of(self, found: list[str], name: str) -> list[str]:
        """The wanted columns of those `found`; raises MappingError listing all that are missing."""
        twice = sorted(c for c, n in Counter(found).items() if n > 1 and c in self.required | self.optional)
        if twice:
            raise InputError(f"{name}: column(s) {', '.join(twice)} appear more than once in the header")
        missing = sorted(self.required - set(found))
        if missing:
            hints = "; ".join(f"{column!r}{did_you_mean(column, found)}" for column in missing)
            shown = ", ".join(each[:60] for each in found[:40])
            raise MappingError(f"{name}: missing column(s) {hints}. Found: {shown}")
        return [column for column in found if column in self.required | self.optional]


def read_extract(path: Path, mapping: Mapping, wanted: Wanted, limits: Limits, track: Track = untracked) -> Extract:
    """The wanted columns of a CSV (also gzipped) or Parquet file.

    Raises InputError where the file cannot be read as such, TooLargeError beyond the limits, before or while reading
    and never after filling the memory, MappingError where a column is missing, EmptyInputError without rows.
    """
    kind = file_kind(path)
    if mapping.format != "auto" and (kind == "parquet") is not (mapping.format == "parquet"):
        raise InputError(f"{path.name}: expected {mapping.format}, this is {kind}")
    try:
        made = _parquet(path, wanted, limits, track) if kind == "parquet" else _csv(
            path, kind == "gzip", mapping, wanted, limits, track
        )  # fmt: skip
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeError, csv.Error) as error:
        raise InputError(f"{path.name}: cannot be read as {kind}: {str(error).splitlines()[0][:300]}") from None
    if not made.rows:
        raise EmptyInputError(f"{path.name}: the file has a header and no rows")
    return made


def file_kind(path: Path) -> str:
    """ "csv", "gzip" or "parquet", by the first bytes; raises InputError for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
    if not head.strip():
        raise EmptyInputError(f"{path.name}: the file is empty")
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "csv")
    if kind not in ("csv", "gzip", "parquet"):
        raise InputError(f"{path.name}: expected CSV text or Parquet, this is {kind}; export it as CSV in UTF-8")
    if kind == "csv" and b"\0" in head:
        raise InputError(f"{path.name}: expected CSV text or Parquet, this is a binary file")
    return kind


class _Utf8(io.RawIOBase):
    """A stream in any encoding as UTF-8; counts its quotation marks, and stops at the limit of bytes or at bad text."""

    def __init__(self, stream: BinaryIO, name: str, encoding: str, limit: int) -> None:
        self._stream, self._name, self._left = stream, name, limit
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        self._ready = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = _BLOCK if size < 0 else size
        ended = False
        while len(self._ready) < size and not ended:
            data = self._stream.read(_BLOCK)
            ended = not data
            self._left -= len(data)
            if self._left < 0:
                raise TooLargeError(f"{self._name}: beyond conf/import.toml (limits.max_bytes); split the file")
            self._ready += self._decoder.decode(data, final=ended).encode()
        out, self._ready = self._ready[:size], self._ready[size:]
        self.quotes += out.count(b'"')
        return out


def _csv(path: Path, zipped: bool, mapping: Mapping, wanted: Wanted, limits: Limits, track: Track) -> Extract:
    header = _header(path, zipped, mapping)
    columns = wanted.of(header, path.name)
    broken: list[pa.csv.InvalidRow] = []

    def keep(row: pa.csv.InvalidRow) -> str:
        broken.append(row)
        return "skip"

    with _opened(path, zipped) as opened:
        stream = _Utf8(opened, path.name, _encoding(mapping), limits.max_bytes)
        reader = pa.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            pa.csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, column_names=_distinct(header), skip_rows=1,
            ),
            pa.csv.ParseOptions(
                delimiter=mapping.delimiter, newlines_in_values=True, ignore_empty_lines=False,
                invalid_row_handler=keep,
            ),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(_distinct(header), pa.string()), strings_can_be_null=False,
            ),
        )  # fmt: skip
        table = pa.Table.from_batches(list(_bounded(reader, len(header), path.name, limits, track)), reader.schema)
    lines, bad = _lines(table, broken)
    if stream.quotes % 2 and (_multiline(table) or any("\n" in row.text for row in broken)):
        raise InputError(
            f"{path.name}: a quotation mark is opened and never closed; rows after it cannot be told apart"
        )
    return _without_blank_rows(_extract(path.name, table.select(columns), lines, bad), table)


def _opened(path: Path, zipped: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb")


def _encoding(mapping: Mapping) -> str:
    """The mapping's encoding, with which a byte-order mark is no part of the first column's name."""
    return "utf-8-sig" if codecs.lookup(mapping.encoding).name == "utf-8" else mapping.encoding


def _header(path: Path, zipped: bool, mapping: Mapping) -> list[str]:
    with _opened(path, zipped) as opened:
        first = opened.readline(_BLOCK)
    if not first.endswith(b"\n") and len(first) < _BLOCK:
        raise EmptyInputError(f"{path.name}: the file has a header and no rows")
    names = next(csv.reader([first.decode(_encoding(mapping))], delimiter=mapping.delimiter), [])
    return [name.strip() for name in names]


def _distinct(header: list[str]) -> list[str]:
    """Names that Arrow can tell apart: an unwanted column may be unnamed or named like another."""
    seen: Counter[str] = Counter()
    out = []
    for name in header:
        out.append(f"{name}\0{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return out


def _bounded(
    batches: Iterable[pa.RecordBatch], columns: int, name: str, limits: Limits, track: Track
) -> Iterator[pa.RecordBatch]:
    """The batches; raises TooLargeError at the one that goes beyond the limits."""
    rows = size = 0
    for batch in track(batches, label=f"reading {name}"):
        rows += batch.num_rows
        size += batch.nbytes
        check_size(name, rows, columns, size, limits)
        yield batch


def check_size(name: str, rows: int, columns: int, size: int, limits: Limits) -> None:
    """Raises TooLargeError where a file of this many rows, columns and bytes is beyond the limits."""
    over = {
        "max_rows": (rows, limits.max_rows),
        "max_cells": (rows * columns, limits.max_cells),
        "max_bytes": (size, limits.max_bytes),
    }
    problems = [f"{key} {limit:,}, found {found:,}" for key, (found, limit) in over.items() if found > limit]
    if problems:
        raise TooLargeError(
            f"{name}: beyond conf/import.toml: {'; '.join(problems)}; split the file or raise the limit"
        )


def _lines(table: pa.Table, broken: list[Any]) -> tuple[np.ndarray, tuple[BrokenRow, ...]]:
    """The file line of each row, and the broken rows with theirs; values that span lines push later rows down."""
    numbers = np.array([row.number for row in broken], np.int64)  # record numbers, the header is 1
    total = table.num_rows + len(broken)
    good = np.setdiff1d(np.arange(2, total + 2), numbers)
    extra = np.zeros(total, np.int64)
    extra[good - 2] = _multiline_counts(table)
    extra[numbers - 2] = [row.text.count("\n") for row in broken]
    line = np.arange(2, total + 2) + np.concatenate([[0], np.cumsum(extra)[:-1]]) if total else np.empty(0, np.int64)
    made = tuple(
        BrokenRow(int(line[row.number - 2]), row.text, row.expected_columns, row.actual_columns) for row in broken
    )
    return line[good - 2], made


def _multiline(table: pa.Table) -> bool:
    return any(pc.any(pc.match_substring(column, "\n")).as_py() for column in table.columns)


def _multiline_counts(table: pa.Table) -> np.ndarray:
    counts = np.zeros(table.num_rows, np.int64)
    if _multiline(table):
        for column in table.columns:
            counts += pc.count_substring(column, "\n").to_numpy()
    return counts


def _without_blank_rows(extract: Extract, table: pa.Table) -> Extract:
    """Lines without any value are no rows."""
    blank = np.ones(table.num_rows, bool)
    for column in table.columns:
        blank &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False) if blank.any() else False
    if not blank.any():
        return extract
    kept = extract.frame[~blank].reset_index(drop=True)
    return Extract(extract.name, kept, extract.lines[~blank], extract.broken)


def _extract(name: str, table: pa.Table, lines: np.ndarray, broken: tuple[BrokenRow, ...] = ()) -> Extract:
    stripped = {column: pc.utf8_trim_whitespace(table[column]) for column in table.column_names}
    frame = pd.DataFrame({column: pd.array(values, dtype="str") for column, values in stripped.items()})
    return Extract(name, frame, lines, broken)


def _parquet(path: Path, wanted: Wanted, limits: Limits, track: Track) -> Extract:
    with pq.ParquetFile(path) as plain:
        schema, metadata = plain.schema_arrow, plain.metadata
        columns = wanted.of(schema.names, path.name)
        # the metadata is all that has been read so far: 100 million rows can hide in two megabytes
        size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        check_size(path.name, metadata.num_rows, len(columns), size, limits)
    texts = [name for name in columns if _is_text(schema.field(name).type)]
    # left encoded, a repeated long text takes its space once, and is measured before it is multiplied
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        batches = file.iter_batches(_BATCH, columns=columns, use_threads=False)
        made = [
            _as_text(batch, path.name, limits) for batch in _bounded(batches, len(columns), path.name, limits, track)
        ]
    if not made:
        raise EmptyInputError(f"{path.name}: the file has columns and no rows")
    table = pa.Table.from_batches(made)
    return _extract(path.name, table, np.arange(1, table.num_rows + 1))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _as_text(batch: pa.RecordBatch, name: str, limits: Limits) -> pa.RecordBatch:
    columns = [
        _text_of(batch.column(i), f"{name}: column {batch.schema.names[i]!r}", limits) for i in range(batch.num_columns)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _text_of(values: pa.Array, where: str, limits: Limits) -> pa.Array:
    """Exact text of a typed column; null is blank. Raises InputError for a type that is no plain value."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        longest = pc.max(pc.binary_length(values.dictionary)).as_py() or 0
        if longest > 4 * limits.max_field_chars:
            raise TooLargeError(f"{where}: a value of {longest:,} bytes; limits.max_field_chars is the limit")
        made = values.cast(pa.string())
    elif pa.types.is_floating(kind):
        # the shortest text that reads back as the same number: 0.1 stays 0.1
        made = pa.array([None if value is None else repr(value) for value in values.to_pylist()], pa.string())
    elif pa.types.is_timestamp(kind):
        made = _moment_text(values, kind.tz)
    elif _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind) or (
        pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):  # fmt: skip
        made = values.cast(pa.string())
    else:
        raise InputError(f"{where}: expected text, numbers, days or moments, got {kind}")
    return pc.fill_null(made, "")


def _moment_text(values: pa.Array, zone: str | None) -> pa.Array:
    """RFC 3339 in UTC; without a zone a midnight is a day, and anything else stays without an offset."""
    text = values.cast(pa.timestamp("us", zone and "UTC")).cast(pa.string())
    iso = pc.replace_substring(text, " ", "T")
    return iso if zone else pc.replace_substring_regex(iso, r"T00:00:00(\.0+)?$", "")
