"""One transaction that takes events in: duplicates, what waits, what contradicts, what was waited for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from receivables import events as types
from receivables.events import PAYMENTS, TYPES, DocumentLine, Event, Fact, Row
from receivables.merging import GROWTH, Growth
from receivables.plain import plain_row
from receivables.schema import BY_NAME, Kind
from receivables.tables_sql import (
    BATCH_CUSTOMERS,
    CUSTOMER_MERGES,
    EVENT_CONFLICTS,
    EVENT_KEY,
    EVENTS,
    LOAD_BATCHES,
    SQL_TABLES,
)

#: `source` of the load batches that events make.
SOURCE: Final = "events"


class Status(StrEnum):
    """What became of an event."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"  # taken in before, with the same content
    HELD = "HELD"  # kept until what it refers to has come
    CONFLICT = "CONFLICT"  # kept in the queue of conflicts, not applied


@dataclass(frozen=True)
class Outcome:
    """What became of one event, and why where it was not applied."""

    status: Status
    reason: str | None = None


@dataclass(frozen=True)
class Posted:
    """What a request did: outcomes in its order, the ledger's sequence before and after, new rows by customer.

    `merged` are customers whose accounts were put together or taken apart.
    """

    outcomes: tuple[Outcome, ...]
    before: int
    sequence: int
    facts: Mapping[str, Sequence[Fact]]
    merged: frozenset[str] = frozenset()


class _ConflictError(Exception):
    """An event contradicts what is there."""


class _AbsentError(Exception):
    """What an event refers to is not there yet."""


@dataclass
class Taking:
    """One transaction that takes events in."""

    connection: sa.Connection
    batch: int | None = None
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    merged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        newest = sa.select(sa.func.coalesce(sa.func.max(LOAD_BATCHES.c.id), 0))
        self.before = int(self.connection.execute(newest).scalar_one())

    def posted(self, outcomes: tuple[Outcome, ...]) -> Posted:
        """The result; writes down whose facts changed."""
        if self.batch is not None:
            customers = sorted({*self.facts, *self.merged})
            rows = [{"batch_id": self.batch, "customer_id": customer} for customer in customers]
            if rows:
                self.connection.execute(BATCH_CUSTOMERS.insert(), rows)
        sequence = self.before if self.batch is None else self.batch
        return Posted(outcomes, self.before, sequence, self.facts, frozenset(self.merged))

    def take(self, event: Event) -> Outcome:
        """Takes one event in."""
        known = self._stored(event)
        if known is not None:
            if known == event.document:
                return Outcome(Status.DUPLICATE)
            return self._queue(event, "another content was received before under the same key and version")
        try:
            waits_for = self._apply(event)
        except _ConflictError as error:
            return self._queue(event, str(error))
        self._store(event, waits_for)
        return Outcome(Status.APPLIED) if waits_for is None else Outcome(Status.HELD, f"waits for {waits_for}")

    def release_held(self) -> None:
        """Applies events that were held and need not be any longer, until none is left that can be."""
        progress = True
        while progress:
            progress = False
            waiting = sa.select(EVENTS).where(EVENTS.c.waits_for.is_not(None))
            ordered = waiting.order_by(EVENTS.c.known_at, *(EVENTS.c[name] for name in EVENT_KEY))
            for row in self.connection.execute(ordered).mappings().all():
                progress |= self._released(_event(row))

    def _released(self, event: Event) -> bool:
        still = sa.select(EVENTS.c.waits_for).where(_is(EVENTS, event))
        if self.connection.execute(still).scalar() is None:
            return False  # a reversal that was released before it has settled it
        try:
            waits_for = self._complete(event)
        except _ConflictError as error:
            self._queue(event, str(error))
            waits_for = None
        if waits_for is not None:
            return False
        self.connection.execute(EVENTS.update().where(_is(EVENTS, event)).values(waits_for=None))
        return True

    def _apply(self, event: Event) -> str | None:
        """Writes the event's rows; returns what it still waits for, null where nothing is left to do."""
        waits_for = TYPES[event.type].waits_for(event)
        if event.type in PAYMENTS or waits_for is None:
            self._put_all(event, TYPES[event.type].rows(event))
        return self._complete(event)

    def _complete(self, event: Event) -> str | None:
        """The part of an event that rests on what it refers to; returns the reference where that is not there."""
        try:
            rows = self._resting(event)
        except _AbsentError as absent:
            return str(absent)
        self._put_all(event, rows)
        return None

    def _resting(self, event: Event) -> list[Fact]:
        if event.type in PAYMENTS:
            facts = types.allocation(event)
            if facts:
                facts[0][1]["known_at"] = max(event.known_at, self._invoice(event)["known_at"])
            return facts
        if event.type == "DISPUTE_CLOSED":
            found = self._find("disputes", {"dispute_id": event["case"]})
            if found is None:
                raise _AbsentError(types.dispute_reference(event["case"]))
            return [types.closing(event, found)]
        if event.type == "REVERSAL":
            return self._reversal(event)
        if event.type == "CUSTOMER_MERGED":
            return self._merge(event)
        if TYPES[event.type].waits_for(event) is None:
            return []
        self._invoice(event)
        return TYPES[event.type].rows(event)

    def _invoice(self, event: Event) -> Row:
        found = self._find("invoices", {"invoice_id": event["invoice"]})
        if found is None:
            raise _AbsentError(types.invoice_reference(event["invoice"]))
        if self._head(found["customer_id"]) != self._head(event.payer):
            raise _ConflictError("the invoice is another payer's")
        if "currency" in event.values and found["currency"] != event["currency"]:
            raise _ConflictError(f"the invoice is in {found['currency']}, the event in {event['currency']}")
        return found

    def _reversal(self, event: Event) -> list[Fact]:
        reversed_ = self._newest(event["reverses"])
        if reversed_ is None:
            raise _AbsentError(types.event_reference(event["reverses"]))
        earlier, waits_for = reversed_
        if earlier.payer != event.payer:
            raise _ConflictError("the document that is reversed is another payer's")
        if self._is_reversed(event, earlier):
            raise _ConflictError("the document was reversed before")
        if earlier.type == "CUSTOMER_MERGED":
            undone = CUSTOMER_MERGES.update().where(CUSTOMER_MERGES.c.merge_id == earlier.key.id)
            self.connection.execute(undone.values(undone_at=_aware(event.known_at), batch_id=self._batch()))
            self.merged |= {earlier.payer, earlier["into"]}
        cleared = earlier["invoice"] is not None and waits_for is None
        if earlier.type in PAYMENTS and waits_for is not None:  # what was never cleared is not waited for any more
            self.connection.execute(EVENTS.update().where(_is(EVENTS, earlier)).values(waits_for=None))
        try:
            return types.reversal(event, earlier, cleared)
        except ValueError as error:
            raise _ConflictError(str(error)) from None

    def _is_reversed(self, event: Event, earlier: Event) -> bool:
        wanted = types.event_reference(earlier.key)
        rows = self.connection.execute(
            sa.select(EVENTS).where(EVENTS.c.type == "REVERSAL", EVENTS.c.customer_id == event.payer)
        ).mappings()
        others = (_event(row) for row in rows if row["waits_for"] is None)
        return any(other.key != event.key and types.event_reference(other["reverses"]) == wanted for other in others)

    def _merge(self, event: Event) -> list[Fact]:
        if self._head(event["into"]) == self._head(event.payer):
            raise _ConflictError("the accounts are one already")
        row = {
            "merge_id": event.key.id, "customer_id": event.payer, "into_id": event["into"],
            "merged_on": event["merged_on"], "known_at": _aware(event.known_at), "undone_at": None,
            "batch_id": self._batch(),
        }  # fmt: skip
        self.connection.execute(CUSTOMER_MERGES.insert(), row)
        self.merged |= {event.payer, event["into"]}
        return []

    def _head(self, customer: str) -> str:
        """The account that a customer's is part of now."""
        into = sa.select(CUSTOMER_MERGES.c.into_id).where(
            CUSTOMER_MERGES.c.customer_id == customer, CUSTOMER_MERGES.c.undone_at.is_(None)
        )
        found = self.connection.execute(into).scalar()
        return customer if found is None else self._head(found)

    def _put_all(self, event: Event, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        stored = [self._find(table, {name: row[name] for name in BY_NAME[table].key}) for table, row in facts]
        for (table, row), found in zip(facts, stored, strict=True):
            if found is not None:
                _require_grown(table, found, row)
        for (table, row), found in zip(facts, stored, strict=True):
            self._put(event, table, row, found)

    def _put(self, event: Event, table: str, row: Row, found: Row | None) -> None:
        target = SQL_TABLES[table]
        values = {name: _stored_value(table, name, row.get(name)) for name in BY_NAME[table].names}
        if found is None:
            self.connection.execute(target.insert(), {**values, "batch_id": self._batch()})
        elif found != {name: row.get(name) for name in BY_NAME[table].names}:
            key = sa.and_(*(target.c[name] == values[name] for name in BY_NAME[table].key))
            grown = {name: values[name] for name, rule in GROWTH.get(table, {}).items() if rule is Growth.FILL}
            if not grown:
                return
            self.connection.execute(target.update().where(key).values(**grown, batch_id=self._batch()))
        else:
            return
        owner = row.get("customer_id") or self._find("invoices", {"invoice_id": row["invoice_id"]})["customer_id"]  # type: ignore[index]
        self.facts.setdefault(owner, []).append((table, {name: row.get(name) for name in BY_NAME[table].names}))

    def _find(self, table: str, key: Mapping[str, Any]) -> Row | None:
        target = SQL_TABLES[table]
        wanted = sa.select(*(target.c[name] for name in BY_NAME[table].names)).where(
            *(target.c[name] == value for name, value in key.items())
        )
        found = self.connection.execute(wanted).first()
        return None if found is None else plain_row(table, found)

    def _stored(self, event: Event) -> str | None:
        found = self.connection.execute(sa.select(EVENTS.c.document).where(_is(EVENTS, event))).scalar()
        return None if found is None else str(found)

    def _newest(self, key: DocumentLine) -> tuple[Event, str | None] | None:
        """The newest version of a document line, and what it waits for."""
        of_line = sa.and_(*(EVENTS.c[name] == value for name, value in vars(key).items()))
        rows = self.connection.execute(sa.select(EVENTS).where(of_line).order_by(EVENTS.c.version.desc())).mappings()
        row = rows.first()
        return None if row is None else (_event(row), row["waits_for"])

    def _store(self, event: Event, waits_for: str | None) -> None:
        row = {**_columns(event), "known_at": _aware(event.known_at), "waits_for": waits_for}
        self.connection.execute(EVENTS.insert(), {**row, "batch_id": self._batch()})

    def _queue(self, event: Event, reason: str) -> Outcome:
        """Puts the event among the conflicts, once."""
        again = _is(EVENT_CONFLICTS, event) & (EVENT_CONFLICTS.c.document == event.document)
        if self.connection.execute(sa.select(EVENT_CONFLICTS.c.id).where(again)).first() is None:
            row = {**_columns(event), "reason": reason, "received_at": dt.datetime.now(dt.UTC)}
            self.connection.execute(EVENT_CONFLICTS.insert(), row)
        return Outcome(Status.CONFLICT, reason)

    def _batch(self) -> int:
        """The load batch of this transaction, made when first needed."""
        if self.batch is None:
            now = dt.datetime.now(dt.UTC)
            row = {"source": SOURCE, "fingerprint": "", "loaded_at": now, "counts": "{}"}
            before = sa.select(sa.func.max(LOAD_BATCHES.c.loaded_at)).where(LOAD_BATCHES.c.source == SOURCE)
            last = self.connection.execute(before).scalar()
            made = LOAD_BATCHES.insert().values(**row).returning(LOAD_BATCHES.c.id)
            self.batch = int(self.connection.execute(made).scalar_one())
            if last is None or last.date() < now.date():
                self._observe(now.date() - dt.timedelta(days=1), self.batch)
        return self.batch

    def _observe(self, day: dt.date, batch: int) -> None:
        """At the first events of a day their source has told everything up to the day before about its invoices."""
        invoices = SQL_TABLES["invoices"]
        told = sa.select(EVENTS.c.document_number).where(EVENTS.c.type == "INVOICE_POSTED")
        earlier = invoices.update().where(invoices.c.invoice_id.in_(told), invoices.c.observed_until < day)
        self.connection.execute(earlier.values(observed_until=day, batch_id=batch))


def _require_grown(table: str, found: Row, row: Row) -> None:
    rules = GROWTH.get(table, {})
    for name in BY_NAME[table].names:
        before, after = found[name], row.get(name)
        may_fill = rules.get(name) is Growth.FILL and before is None
        if before == after or name == "known_at" or may_fill or rules.get(name) is Growth.LATEST:
            continue
        key = "/".join(str(found[part]) for part in BY_NAME[table].key)
        raise _ConflictError(f"{table} {key} has another {name} already")


def _is(table: sa.Table, event: Event) -> sa.ColumnElement[bool]:
    values = {**vars(event.key), "version": event.version}
    return sa.and_(*(table.c[name] == value for name, value in values.items()))


def _columns(event: Event) -> dict[str, Any]:
    about = {"type": event.type, "customer_id": event.payer, "document": event.document}
    return {**vars(event.key), "version": event.version, **about}


def _event(row: Mapping[Any, Any]) -> Event:
    key = DocumentLine(*(row[name] for name in EVENT_KEY[:-1]))
    return Event.of_document(key, row["version"], _naive(row["known_at"]), row["document"])


def _stored_value(table: str, name: str, value: Any) -> Any:
    is_moment = value is not None and BY_NAME[table][name].kind is Kind.MOMENT
    return _aware(value) if is_moment else value


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
