"""The whole feature table: one call, partition after partition in one process, and what memory that takes.

python -m benchmarks.whole 1000000    # the memory of one call, as JSON
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from functools import partial
from typing import Final

import numpy as np

from benchmarks import ours
from benchmarks.measure import Cost, cost_of, flat, forget_peak, median_cost, peak_bytes, resident_bytes
from benchmarks.part import Bar, Part, Sizes
from benchmarks.synthetic import (
    Columns,
    customer_ids,
    history_of,
    history_of_sorted,
    orders_of,
    sorted_by_customer,
)
from features import NAMES, History, Orders

#: Rows of a partition: a few hundred MB of features at once.
PARTITION_ROWS: Final = 250_000


def partition_sizes(rows: int) -> list[int]:
    """Equal partitions of at most `PARTITION_ROWS`, at least four.

    >>> partition_sizes(1_000_000)
    [250000, 250000, 250000, 250000]
    """
    parts = max(-(-rows // PARTITION_ROWS), 4)
    return [rows // parts + (i < rows % parts) for i in range(parts)]


def inputs(columns: Columns) -> tuple[History, Orders]:
    """What the engine is given: a compiled history, and orders by customer and day, as `otcrisk features` has them."""
    ids, (_, by_customer) = customer_ids(columns.customers), sorted_by_customer(columns)
    return history_of_sorted(by_customer, ids), orders_of(by_customer, ids)


def one_call(rows: int, repetitions: int) -> dict[str, Cost]:
    """Costs of compiling the history of all rows and of computing every feature of them at once."""
    columns = Columns.make(rows)
    history, orders = inputs(columns)
    ids, priors = customer_ids(columns.customers), ours.priors()
    return {
        "compile": median_cost(lambda: history_of(columns, ids), repetitions)[0],
        "one_call": median_cost(lambda: ours.whole_table(history, orders, priors), repetitions)[0],
    }


def partitions(rows: int) -> Cost:
    """Sum over the partitions of computing every feature on a compiled history; one partition is held at a time, and
    all are written to the same memory."""
    sizes, priors = partition_sizes(rows), ours.priors()
    room = np.empty((max(sizes), len(NAMES)))
    costs = []
    for seed, size in enumerate(sizes):
        history, orders = inputs(Columns.make(size, seed))
        costs.append(cost_of(partial(ours.whole_table, history, orders, priors, room[:size]))[0])
    return Cost(sum(cost.cpu for cost in costs), sum(cost.wall for cost in costs))


def memory(rows: int) -> dict[str, float]:
    """Bytes of inputs and outputs of one call in a process of its own, and the peak beyond what it occupied before."""
    command = [sys.executable, "-m", "benchmarks.whole", str(rows)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    given, made, peak = (found[f"memory_{name}_bytes"] for name in ("input", "output", "peak"))
    return {
        **found,
        "features_peak_memory_ratio": peak / (given + made),
        "features_peak_memory_vs_bar": peak / (3 * given + made),
    }


def _memory_here(rows: int) -> dict[str, float]:
    ours.warm_up()
    gc.collect()
    before = resident_bytes()
    history, orders = inputs(Columns.make(rows))
    gc.collect()
    forget_peak()
    answer = ours.whole_table(history, orders, ours.priors())
    return {
        "memory_input_bytes": ours.nbytes(history, orders),
        "memory_output_bytes": answer.nbytes,
        "memory_peak_bytes": peak_bytes() - before,
    }


def _figures(sizes: Sizes) -> dict[str, float]:
    ours.warm_up()
    costs, large = one_call(sizes.rows, sizes.repetitions or 3), partitions(sizes.large)
    return {
        "table_rows_1m": sizes.rows,
        "table_rows_10m": sizes.large,
        **flat("table", {**costs, "partitions": large}),
        "features_rows_per_second_1m": sizes.rows / costs["one_call"].cpu,
        "features_rows_per_second_10m": sizes.large / large.cpu,
    }


PART: Final = Part(
    "table",
    "every feature of the table, in one call and in partitions",
    _figures,
    tuple(
        Bar(f"features_rows_per_second_{size}", f"whole table, {how}: rows per CPU second", "at least", 1e6)
        for size, how in (("1m", "{table_rows_1m} invoices at once"), ("10m", "{table_rows_10m} in partitions"))
    ),
)
MEMORY: Final = Part(
    "memory",
    "the peak of one call",
    lambda sizes: memory(sizes.rows),
    (Bar("features_peak_memory_vs_bar", "peak of memory over 3 x inputs + outputs", "at most", 1),),
)


if __name__ == "__main__":
    print(json.dumps(_memory_here(int(sys.argv[1]))))
