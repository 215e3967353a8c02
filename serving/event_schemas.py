"""Events as they come from outside: one schema per type, told apart by `type`; amounts in decimal text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from receivables.errors import InputError
from receivables.events import DocumentLine, Event
from receivables.money import parse_minor
from serving.problems import ApiError, FieldProblem, refuse
from serving.schemas import BOUNDS, Amount, Code, Currency, Day, Days, Id, Moment, Part, path_of

Year = Annotated[int, Field(ge=1900, le=2199)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
#: Events in one request.
MAX_EVENTS: Final = 500
#: Seconds that another system's clock may be ahead of ours.
_AHEAD: Final = dt.timedelta(seconds=60)


class _Line(Part):
    """A line of a document in the system that it comes from."""

    source: Code
    document_type: Code
    document_number: Id
    fiscal_year: Year
    line: Count = 1

    def key(self) -> DocumentLine:
        """The line as the ledger names it."""
        return DocumentLine(self.source, self.document_type, self.document_number, self.fiscal_year, self.line)


class _Event(_Line):
    """What every event has; `recorded_at` is when the source knew of it, by default when it is received."""

    payer: Id
    company_code: Code | None = None
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    recorded_at: Moment | None = None


class _Money(_Event):
    amount: Amount
    currency: Currency


class InvoicePosted(_Money):
    """An invoice, positive; `net_days` by default from posting to due date."""

    type: Literal["INVOICE_POSTED"]
    posting_date: Day
    due_date: Day
    net_days: Days | None = None
    terms_code: Code | None = None
    sales_order: Id | None = None


class Payment(_Money):
    """Money received; it clears `invoice` as far as it goes where it names one."""

    type: Literal["PAYMENT_CLEARED", "PARTIAL_PAYMENT"]
    value_date: Day
    invoice: Id | None = None
    method: Code | None = None


class Reversal(_Event):
    """Undoes a payment, an invoice or a merge."""

    type: Literal["REVERSAL"]
    reverses: _Line
    posting_date: Day


class CreditNote(_Money):
    """Credits an invoice or part of it, positive."""

    type: Literal["CREDIT_NOTE"]
    posting_date: Day
    invoice: Id | None = None
    reason: Code | None = None


class Dunned(_Event):
    """A reminder was sent."""

    type: Literal["DUNNED"]
    dunned_on: Day
    level: Annotated[int, Field(ge=1, le=9)]
    invoice: Id | None = None


class DisputeOpened(_Money):
    """A customer contests an invoice or part of it."""

    type: Literal["DISPUTE_OPENED"]
    case: Id
    opened_on: Day
    invoice: Id | None = None
    reason: Code | None = None


class DisputeClosed(_Event):
    """A dispute is over."""

    type: Literal["DISPUTE_CLOSED"]
    case: Id
    closed_on: Day
    result: Literal["CUSTOMER_RIGHT", "SELLER_RIGHT", "SHARED"] | None = None


class PromiseMade(_Money):
    """A customer promises to pay an amount by a day."""

    type: Literal["PROMISE_MADE"]
    made_on: Day
    promised_for: Day
    invoice: Id | None = None


class PromiseBroken(_Event):
    """A promise was not kept; kept for the record, the ledger sees it from the payments."""

    type: Literal["PROMISE_BROKEN"]
    broken_on: Day
    invoice: Id | None = None


class LimitChanged(_Money):
    """The credit limit from a day on, not negative."""

    type: Literal["LIMIT_CHANGED"]
    valid_from: Day


class TermsChanged(_Event):
    """The agreed payment terms from a day on."""

    type: Literal["TERMS_CHANGED"]
    valid_from: Day
    net_days: Days


class WriteOff(_Money):
    """An invoice or part of it is given up, positive."""

    type: Literal["WRITE_OFF"]
    posting_date: Day
    invoice: Id


class Insolvency(_Event):
    """Proceedings are opened over a customer."""

    type: Literal["INSOLVENCY"]
    filed_on: Day


class CustomerMerged(_Event):
    """The payer's account becomes part of another's."""

    type: Literal["CUSTOMER_MERGED"]
    into: Id
    merged_on: Day


AnyEvent = Annotated[
    InvoicePosted | Payment | Reversal | CreditNote | Dunned | DisputeOpened | DisputeClosed | PromiseMade
    | PromiseBroken | LimitChanged | TermsChanged | WriteOff | Insolvency | CustomerMerged,
    Field(discriminator="type"),
]  # fmt: skip
_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(AnyEvent)
_ABOUT: Final = frozenset({"type", "payer", "version", "recorded_at", *_Line.model_fields})


class Events(Part):
    """`POST /v1/events`: documents in any order."""

    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=MAX_EVENTS)]


class EventResult(BaseModel):
    """What became of one event; `reason` where it was not applied, `error` where it could not be read."""

    status: Literal["APPLIED", "DUPLICATE", "HELD", "CONFLICT", "REFUSED"]
    reason: str | None
    error: dict[str, Any] | None = None


class EventsAnswer(BaseModel):
    """What became of the events, in their order, and the ledger's sequence after them."""

    ledger_sequence: int
    results: list[EventResult]


class Conflict(BaseModel):
    """An event that contradicts the ledger; `document` is what it says, amounts in minor units."""

    conflict_id: int
    source: str
    document_type: str
    document_number: str
    fiscal_year: int
    line: int
    version: int
    type: str
    payer: str
    reason: str
    received_at: str
    document: dict[str, Any]


class ConflictsAnswer(BaseModel):
    """The queue of conflicts, oldest first."""

    conflicts: list[Conflict]


def read_event(document: Any, now: dt.datetime) -> Event:
    """The event in `document`; raises ApiError SCHEMA, or IMPOSSIBLE_VALUES where only values cannot be."""
    try:
        read = _ADAPTER.validate_python(document)
    except ValidationError as error:
        raise _refusal(error) from None
    problems = [FieldProblem(field, problem) for field, problem in _problems(read, now)]
    if problems:
        raise refuse("IMPOSSIBLE_VALUES", "the values of some fields cannot be", problems)
    values = {name: getattr(read, name) for name in type(read).model_fields if name not in _ABOUT}
    if isinstance(read, _Money):
        values["amount_minor"] = parse_minor(values.pop("amount"), read.currency)
    if isinstance(read, Reversal):
        values["reverses"] = read.reverses.key()
    known_at = min(read.recorded_at or now, now).replace(tzinfo=None)
    return Event(read.key(), read.version, read.type, read.payer, known_at, values)


def _problems(read: Any, now: dt.datetime) -> Iterator[tuple[str, str]]:
    if read.recorded_at is not None and read.recorded_at > now + _AHEAD:
        yield "recorded_at", "lies in the future"
    if isinstance(read, InvoicePosted) and read.due_date < read.posting_date:
        yield "due_date", "lies before posting_date"
    if isinstance(read, PromiseMade) and read.promised_for < read.made_on:
        yield "promised_for", "lies before made_on"
    if isinstance(read, CustomerMerged) and read.into == read.payer:
        yield "into", "is the payer"
    if isinstance(read, _Money):
        try:
            minor = parse_minor(read.amount, read.currency)
        except InputError as error:
            yield "amount", str(error).partition(", got ")[0]
            return
        if minor < 0 or (minor == 0 and not isinstance(read, LimitChanged)):
            yield "amount", "expected a positive amount"


def _refusal(error: ValidationError) -> ApiError:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    # a union puts the type before the name of the field
    fields = [FieldProblem(path_of(detail["loc"][1:] or ("type",)), detail["msg"]) for detail in details]
    if all(detail["type"] in BOUNDS for detail in details):
        return refuse("IMPOSSIBLE_VALUES", "the values of some fields cannot be", fields)
    return refuse("SCHEMA", "the event does not fit the schema", fields)
