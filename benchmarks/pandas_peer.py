"""The reference features in pandas: running sums for each customer, looked up as of a day with merge_asof."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.formulas import features_of, sums_of_logs
from benchmarks.reference import LOOKED_UP, NAMES
from benchmarks.synthetic import COLUMNS, OPEN, Columns
from features.expression import Floats


def frame_of(columns: Columns) -> pd.DataFrame:
    """The columns as a frame; `settled` is `OPEN` while open."""
    return pd.DataFrame({name: getattr(columns, name) for name in COLUMNS})


def as_of(invoices: pd.DataFrame) -> pd.DataFrame:
    """groupby().cumsum() and merge_asof(by=customer): rows as `invoices`, which come by issue day."""
    settled = invoices[invoices["settled"] != OPEN]
    settled = settled.sort_values(["customer", "settled"], kind="stable").assign(
        late=lambda frame: frame["settled"] - frame["due"],
        last_three=lambda frame: _last_three(frame),
    )
    added = sums_of_logs(invoices, settled)
    days = {
        "s": settled["settled"],
        "i": invoices["issued"],
        "d": invoices["due"],
        "c": settled[["due", "settled"]].max(axis=1),
    }
    newest = {"s": {"last_late": settled["late"], "last_three": settled["last_three"]}}
    looked_up: dict[str, dict[int, pd.DataFrame]] = {}
    for log, windows in LOOKED_UP.items():
        customer = (settled if log in ("s", "c") else invoices)["customer"]
        frame = pd.DataFrame({"customer": customer, "day": days[log], **added[log], **newest.get(log, {})})
        frame = frame.sort_values("day", kind="stable")
        summed = list(added[log])
        frame[summed] = frame.groupby("customer", sort=False)[summed].cumsum()
        looked_up[log] = {w: _looked_up(invoices, frame, w, summed) for w in windows}

    def ever(log: str, name: str) -> pd.Series:
        return looked_up[log][0][name]

    def within(log: str, days: int, name: str) -> pd.Series:
        return looked_up[log][0][name] - looked_up[log][days][name]

    return pd.DataFrame(features_of(invoices["issued"], ever, within))


def _last_three(settled: pd.DataFrame) -> pd.Series:
    late = settled["settled"] - settled["due"]
    by_customer = late.groupby(settled["customer"], sort=False)
    return late + by_customer.shift(1) + by_customer.shift(2)


def _looked_up(invoices: pd.DataFrame, log: pd.DataFrame, days: int, summed: list[str]) -> pd.DataFrame:
    asked = pd.DataFrame({"customer": invoices["customer"], "day_asked": invoices["issued"] - days - 1})
    found = pd.merge_asof(asked, log, left_on="day_asked", right_on="day", by="customer")
    found[summed] = found[summed].fillna(0)
    return found


def matrix(answer: pd.DataFrame) -> Floats:
    """Rows x `reference.NAMES`."""
    return answer[list(NAMES)].to_numpy(dtype=np.float64)
