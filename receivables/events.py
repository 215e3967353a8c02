"""Events that keep a ledger current: what each type means as rows of the canonical tables.

A document is never edited: a reversal or a credit note refers to it. What an event refers to may come later; then the
event is held until it does.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final, Self

from receivables.decision import canonical

Row = dict[str, Any]
Fact = tuple[str, Row]
_DAYS: Final = frozenset(
    {"posting_date", "due_date", "value_date", "dunned_on", "opened_on", "closed_on", "made_on", "promised_for",
     "broken_on", "valid_from", "filed_on", "merged_on"}
)  # fmt: skip


@dataclass(frozen=True, order=True)
class DocumentLine:
    """A line of a document in the system that it comes from."""

    source: str
    document_type: str
    document_number: str
    fiscal_year: int
    line: int

    @property
    def id(self) -> str:
        """The id of what the line is about, where the ledger has none of its own for it."""
        return f"{self.source}:{self.document_type}:{self.document_number}:{self.fiscal_year}:{self.line}"


@dataclass(frozen=True)
class Event:
    """One event as read: `version` of the document line, when the seller knew of it (UTC), and its plain values.

    Money in `values` is in minor units, days are dates, `reverses` is a `DocumentLine`.
    """

    key: DocumentLine
    version: int
    type: str
    payer: str
    known_at: dt.datetime
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def document(self) -> str:
        """What it says, without the moment of its sending, as canonical JSON: equal events have equal documents."""
        values = {name: _plain(value) for name, value in self.values.items() if value is not None}
        return canonical({"type": self.type, "payer": self.payer, "values": values})

    @classmethod
    def of_document(cls, key: DocumentLine, version: int, known_at: dt.datetime, document: str) -> Self:
        """The event that was written as `document`."""
        read = json.loads(document)
        values = {name: _rich(name, value) for name, value in read["values"].items()}
        return cls(key, version, read["type"], read["payer"], known_at, values)


def _plain(value: Any) -> Any:
    if isinstance(value, DocumentLine):
        return list(astuple(value))
    return value.isoformat() if isinstance(value, dt.date) else value


def _rich(name: str, value: Any) -> Any:
    if name == "reverses":
        return DocumentLine(*value)
    return dt.date.fromisoformat(value) if name in _DAYS else value


@dataclass(frozen=True)
class EventType:
    """What an event of one type does: the rows that it adds, and what must be there before it can.

    `waits_for` gives a reference, "invoice:NUMBER", "dispute:CASE" or "event:ID", or null where nothing must be there.
    """

    name: str
    rows: Callable[[Event], list[Fact]]
    waits_for: Callable[[Event], str | None] = lambda event: None


def invoice_reference(number: str) -> str:
    """Refers to an invoice by its number."""
    return f"invoice:{number}"


def dispute_reference(case: str) -> str:
    """Refers to a dispute by its case number."""
    return f"dispute:{case}"


def event_reference(key: DocumentLine) -> str:
    """Refers to a document line, whatever its version."""
    return f"event:{key.id}"


def _row(event: Event, **values: Any) -> Row:
    return {"customer_id": event.payer, **values, "known_at": event.known_at}


def _money(event: Event) -> Row:
    return {"amount_minor": event["amount_minor"], "currency": event["currency"]}


def _invoice(event: Event) -> list[Fact]:
    days = event["net_days"]
    row = _row(
        event, invoice_id=event.key.document_number, company_code=event["company_code"],
        document_type=event.key.document_type, **_money(event), issued_on=event["posting_date"],
        due_on=event["due_date"], terms_code=event["terms_code"], observed_until=event.known_at.date(),
        net_days=(event["due_date"] - event["posting_date"]).days if days is None else days,
    )  # fmt: skip
    return [("invoices", row)]


def _payment(event: Event) -> list[Fact]:
    row = _row(event, payment_id=event.key.id, **_money(event), paid_on=event["value_date"], method=event["method"])
    return [("payments", row)]


def allocation(event: Event) -> list[Fact]:
    """The part of a payment that clears its invoice; none where the payment names no invoice."""
    if event["invoice"] is None:
        return []
    row = {
        "payment_id": event.key.id, "invoice_id": event["invoice"], "line": event.key.line, **_money(event),
        "cleared_on": event["value_date"], "known_at": event.known_at,
    }  # fmt: skip
    return [("allocations", row)]


def _credit_note(event: Event) -> list[Fact]:
    row = _row(
        event, credit_note_id=event.key.id, invoice_id=event["invoice"], **_money(event),
        credited_on=event["posting_date"], reason=event["reason"],
    )  # fmt: skip
    return [("credit_notes", row)]


def _dunning(event: Event) -> list[Fact]:
    row = _row(event, dunning_id=event.key.id, invoice_id=event["invoice"], level=event["level"],
               dunned_on=event["dunned_on"])  # fmt: skip
    return [("dunnings", row)]


def _dispute(event: Event) -> list[Fact]:
    row = _row(
        event, dispute_id=event["case"], invoice_id=event["invoice"], **_money(event), opened_on=event["opened_on"],
        closed_on=None, closed_known_at=None, reason=event["reason"], result=None,
    )  # fmt: skip
    return [("disputes", row)]


def _promise(event: Event) -> list[Fact]:
    row = _row(event, promise_id=event.key.id, invoice_id=event["invoice"], **_money(event), made_on=event["made_on"],
               promised_for=event["promised_for"])  # fmt: skip
    return [("promises", row)]


def _limit(event: Event) -> list[Fact]:
    return [("limit_changes", _row(event, valid_from=event["valid_from"], **_money(event)))]


def _terms(event: Event) -> list[Fact]:
    return [("terms_changes", _row(event, valid_from=event["valid_from"], net_days=event["net_days"]))]


def _write_off(event: Event) -> list[Fact]:
    row = _row(event, write_off_id=event.key.id, invoice_id=event["invoice"], **_money(event),
               written_off_on=event["posting_date"])  # fmt: skip
    return [("write_offs", row)]


def _insolvency(event: Event) -> list[Fact]:
    return [("insolvencies", _row(event, filed_on=event["filed_on"]))]


def _nothing(event: Event) -> list[Fact]:
    """What the ledger derives itself, or what is written elsewhere."""
    return []


def _named_invoice(event: Event) -> str | None:
    return None if event["invoice"] is None else invoice_reference(event["invoice"])


def _case(event: Event) -> str:
    return dispute_reference(event["case"])


def _reversed(event: Event) -> str:
    return event_reference(event["reverses"])


#: Every type there is.
TYPES: Final[dict[str, EventType]] = {
    entry.name: entry
    for entry in (
        EventType("INVOICE_POSTED", _invoice),
        # a payment without its invoice is money received; clearing the invoice is what waits
        EventType("PAYMENT_CLEARED", _payment),
        EventType("PARTIAL_PAYMENT", _payment),
        EventType("REVERSAL", _nothing, _reversed),
        EventType("CREDIT_NOTE", _credit_note, _named_invoice),
        EventType("DUNNED", _dunning, _named_invoice),
        EventType("DISPUTE_OPENED", _dispute, _named_invoice),
        EventType("DISPUTE_CLOSED", _nothing, _case),
        EventType("PROMISE_MADE", _promise, _named_invoice),
        # whether a promise was broken follows from the payments
        EventType("PROMISE_BROKEN", _nothing, _named_invoice),
        EventType("LIMIT_CHANGED", _limit),
        EventType("TERMS_CHANGED", _terms),
        EventType("WRITE_OFF", _write_off, _named_invoice),
        EventType("INSOLVENCY", _insolvency),
        EventType("CUSTOMER_MERGED", _nothing),
    )
}
#: Types that bring money in.
PAYMENTS: Final = frozenset({"PAYMENT_CLEARED", "PARTIAL_PAYMENT"})


def closing(event: Event, dispute: Row) -> Fact:
    """The dispute as DISPUTE_CLOSED leaves it."""
    closed = {"closed_on": event["closed_on"], "closed_known_at": event.known_at, "result": event["result"]}
    return "disputes", {**dispute, **closed}


def reversal(event: Event, reversed_: Event, cleared: bool) -> list[Fact]:
    """What undoes a payment (`cleared` says whether it has cleared its invoice) or an invoice, posted as new rows.

    Raises ValueError for a type that a document of its own undoes: a credit note, a write-off, a limit.
    """
    day = event["posting_date"]
    if reversed_.type in PAYMENTS:
        money = {"amount_minor": -reversed_["amount_minor"], "currency": reversed_["currency"]}
        payment = _row(event, payment_id=event.key.id, **money, paid_on=day, method=reversed_["method"])
        taken_back = {"payment_id": event.key.id, "invoice_id": reversed_["invoice"], "line": event.key.line, **money,
                      "cleared_on": day, "known_at": event.known_at}  # fmt: skip
        return [("payments", payment), *([("allocations", taken_back)] if cleared else [])]
    if reversed_.type == "INVOICE_POSTED":
        row = _row(event, credit_note_id=event.key.id, invoice_id=reversed_.key.document_number, credited_on=day,
                   **_money(reversed_), reason="REVERSAL")  # fmt: skip
        return [("credit_notes", row)]
    if reversed_.type == "CUSTOMER_MERGED":
        return []
    raise ValueError(f"a {reversed_.type} is not reversed: post the document that undoes it")
