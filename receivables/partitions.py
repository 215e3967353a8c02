"""A ledger as a folder of Parquet files, cut by customer: what is worked on part by part, on many cores or machines.

    ledger.json                     partitions, rows, fingerprint; written last: without it the folder is incomplete
    exchange_rates.parquet
    part=00000/part.json            rows and SHA-256 of each file
    part=00000/invoices.parquet     and the other canonical tables, where they have rows
    part=00001/...

A customer's facts lie in one partition; allocations lie with their invoice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from receivables.bulk import Track, from_arrow, to_arrow, untracked
from receivables.errors import InputError, NotFoundError
from receivables.ledger import Ledger
from receivables.schema import BY_NAME, SCHEMA_VERSION, TABLES, Table, empty
from receivables.store import LedgerStore

#: Version of the folder's layout.
FORMAT: Final = 1
#: How a customer finds its partition. MD5 because every warehouse has it, so that one can write such a folder itself.
HASH: Final = "int(md5(utf8(customer_id)).hexdigest()[:8], 16) % partitions"
MANIFEST: Final = "ledger.json"
#: Invoices that one partition should hold: some hundred megabytes while its features are computed.
INVOICES_PER_PARTITION: Final = 250_000
#: Customers read from a store at a time; more would make it read everything.
_CUSTOMERS_AT_ONCE: Final = 500
RATES: Final = "exchange_rates"
_ROW_GROUP: Final = 100_000


def partition_of(customer_ids: Iterable[str], partitions: int) -> NDArray[np.int64]:
    """The partition of each customer, by `HASH`.

    >>> partition_of(["4711", "007"], 16).tolist()
    [4, 14]
    """
    digests = (hashlib.md5(name.encode(), usedforsecurity=False).digest() for name in customer_ids)
    return np.fromiter((int.from_bytes(digest[:4]) % partitions for digest in digests), dtype=np.int64)


def partitions_for(invoices: int) -> int:
    """Number of partitions that suits a ledger of so many invoices."""
    return max(1, -(-invoices // INVOICES_PER_PARTITION))


@dataclass(frozen=True)
class PartitionedLedger:
    """A finished folder; `rows` by table, `fingerprint` changes with any byte of its files.

    `source` and `sequence` are those of the ledger that it was written from.
    """

    folder: Path
    partitions: int
    rows: Mapping[str, int]
    source: str
    sequence: int
    fingerprint: str
    digests: Mapping[str, str] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> PartitionedLedger:
        """The folder's manifest, read.

        Raises NotFoundError where there is no folder, InputError where it is incomplete or of another version.
        """
        if not folder.is_dir():
            raise NotFoundError(f"ledger {folder}: no such folder; `otcrisk features --ledger` partitions a store")
        try:
            text = (folder / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError(
                f"ledger {folder}: expected {MANIFEST} in it: writing the folder was interrupted, or it is no "
                f"partitioned ledger; delete it and partition the ledger again"
            ) from None
        document = _read_manifest(folder, text)
        return cls(folder, **{name: document[name] for name in cls.__dataclass_fields__ if name != "folder"})

    def read(self, number: int, tables: Collection[str] = tuple(BY_NAME)) -> Ledger:
        """One partition with all exchange rates; tables that are not asked for are empty.

        Raises InputError where a file is missing or was changed.
        """
        part = part_name(number)
        files = json.loads(self._bytes(f"{part}/part.json", self.digests[part]))
        frames = {
            table.name: self._frame(table, f"{part}/{table.name}.parquet", files.get(table.name))
            if table.name in tables
            else empty(table.name)
            for table in TABLES
        }
        rates = {"sha256": self.digests[RATES]} if RATES in self.digests else None
        frames[RATES] = self._frame(BY_NAME[RATES], f"{RATES}.parquet", rates)
        return Ledger(frames, self.sequence, self.source)

    def _frame(self, table: Table, name: str, file: Mapping[str, Any] | None) -> pd.DataFrame:
        if file is None:
            return empty(table.name)
        content = self._bytes(name, file["sha256"])
        return from_arrow(pq.read_table(pa.BufferReader(content), use_threads=False), table)

    def _bytes(self, name: str, digest: str) -> bytes:
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise InputError(
                f"ledger {self.folder}: {name} is missing or not the file that was written; partition the ledger again"
            )
        return content


def part_name(number: int) -> str:
    """Folder of a partition.

    >>> part_name(7)
    'part=00007'
    """
    return f"part={number:05d}"


def write_partitions(
    source: LedgerStore | Ledger, folder: Path, *, partitions: int, track: Track = untracked
) -> PartitionedLedger:
    """Writes the ledger as a new folder and opens it; from a store, a few hundred customers are in memory at a time.

    The folder appears when it is complete. Raises InputError where it exists already, where `partitions` is not
    positive, or where the store was loaded into meanwhile.
    """
    if partitions < 1:
        raise InputError(f"partitions: expected at least 1, got {partitions}")
    if folder.exists():
        raise InputError(f"{folder}: exists already; name a new folder, or delete this one first")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed
    draft.mkdir(parents=True)
    sequence, address = _identity(source)
    chunks = _of_store(source, partitions) if isinstance(source, LedgerStore) else _of_ledger(source, partitions)
    rows = dict.fromkeys(BY_NAME, 0)
    digests = {}
    for number, ledgers in track(chunks, label="partitioning", total=partitions):
        digests[part_name(number)] = _write_part(draft / part_name(number), ledgers, rows)
    rates = source.read([])[RATES] if isinstance(source, LedgerStore) else source[RATES]
    digests |= _write_rates(draft, rates, rows)
    if _identity(source)[0] != sequence:
        raise InputError(f"ledger {address}: was loaded into while it was partitioned; run again")
    write_manifest(draft, {"partitions": partitions, "rows": rows, "source": address, "sequence": sequence,
                            "digests": digests})  # fmt: skip
    draft.rename(folder)
    return PartitionedLedger.open(folder)


def _identity(source: LedgerStore | Ledger) -> tuple[int, str]:
    if isinstance(source, LedgerStore):
        return source.sequence(), source.address
    return source.sequence, source.source


def _of_store(store: LedgerStore, partitions: int) -> Iterator[tuple[int, Iterator[Ledger]]]:
    """Each partition's number and its ledgers, some customers at a time."""
    ids = np.array(store.payers(), dtype=object)
    numbers = partition_of(ids, partitions)
    for number in range(partitions):
        theirs = ids[numbers == number].tolist()
        starts = range(0, len(theirs), _CUSTOMERS_AT_ONCE)
        yield number, (store.read(theirs[start : start + _CUSTOMERS_AT_ONCE]) for start in starts)


def _of_ledger(ledger: Ledger, partitions: int) -> Iterator[tuple[int, list[Ledger]]]:
    """Each partition's number and its ledger."""
    own = {name: frame["customer_id"] for name, frame in ledger.frames.items() if "customer_id" in frame}
    ids = pd.Index(pd.unique(pd.concat(list(own.values()))))
    numbers = np.append(partition_of(ids, partitions), -1)  # the last for what belongs to nobody
    of_row = {name: numbers[ids.get_indexer(pd.Index(values))] for name, values in own.items()}
    invoices = pd.Index(ledger["invoices"]["invoice_id"])
    place = invoices.get_indexer(pd.Index(ledger["allocations"]["invoice_id"]))
    of_row["allocations"] = np.append(of_row["invoices"], -1)[place]
    order = {name: np.argsort(values, kind="stable") for name, values in of_row.items()}
    bounds = {name: np.searchsorted(of_row[name][order[name]], np.arange(partitions + 1)) for name in order}
    for number in range(partitions):
        frames = {
            name: ledger[name].iloc[rows[bounds[name][number] : bounds[name][number + 1]]]
            for name, rows in order.items()
        }
        yield number, [Ledger(frames)]


def _write_part(folder: Path, ledgers: Iterable[Ledger], rows: dict[str, int]) -> str:
    """Writes a partition's files, adds to `rows`, and returns the digest of its part.json."""
    folder.mkdir()
    writers: dict[str, pq.ParquetWriter] = {}
    counts: dict[str, int] = {}
    for ledger in ledgers:
        for name, frame in ledger.frames.items():
            if name == RATES or frame.empty:
                continue
            made = _arrow(BY_NAME[name], frame)
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", made.schema, compression="zstd")
            writers[name].write_table(made, row_group_size=_ROW_GROUP)
            counts[name] = counts.get(name, 0) + len(frame)
    for writer in writers.values():
        writer.close()
    for name, count in counts.items():
        rows[name] += count
    return write_part(folder, counts)


def write_part(folder: Path, rows: Mapping[str, int]) -> str:
    """Writes the part.json of a partition whose files hold so many rows by table, and returns its digest."""
    files = {name: {"rows": rows[name], "sha256": digest_of(folder / f"{name}.parquet")} for name in sorted(rows)}
    part = folder / "part.json"
    part.write_text(json.dumps(files, indent=1), encoding="utf-8")
    return digest_of(part)


def _write_rates(folder: Path, rates: pd.DataFrame, rows: dict[str, int]) -> dict[str, str]:
    rows[RATES] = len(rates)
    if rates.empty:
        return {}
    file = folder / f"{RATES}.parquet"
    pq.write_table(_arrow(BY_NAME[RATES], rates), file, compression="zstd")
    return {RATES: digest_of(file)}


def _arrow(table: Table, frame: pd.DataFrame) -> pa.Table:
    return pa.table({column.name: to_arrow(frame[column.name], column.kind) for column in table.columns})


def digest_of(file: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes `ledger.json`, which makes the folder a ledger."""
    document = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "hash": HASH, **content}
    document["fingerprint"] = _fingerprint(document)
    (folder / MANIFEST).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _fingerprint(document: Mapping[str, Any]) -> str:
    """Of everything but where the ledger came from: the same files have the same fingerprint wherever they lie."""
    facts = {name: value for name, value in document.items() if name not in ("source", "sequence", "fingerprint")}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read_manifest(folder: Path, text: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(text)
        found = document["format"], document["schema_version"], document["hash"]
        whole = document["fingerprint"] == _fingerprint(document)
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{folder / MANIFEST}: not a manifest: {type(error).__name__}: {error}") from None
    if found != (FORMAT, SCHEMA_VERSION, HASH):
        raise InputError(
            f"{folder / MANIFEST}: expected format {FORMAT} with ledger schema {SCHEMA_VERSION}, found {found[0]} with "
            f"{found[1]} ({found[2]}); partition the ledger again with this otcrisk"
        )
    if not whole:
        raise InputError(f"{folder / MANIFEST}: was changed after it was written; partition the ledger again")
    return document
