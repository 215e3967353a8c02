"""The scoring request as it comes from outside: types, required fields and formats (see docs/api.md).

Amounts stay decimal text here, because how many digits they may have depends on their currency; `serving.plausible`
checks what one field alone cannot show. Ids are text exactly as given.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from receivables.schema import FIRST_YEAR, LAST_YEAR
from serving.problems import FieldProblem, refuse

#: Longest lists that are read.
MAX_ITEMS: Final = 2_000
#: The error type of values that are well-formed and cannot be; they are answered with 422.
IMPOSSIBLE: Final = "impossible"
BOUNDS: Final = frozenset({IMPOSSIBLE, "greater_than_equal", "less_than_equal"})

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})\Z", re.ASCII)


def read_day(value: Any) -> dt.date:
    """The day in text as YYYY-MM-DD; raises PydanticCustomError for anything else."""
    if not isinstance(value, str) or not _DAY.match(value):
        raise PydanticCustomError("day", "expected a day as YYYY-MM-DD")
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", "there is no such day") from None
    return _in_span(day)


def read_moment(value: Any) -> dt.datetime:
    """The moment in text with its offset, in UTC; raises PydanticCustomError for anything else."""
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise PydanticCustomError("moment", "expected a moment with offset, as 2026-11-20T09:14:05Z")
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("moment", "there is no such moment") from None
    _in_span(moment.date())
    return moment.astimezone(dt.UTC)


def _in_span(day: dt.date) -> dt.date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise PydanticCustomError(IMPOSSIBLE, f"expected a year from {FIRST_YEAR} to {LAST_YEAR}")
    return day


Day = Annotated[dt.date, BeforeValidator(read_day)]
Moment = Annotated[dt.datetime, BeforeValidator(read_moment)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Amount = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Days = Annotated[int, Field(ge=0, le=3650)]

_Model = TypeVar("_Model", bound=BaseModel)
CheckPoint = Literal["ONBOARDING", "QUOTE", "SALES_ORDER", "DELIVERY", "INVOICE", "COLLECTIONS", "REVIEW"]
LegalForm = Literal["LEGAL_PERSON", "NATURAL_PERSON", "PUBLIC_BODY"]


class Part(BaseModel):
    """A part of the request: nothing unknown, nothing converted silently, no input repeated in errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class SourceSystem(Part):
    """The ERP that asks."""

    system_id: Id | None = None
    type: Code | None = None


class PaymentTerms(Part):
    """When the order is to be paid; the due date is the baseline date plus `net_days`."""

    net_days: Days
    code: Code | None = None
    discount_days: Days | None = None
    discount_percent: Amount | None = None
    baseline: Literal["BILLING_DATE", "ORDER_DATE", "DELIVERY_DATE"] = "BILLING_DATE"


class Order(Part):
    """The order to be decided on."""

    sales_order: Id
    order_date: Day
    currency: Currency
    gross_amount: Amount
    payment_terms: PaymentTerms
    order_type: Code | None = None
    requested_delivery_date: Day | None = None
    expected_billing_date: Day | None = None
    company_code: Code | None = None
    sales_organization: Code | None = None
    distribution_channel: Code | None = None
    net_amount: Amount | None = None
    tax_amount: Amount | None = None
    contribution_margin_amount: Amount | None = None
    payment_method: Code | None = None
    prepaid_amount: Amount | None = None
    secured_amount: Amount | None = None

    @property
    def issue_date(self) -> dt.date:
        """The day on which the order is expected to be billed."""
        return self.expected_billing_date or self.requested_delivery_date or self.order_date

    @property
    def due_date(self) -> dt.date:
        """The net due date of the invoice to come."""
        baseline = {
            "BILLING_DATE": self.issue_date,
            "ORDER_DATE": self.order_date,
            "DELIVERY_DATE": self.requested_delivery_date or self.issue_date,
        }[self.payment_terms.baseline]
        return baseline + dt.timedelta(days=self.payment_terms.net_days)


class IndustryCode(Part):
    """An industry code and the scheme it is from."""

    scheme: Code
    code: Code


class ExternalRating(Part):
    """A bureau's score."""

    agency: Code
    score: Code
    rated_on: Day


class Customer(Part):
    """Who pays."""

    payer: Id
    legal_form: LegalForm
    business_partner: Id | None = None
    sold_to: Id | None = None
    credit_account_parent: Id | None = None
    name: Text | None = None
    country: Country | None = None
    industry_code: IndustryCode | None = None
    customer_since: Day | None = None
    customer_credit_group: Code | None = None
    external_ratings: Annotated[list[ExternalRating], Field(max_length=20)] = []


class Exposure(Part):
    """What the customer already owes or has ordered; parts that are absent count as nothing."""

    open_order_amount: Amount | None = None
    open_delivery_amount: Amount | None = None
    open_billing_amount: Amount | None = None
    open_item_amount: Amount | None = None
    special_liability_amount: Amount | None = None


class CreditAccount(Part):
    """The ERP's credit account of the payer; all amounts in its currency."""

    currency: Currency
    credit_segment: Code | None = None
    credit_limit_amount: Amount | None = None
    credit_limit_valid_to: Day | None = None
    insured_limit_amount: Amount | None = None
    is_blocked: bool | None = None
    risk_class: Code | None = None
    exposure: Exposure | None = None


class OpenItem(Part):
    """An item that is open in the ERP; a credit item has negative amounts."""

    document_number: Id
    posting_date: Day
    due_date: Day
    amount: Amount
    open_amount: Amount
    currency: Currency
    document_type: Code | None = None
    dunning_level: Annotated[int, Field(ge=0, le=9)] | None = None
    dispute_status: Literal["OPEN", "CLOSED"] | None = None
    promise_to_pay_date: Day | None = None
    promised_amount: Amount | None = None


class OpenItems(Part):
    """The open items at a moment; `complete` says that there are no others."""

    read_at: Moment
    items: Annotated[list[OpenItem], Field(max_length=MAX_ITEMS)]
    complete: bool = False


class SettledItem(Part):
    """An invoice that was paid in full, for callers without a synchronised ledger."""

    document_number: Id
    posting_date: Day
    due_date: Day
    cleared_on: Day
    amount: Amount
    currency: Currency


class SettledItems(Part):
    """The customer's recent settled items."""

    items: Annotated[list[SettledItem], Field(max_length=MAX_ITEMS)]


class Options(Part):
    """How to answer."""

    explain: Literal["FULL", "NONE"] = "FULL"
    counterfactuals: bool = True
    language: Literal["en"] = "en"
    reason_limit: Annotated[int, Field(ge=1, le=20)] = 4
    timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 2_000
    dry_run: bool = False


class ScoreRequest(Part):
    """`POST /v1/orders/score`: one order at a check point, as of a moment."""

    request_id: Id
    as_of: Moment
    check_point: CheckPoint
    order: Order
    customer: Customer
    source_system: SourceSystem | None = None
    credit_account: CreditAccount | None = None
    open_items: OpenItems | None = None
    settled_items: SettledItems | None = None
    options: Options = Options()
    extensions: dict[str, Any] = {}


def read_request(document: Any) -> ScoreRequest:
    """The scoring request in `document`; raises what `read_as` raises."""
    return read_as(ScoreRequest, document)


def read_as(kind: type[_Model], document: Any) -> _Model:
    """The `document` as `kind`; raises ApiError SCHEMA or, where only bounds are broken, IMPOSSIBLE_VALUES."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [FieldProblem(path_of(detail["loc"]), detail["msg"]) for detail in details]
    if all(detail["type"] in BOUNDS for detail in details):
        raise refuse("IMPOSSIBLE_VALUES", "the values of some fields cannot be", fields)
    raise refuse("SCHEMA", "the body does not fit the schema", fields)


def path_of(location: tuple[int | str, ...]) -> str:
    """A location as people write it.

    >>> path_of(("open_items", "items", 0, "amount"))
    'open_items.items[0].amount'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:64]}" for part in location)
    return text.removeprefix(".")
