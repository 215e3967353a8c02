"""An order as it would be sent again after a change: what each counterfactual of an answer means, as a request.

Each function returns the request with one thing changed and leaves the rest, the moment included, as it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeVar

from pydantic import BaseModel

from receivables.money import format_minor, parse_minor
from serving.position import OpenDocument
from serving.schemas import CreditAccount, OpenItem, ScoreRequest, SettledItem, SettledItems

_Part = TypeVar("_Part", bound=BaseModel)


def reduced(request: ScoreRequest, gross_minor: int) -> ScoreRequest:
    """The order over `gross_minor`: REDUCE_ORDER."""
    return _ordered(request, gross_amount=format_minor(gross_minor, request.order.currency))


def prepaid(request: ScoreRequest, minor: int) -> ScoreRequest:
    """The order of which `minor` in all is paid in advance: PREPAYMENT."""
    return _ordered(request, prepaid_amount=format_minor(minor, request.order.currency))


def secured(request: ScoreRequest, minor: int) -> ScoreRequest:
    """The order of which security covers `minor` in all: SECURE."""
    return _ordered(request, secured_amount=format_minor(minor, request.order.currency))


def due_in(request: ScoreRequest, net_days: int) -> ScoreRequest:
    """The order on shorter terms: SHORTEN_TERMS."""
    return _ordered(request, payment_terms=_with(request.order.payment_terms, net_days=net_days))


def limited(request: ScoreRequest, minor: int, currency: str) -> ScoreRequest:
    """The order of a customer whose limit was raised: RAISE_LIMIT."""
    account = request.credit_account or CreditAccount(currency=currency)
    amount = format_minor(minor, currency)
    return _with(request, credit_account=_with(account, credit_limit_amount=amount))


def cleared(request: ScoreRequest, documents: Sequence[OpenDocument], paid_minor: int) -> ScoreRequest:
    """The order once the documents are paid: CLEAR_OPEN_ITEM.

    Where the request lists all open items, they are no longer among them. Otherwise they are sent as settled items that
    were paid on the day of the order. An exposure that the request states is lower by `paid_minor`, in minor units of
    the credit account's currency.
    """
    gone = {document.number: document for document in documents}
    given = request.open_items
    listed = {item.document_number: item for item in given.items if item.document_number in gone} if given else {}
    changed = request
    if given is not None and listed:
        left = [item for item in given.items if item.document_number not in gone]
        changed = _with(changed, open_items=_with(given, items=left))
    if given is None or not given.complete or len(listed) < len(gone):
        before = request.settled_items.items if request.settled_items else []
        paid = [_paid(request, document, listed.get(number)) for number, document in gone.items()]
        changed = _with(changed, settled_items=SettledItems(items=[*before, *paid]))
    return _less_exposed(changed, paid_minor)


def _paid(request: ScoreRequest, document: OpenDocument, item: OpenItem | None) -> SettledItem:
    """The document as paid on the day of the order; its other dates count only where the ledger does not hold it."""
    today = request.as_of.date()
    due = item.due_date if item else today - dt.timedelta(days=document.days_past_due)
    return SettledItem.model_construct(
        document_number=document.number,
        posting_date=item.posting_date if item else min(due, today),
        due_date=due,
        cleared_on=today,
        amount=item.amount if item else format_minor(document.open_minor, document.currency),
        currency=document.currency,
    )


def _less_exposed(request: ScoreRequest, paid_minor: int) -> ScoreRequest:
    account = request.credit_account
    exposure = account.exposure if account else None
    if account is None or exposure is None or exposure.open_item_amount is None:
        return request
    left = parse_minor(exposure.open_item_amount, account.currency) - paid_minor
    lower = _with(exposure, open_item_amount=format_minor(left, account.currency))
    return _with(request, credit_account=_with(account, exposure=lower))


def share(minor: int, percent: int) -> int:
    """A whole per cent of an amount, rounded half to even to a minor unit.

    >>> share(4998000, 42)
    2099160
    """
    return int((Decimal(minor) * percent / 100).to_integral_value(ROUND_HALF_EVEN))


def _ordered(request: ScoreRequest, **values: Any) -> ScoreRequest:
    return _with(request, order=_with(request.order, **values))


def _with(part: _Part, **values: Any) -> _Part:
    return part.model_copy(update=values)
