"""Features as Parquet: identifiers, then one column per feature, with what the feature table says about each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.expression import Floats
from features.feature import EITHER, LOWERS, RAISES, Feature
from features.orders import Orders
from features.peers import WIDTH, PeerCounts
from features.table import FEATURES, VERSION

#: Rows computed and written at a time: what is in memory besides the ledger.
ROW_GROUP: Final = 65_536
_DIRECTIONS: Final = {LOWERS: "lowers", EITHER: "either", RAISES: "raises"}
_IDENTIFIERS: Final = (
    pa.field("invoice_id", pa.string(), False, {"meaning": "document number"}),
    pa.field("customer_id", pa.string(), False, {"meaning": "the payer"}),
    pa.field("as_of", pa.timestamp("us"), False, {"meaning": "the features hold what was known then, UTC"}),
)
_COUNTS: Final = tuple(f"change_{i}" for i in range(WIDTH))


def features_schema(fingerprint: str) -> pa.Schema:
    """Columns and their meaning; the schema itself names the feature set and the ledger's fingerprint."""
    fields = [*_IDENTIFIERS, *(pa.field(f.name, pa.float64(), True, _described(f)) for f in FEATURES)]
    return pa.schema(fields, {"feature_set_version": VERSION, "ledger_fingerprint": fingerprint})


def _described(feature: Feature) -> dict[str, str]:
    return {
        "group": feature.group,
        "meaning": feature.meaning,
        "unit": feature.unit,
        "null": feature.null_meaning,
        "expected": f"{feature.low:g} to {feature.high:g}",
        "risk": _DIRECTIONS[feature.direction],
        "reason": feature.reason,
    }


def write_features(file: Path, schema: pa.Schema, blocks: Iterable[tuple[Orders, Floats]]) -> None:
    """Writes orders and their features (NaN as null); the file appears when it is complete."""
    # doubles hardly ever repeat: a dictionary costs three times the writing and saves nothing
    room = np.empty((len(FEATURES), ROW_GROUP))
    with drafted(file) as draft, pq.ParquetWriter(draft, schema, use_dictionary=["customer_id"]) as writer:
        for orders, features in blocks:
            columns = room[:, : len(orders)]
            columns[:] = features.T
            writer.write_batch(_batch(orders, columns, schema), row_group_size=ROW_GROUP)


def _batch(orders: Orders, columns: Floats, schema: pa.Schema) -> pa.RecordBatch:
    identifiers = (
        pa.array(orders.ids, pa.string()),
        pa.array(orders.customer_id, pa.string()),
        pa.array(orders.as_of.astype("datetime64[us]"), pa.timestamp("us")),
    )
    return pa.RecordBatch.from_arrays(
        [*identifiers, *(pa.array(column, from_pandas=True) for column in columns)], schema=schema
    )


def write_counts(file: Path, counts: PeerCounts) -> None:
    """Writes counts of peer groups; the file appears when it is complete."""
    by = np.ascontiguousarray(counts.by.T)
    columns = {"group": counts.group, "moment": counts.moment, **dict(zip(_COUNTS, by, strict=True))}
    rows = pa.table(columns).replace_schema_metadata({"groups": json.dumps(counts.groups)})
    with drafted(file) as draft:
        pq.write_table(rows, draft, compression="zstd")


def read_counts(file: Path) -> PeerCounts:
    """What `write_counts` wrote."""
    rows = pq.read_table(file, use_threads=False)
    groups = tuple((segment, bucket) for segment, bucket in json.loads(rows.schema.metadata[b"groups"]))
    by = np.column_stack([rows[name].to_numpy() for name in _COUNTS])
    return PeerCounts(groups, rows["group"].to_numpy(), rows["moment"].to_numpy(), by)


@contextmanager
def drafted(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` when all went well: nobody ever sees half of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    try:
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())  # or a power cut could leave the name without the content
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
