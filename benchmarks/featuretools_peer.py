"""The reference features in Featuretools, in an interpreter of its own: it needs an older pandas than the product.

    python3 -m venv elsewhere && elsewhere/bin/pip install featuretools "pandas<3" "setuptools<80"
    python -m benchmarks --featuretools elsewhere/bin/python

That interpreter runs this module as a script, with files of numbers between the two; so it imports nothing of the
product but the formulas.
"""

from __future__ import annotations

import importlib
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.formulas import NEWEST, features_of, sums_of_logs

#: Days of a training window; 0 is all of the past.
_WINDOWS: Final = (0, 30, 90, 365)
_OPEN: Final = -1


def entity_set(invoices: pd.DataFrame) -> Any:
    """Customers, and one frame for each log whose rows count from the midnight after their day."""
    ft: Any = importlib.import_module("featuretools")
    paid = invoices[invoices["settled"] != _OPEN].sort_values(["customer", "settled"], kind="stable")
    paid = paid.assign(late=paid["settled"] - paid["due"])
    by_customer = paid.groupby("customer")["late"]
    newest = {"last_late": paid["late"], "last_three": paid["late"] + by_customer.shift(1) + by_customer.shift(2)}
    added = sums_of_logs(invoices, paid)
    days = {
        "s": (paid, paid["settled"], newest),
        "i": (invoices, invoices["issued"], {}),
        "d": (invoices, invoices["due"], {}),
        "c": (paid, paid[["due", "settled"]].max(axis=1), {}),
    }
    made = ft.EntitySet("ledger")
    customers = pd.DataFrame({"customer": invoices["customer"].unique()})
    made.add_dataframe(dataframe_name="customers", dataframe=customers, index="customer")
    for log, (rows, day, extra) in days.items():
        frame = pd.DataFrame({"customer": rows["customer"], "day": day, **added[log], **extra})
        frame = frame.assign(known=_midnight(day + 1), row=np.arange(len(frame))).astype({"day": "float64"})
        made.add_dataframe(dataframe_name=log, dataframe=frame, index="row", time_index="known")
        made.add_relationship("customers", "customer", log, "customer")
    made.add_last_time_indexes()
    return made


def answer(made: Any, invoices: pd.DataFrame) -> dict[str, Any]:
    """The reference features by name: one deep feature synthesis for each window, and arithmetic on its sums."""
    ft: Any = importlib.import_module("featuretools")
    asked = pd.DataFrame({"customer": invoices["customer"], "time": _midnight(invoices["issued"])})
    found = {
        days: ft.dfs(
            entityset=made,
            target_dataframe_name="customers",
            cutoff_time=asked.drop_duplicates(),
            agg_primitives=["sum", "last"],
            trans_primitives=[],
            training_window=f"{days} days" if days else None,
            max_depth=1,
            cutoff_time_in_index=True,
        )[0]
        .loc[pd.MultiIndex.from_frame(asked)]
        .reset_index(drop=True)
        for days in _WINDOWS
    }

    def within(log: str, days: int, name: str) -> Any:
        return found[days][f"{'LAST' if name in NEWEST else 'SUM'}({log}.{name})"].astype("float64")

    return features_of(invoices.reset_index()["issued"], lambda log, name: within(log, 0, name), within)


def _midnight(days: Any) -> Any:
    return pd.to_datetime(days, unit="D")


@contextmanager
def _clock(into: dict[str, Any]) -> Iterator[None]:
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    now = resource.getrusage(resource.RUSAGE_SELF)
    into["cpu"] = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    into["wall"] = time.perf_counter() - begin


def main(given: str, made: str) -> None:
    """Columns from one file, features and seconds into the other; one synthesis on a few rows is not counted."""
    invoices = pd.DataFrame(dict(np.load(given)))
    seconds: dict[str, Any] = {}
    few = invoices.head(20)
    answer(entity_set(few), few)
    entities = entity_set(invoices)
    with _clock(seconds):
        answers = answer(entities, invoices)
    out: dict[str, Any] = {name: values.to_numpy(dtype=np.float64) for name, values in answers.items()}
    np.savez(made, **out, **seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
