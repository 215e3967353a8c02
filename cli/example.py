"""An order to try the service with: what a customer of the ledger might order on the day after the ledger ends."""

from __future__ import annotations

from typing import Any

import pandas as pd

from receivables.ledger import Ledger
from receivables.money import format_minor
from receivables.settlements import settlements


def end(ledger: Ledger) -> pd.Timestamp:
    """The midnight that ends the last day that the ledger observed."""
    return pd.Timestamp(ledger["invoices"]["observed_until"].max()) + pd.Timedelta(days=1)


def example_order(ledger: Ledger, *, request_id: str) -> dict[str, Any]:
    """The body of a POST to /v1/orders/score: the latest invoice of the customer with most invoices past due, again.

    The customer's open items are left out, so the service takes them from its ledger store.
    """
    moment = end(ledger)
    like = _latest_invoice(ledger, _slowest(ledger, moment))
    forms = ledger["customers"].drop_duplicates("customer_id").set_index("customer_id")["legal_form"].dropna()
    return {
        "request_id": request_id,
        "as_of": f"{moment:%Y-%m-%d}T09:00:00Z",
        "check_point": "SALES_ORDER",
        "order": {
            "sales_order": "DEMO-1",
            "order_date": f"{moment:%Y-%m-%d}",
            "currency": str(like["currency"]),
            "gross_amount": format_minor(int(like["amount_minor"]), str(like["currency"])),
            "payment_terms": {"net_days": int(like["net_days"])},
        },
        "customer": {
            "payer": str(like["customer_id"]),
            "legal_form": str(forms.get(like["customer_id"], "LEGAL_PERSON")),
        },
    }


def _slowest(ledger: Ledger, moment: pd.Timestamp) -> str:
    """The customer with most open invoices past due at `moment`; the first by id where several have as many."""
    state = settlements(ledger, as_of=moment)
    overdue = state["settled_on"].isna() & (state["due_on"] < moment)
    return str(overdue.groupby(state["customer_id"]).sum().sort_index().idxmax())


def _latest_invoice(ledger: Ledger, customer_id: str) -> pd.Series:
    invoices = ledger["invoices"]
    own = invoices[invoices["customer_id"] == customer_id]
    return own.sort_values(["issued_on", "invoice_id"]).iloc[-1]
