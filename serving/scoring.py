"""Answering orders: read, scored, recorded. What waits for the disk or the ledger is set apart from what computes."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from receivables.credit_checks import APPROVED
from receivables.decision import DecisionRecord, fingerprint, moment_text
from receivables.errors import OtcRiskError
from receivables.money import parse_minor
from receivables.reservations import Claim, OutdatedError, Reservation, Reserved
from serving.auth import LOCAL, Caller
from serving.coverage import told
from serving.ladder import answered
from serving.payers import Knowledge
from serving.plausible import require_possible
from serving.problems import ApiError, FieldProblem, from_domain, refuse
from serving.schemas import ScoreRequest, read_request
from serving.score import Occasion
from serving.state import State

#: Check points at which an approval takes room in the limit.
_RESERVING: Final = frozenset({"SALES_ORDER", "DELIVERY"})
#: How often an order is decided on again because another took room on its account meanwhile.
_ATTEMPTS: Final = 100
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")
_BUDGET: Final = re.compile(r"[0-9]{1,6}\Z")


@dataclass(frozen=True)
class Question:
    """An order that can be answered: as received, as read, what makes a repetition known, and when it came in."""

    document: Mapping[str, Any]
    request: ScoreRequest
    key: str
    digest: str
    since: float = field(default_factory=time.perf_counter)

    @property
    def is_recorded(self) -> bool:
        """Whether the answer goes into the log."""
        return not self.request.options.dry_run


async def decide(
    state: State, document: Any, headers: Mapping[str, str], caller: Caller = LOCAL
) -> tuple[DecisionRecord, bool]:
    """The record of the answer, and whether it was given before; nothing is answered before it is recorded.

    One order takes less time than a hop to another thread, so it is computed on the loop; only a payer who is not in
    memory yet and the log are waited for.
    """
    with _named(document):
        question = _question(state, document, headers, caller)
        earlier = _answered(state, question)
        if earlier is not None:
            return earlier, True
        request = question.request
        known = state.payers.kept(request.customer.payer, as_of=request.as_of)
        if known is None:
            known = await _looked_up(state, question)
        for _ in range(_ATTEMPTS):
            made, claim = _answer(state, question, known)
            if not question.is_recorded:
                return made, False
            try:
                stored = await asyncio.wrap_future(state.journal.submit(made, claim))
            except OutdatedError:
                continue
            is_new = stored.score_id == made.score_id
            if is_new and state.shadow is not None:
                state.shadow.offer(request, known, stored)
            return stored, not is_new
        raise _crowded()


def decide_now(
    state: State, document: Any, headers: Mapping[str, str], caller: Caller = LOCAL
) -> tuple[DecisionRecord, bool]:
    """`decide` in a thread of its own, as for a batch."""
    with _named(document):
        question = _question(state, document, headers, caller)
        earlier = _answered(state, question)
        if earlier is not None:
            return earlier, True
        known = _known(state, question)
        for _ in range(_ATTEMPTS):
            made, claim = _answer(state, question, known)
            if not question.is_recorded:
                return made, False
            try:
                stored = state.journal.append(made, claim)
            except OutdatedError:
                continue
            return stored, stored.score_id != made.score_id
        raise _crowded()


def request_id_of(document: Any) -> str | None:
    """The request id of a body, if it is one that can be repeated in an answer."""
    given = document.get("request_id") if isinstance(document, dict) else None
    return given if isinstance(given, str) and 0 < len(given) <= 64 and given.isprintable() else None


@contextmanager
def _named(document: Any) -> Iterator[None]:
    """Refusals carry the id of the request."""
    try:
        yield
    except ApiError as error:
        error.request_id = error.request_id or request_id_of(document)
        raise
    except OtcRiskError as error:
        refusal = from_domain(error)
        refusal.request_id = request_id_of(document)
        raise refusal from error


def _question(state: State, document: Any, headers: Mapping[str, str], caller: Caller) -> Question:
    request = _within(read_request(document), headers)
    caller.require_company(request.order.company_code)
    require_possible(request, state.convertible)
    return Question(document, request, _idempotency_key(headers) or request.request_id, fingerprint(document))


def _answered(state: State, question: Question) -> DecisionRecord | None:
    if not question.is_recorded:
        return None
    return state.log.answered(question.request.request_id, question.key, question.digest)


def _has_items(request: ScoreRequest) -> bool:
    return request.open_items is not None or request.settled_items is not None


def _known(state: State, question: Question) -> Knowledge:
    found = state.payers.ledger_calls.ask_now(partial(_ask, state, question), _patience(state, question))
    return found or _unasked(state, question)


def _ask(state: State, question: Question) -> Knowledge:
    return state.payers.look_up(question.request.customer.payer, as_of=question.request.as_of)


def _unasked(state: State, question: Question) -> Knowledge:
    request = question.request
    return state.payers.unreachable(request.customer.payer, has_items=_has_items(request), as_of=request.as_of)


def _patience(state: State, question: Question) -> float:
    """Seconds that the order waits for the ledger: half of the caller's time, on another machine the policy's at most.

    What is left behind goes on in its thread, and is in memory for the next order.
    """
    share = question.request.options.timeout_ms / 2_000.0
    if state.payers.store is None or state.payers.store.is_file:
        return share
    return min(share, state.tools.policy.fallback.ledger_patience_ms / 1_000.0)


async def _looked_up(state: State, question: Question) -> Knowledge:
    """What the ledger says, where it says it in time; else what is known without it."""
    found = await state.payers.ledger_calls.ask(partial(_ask, state, question), _patience(state, question))
    return found or _unasked(state, question)


def _answer(state: State, question: Question, known: Knowledge) -> tuple[DecisionRecord, Claim | None]:
    """The answer, and what it does to the reservations on the credit account."""
    request = question.request
    account = request.customer.credit_account_parent or known.account.parent or request.customer.payer
    reserved = state.log.reserved(account)
    stated = request.credit_account.exposure if request.credit_account else None
    counting = reserved.counting(
        request.as_of,
        customer_id=request.customer.payer,
        sales_order=request.order.sales_order,
        orders_are_stated=stated is not None and stated.open_order_amount is not None,
    )
    coverage = told(state.coverage, request.as_of)
    made = answered(
        request,
        question.document,
        known=replace(known, reserved=counting, coverage=coverage) if counting or coverage is not None else known,
        tools=state.tools,
        occasion=Occasion.at(dt.datetime.now(dt.UTC)),
        previous=state.log.latest_score(request.customer.payer, before=moment_text(request.as_of)),
        idempotency_key=question.key,
        digest=question.digest,
        since=question.since,
        is_recorded=question.is_recorded,
    )
    return made, claim_of(request, made, account, reserved)


def claim_of(request: ScoreRequest, made: DecisionRecord, account: str, reserved: Reserved) -> Claim | None:
    """What a decision reserves, where it approves an order; what it gives back, where it holds one that had room."""
    if request.check_point not in _RESERVING:
        return None
    order, payer = request.order, request.customer.payer
    if made.response["decision"]["outcome"] not in APPROVED:
        had = any((held.customer_id, held.sales_order) == (payer, order.sales_order) for held in reserved.held)
        return Claim(account, payer, order.sales_order, None, reserved.change) if had else None
    prepaid = parse_minor(order.prepaid_amount, order.currency) if order.prepaid_amount else 0
    taken = Reservation(
        account=account,
        customer_id=payer,
        sales_order=order.sales_order,
        amount_minor=parse_minor(order.gross_amount, order.currency) - prepaid,
        currency=order.currency,
        made_at=made.as_of,
        expires_at=moment_text(dt.datetime.fromisoformat(made.response["valid_until"])),
    )
    return Claim(account, payer, order.sales_order, taken, reserved.change)


def _crowded() -> ApiError:
    return refuse("UNAVAILABLE", "too many orders on this credit account at once", headers={"Retry-After": "1"})


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.match(key):
        raise _bad_header("Idempotency-Key", "1 to 128 visible ASCII signs")
    return key


def _within(request: ScoreRequest, headers: Mapping[str, str]) -> ScoreRequest:
    """The request with the tighter of its own time budget and the header's."""
    given = headers.get("x-deadline-ms")
    if given is None:
        return request
    if not _BUDGET.match(given):
        raise _bad_header("X-Deadline-Ms", "whole milliseconds")
    budget = min(int(given), request.options.timeout_ms)
    return request.model_copy(update={"options": request.options.model_copy(update={"timeout_ms": budget})})


def _bad_header(name: str, expected: str) -> ApiError:
    return refuse("SCHEMA", "a header is not as expected", [FieldProblem(f"headers.{name}", f"expected {expected}")])
