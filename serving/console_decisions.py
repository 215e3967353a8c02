"""The console's work: the decisions that wait for a person, one of them in full, and what the person decides."""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from receivables.appetite import AUTOMATIC, may_approve
from receivables.decision import DecisionRecord, wire
from receivables.decision_log import DecisionLog
from receivables.decision_notes import DecisionNotes, Note
from receivables.errors import ErasedError, OtcRiskError
from receivables.ledger import Ledger
from serving import decisions
from serving.console import HEADERS, Visit
from serving.console_queue import ReviewQueue, Waiting
from serving.handlers import Call, Reply
from serving.problems import ApiError
from serving.state import State

#: Decisions on one page of the list.
SHOWN: Final = 50
_FILTERS: Final = ("outcome", "risk_class", "search")
#: One list for each open log: it is costly to begin and cheap to go on.
_QUEUES: Final[weakref.WeakKeyDictionary[DecisionLog, ReviewQueue]] = weakref.WeakKeyDictionary()


def queue(visit: Visit) -> Response:
    """`GET /console`: what waits for review, the largest amounts first."""
    state, now = visit.state, dt.datetime.now(dt.UTC)
    filters = {name: visit.query.get(name, "")[:64] for name in _FILTERS}
    kept = _QUEUES.get(state.log) or _QUEUES.setdefault(state.log, ReviewQueue(state.log, state.tools.rates))
    waiting = kept.waiting(filters)
    rows = [row for entry in waiting[:SHOWN] if (row := _row(state, entry, now)) is not None]
    return visit.page("queue", {"rows": rows, "waiting": len(waiting), "filters": filters})


def _row(state: State, entry: Waiting, now: dt.datetime) -> Mapping[str, Any] | None:
    """The entry with the customer's name; null where it was erased meanwhile."""
    with suppress(ErasedError):
        name = state.log.get(entry.score_id).request["customer"].get("name")
        return {"entry": entry, "name": name, "is_valid": dt.datetime.fromisoformat(entry.valid_until) > now}
    return None


def decision(visit: Visit) -> Response:
    """`GET /console/decisions/{score_id}`: the whole decision, its notes, and the forms."""
    return _decision(visit)


def override(visit: Visit) -> Response:
    """`POST /console/decisions/{score_id}/override`: a person's own decision, in one of the policy's roles."""
    names = ("request_id", "outcome", "reason_code", "role", "reason", "contest_id")
    return _noted(visit, decisions.override, names, {"approver": visit.caller.name})


def contest(visit: Visit) -> Response:
    """`POST /console/decisions/{score_id}/contest`: the customer's objection, written down."""
    return _noted(visit, decisions.contest, ("request_id", "raised_by", "grounds", "reason"), {})


def _noted(visit: Visit, handler: Any, names: tuple[str, ...], more: Mapping[str, str]) -> Response:
    """Sends the form to the API's own handler; what it refuses is said above the form."""
    given = {name: " ".join(visit.form[name].split()) for name in names if visit.form.get(name)}
    try:
        _: Reply = handler(visit.state, Call(wire({**given, **more}), path=visit.path, caller=visit.caller))
    except ApiError as error:
        said = "; ".join([error.message, *(f"{problem.field}: {problem.problem}" for problem in error.fields)])
        return _decision(visit, problem=said, status=error.status)
    return RedirectResponse(f"/console/decisions/{visit.path['score_id']}", 303, HEADERS)


def _decision(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    state = visit.state
    record = state.log.get(visit.path["score_id"])
    with DecisionNotes(state.log.path) as notes:
        written = notes.of(record.score_id)
    facts = {
        "record": record,
        "notes": written,
        "contests": _open_contests(written),
        "roles": _roles(state, record),
        "ledger": _ledger(state, record.customer_id),
        "note_id": str(uuid4()),
        "problem": problem,
        "given": dict(visit.form),
    }
    return visit.page("decision", facts, status=status)


def _roles(state: State, record: DecisionRecord) -> list[tuple[str, bool]]:
    """The policy's roles, and whether each may approve this order."""
    facts = decisions.facts_of(record)
    tiers = [tier for tier in state.tools.policy.approvals if tier.role != AUTOMATIC]
    return [(tier.role, may_approve(tier, facts)) for tier in tiers]


def _open_contests(notes: list[Note]) -> list[str]:
    answered = {note.content.get("contest_id") for note in notes}
    return [note.note_id for note in notes if note.kind == "CONTEST" and note.note_id not in answered]


def _ledger(state: State, customer_id: str) -> Ledger | None:
    """The customer's part of the ledger, for pictures; null where it cannot be read just now."""
    with suppress(OtcRiskError):
        if state.payers.store is not None:
            return state.payers.store.read([customer_id])
    return None
