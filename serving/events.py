"""`POST /v1/events`: taken in durably before the reply, and seen by the next score."""

from __future__ import annotations

import datetime as dt
from typing import Any

from receivables import event_store
from receivables.decision import moment_text, wire
from receivables.event_taking import Outcome
from receivables.events import Event
from serving.auth import Caller
from serving.event_schemas import MAX_EVENTS, read_event
from serving.handlers import Call, Reply
from serving.problems import ApiError, refuse
from serving.state import State
from serving.wire import parse


def post_events(state: State, call: Call) -> Reply:
    """Takes the events in, all of those that can be read; each is answered on its own."""
    document = parse(call.body)
    given = document.get("events") if isinstance(document, dict) else None
    if not isinstance(given, list) or set(document) != {"events"}:
        raise refuse("SCHEMA", 'expected {"events": [...]}')
    if not 1 <= len(given) <= MAX_EVENTS:
        raise refuse("TOO_LARGE" if given else "SCHEMA", f"expected 1 to {MAX_EVENTS} events")
    if state.payers.store is None:
        raise refuse("UNAVAILABLE", "the service has no ledger: start it with one")
    now = dt.datetime.now(dt.UTC)
    read = [_read(event, now, call.caller) for event in given]
    posted = event_store.post(state.payers.store, [event for event in read if isinstance(event, Event)])
    state.payers.follow(posted)
    invoiced = {(e.payer, e["sales_order"]) for e in read if isinstance(e, Event) and e["sales_order"] is not None}
    if invoiced:  # the invoice is exposure now
        state.log.release(sorted(invoiced), moment_text(now))
    outcomes = iter(posted.outcomes)
    results = [_said(next(outcomes)) if isinstance(event, Event) else event for event in read]
    return Reply(wire({"ledger_sequence": posted.sequence, "results": results}))


def event_conflicts(state: State, call: Call) -> Reply:
    """`GET /v1/events/conflicts`: what contradicted the ledger, oldest first."""
    store = state.payers.store
    return Reply(wire({"conflicts": [] if store is None else event_store.conflicts(store)}))


def _read(document: Any, now: dt.datetime, caller: Caller) -> Event | dict[str, Any]:
    try:
        event = read_event(document, now)
        caller.require_company(event["company_code"])
        return event
    except ApiError as error:
        return {"status": "REFUSED", "reason": None, **error.envelope("")}


def _said(outcome: Outcome) -> dict[str, Any]:
    return {"status": outcome.status.value, "reason": outcome.reason}
