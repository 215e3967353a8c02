"""Held-out predictions of a run, kept with it: a later promotion judges the model on what its like had not learnt.

Rows carry a digest in place of customer, invoice and moment: whoever has the ledger finds them again, nobody else.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import Orders
from models.numbers import Floats

#: Column that names a row.
KEY = "key"
#: Of the default model's frame: the moment of the snapshot, and what came of it.
AS_OF, OUTCOME = "as_of", "outcome"


def keys(orders: Orders) -> npt.NDArray[np.object_]:
    """One digest per order."""
    moments = orders.as_of.astype("datetime64[s]").astype(np.int64)
    rows = zip(orders.customer_id, orders.ids, moments, strict=True)
    return np.array([hashlib.sha256(f"{c}|{i}|{m}".encode()).hexdigest()[:24] for c, i, m in rows], dtype=object)


def late_frame(orders: Orders, predicted: Mapping[str, Floats]) -> pd.DataFrame:
    """One row per held-out order: its key, and the probability per horizon."""
    return pd.DataFrame({KEY: keys(orders), **predicted})


def default_frame(orders: Orders, event: str, predicted: Floats, outcome: Floats) -> pd.DataFrame:
    """One row per held-out customer snapshot: key, moment, probability and outcome of the event."""
    return pd.DataFrame({KEY: keys(orders), AS_OF: orders.as_of, event: predicted, OUTCOME: outcome})


def matching(frame: pd.DataFrame, orders: Orders, target: str) -> Floats:
    """(n,) the prediction for `target` of each order, NaN where the frame has none."""
    found = frame.set_index(KEY)[target].reindex(pd.Index(keys(orders), dtype=object))
    return np.array(found, dtype=np.float64)


def snapshots(frame: pd.DataFrame, customer_ids: list[str]) -> Orders:
    """The customer snapshots that the frame speaks of, of the customers given."""
    moments = np.unique(frame[AS_OF].to_numpy().astype("datetime64[us]"))
    known = set(frame[KEY])
    every = Orders.snapshots(customer_ids * len(moments), np.repeat(moments, len(customer_ids)))
    return every.take(np.array([key in known for key in keys(every)], dtype=np.bool_))


def to_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as Parquet."""
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()
