"""What the ERP says of the open position, laid over the ledger: where both speak, the newer one is believed.

Nothing is invented about timing. An invoice that the ERP no longer lists as open is closed without an observation of
when it was paid: it leaves the open position and counts neither as on time nor as late. The ledger has one form for
that, a credit note over the whole amount; it is dated before every window, so that no credit-note figure sees it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from receivables.ledger import Ledger
from receivables.money import parse_minor
from receivables.schema import conform
from receivables.settlements import settlements
from serving.schemas import OpenItem, ScoreRequest, SettledItem

#: The date of clearings whose day is not known.
UNDATED: Final = dt.date(1900, 1, 1)
_DAY: Final = dt.timedelta(days=1)
Row = dict[str, Any]


@dataclass(frozen=True)
class Overlay:
    """The customer's ledger as of the order, whether the ERP's open items are in it, and what did not fit."""

    ledger: Ledger
    used_open_items: bool
    warnings: tuple[str, ...] = ()


@dataclass
class _Additions:
    """Rows to add by table, and invoices whose clearings so far are forgotten."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    forgotten: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def onto(self, ledger: Ledger) -> Ledger:
        """The ledger with the additions."""
        frames = dict(ledger.frames)
        if self.forgotten:
            allocations = frames["allocations"]
            frames["allocations"] = allocations[~allocations["invoice_id"].isin(self.forgotten)]
        for table, rows in self.rows.items():
            added = conform(table, pd.DataFrame(rows))
            frames[table] = added if frames[table].empty else pd.concat([frames[table], added], ignore_index=True)
        return Ledger(frames, ledger.sequence, ledger.source)


def overlay(ledger: Ledger, request: ScoreRequest) -> Overlay:
    """The payer's part of the ledger with what the request adds to it.

    Open items that were read before the ledger's newest fact about the payer (of those known by `as_of`) are not used.
    """
    with_history = _history(ledger, request).onto(ledger)
    given = request.open_items
    if given is None:
        return Overlay(with_history, used_open_items=False)
    if _naive(given.read_at) < _newest(ledger, _naive(request.as_of)):
        return Overlay(with_history, False, ("open_items are older than the ledger and were not used",))
    additions = _open_position(with_history, request)
    return Overlay(additions.onto(with_history), True, tuple(additions.warnings))


def _newest(ledger: Ledger, as_of: dt.datetime) -> pd.Timestamp:
    """When the newest fact about the payer became known, of those known by `as_of`."""
    moments = [frame["known_at"] for name, frame in ledger.frames.items() if name != "exchange_rates"]
    seen = pd.concat(moments)
    return max(seen[seen <= as_of], default=pd.Timestamp.min)


def _history(ledger: Ledger, request: ScoreRequest) -> _Additions:
    """Master data and limit that the ledger lacks, and settled items that it does not hold."""
    made = _Additions()
    customer, account = request.customer, request.credit_account
    if ledger["customers"].empty:
        made.rows["customers"].append(
            {
                "customer_id": customer.payer,
                "parent_id": customer.credit_account_parent,
                "segment": customer.customer_credit_group,
                "country": customer.country,
                "industry": customer.industry_code.code if customer.industry_code else None,
                "legal_form": customer.legal_form,
                "customer_since": customer.customer_since,
                "known_at": _naive(request.as_of),
            }
        )
    if account and account.credit_limit_amount is not None:
        made.rows["limit_changes"].append(
            {
                "customer_id": customer.payer,
                "valid_from": request.as_of.date(),
                "amount_minor": parse_minor(account.credit_limit_amount, account.currency),
                "currency": account.currency,
                "known_at": _naive(request.as_of),
            }
        )
    if request.settled_items:
        residual = _residuals(ledger, request.as_of)
        for item in request.settled_items.items:
            _settle(made, item, residual.get(item.document_number), request)
    return made


def _settle(made: _Additions, item: SettledItem, stored: _Stored | None, request: ScoreRequest) -> None:
    """Adds the payment of a settled item, and its invoice where the ledger does not hold it."""
    amount = parse_minor(item.amount, item.currency)
    if stored is None:
        made.rows["invoices"].append(_invoice(item, amount, request))
    elif stored.residual == 0:
        return
    elif stored.currency != item.currency:
        made.warnings.append("a settled item has another currency than the ledger and was not used")
        return
    else:
        amount = stored.residual
    paid = {
        "payment_id": f"erp:{item.document_number}",
        "amount_minor": amount,
        "currency": item.currency,
        "known_at": _known(item.cleared_on, request.as_of),
    }
    made.rows["payments"].append(paid | {"customer_id": request.customer.payer, "paid_on": item.cleared_on})
    made.rows["allocations"].append(
        paid | {"invoice_id": item.document_number, "line": 1, "cleared_on": item.cleared_on}
    )


def _open_position(ledger: Ledger, request: ScoreRequest) -> _Additions:
    given = request.open_items
    made = _Additions()
    if given is None:
        return made
    stored = _residuals(ledger, request.as_of)
    listed = set()
    for item in given.items:
        if parse_minor(item.open_amount, item.currency) > 0:  # a credit item is exposure, not an invoice
            listed.add(item.document_number)
            _lay(made, item, stored.get(item.document_number), request)
            _friction(made, item, ledger, request)
    if given.complete:
        for number, invoice in stored.items():
            if invoice.residual and number not in listed:
                made.forgotten.add(number)
                made.rows["credit_notes"].append(_undated(number, invoice.amount, invoice.currency, request))
    return made


def _lay(made: _Additions, item: OpenItem, stored: _Stored | None, request: ScoreRequest) -> None:
    """Adds the invoice where the ledger does not hold it, and what brings its open amount to the ERP's."""
    amount, still_open = parse_minor(item.amount, item.currency), parse_minor(item.open_amount, item.currency)
    if stored is None:
        made.rows["invoices"].append(_invoice(item, amount, request))
        cleared = 0
    elif stored.currency != item.currency:
        made.warnings.append("an open item has another currency than the ledger and was not used")
        return
    else:
        amount, cleared = stored.amount, stored.cleared
    if amount - still_open != cleared:
        difference = amount - still_open - cleared
        made.rows["credit_notes"].append(_undated(item.document_number, difference, item.currency, request))


def _friction(made: _Additions, item: OpenItem, ledger: Ledger, request: ScoreRequest) -> None:
    """Reminders, disputes and promises that the ledger does not know of.

    Their day is not in the request. A reminder is dated on the due date, the first day it can have been sent on; a
    dispute and a promise on the day on which the ERP was read.
    """
    read_on = request.open_items.read_at.date() if request.open_items else request.as_of.date()
    number = item.document_number
    shared: Row = {
        "customer_id": request.customer.payer,
        "invoice_id": number,
        "currency": item.currency,
        "known_at": _naive(request.as_of),
    }
    reminded = ledger["dunnings"].loc[ledger["dunnings"]["invoice_id"] == number, "level"]
    if item.dunning_level and not (reminded >= item.dunning_level).any():
        dunned_on = min(item.due_date, read_on)
        made.rows["dunnings"].append(
            shared | {"dunning_id": f"erp:{number}", "level": item.dunning_level, "dunned_on": dunned_on}
        )
    disputes = ledger["disputes"]
    if item.dispute_status == "OPEN" and not ((disputes["invoice_id"] == number) & disputes["closed_on"].isna()).any():
        amount = parse_minor(item.open_amount, item.currency)
        made.rows["disputes"].append(
            shared | {"dispute_id": f"erp:{number}", "amount_minor": amount, "opened_on": read_on}
        )
    promised_for, promises = item.promise_to_pay_date, ledger["promises"]
    if promised_for and not (promises["invoice_id"] == number).any():
        amount = parse_minor(item.promised_amount or item.open_amount, item.currency)
        made.rows["promises"].append(
            shared
            | {
                "promise_id": f"erp:{number}",
                "amount_minor": amount,
                "made_on": min(promised_for, read_on),
                "promised_for": promised_for,
            }
        )


@dataclass(frozen=True)
class _Stored:
    """An invoice as the ledger has it, in minor units of its currency."""

    amount: int
    residual: int
    cleared: int
    currency: str


def _residuals(ledger: Ledger, as_of: dt.datetime) -> dict[str, _Stored]:
    frame = settlements(ledger, as_of=pd.Timestamp(_naive(as_of)))
    cleared = frame["paid_minor"] + frame["credited_minor"] + frame["written_off_minor"]
    columns = (frame["invoice_id"], frame["amount_minor"], frame["residual_minor"], cleared, frame["currency"])
    return {str(i): _Stored(int(a), int(r), int(c), str(cur)) for i, a, r, c, cur in zip(*columns, strict=True)}


def _invoice(item: OpenItem | SettledItem, amount: int, request: ScoreRequest) -> Row:
    return {
        "invoice_id": item.document_number,
        "customer_id": request.customer.payer,
        "amount_minor": amount,
        "currency": item.currency,
        "issued_on": item.posting_date,
        "due_on": item.due_date,
        "net_days": (item.due_date - item.posting_date).days,
        "known_at": _known(item.posting_date, request.as_of),
        "observed_until": request.as_of.date() - _DAY,
    }


def _undated(number: str, amount: int, currency: str, request: ScoreRequest) -> Row:
    return {
        "credit_note_id": f"erp:{number}",
        "customer_id": request.customer.payer,
        "invoice_id": number,
        "amount_minor": amount,
        "currency": currency,
        "credited_on": UNDATED,
        "reason": "ERP_STATE",
        "known_at": _naive(request.as_of),
    }


def _known(day: dt.date, as_of: dt.datetime) -> dt.datetime:
    """When a dated fact of the request was known: at the end of its day, at the latest when it was sent."""
    return min(dt.datetime.combine(day + _DAY, dt.time()), _naive(as_of))


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
