"""What a well-formed request may still not say: amounts that do not fit their currency, dates that contradict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterator, Sequence
from typing import Final

from receivables.errors import InputError
from receivables.money import EXPONENTS, parse_minor
from serving.problems import FieldProblem, refuse
from serving.schemas import OpenItem, OpenItems, Order, ScoreRequest, SettledItem

#: The seller's day may be one ahead of the UTC day of `as_of`.
_ZONE: Final = dt.timedelta(days=1)
_ANY, _NOT_NEGATIVE, _POSITIVE = None, 0, 1


def require_possible(request: ScoreRequest, convertible: Container[str]) -> None:
    """Raises ApiError IMPOSSIBLE_VALUES with every contradiction in the request.

    `convertible` are the currencies for which there is an exchange rate; amounts in others cannot be compared.
    """
    problems = [FieldProblem(field, problem) for field, problem in _problems(request)]
    problems += [
        FieldProblem(field, "there is no exchange rate for this currency")
        for field, currency in _currencies(request)
        if currency in EXPONENTS and currency not in convertible
    ]
    if problems:
        raise refuse("IMPOSSIBLE_VALUES", "the values of some fields cannot be", problems)


def _problems(request: ScoreRequest) -> Iterator[tuple[str, str]]:
    yield from _order(request.order)
    yield from _account(request)
    today = request.as_of.date() + _ZONE
    since = request.customer.customer_since
    if since and since > today:
        yield "customer.customer_since", "lies after as_of"
    if request.open_items:
        yield from _open_items(request.open_items, request.as_of)
    if request.settled_items:
        items = request.settled_items.items
        yield from _numbers("settled_items", items)
        for i, settled in enumerate(items):
            yield from _settled(f"settled_items.items[{i}]", settled, today)


def _currencies(request: ScoreRequest) -> Iterator[tuple[str, str]]:
    yield "order.currency", request.order.currency
    if request.credit_account:
        yield "credit_account.currency", request.credit_account.currency
    for i, item in enumerate(request.open_items.items if request.open_items else ()):
        yield f"open_items.items[{i}].currency", item.currency
    for i, settled in enumerate(request.settled_items.items if request.settled_items else ()):
        yield f"settled_items.items[{i}].currency", settled.currency


def _order(order: Order) -> Iterator[tuple[str, str]]:
    currency = order.currency
    yield from _money("order.gross_amount", order.gross_amount, currency, _POSITIVE)
    yield from _money("order.net_amount", order.net_amount, currency, _NOT_NEGATIVE)
    yield from _money("order.tax_amount", order.tax_amount, currency, _NOT_NEGATIVE)
    yield from _money("order.contribution_margin_amount", order.contribution_margin_amount, currency, _ANY)
    yield from _money("order.prepaid_amount", order.prepaid_amount, currency, _NOT_NEGATIVE)
    yield from _money("order.secured_amount", order.secured_amount, currency, _NOT_NEGATIVE)
    prepaid, gross = _minor(order.prepaid_amount, currency), _minor(order.gross_amount, currency)
    if prepaid is not None and gross is not None and prepaid > gross:
        yield "order.prepaid_amount", "exceeds gross_amount"


def _account(request: ScoreRequest) -> Iterator[tuple[str, str]]:
    account = request.credit_account
    if account is None:
        return
    where = "credit_account"
    if account.currency not in EXPONENTS:
        yield f"{where}.currency", "expected an ISO 4217 code such as EUR"
    for name in ("credit_limit_amount", "insured_limit_amount"):
        yield from _money(f"{where}.{name}", getattr(account, name), account.currency, _NOT_NEGATIVE)
    if account.exposure:
        for name in type(account.exposure).model_fields:
            yield from _money(f"{where}.exposure.{name}", getattr(account.exposure, name), account.currency, _ANY)


def _open_items(given: OpenItems, as_of: dt.datetime) -> Iterator[tuple[str, str]]:
    if given.read_at > as_of:
        yield "open_items.read_at", "lies after as_of: the answer would look ahead"
    yield from _numbers("open_items", given.items)
    for i, item in enumerate(given.items):
        yield from _open_item(f"open_items.items[{i}]", item, as_of.date() + _ZONE)


def _open_item(where: str, item: OpenItem, today: dt.date) -> Iterator[tuple[str, str]]:
    yield from _dates(where, item.posting_date, item.due_date, today)
    for name in ("amount", "open_amount", "promised_amount"):
        yield from _money(f"{where}.{name}", getattr(item, name), item.currency, _ANY)
    amount, still_open = _minor(item.amount, item.currency), _minor(item.open_amount, item.currency)
    if amount is not None and still_open is not None:
        if amount == 0 or still_open == 0:
            yield f"{where}.open_amount", "an open item has an amount and something open of it"
        elif (amount > 0) != (still_open > 0) or abs(still_open) > abs(amount):
            yield f"{where}.open_amount", "expected a part of amount, with the same sign"


def _settled(where: str, item: SettledItem, today: dt.date) -> Iterator[tuple[str, str]]:
    yield from _dates(where, item.posting_date, item.due_date, today)
    yield from _money(f"{where}.amount", item.amount, item.currency, _POSITIVE)
    if item.cleared_on > today:
        yield f"{where}.cleared_on", "lies after as_of: the answer would look ahead"
    if item.cleared_on < item.posting_date:
        yield f"{where}.cleared_on", "lies before posting_date"


def _dates(where: str, posted: dt.date, due: dt.date, today: dt.date) -> Iterator[tuple[str, str]]:
    if posted > today:
        yield f"{where}.posting_date", "lies after as_of: the answer would look ahead"
    if due < posted:
        yield f"{where}.due_date", "lies before posting_date"


def _numbers(where: str, items: Sequence[OpenItem | SettledItem]) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for i, item in enumerate(items):
        before = first.setdefault(item.document_number, i)
        if before != i:
            yield f"{where}.items[{i}].document_number", f"the same as in items[{before}]"


def _money(where: str, text: str | None, currency: str, least: int | None) -> Iterator[tuple[str, str]]:
    if text is None:
        return
    try:
        minor = parse_minor(text, currency)
    except InputError as error:
        yield where, str(error).partition(", got ")[0]
        return
    if least is not None and minor < least:
        yield where, "expected a positive amount" if least else "expected no negative amount"


def _minor(text: str | None, currency: str) -> int | None:
    """The amount, or null where it is absent or not an amount, which is reported elsewhere."""
    try:
        return None if text is None else parse_minor(text, currency)
    except InputError:
        return None
