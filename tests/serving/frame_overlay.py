"""The overlay on data frames: slow, and what the one that serves must equal, bit for bit.

Nothing is invented about timing. An invoice that the ERP no longer lists as open is closed without an observation of
when it was paid: it leaves the open position and counts neither as on time nor as late. The ledger has one form for
that, a credit note over the whole amount; it is dated before every window, so that no credit-note figure sees it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd

from receivables.ledger import Ledger
from receivables.money import parse_minor
from receivables.schema import conform
from receivables.settlements import settlements_of
from serving.account import Held
from serving.schemas import OpenItem, ScoreRequest, SettledItem

#: The date of clearings whose day is not known.
UNDATED: Final = dt.date(1900, 1, 1)
_DAY: Final = dt.timedelta(days=1)
Row = dict[str, Any]


@dataclass(frozen=True)
class FrameOverlay:
    """The payer's ledger as of the order, how its invoices stand, whether the ERP's open items are in it.

    `warnings` say what did not fit.
    """

    ledger: Ledger
    invoices: Mapping[str, Held]
    used_open_items: bool
    warnings: tuple[str, ...] = ()


def frame_overlay(ledger: Ledger, request: ScoreRequest) -> FrameOverlay:
    """The payer's part of the ledger as known at the order's moment, with what the request adds to it.

    Open items that were read before the ledger's newest fact about the payer are not used.
    """
    seen = _as_known(ledger, pd.Timestamp(_naive(request.as_of)))
    made = _Additions(request, seen, _held(seen))
    made.master_data()
    for settled in request.settled_items.items if request.settled_items else ():
        made.settle(settled)
    given = request.open_items
    is_newer = given is not None and _naive(given.read_at) >= _newest(seen)
    if given is not None and is_newer:
        made.lay(given.items, complete=given.complete)
    elif given is not None:
        made.warnings.append("open_items are older than the ledger and were not used")
    return FrameOverlay(made.onto(seen), made.invoices, is_newer, tuple(made.warnings))


@dataclass
class _Additions:
    """Rows to add by table, how the invoices stand with them, and invoices whose payments so far are forgotten."""

    request: ScoreRequest
    seen: Ledger
    invoices: dict[str, Held]
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

    def master_data(self) -> None:
        """Master data that the ledger lacks, and the limit that the ERP has now."""
        customer, account = self.request.customer, self.request.credit_account
        if self.seen["customers"].empty:
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
            limit = parse_minor(account.credit_limit_amount, account.currency)
            valid_from = self.request.as_of.date()
            self._add("limit_changes", valid_from=valid_from, amount_minor=limit, currency=account.currency)

    def settle(self, item: SettledItem) -> None:
        """The payment of a settled item, and its invoice where the ledger does not hold it."""
        number, amount = item.document_number, parse_minor(item.amount, item.currency)
        held = self.invoices.get(number) or self._issue(item, amount)
        if held.residual == 0:
            return
        if held.currency != item.currency:
            self.warnings.append("a settled item has another currency than the ledger and was not used")
            return
        paid: Row = {
            "payment_id": f"erp:{number}",
            "amount_minor": held.residual,
            "currency": item.currency,
            "known_at": self._known(item.cleared_on),
        }
        self._add("payments", **paid, paid_on=item.cleared_on)
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
                    self.forgotten.add(number)
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
        reminded = _pairs(self.seen["dunnings"], "invoice_id", "level")
        disputed = {i for i, closed in _pairs(self.seen["disputes"], "invoice_id", "closed_on") if pd.isna(closed)}
        promised = {i for i, _ in _pairs(self.seen["promises"], "invoice_id", "promised_for")}
        for item in items:
            number, level, promise = item.document_number, item.dunning_level, item.promise_to_pay_date
            about: Row = {"invoice_id": number, "currency": item.currency}
            if level and not any(i == number and before >= level for i, before in reminded):
                day = min(item.due_date, self._read_on)
                self._add("dunnings", **about, dunning_id=f"erp:{number}", level=level, dunned_on=day)
            if item.dispute_status == "OPEN" and number not in disputed:
                amount = parse_minor(item.open_amount, item.currency)
                self._add("disputes", **about, dispute_id=f"erp:{number}", amount_minor=amount, opened_on=self._read_on)
            if promise and number not in promised:
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
        self.rows[table].append(shared | row)

    def _known(self, day: dt.date) -> dt.datetime:
        """When a dated fact of the request was known: at the end of its day, at the latest when it was sent."""
        return min(dt.datetime.combine(day + _DAY, dt.time()), _naive(self.request.as_of))


def _as_known(ledger: Ledger, as_of: pd.Timestamp) -> Ledger:
    """`ledger.known(as_of)`; the ledger itself where all of it was known, as for an order that comes in now."""
    latest = [frame["known_at"].max() for frame in ledger.frames.values() if len(frame)]
    latest += [ledger["disputes"]["closed_known_at"].max()] if len(ledger["disputes"]) else []
    return ledger.known(as_of) if any(moment > as_of for moment in latest) else ledger


def _newest(seen: Ledger) -> pd.Timestamp:
    """When the newest fact about the payer became known."""
    frames = (frame for name, frame in seen.frames.items() if name != "exchange_rates" and len(frame))
    return max((frame["known_at"].max() for frame in frames), default=pd.Timestamp.min)


def _held(seen: Ledger) -> dict[str, Held]:
    if seen["invoices"].empty:
        return {}
    frame = settlements_of(seen)
    cleared = frame["paid_minor"] + frame["credited_minor"] + frame["written_off_minor"]
    columns = (frame[name] for name in ("invoice_id", "due_on", "amount_minor", "residual_minor"))
    return {
        str(number): Held(due.date(), int(amount), int(residual), int(gone), str(currency))
        for number, due, amount, residual, gone, currency in zip(*columns, cleared, frame["currency"], strict=True)
    }


def _pairs(frame: pd.DataFrame, key: str, value: str) -> list[tuple[Any, Any]]:
    return list(zip(frame[key], frame[value], strict=True))


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
