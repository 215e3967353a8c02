"""`POST /v1/decisions/advice`: what an ERP decided by a stand-in table while the service was silent, recorded as such.

What was decided cannot be undone by refusing to hear of it: an advice that the table does not bear out is recorded too,
and its record says so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from receivables import standin
from receivables.config import home
from receivables.credit_checks import APPROVED
from receivables.decision import DecisionRecord, fingerprint, moment_text, wire
from receivables.errors import ArtefactError, NotFoundError
from receivables.fallback import RULES
from receivables.money import parse_minor
from receivables.reservations import OutdatedError
from receivables.signature import trusted_keys
from serving.handlers import REPLAYED, Call, Reply
from serving.ladder import lowered
from serving.payers import Knowledge
from serving.plausible import require_possible
from serving.problems import refuse
from serving.schemas import Moment, ScoreRequest, read_as
from serving.score import Occasion, score_order
from serving.scoring import claim_of
from serving.state import State
from serving.wire import parse

#: Why the answer is degraded.
STAND_IN = "STAND_IN"
_ATTEMPTS = 20


class Advice(BaseModel):
    """The order as it would have been sent, what was decided on it, when, and by which table."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    request: ScoreRequest
    outcome: Literal["APPROVE", "REVIEW", "HOLD"]
    decided_at: Moment
    table_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def advice(state: State, call: Call) -> Reply:
    """Records the decision once; the same advice again gets the same answer."""
    document = parse(call.body)
    given = read_as(Advice, document)
    request, digest = given.request, fingerprint(document)
    call.caller.require_company(request.order.company_code)
    require_possible(request, state.convertible)
    earlier = state.log.answered(request.request_id, request.request_id, digest)
    if earlier is not None:
        return Reply(wire(earlier.response), {REPLAYED: "true"})
    problems, payer = _problems(given), request.customer.payer
    known = state.payers.unreachable(payer, has_items=False, as_of=request.as_of)
    account = request.customer.credit_account_parent or known.account.parent or payer
    for _ in range(_ATTEMPTS):
        reserved = state.log.reserved(account)
        made = _record(state, given, known, document["request"], digest, problems)
        claim = claim_of(request, made, account, reserved)
        try:
            return Reply(wire(state.journal.append(made, claim).response))
        except OutdatedError:
            continue
    raise refuse("UNAVAILABLE", "too many orders on this credit account at once", headers={"Retry-After": "1"})


def _problems(given: Advice) -> tuple[str, ...]:
    """What the table, its signature or its validity say against the decision."""
    order = given.request.order
    try:
        table = standin.read(home() / "standin", given.table_sha256, trusted_keys())
    except NotFoundError:
        return (standin.UNKNOWN_TABLE,)
    except ArtefactError:
        return (standin.NOT_SIGNED,)
    amount = parse_minor(order.gross_amount, order.currency)
    payer = given.request.customer.payer
    return tuple(table.problems(payer, amount, order.currency, given.outcome, given.decided_at))


def _record(
    state: State, given: Advice, known: Knowledge, document: Any, digest: str, problems: tuple[str, ...]
) -> DecisionRecord:
    """The record: what the rules say of the order, under the decision that was made."""
    request, policy = given.request, state.tools.policy
    strict = replace(policy, fallback=replace(policy.fallback, approve=()))
    made = score_order(
        request,
        document,
        known=lowered(replace(known, causes=()), RULES, STAND_IN),
        tools=replace(state.tools, policy=strict),
        occasion=Occasion.at(dt.datetime.now(dt.UTC)),
        previous=state.log.latest_score(request.customer.payer, before=moment_text(request.as_of)),
        idempotency_key=request.request_id,
        digest=digest,
    )
    is_approved = given.outcome in APPROVED
    decision = {
        **made.response["decision"],
        "outcome": given.outcome,
        "decided_by": "FALLBACK",
        "credit_status": "A" if is_approved else "B",
        "human_review_required": not is_approved or bool(problems) or request.customer.legal_form == "NATURAL_PERSON",
    }
    degraded = {**made.response["degraded"], "causes": [STAND_IN, *problems]}
    about = {
        "table_sha256": given.table_sha256,
        "decided_at": moment_text(given.decided_at),
        "problems": list(problems),
    }
    return replace(
        made,
        response={**made.response, "decision": decision, "degraded": degraded},
        versions={**made.versions, "stand_in": about},
    )
