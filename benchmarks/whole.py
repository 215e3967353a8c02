"""The whole feature table: one call, partition after partition in one process, and what memory that takes.

python -m benchmarks.whole 1000000    # the memory of one call, as JSON
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from typing import Final

from benchmarks import ours
from benchmarks.measure import Cost, cost_of, forget_peak, median_cost, peak_bytes, resident_bytes
from benchmarks.synthetic import Columns, customer_ids, history_of, orders_of
from features import History, Orders

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
    """What the engine is given."""
    ids = customer_ids(columns.customers)
    return history_of(columns, ids), orders_of(columns, ids)


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
    """Sum over the partitions of computing every feature on a compiled history; one partition is held at a time."""
    costs = [_partition(Columns.make(size, seed)) for seed, size in enumerate(partition_sizes(rows))]
    return Cost(sum(cost.cpu for cost in costs), sum(cost.wall for cost in costs))


def _partition(columns: Columns) -> Cost:
    (history, orders), priors = inputs(columns), ours.priors()
    # by customer and day, as `otcrisk features` computes and writes them
    orders = orders.take(columns.by_customer())
    return cost_of(lambda: ours.whole_table(history, orders, priors))[0]


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


if __name__ == "__main__":
    print(json.dumps(_memory_here(int(sys.argv[1]))))
