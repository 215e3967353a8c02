"""Where the customer stands when the order comes in: open items, exposure and limit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from receivables.currencies import Rates
from receivables.money import parse_minor
from serving.account import Limit
from serving.overlay import Overlay
from serving.payers import Knowledge
from serving.rates import RateBook
from serving.schemas import CreditAccount, Exposure, OpenItem, ScoreRequest

#: The parts of the exposure, as the credit account names them.
EXPOSURE_PARTS: Final = tuple(Exposure.model_fields)
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class OpenDocument:
    """An invoice that is open; `days_past_due` counts to the day of the order and is negative before it is due."""

    number: str
    days_past_due: int
    open_minor: int
    currency: str
    dunning_level: int
    disputed: bool


@dataclass(frozen=True)
class Position:
    """What is open and what the limit is; null where unknown.

    Exposure and limit are minor units of `currency`; `rate` is units of it per unit of the order's currency.
    `credit_account` is whose they are where that is the payer's group.
    """

    documents: tuple[OpenDocument, ...] | None
    currency: str
    rate: Decimal
    exposure_minor: int | None
    limit_minor: int | None
    limit_valid_to: dt.date | None
    is_blocked: bool
    is_insolvent: bool
    warnings: tuple[str, ...] = ()
    credit_account: str | None = None

    @property
    def overdue(self) -> tuple[OpenDocument, ...]:
        """Documents past due that nobody disputes, oldest first."""
        late = [d for d in self.documents or () if d.days_past_due > 0 and not d.disputed]
        return tuple(sorted(late, key=lambda d: (-d.days_past_due, d.number)))

    @property
    def disputed(self) -> tuple[OpenDocument, ...]:
        """Documents with an open dispute, by number."""
        return tuple(sorted((d for d in self.documents or () if d.disputed), key=lambda d: d.number))

    @property
    def max_dunning_level(self) -> int | None:
        """The highest dunning level among the open documents, 0 where none is reminded."""
        return None if self.documents is None else max((d.dunning_level for d in self.documents), default=0)

    @property
    def oldest_overdue_days(self) -> int | None:
        """Days past due of the oldest undisputed document, 0 where none is past due."""
        return None if self.documents is None else max((d.days_past_due for d in self.overdue), default=0)


def position(laid: Overlay, request: ScoreRequest, book: RateBook, known: Knowledge, *, is_known: bool) -> Position:
    """The position in the overlaid history; `is_known` says whether it holds all open items that there are.

    Where the payer's group has one credit account, exposure and limit are those of the group. Room that approved orders
    have reserved counts as exposure.
    """
    items = {item.document_number: item for item in (request.open_items.items if request.open_items else ())}
    documents = _documents(laid, items, request.as_of.date()) if is_known or items else None
    account = request.credit_account
    group = _Group.of(known, request, laid.limit)
    limit = group.limit
    currency = account.currency if account else limit.currency if limit else request.order.currency
    rates, amounts = book.into(known.quotes, currency), [*_credits(items), *group.open_amounts]
    exposure, warnings = _exposure(account, documents, amounts, request, rates)
    if known.reserved and exposure is not None:
        held = [(reservation.amount_minor, reservation.currency) for reservation in known.reserved]
        exposure += _sum(held, rates, request.as_of.date())
        warnings += (f"exposure includes what {len(held)} approved orders that are not invoiced yet have reserved",)
    return Position(
        documents=documents,
        currency=currency,
        rate=_rate(rates, request.order.currency, request.as_of.date()),
        exposure_minor=exposure,
        limit_minor=limit.amount_minor if limit else None,
        limit_valid_to=account.credit_limit_valid_to if account else None,
        is_blocked=bool(account and account.is_blocked),
        is_insolvent=laid.is_insolvent,
        warnings=(*warnings, *group.warnings),
        credit_account=group.credit_account,
    )


@dataclass(frozen=True)
class _Group:
    """What the payer's group adds: the limit of its head where the request states none, and what its others owe.

    `credit_account` names the account that the group has in common, null where it has none.
    """

    limit: Limit | None
    open_amounts: tuple[tuple[int, str], ...] = ()
    warnings: tuple[str, ...] = ()
    credit_account: str | None = None

    @classmethod
    def of(cls, known: Knowledge, request: ScoreRequest, own: Limit | None) -> _Group:
        account, day = request.credit_account, request.as_of.date()
        is_stated = account is not None and account.credit_limit_amount is not None
        heads = known.group[:1] if known.account.parent is not None else ()
        of_head = next((limit for head in heads if (limit := head.limit_on(day))), None)
        limit = own if is_stated else of_head or own
        named, payer = request.customer.credit_account_parent, request.customer.payer
        has_one_account = named or of_head or (own and not heads)
        if not known.group or not has_one_account:
            return cls(own, credit_account=named if named != payer else None)
        common = named or known.account.parent or payer
        moment = request.as_of.astimezone(dt.UTC).replace(tzinfo=None)
        seen = [other.as_known(moment) for other in known.group]
        amounts = tuple((h.residual, h.currency) for other in seen for h in other.invoices.values() if h.residual)
        if account is not None and account.exposure is not None and account.exposure.open_item_amount is not None:
            return cls(limit, credit_account=common)  # what the ERP states is the credit account's
        said = f"exposure includes the open items of {len(seen)} more customers of the group (credit account {common})"
        return cls(limit, amounts, (said,), common)


def _documents(laid: Overlay, items: dict[str, OpenItem], today: dt.date) -> tuple[OpenDocument, ...]:
    made = []
    for number, held in laid.invoices.items():
        if held.residual:
            item = items.get(number)
            level = item.dunning_level if item and item.dunning_level is not None else laid.levels.get(number, 0)
            disputed = item.dispute_status == "OPEN" if item and item.dispute_status else number in laid.contested
            days = (today - held.due_on).days
            made.append(OpenDocument(number, days, held.residual, held.currency, level, disputed))
    return tuple(made)


def _credits(items: dict[str, OpenItem]) -> list[tuple[int, str]]:
    """Open credit items, which are in the request only: negative minor units and their currency."""
    amounts = [(parse_minor(item.open_amount, item.currency), item.currency) for item in items.values()]
    return [(minor, currency) for minor, currency in amounts if minor < 0]


def _exposure(
    account: CreditAccount | None,
    documents: tuple[OpenDocument, ...] | None,
    credits_: Sequence[tuple[int, str]],
    request: ScoreRequest,
    rates: Rates,
) -> tuple[int | None, tuple[str, ...]]:
    """Exposure before the order: the credit account's where it is given, else what is open."""
    open_minor = None
    if documents is not None:
        amounts = [*((d.open_minor, d.currency) for d in documents), *credits_]
        open_minor = _sum(amounts, rates, request.as_of.date())
    if account is None or account.exposure is None:
        return open_minor, ()
    parts = {name: getattr(account.exposure, name) for name in EXPOSURE_PARTS}
    given = {name: parse_minor(text, account.currency) for name, text in parts.items() if text is not None}
    stated = given.get("open_item_amount")
    if stated is None and open_minor is not None:
        return sum(given.values()) + open_minor, ()
    complete = request.open_items is not None and request.open_items.complete
    if complete and open_minor is not None and stated != open_minor:
        return sum(given.values()), ("credit_account.exposure.open_item_amount differs from the sum of open_items",)
    return sum(given.values()), ()


def _sum(amounts: Sequence[tuple[int, str]], rates: Rates, day: dt.date) -> int:
    number = day.toordinal() - _EPOCH
    return sum(rates.convert_one(minor, currency, number) for minor, currency in amounts)


def _rate(rates: Rates, currency: str, day: dt.date) -> Decimal:
    """Units of the rates' base for one unit of `currency` on the day."""
    if currency == rates.base:
        return Decimal(1)
    quotes = rates.quotes.get(currency)
    place = -1 if quotes is None else int(np.searchsorted(quotes.days, np.datetime64(day), side="right")) - 1
    return quotes.rates[place] if quotes is not None and place >= 0 else rates.conf.rate(currency, rates.base)
