"""What the ERP says of the open position, laid over the ledger: where both speak, the newer one is believed.

Nothing is invented about timing. An invoice that the ERP no longer lists as open is closed without an observation of
when it was paid: it leaves the open position and counts neither as on time nor as late. The ledger has one form for
that, a credit note over the whole amount; it is dated before every window, so that no credit-note figure sees it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from features.state import CustomerState
from receivables.money import parse_minor
from serving.account import Account, Held, Limit
from serving.schemas import OpenItem, ScoreRequest, SettledItem

#: The date of clearings whose day is not known.
UNDATED: Final = dt.date(1900, 1, 1)
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Overlay:
    """The payer's history as of the order, how its invoices stand, and whether the ERP's open items are in it.

    `levels` are dunning levels by invoice, `contested` invoices under an open dispute, `limit` the one that holds, null
    where none is known. `warnings` say what did not fit.
    """

    state: CustomerState
    invoices: Mapping[str, Held]
    levels: Mapping[str, int]
    contested: Set[str]
    limit: Limit | None
    is_insolvent: bool
    used_open_items: bool
    warnings: tuple[str, ...] = ()


def overlay(account: Account, request: ScoreRequest) -> Overlay:
    """The payer's account as known at the order's moment, with what the request adds to it.

    Open items that were read before the ledger's newest fact about the payer are not used.
    """
    seen = account.as_known(_naive(request.as_of))
    made = _Additions(request, seen)
    made.master_data()
    for settled in request.settled_items.items if request.settled_items else ():
        made.settle(settled)
    given = request.open_items
    is_newer = given is not None and _naive(given.read_at) >= seen.newest
    if given is not None and is_newer:
        made.lay(given.items, complete=given.complete)
    elif given is not None:
        made.warnings.append("open_items are older than the ledger and were not used")
    return Overlay(
        state=made.state,
        invoices=made.invoices,
        levels=made.levels,
        contested=made.contested,
        limit=made.limit,
        is_insolvent=seen.is_insolvent,
        used_open_items=is_newer,
        warnings=tuple(made.warnings),
    )


class _Additions:
    """What the request adds to an account that itself stays as it is."""

    def __init__(self, request: ScoreRequest, seen: Account) -> None:
        self.request, self.seen = request, seen
        self.state = seen.state.copy()
        self.invoices, self.levels = dict(seen.invoices), dict(seen.levels)
        self.contested = set(seen.disputes.values()) - {""}
        self.limit = seen.limit_on(request.as_of.date())
        self.warnings: list[str] = []

    def master_data(self) -> None:
        """Master data that the ledger lacks, and the limit that the ERP has now."""
        customer, account = self.request.customer, self.request.credit_account
        if not self.seen.has_master_data:
            self._add(
                "customers",
                parent_id=customer.credit_account_parent,
                segment=customer.customer_credit_group,
                country=customer.country,
                industry=customer.industry_code.code if customer.industry_code else None,
                legal_form=customer.legal_form,
                customer_since=customer.customer_since,
            )
        if account and account.credit_limit_amount is not None:
            minor, today = parse_minor(account.credit_limit_amount, account.currency), self.request.as_of.date()
            self._add("limit_changes", valid_from=today, amount_minor=minor, currency=account.currency)
            self.limit = Limit(today, _naive(self.request.as_of), minor, account.currency)

    def settle(self, item: SettledItem) -> None:
        """The payment of a settled item, and its invoice where the ledger does not hold it."""
        number, amount = item.document_number, parse_minor(item.amount, item.currency)
        held = self.invoices.get(number) or self._issue(item, amount)
        if held.residual == 0:
            return
        if held.currency != item.currency:
            self.warnings.append("a settled item has another currency than the ledger and was not used")
            return
        paid: dict[str, Any] = {
            "payment_id": f"erp:{number}",
            "amount_minor": held.residual,
            "currency": item.currency,
            "known_at": self._known(item.cleared_on),
        }
        self._add("allocations", **paid, invoice_id=number, line=1, cleared_on=item.cleared_on)
        self.invoices[number] = replace(held, residual=0, cleared=held.amount)

    def lay(self, items: list[OpenItem], *, complete: bool) -> None:
        """The open items over what the ledger holds; where they are `complete`, all others are closed."""
        # a credit item is exposure, not an invoice
        invoices = [item for item in items if parse_minor(item.open_amount, item.currency) > 0]
        before = list(self.invoices)
        for item in invoices:
            self._open(item)
        self._friction(invoices)
        if complete:
            listed = {item.document_number for item in invoices}
            for number in before:
                held = self.invoices[number]
                if held.residual and number not in listed:
                    self.state.forget_payments(number)
                    self._clear_undated(number, held.amount, held.currency)
                    self.invoices[number] = replace(held, residual=0, cleared=held.amount)

    def _open(self, item: OpenItem) -> None:
        number, still_open = item.document_number, parse_minor(item.open_amount, item.currency)
        held = self.invoices.get(number) or self._issue(item, parse_minor(item.amount, item.currency))
        if held.currency != item.currency:
            self.warnings.append("an open item has another currency than the ledger and was not used")
            return
        difference = held.amount - still_open - held.cleared
        if difference:
            self._clear_undated(number, difference, item.currency)
        self.invoices[number] = replace(held, residual=still_open, cleared=held.amount - still_open)

    def _friction(self, items: list[OpenItem]) -> None:
        """Reminders, disputes and promises that the ledger does not know of.

        Their day is not in the request. A reminder is dated on the due date, the first day it can have been sent on; a
        dispute and a promise on the day on which the ERP was read.
        """
        for item in items:
            number, level, promise = item.document_number, item.dunning_level, item.promise_to_pay_date
            about: dict[str, Any] = {"invoice_id": number, "currency": item.currency}
            if level and self.levels.get(number, 0) < level:
                day = min(item.due_date, self._read_on)
                self.levels[number] = level
                self._add("dunnings", **about, dunning_id=f"erp:{number}", level=level, dunned_on=day)
            if item.dispute_status == "OPEN" and number not in self.contested:
                amount = parse_minor(item.open_amount, item.currency)
                self.contested.add(number)
                self._add(
                    "disputes",
                    **about,
                    dispute_id=f"erp:{number}",
                    amount_minor=amount,
                    opened_on=self._read_on,
                    closed_on=None,
                    closed_known_at=None,
                )
            if promise and number not in self.seen.promised:
                amount = parse_minor(item.promised_amount or item.open_amount, item.currency)
                made_on = min(promise, self._read_on)
                self._add(
                    "promises",
                    **about,
                    promise_id=f"erp:{number}",
                    amount_minor=amount,
                    made_on=made_on,
                    promised_for=promise,
                )

    @property
    def _read_on(self) -> dt.date:
        given = self.request.open_items
        return (given.read_at if given else self.request.as_of).date()

    def _issue(self, item: OpenItem | SettledItem, amount: int) -> Held:
        self._add(
            "invoices",
            invoice_id=item.document_number,
            amount_minor=amount,
            currency=item.currency,
            issued_on=item.posting_date,
            due_on=item.due_date,
            net_days=(item.due_date - item.posting_date).days,
            observed_until=self.request.as_of.date() - _DAY,
            known_at=self._known(item.posting_date),
        )
        return Held(item.due_date, amount, amount, 0, item.currency)

    def _clear_undated(self, number: str, amount: int, currency: str) -> None:
        self._add(
            "credit_notes",
            credit_note_id=f"erp:{number}",
            invoice_id=number,
            amount_minor=amount,
            currency=currency,
            credited_on=UNDATED,
            reason="ERP_STATE",
        )

    def _add(self, table: str, **row: Any) -> None:
        """A row about the payer that is known since the order's moment, unless it says otherwise."""
        shared = {"customer_id": self.request.customer.payer, "known_at": _naive(self.request.as_of)}
        self.state.put(table, shared | row)

    def _known(self, day: dt.date) -> dt.datetime:
        """When a dated fact of the request was known: at the end of its day, at the latest when it was sent."""
        return min(dt.datetime.combine(day + _DAY, dt.time()), _naive(self.request.as_of))


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
