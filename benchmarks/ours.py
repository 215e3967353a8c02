"""Our engine as the measurements call it: the one place that knows its interface."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.reference import reference_features
from benchmarks.synthetic import Columns, customer_ids, history_of, orders_of
from features import History, Orders, Priors, build_features
from features.engine import Engine
from features.expression import Floats
from features.history import Ints
from features.state import CustomerState, OneOrder
from receivables.ledger import Ledger

#: Invoices whose rates stand for those of the peers; looking them up costs little however many there are.
_PEERS = 20_000


@lru_cache(maxsize=1)
def _reference_engine() -> Engine:
    return Engine.of(reference_features())


def reference(history: History, orders: Orders, priors: Priors, codes: Ints | None = None) -> Floats:
    """The 25 reference features, float64 (orders x 25); `codes` of the orders' customers where they are known."""
    return _reference_engine().build(history, orders, priors, codes=codes)


def whole_table(history: History, orders: Orders, priors: Priors, out: Floats | None = None) -> Floats:
    """Every feature of the table, float64 (orders x features), in `out` where it is given."""
    return build_features(history, orders, priors, out=out)


def states(ledger: Ledger) -> list[CustomerState]:
    """What the service holds in memory of each customer, in the order of their ids."""
    return [CustomerState.of(ledger.of_customers([name])) for name in sorted(ledger["customers"]["customer_id"])]


def one_order(orders: Orders, row: int) -> tuple[int, OneOrder]:
    """The moment in microseconds and the order, as a state is asked for its features."""
    issued, due = (int(days[row].astype(np.int64)) for days in (orders.issued_on, orders.due_on))
    net_days, amount = int(orders.net_days[row]), int(orders.amount_minor[row])
    return int(orders.as_of[row].astype(np.int64)), OneOrder(issued, due, net_days, amount, orders.currency[row])


@lru_cache(maxsize=1)
def priors() -> Priors:
    """Rates of peers, as they are through time."""
    columns = Columns.make(_PEERS, seed=0)
    return Priors.of(history_of(columns, customer_ids(columns.customers)))


def warm_up() -> None:
    """Compiles (or loads from numba's cache) everything that is measured."""
    columns = Columns.make(200, seed=0)
    ids = customer_ids(columns.customers)
    history, orders = history_of(columns, ids), orders_of(columns, ids)
    whole_table(history, orders, priors())


def nbytes(history: History, orders: Orders) -> int:
    """Bytes of all arrays of the inputs; of text the references only, once where all rows share one text."""
    parts = (history.customers, history.invoices, history.clearings, history.events, orders)
    arrays = (getattr(part, name) for part in parts for name in part.__dataclass_fields__)
    return sum(array.nbytes if any(array.strides) else array.itemsize for array in arrays)
