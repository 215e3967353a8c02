"""What each path does, takes and answers: the table behind openapi.json. A path of the service is an entry here too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from serving import answer_schemas as answers
from serving import event_schemas as events
from serving import view_schemas as views
from serving.advice import Advice
from serving.decisions import Contest, Override
from serving.schemas import ScoreRequest

_DAY: Final = {"type": "string", "format": "date"}
#: A moment with its offset, or a day, which is its first moment in UTC.
_MOMENT: Final = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}


@dataclass(frozen=True)
class Operation:
    """One path: its method, what it does, the types of body and answer, parameters in the path and after the "?".

    `example` names the file in examples/ whose content is a body that runs.
    """

    method: str
    summary: str
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    path: tuple[str, ...] = ()
    query: tuple[tuple[str, dict[str, Any]], ...] = ()
    example: Any = None
    has_deadline: bool = False


def _number(default: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


_ON: Final = ("on", _DAY)
_AS_OF: Final = ("as_of", _MOMENT)
_OVERRIDE: Final = {
    "request_id": "override-1", "outcome": "APPROVE", "reason": "The overdue invoice was paid this morning",
    "reason_code": "PAYMENT_ARRANGED", "approver": "r.lee", "role": "CREDIT_MANAGER",
}  # fmt: skip
_CONTEST: Final = {
    "request_id": "contest-1", "reason": "The invoice was paid in October", "raised_by": "the customer",
    "grounds": "DATA_ERROR",
}  # fmt: skip
_ADVICE: Final = {
    "request": {
        "request_id": "silent-1", "as_of": "2026-11-20T09:14:05Z", "check_point": "SALES_ORDER",
        "order": {"sales_order": "4501", "order_date": "2026-11-20", "currency": "EUR", "gross_amount": "900.00",
                  "payment_terms": {"net_days": 30}},
        "customer": {"payer": "100482", "legal_form": "LEGAL_PERSON"},
    },
    "outcome": "APPROVE", "decided_at": "2026-11-20T09:14:06Z", "table_sha256": "0" * 64,
}  # fmt: skip
_EVENTS: Final = {
    "events": [
        {"source": "S4P-100", "document_type": "RV", "document_number": "9000790001", "fiscal_year": 2026,
         "type": "INVOICE_POSTED", "payer": "100482", "amount": "1190.00", "currency": "EUR",
         "posting_date": "2026-11-02", "due_date": "2026-12-02"},
        {"source": "S4P-100", "document_type": "DZ", "document_number": "1400000731", "fiscal_year": 2026,
         "type": "PAYMENT_CLEARED", "payer": "100482", "amount": "1190.00", "currency": "EUR",
         "value_date": "2026-11-12", "invoice": "9000790001"},
    ]
}  # fmt: skip

OPERATIONS: Final[dict[str, Operation]] = {
    "/v1/orders/score": Operation(
        "post", "Score one order", answers.ScoreAnswer, ScoreRequest, example="order.json", has_deadline=True
    ),
    "/v1/orders/score-batch": Operation("post", "Score up to 100 orders, each on its own"),
    "/v1/events": Operation(
        "post", "Keep the ledger current with up to 500 events", events.EventsAnswer, events.Events, example=_EVENTS
    ),
    "/v1/events/conflicts": Operation("get", "Events that contradict the ledger", events.ConflictsAnswer),
    "/v1/decisions/advice": Operation(
        "post", "Record what an ERP decided by a stand-in table", answers.ScoreAnswer, Advice, example=_ADVICE
    ),
    "/v1/decisions/{score_id}": Operation(
        "get", "A recorded decision and the notes on it", views.DecisionAnswer, path=("score_id",)
    ),
    "/v1/decisions/{score_id}/replay": Operation(
        "post", "A decision made again, and what differs", views.ReplayAnswer, path=("score_id",)
    ),
    "/v1/decisions/{score_id}/override": Operation(
        "post", "Record a person's other decision", views.NoteAnswer, Override, path=("score_id",), example=_OVERRIDE
    ),
    "/v1/decisions/{score_id}/contest": Operation(
        "post", "Record the customer's objection", views.NoteAnswer, Contest, path=("score_id",), example=_CONTEST
    ),
    "/v1/customers/{payer}/risk": Operation(
        "get", "A customer's score, reasons, limit and remedies", views.RiskAnswer, path=("payer",), query=(_AS_OF,)
    ),
    "/v1/customers/{payer}/profile": Operation(
        "get", "Who a customer is, how it pays, what is open", views.ProfileAnswer, path=("payer",),
        query=(_AS_OF, ("events", _number(20, 500))),
    ),
    "/v1/customers/{payer}/history": Operation(
        "get", "Decisions, scores and facts about a customer", views.HistoryAnswer, path=("payer",),
        query=(_AS_OF, ("limit", _number(50, 500)), ("months", _number(12, 24))),
    ),
    "/v1/customers/{payer}/score-change": Operation(
        "get", "Why a customer's score changed", views.ScoreChangeAnswer, path=("payer",),
        query=(("from", _MOMENT), ("to", _MOMENT)),
    ),
    "/v1/portfolio/kpis": Operation("get", "Key figures", views.KpisAnswer, query=(_ON,)),
    "/v1/portfolio/aging": Operation(
        "get", "Open balance by age", views.AgingAnswer,
        query=(_ON, ("by", {"type": "string", "enum": ["none", "customer", "segment", "currency"]}),
               ("limit", _number(100, 1_000))),
    ),
    "/v1/portfolio/migration": Operation(
        "get", "Customers by risk class on two days", views.MigrationAnswer, query=(_ON, ("from", _DAY))
    ),
    "/v1/portfolio/provision": Operation("get", "Provision matrix", views.ProvisionAnswer, query=(_ON,)),
    "/v1/portfolio/cash-forecast": Operation(
        "get", "Expected cash by week", views.CashAnswer, query=(_ON, ("weeks", _number(13, 26)))
    ),
    "/v1/collections/worklist": Operation(
        "get", "Whom to approach first", views.WorklistAnswer, query=(_ON, ("limit", _number(50, 1_000)))
    ),
    "/v1/models/current": Operation("get", "The models and the policy that answer", views.CurrentModelAnswer),
}  # fmt: skip
