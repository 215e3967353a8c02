"""Orders of every kind at random: small and large, with and without a limit, open items, history, security."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

NOW = dt.datetime(2026, 11, 20, 9, 14, 5, 118000, tzinfo=dt.UTC)
TODAY = NOW.date()


def random_order(dice: random.Random, payers: Sequence[str], number: int) -> dict[str, Any]:
    """A request that is always well-formed and possible; equal dice give equal orders."""
    gross = round(10 ** dice.uniform(2, 5.1), 2)
    document: dict[str, Any] = {
        "request_id": f"random-{number}",
        "as_of": "2026-11-20T09:14:05Z",
        "check_point": dice.choice(["QUOTE", "SALES_ORDER", "DELIVERY"]),
        "order": {
            "sales_order": str(number),
            "order_date": TODAY.isoformat(),
            "currency": dice.choice(["EUR", "EUR", "EUR", "USD"]),
            "gross_amount": f"{gross:.2f}",
            "payment_terms": {"net_days": dice.choice([0, 10, 14, 30, 30, 45, 60, 90])},
        },
        "customer": {
            "payer": dice.choice(payers) if dice.random() < 0.85 else f"unknown-{number}",
            "legal_form": dice.choice(["LEGAL_PERSON"] * 6 + ["NATURAL_PERSON", "PUBLIC_BODY"]),
        },
        "options": {"timeout_ms": 60_000},
    }
    order, customer = document["order"], document["customer"]
    for name, value in (
        ("prepaid_amount", gross * dice.choice([0, 0.1])),
        ("secured_amount", gross * dice.choice([0, 0, 0.3])),
        ("contribution_margin_amount", gross * dice.uniform(-0.01, 0.3)),
    ):
        if dice.random() < 0.5:
            order[name] = f"{value:.2f}"
    if dice.random() < 0.3:
        customer["customer_credit_group"] = dice.choice(["B2B-DE", "KEY_ACCOUNT"])
    items = _open_items(dice, number) if dice.random() < 0.6 else None
    if items:
        document["open_items"] = {"complete": dice.random() < 0.7, "read_at": "2026-11-20T09:14:02Z", "items": items}
    if dice.random() < 0.85:
        document["credit_account"] = _account(dice, gross, items or [])
    return document


def _open_items(dice: random.Random, number: int) -> list[dict[str, Any]]:
    made = []
    for i in range(dice.randint(1, 6)):
        posted = TODAY - dt.timedelta(days=dice.randint(1, 120))
        amount = 10 ** dice.uniform(2, 4.5)
        made.append(
            {
                "document_number": f"{number}-{i}",
                "posting_date": posted.isoformat(),
                "due_date": (posted + dt.timedelta(days=dice.choice([14, 30, 45]))).isoformat(),
                "amount": f"{amount:.2f}",
                "open_amount": f"{amount * dice.choice([1, 1, 0.5]):.2f}",
                "currency": "EUR",
                "dunning_level": dice.choice([0, 0, 1, 2, 4]),
                "dispute_status": dice.choice([None, None, None, "OPEN"]),
            }
        )
    return made


def _account(dice: random.Random, gross: float, items: list[dict[str, Any]]) -> dict[str, Any]:
    owed = sum(float(item["open_amount"]) for item in items)
    account: dict[str, Any] = {"currency": "EUR", "is_blocked": dice.random() < 0.03}
    if dice.random() < 0.9:
        account["credit_limit_amount"] = f"{round((owed + gross) * dice.uniform(0.3, 3), -2):.2f}"
    if dice.random() < 0.9:
        account["credit_limit_valid_to"] = "2026-10-31" if dice.random() < 0.05 else "2027-06-30"
    if dice.random() < 0.5:
        account["exposure"] = {"open_order_amount": f"{gross * dice.uniform(0, 0.3):.2f}"}
        if dice.random() < 0.6:
            account["exposure"]["open_item_amount"] = f"{owed:.2f}"
    return account
