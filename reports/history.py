"""How one customer has paid and what it owes, as known when its order was decided: from the ledger or the request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from receivables.aging import NAMES, aging, bucket_of
from receivables.ledger import Ledger
from receivables.money import parse_minor, spoken
from receivables.settlements import settlements_of
from reports.charts import Picture, stacked_bar
from reports.decision_charts import Paid, lateness, payment_timeline
from reports.svg import AGES
from reports.words import day

#: Invoices drawn one by one, and how many of them are settled ones even where many are open.
_SHOWN = 18
_SETTLED = 6
_LOLLIPOPS = 150


@dataclass(frozen=True)
class PaymentHistory:
    """A customer's invoices on the day `on`, and where they come from.

    Columns: invoice_id, currency, amount_minor, residual_minor, issued_on, due_on, settled_on (NaT while open).
    """

    invoices: pd.DataFrame
    on: dt.date
    source: str

    @property
    def settled(self) -> pd.DataFrame:
        """Invoices that were settled."""
        return self.invoices[self.invoices["settled_on"].notna()]

    @property
    def open(self) -> pd.DataFrame:
        """Open invoices with days_past_due and bucket (position in `receivables.aging.BUCKETS`)."""
        items = self.invoices[self.invoices["residual_minor"] > 0]
        days = (pd.Timestamp(self.on) - items["due_on"]).dt.days.to_numpy()
        return items.assign(days_past_due=days, bucket=bucket_of(days))


def history_of(
    customer_id: str, request: Mapping[str, Any], as_of: pd.Timestamp, ledger: Ledger | None
) -> PaymentHistory:
    """The customer's invoices known at `as_of` (UTC, naive): the ledger's where it has any, else the request's."""
    on = as_of.date()
    if ledger is not None:
        known = settlements_of(ledger.of_customers([customer_id]).known(as_of))
        if len(known):
            return PaymentHistory(known, on, "the ledger, as known at the time of the decision")
    return PaymentHistory(_sent(request), on, "the items sent with the request")


def _sent(request: Mapping[str, Any]) -> pd.DataFrame:
    """The request's open and settled items in the columns of `PaymentHistory`."""
    items = [(item, None) for item in (request.get("open_items") or {}).get("items", [])]
    items += [(item, item["cleared_on"]) for item in (request.get("settled_items") or {}).get("items", [])]
    rows = [
        {
            "invoice_id": item["document_number"],
            "currency": item["currency"],
            "amount_minor": parse_minor(item["amount"], item["currency"]),
            "residual_minor": 0 if cleared else parse_minor(item.get("open_amount", item["amount"]), item["currency"]),
            "issued_on": item["posting_date"],
            "due_on": item["due_date"],
            "settled_on": cleared,
        }
        for item, cleared in items
    ]
    columns = ["invoice_id", "currency", "amount_minor", "residual_minor", "issued_on", "due_on", "settled_on"]
    frame = pd.DataFrame(rows, columns=columns)
    dates = {name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in columns[4:]}
    return frame.assign(**dates).astype({"amount_minor": "int64", "residual_minor": "int64"})


def aging_pictures(history: PaymentHistory) -> list[Picture]:
    """One stacked bar of what is open by age per currency, the one with most invoices first."""
    items = history.open
    table = aging(items, by=["currency"], money="residual_minor")
    pictures = []
    for currency in items["currency"].value_counts().index:
        row = table.loc[currency]
        parts = [
            (_age(name), float(row[name]), spoken(int(row[name]), currency), AGES[i]) for i, name in enumerate(NAMES)
        ]
        overdue = int(row["open"] - row[NAMES[0]])
        pictures.append(
            stacked_bar(
                f"Open invoices by age, {currency}",
                f"{spoken(int(row['open']), currency)} open on {day(history.on)}, {spoken(overdue, currency)} of it "
                f"past due.",
                parts,
                header=("days past due", "open"),
                rows=[(label, words) for label, _, words, _ in parts] + [("open", spoken(int(row["open"]), currency))],
            )
        )
    return pictures


def _age(bucket: str) -> str:
    return bucket if bucket == "not due" else f"{bucket} days"


def payment_pictures(history: PaymentHistory) -> list[Picture]:
    """How late each invoice was paid over time, and the newest invoices from issue to payment."""
    if history.invoices.empty:
        return []
    newest = history.invoices.sort_values(["due_on", "invoice_id"])
    pictures = []
    if len(history.settled) > 1:
        drawn = paid_items(newest.tail(_LOLLIPOPS))
        shown = f"The last {_LOLLIPOPS} by due date." if len(newest) > _LOLLIPOPS else "Every invoice that was due."
        text = f"One line per invoice at its due date, up = days late, down = days early; hollow = still open. {shown}"
        pictures.append(lateness("Days late, invoice by invoice", text, drawn, on=history.on))
    is_open = newest["settled_on"].isna()
    oldest_open = newest[is_open].head(_SHOWN)
    chosen = pd.concat([newest[~is_open].tail(max(_SHOWN - len(oldest_open), _SETTLED)), oldest_open])
    pictures.append(
        payment_timeline(
            "From invoice to payment",
            f"The last paid and the oldest open invoices, {len(chosen)} of {len(newest)}: grey from issue, upright "
            f"mark = due date, orange = late, dot = paid, hollow = open on {day(history.on)} (dashed line).",
            paid_items(chosen.sort_values(["issued_on", "invoice_id"])),
            on=history.on,
        )
    )
    return pictures


def paid_items(invoices: pd.DataFrame) -> Sequence[Paid]:
    """Rows of a `PaymentHistory` as what the timeline draws."""
    return [
        Paid(
            label=row["invoice_id"],
            amount=spoken(row["amount_minor"], row["currency"]),
            issued=row["issued_on"].date(),
            due=row["due_on"].date(),
            settled=None if pd.isna(row["settled_on"]) else row["settled_on"].date(),
        )
        for row in invoices.to_dict("records")
    ]
