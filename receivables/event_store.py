"""Taking events into the ledger: all of a request in one transaction, in whatever order documents arrive.

An event that was taken in before changes nothing. One that says something else under the same key, or that contradicts
the ledger, joins the queue of conflicts. One that refers to what has not come yet is held and applied when it has.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from receivables.event_taking import SOURCE, Posted, Taking
from receivables.events import Event
from receivables.store import LedgerStore
from receivables.tables_sql import (
    BATCH_CUSTOMERS,
    CUSTOMER_MERGES,
    EVENT_CONFLICTS,
    EVENT_KEY,
    LOAD_BATCHES,
)

#: Conflicts that are listed at most.
LISTED: Final = 1_000


@dataclass(frozen=True)
class Merge:
    """`customer_id` is one with `into_id` from the moment `since` until `until`, null while it is; UTC, no offset."""

    customer_id: str
    into_id: str
    since: dt.datetime
    until: dt.datetime | None


def post(store: LedgerStore, events: Sequence[Event]) -> Posted:
    """Takes the events in, durably. Raises UnavailableError where the store cannot be reached: nothing was taken in."""
    with store.writing() as connection:
        taking = Taking(connection)
        outcomes = tuple(taking.take(event) for event in events)
        taking.release_held()
        return taking.posted(outcomes)


def conflicts(store: LedgerStore) -> list[dict[str, Any]]:
    """The queue of conflicts, oldest first, at most `LISTED`."""
    statement = sa.select(EVENT_CONFLICTS).order_by(EVENT_CONFLICTS.c.id).limit(LISTED)
    with store.reading() as connection:
        rows = [dict(row) for row in connection.execute(statement).mappings()]
    return [
        {
            "conflict_id": row["id"],
            **{name: row[name] for name in EVENT_KEY},
            "type": row["type"],
            "payer": row["customer_id"],
            "reason": row["reason"],
            "received_at": row["received_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "document": json.loads(row["document"]),
        }
        for row in rows
    ]


def merges(store: LedgerStore) -> list[Merge]:
    """Every merge of customers that there was."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(CUSTOMER_MERGES).order_by(CUSTOMER_MERGES.c.known_at)).mappings()
        return [
            Merge(row["customer_id"], row["into_id"], _naive(row["known_at"]),
                  None if row["undone_at"] is None else _naive(row["undone_at"]))
            for row in rows
        ]  # fmt: skip


def changed_since(store: LedgerStore, sequence: int) -> tuple[int, frozenset[str] | None]:
    """The ledger's sequence now, and the customers whose facts have changed since; null where it may be any."""
    joined = sa.outerjoin(LOAD_BATCHES, BATCH_CUSTOMERS, LOAD_BATCHES.c.id == BATCH_CUSTOMERS.c.batch_id)
    columns = LOAD_BATCHES.c.id, LOAD_BATCHES.c.source, BATCH_CUSTOMERS.c.customer_id
    with store.reading() as connection:
        rows = connection.execute(sa.select(*columns).select_from(joined).where(LOAD_BATCHES.c.id > sequence)).all()
    newest = max((row.id for row in rows), default=sequence)
    if any(row.source != SOURCE for row in rows):
        return newest, None
    return newest, frozenset(row.customer_id for row in rows if row.customer_id is not None)


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
