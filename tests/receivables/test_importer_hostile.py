"""Files that are damaged, disguised or far too large are refused quickly, and nothing is loaded."""

from __future__ import annotations

import gzip
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receivables.errors import EmptyInputError, InputError, OtcRiskError, TooLargeError
from receivables.importer import ImportConf, import_path
from receivables.mapping import Mapping, read_mapping
from receivables.reading import Limits, Wanted, read_extract
from receivables.store import LedgerStore, open_store

COLUMNS = ["document_number", "cust_number", "business_code", "posting_date", "baseline_create_date", "due_in_date"]
COLUMNS += ["clear_date", "total_open_amount", "invoice_currency"]
HEADER = ",".join(COLUMNS)
ROW = "D1,C1,U1,20260105,20260105,20260204,,100.00,USD"
MEGABYTE = 1 << 20


@pytest.fixture
def store(sqlite_url: str):
    with open_store(sqlite_url, create=True) as made:
        yield made
        assert made.sequence() == 0


def refuse(store: LedgerStore, path: Path, error: type[OtcRiskError], words: str) -> None:
    name, mapping = read_mapping("sap_extract")
    with pytest.raises(error, match=words):
        import_path(path, mapping, name, store, ImportConf.read())


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", EmptyInputError, "empty"),
        (b"\n \n", EmptyInputError, "empty"),
        (HEADER.encode(), EmptyInputError, "no rows"),
        (f"{HEADER}\n\n\n".encode(), EmptyInputError, "no rows"),
        (b"\x7fELF\0\0\0\0", InputError, "binary"),
        (b"PK\x03\x04rest", InputError, "Excel workbook"),
        (f"{HEADER}\n{ROW}".encode("utf-16"), InputError, "UTF-16"),
        (f"{HEADER}\n{ROW}\n".encode() + b"D2,\xff\xfe,U1,,,,,,\n", InputError, "cannot be read"),
        (f"{HEADER}\n{ROW}\n".encode() + b"too,\xfffew\n", InputError, "cannot be read"),
        (f'{HEADER}\n{ROW}\nD2,"C2,U1,20260105\n{ROW}\n'.encode(), InputError, "never closed"),
        (f"{HEADER}\n{'x' * (12 * MEGABYTE)}\n".encode(), InputError, "cannot be read"),
        (f"{HEADER},cust_number\n{ROW},C1\n".encode(), InputError, "more than once"),
        (gzip.compress(f"{HEADER}\n{ROW}\n".encode() * 999)[:-20], InputError, "cannot be read as gzip"),
        (b"\x1f\x8bnot gzip at all", InputError, "cannot be read as gzip"),
        (b"PAR1 this is not Parquet PAR1", InputError, "cannot be read as parquet"),
    ],
)
def test_a_damaged_or_disguised_file_is_refused(
    store: LedgerStore, tmp_path: Path, content: bytes, error: type[OtcRiskError], words: str
) -> None:
    path = tmp_path / "extract.csv"
    path.write_bytes(content)
    refuse(store, path, error, words)


def constant(value: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


@pytest.fixture(scope="session")
def huge_parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 million rows in about two megabytes."""
    path = tmp_path_factory.mktemp("bomb") / "extract.parquet"
    rows = 10_000_000
    block = pa.table([constant("x", rows), *[pa.nulls(rows)] * (len(COLUMNS) - 1)], names=COLUMNS)
    with pq.ParquetWriter(path, block.schema, compression="zstd") as writer:
        for _ in range(10):
            writer.write_table(block, row_group_size=rows)
    return path


def test_a_hundred_million_rows_in_two_megabytes_are_refused_before_they_are_read(
    store: LedgerStore, tmp_path: Path, huge_parquet: Path
) -> None:
    assert huge_parquet.stat().st_size < 3 * MEGABYTE
    disguised = tmp_path / "extract.csv"
    disguised.symlink_to(huge_parquet)
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refuse(store, disguised, TooLargeError, "max_rows 3,000,000, found 100,000,000")
    assert time.process_time() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024  # KiB


def test_a_short_gzip_of_millions_of_rows_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "extract.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(f"{HEADER}\n".encode())
        for _ in range(20):
            file.write(b"1,1,1,1,1,1,1,1,1\n" * 50_000)
    read = ImportConf.read().limits
    for limits, words in (
        (Limits(300_000, read.max_cells, read.max_bytes, 100), "max_rows"),
        (Limits(read.max_rows, 2_000_000, read.max_bytes, 100), "max_cells"),
        (Limits(read.max_rows, read.max_cells, 10 * MEGABYTE, 100), "max_bytes"),
    ):
        with pytest.raises(TooLargeError, match=words):
            read_extract(path, Mapping(meaning=""), Wanted(frozenset(COLUMNS)), limits)


def test_one_long_text_repeated_in_parquet_is_refused_before_it_is_multiplied(
    store: LedgerStore, tmp_path: Path
) -> None:
    path = tmp_path / "extract.parquet"
    columns = [*[constant("x", 50_000)] * (len(COLUMNS) - 1), constant("y" * (10 * MEGABYTE), 50_000)]
    pq.write_table(pa.table(columns, names=COLUMNS), path)
    refuse(store, path, TooLargeError, "a value of 10,485,760 bytes")


def test_a_nested_parquet_column_is_refused(store: LedgerStore, tmp_path: Path) -> None:
    path = tmp_path / "extract.parquet"
    pq.write_table(pa.table({name: pa.array([["x"]]) for name in COLUMNS}), path)
    refuse(store, path, InputError, "expected text, numbers, days or moments, got list")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mangled_file_is_read_or_refused_and_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(f'{HEADER}\n{ROW}\n"D2",C2,U1,20260105,20260105,20260204,2026-02-01,5.00,USD\n'.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"\n"])
        )
    path = tmp_path / "extract.csv"
    path.write_bytes(bytes(content))
    try:
        made = read_extract(path, Mapping(meaning=""), Wanted(frozenset(COLUMNS)), ImportConf.read().limits)
    except InputError:
        return
    assert len(made.frame) == len(made.lines)
    assert (np.diff(made.lines) > 0).all()
