"""What can be done with a recorded decision: read it, have it made again, override it, contest it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from receivables.appetite import AUTOMATIC, may_approve
from receivables.credit_checks import APPROVED
from receivables.decision import DecisionRecord, moment_text, wire
from receivables.decision_notes import CONTEST, OVERRIDE, DecisionNotes, Note
from receivables.facts import Facts
from receivables.money import parse_minor
from serving.handlers import Call, Reply
from serving.ids import new_id
from serving.problems import FieldProblem, refuse
from serving.replay import comparable, differences, score_again
from serving.schemas import Id, Text, read_as
from serving.state import State
from serving.wire import parse

Outcome = Literal["APPROVE", "APPROVE_WITH_CONDITIONS", "REVIEW", "HOLD"]
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]


class _Note(BaseModel):
    """What both kinds of note have; `request_id` makes sending it again harmless."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    request_id: Id
    reason: Reason


class Override(_Note):
    """A person's other decision: who decided in which role, and why."""

    outcome: Outcome
    reason_code: Literal["SECURITY_RECEIVED", "PAYMENT_ARRANGED", "CUSTOMER_RELATIONSHIP", "DATA_ERROR", "OTHER"]
    approver: Text
    role: Text
    contest_id: Id | None = None


class Contest(_Note):
    """The customer's objection, and who brought it."""

    raised_by: Text
    grounds: Literal["DATA_ERROR", "OUTDATED_DATA", "EXPLANATION_WANTED", "OTHER"]


def decision(state: State, call: Call) -> Reply:
    """`GET /v1/decisions/{score_id}`: the record as the log holds it, and what people added to it."""
    record = state.log.get(call.path["score_id"])
    with DecisionNotes(state.log.path) as notes:
        return Reply(wire({**asdict(record), "notes": [asdict(note) for note in notes.of(record.score_id)]}))


def override(state: State, call: Call) -> Reply:
    """`POST /v1/decisions/{score_id}/override`: recorded where the role may approve such an order."""
    record, document = state.log.get(call.path["score_id"]), parse(call.body)
    given = read_as(Override, document)
    problems = list(_not_entitled(state, record, given))
    if problems:
        raise refuse("IMPOSSIBLE_VALUES", "the override is not within the policy", problems)
    note = _recorded(state, record, OVERRIDE, document, given.request_id)
    return Reply(wire(_shown(note) | {"valid_until": record.response["valid_until"]}))


def contest(state: State, call: Call) -> Reply:
    """`POST /v1/decisions/{score_id}/contest`: the customer's objection, to be answered by a person."""
    record, document = state.log.get(call.path["score_id"]), parse(call.body)
    note = _recorded(state, record, CONTEST, document, read_as(Contest, document).request_id)
    return Reply(wire(_shown(note)))


def replay(state: State, call: Call) -> Reply:
    """`POST /v1/decisions/{score_id}/replay`: the decision made again from its request, and what differs.

    `reproduced` says that the answer is the same byte for byte but for the timing and the hashes over it. With another
    model, policy or feature set than then (`versions`) it need not be.
    """
    record = state.log.get(call.path["score_id"])
    again = score_again(record, state.payers, state.tools, state.log)
    before, after = (comparable(response) for response in (record.response, again.response))
    changed = _different_versions(record, again)
    return Reply(
        wire(
            {
                "score_id": record.score_id,
                "reproduced": wire(before) == wire(after),
                "same_versions": not changed,
                "versions": changed,
                "differences": list(differences("", before, after)),
                "answer": again.response,
            }
        )
    )


def _not_entitled(state: State, record: DecisionRecord, given: Override) -> Iterator[FieldProblem]:
    tiers = {tier.role: tier for tier in state.tools.policy.approvals if tier.role != AUTOMATIC}
    tier = tiers.get(given.role)
    if tier is None:
        yield FieldProblem("role", f"expected one of the policy's roles: {', '.join(tiers)}")
    elif given.outcome in APPROVED and not may_approve(tier, facts_of(record)):
        yield FieldProblem("role", "may not approve an order of this amount and risk class")


def facts_of(record: DecisionRecord) -> Facts:
    """What the policy decides by that says who may approve the order."""
    order, response = record.request["order"], record.response
    return Facts(
        as_of=dt.datetime.fromisoformat(record.as_of).date(),
        currency=order["currency"],
        gross_minor=parse_minor(order["gross_amount"], order["currency"]),
        net_days=order["payment_terms"]["net_days"],
        legal_form=record.request["customer"]["legal_form"],
        limit_currency=response["limit"]["currency"],
        risk_class=response["score"]["risk_class"],
    )


def _recorded(state: State, record: DecisionRecord, kind: str, content: Any, request_id: str) -> Note:
    now = dt.datetime.now(dt.UTC)
    note_id = new_id("ovr_" if kind == OVERRIDE else "cnt_", now)
    note = Note(note_id, request_id, kind, record.score_id, record.record_sha256, moment_text(now), content)
    with DecisionNotes(state.log.path) as notes:
        return notes.append(note)


def _shown(note: Note) -> dict[str, Any]:
    names = ("note_id", "kind", "score_id", "recorded_at", "record_sha256", "previous_sha256")
    return {name: getattr(note, name) for name in names}


def _different_versions(record: DecisionRecord, again: DecisionRecord) -> dict[str, Any]:
    """Versions that are others now; that the ledger has grown makes no difference, it is read as it was known then."""
    return {
        name: {"recorded": value, "now": again.versions.get(name)}
        for name, value in record.versions.items()
        if name != "ledger_sequence" and value != again.versions.get(name)
    }
