"""One order of an invented customer, scored at start: the first caller does not wait for compiled code to load."""

from __future__ import annotations

from typing import Any, Final

from receivables.decision import wire
from serving.payers import Payers
from serving.schemas import read_request
from serving.score import Occasion, score_order
from serving.state import Tools

_ORDER: Final[dict[str, Any]] = {
    "request_id": "warm-up",
    "as_of": "2026-01-02T09:00:00Z",
    "check_point": "SALES_ORDER",
    "order": {
        "sales_order": "1",
        "order_date": "2026-01-02",
        "currency": "EUR",
        "gross_amount": "100.00",
        "payment_terms": {"net_days": 30},
    },
    "customer": {"payer": "warm-up", "legal_form": "LEGAL_PERSON"},
    "credit_account": {"currency": "EUR", "credit_limit_amount": "150.00"},
    "open_items": {
        "complete": True,
        "read_at": "2026-01-02T09:00:00Z",
        "items": [
            {
                "document_number": "2",
                "posting_date": "2025-11-20",
                "due_date": "2025-12-20",
                "amount": "100.00",
                "open_amount": "80.00",
                "currency": "EUR",
                "dunning_level": 1,
                "dispute_status": "OPEN",
                "promise_to_pay_date": "2025-12-30",
            }
        ],
    },
    "settled_items": {
        "items": [
            {
                "document_number": "1",
                "posting_date": "2025-11-03",
                "due_date": "2025-12-03",
                "cleared_on": "2025-12-05",
                "amount": "100.00",
                "currency": "EUR",
            }
        ]
    },
}


def warm(tools: Tools) -> None:
    """Scores the order and forgets the answer; raises where the models cannot score at all."""
    request = read_request(_ORDER)
    known = Payers(None, tools.rates).nothing()
    wire(score_order(request, _ORDER, known=known, tools=tools, occasion=Occasion.at(request.as_of)).response)
