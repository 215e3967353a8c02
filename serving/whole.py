"""The whole ledger in the serving process, read once for each load of the store; for the portfolio's figures only."""

from __future__ import annotations

import threading
from typing import Final
from weakref import WeakKeyDictionary

from receivables.aging import Book
from receivables.currencies import Currencies, Rates
from receivables.errors import NotFoundError
from receivables.ledger import Ledger
from receivables.store import LedgerStore
from serving.state import State

_KEPT: Final[WeakKeyDictionary[LedgerStore, Ledger]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def whole_ledger(state: State) -> Ledger:
    """The ledger as it is now; raises NotFoundError where there is none or nothing in it."""
    store = state.payers.store
    if store is None:
        raise NotFoundError("there is no ledger: the service was started without one")
    with _LOCK:
        kept = _KEPT.get(store)
        if kept is None or kept.sequence != store.sequence():
            kept = _KEPT[store] = store.read()
    if kept["invoices"].empty:
        raise NotFoundError("the ledger holds no invoices")
    return kept


def book_of(known: Ledger) -> Book:
    """The book of a view of the ledger, in the configured currency, or its most frequent one if that never occurs."""
    conf = Currencies.read()
    counts = known["invoices"]["currency"].value_counts()
    base = conf.reporting_currency if conf.reporting_currency in counts or counts.empty else str(counts.index[0])
    return Book.of(known, Rates.of(known, conf, base=base))
