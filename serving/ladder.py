"""The degraded ladder: an order is answered on the highest rung that holds, and its answer says on which, and why.

FULL: the model on all there is. STALE: the model on what is in memory or in the request, because the ledger does not
answer, or is old. SCORECARD: the champion's scorecards, because the model failed or its turn came too late. RULES: the
policy's table. A decision that cannot be recorded is not given on any rung.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from receivables.decision import DecisionRecord
from receivables.fallback import FULL, RULES, SCORECARD, STALE, Fallback
from receivables.reservations import Reservation
from serving.payers import LEDGER_UNAVAILABLE, Knowledge, Payers
from serving.schemas import ScoreRequest
from serving.score import Occasion, score_order
from serving.state import Tools

#: Causes in `degraded`.
LEDGER_OLD: Final = "LEDGER_OLD"
DEADLINE_MODEL: Final = "DEADLINE_MODEL"
MODEL_FAILED: Final = "MODEL_FAILED"
MODEL_MISSING: Final = "MODEL_MISSING"
SCORECARD_FAILED: Final = "SCORECARD_FAILED"
NO_SCORECARD: Final = "NO_SCORECARD"
_OF_THE_RUNG: Final = frozenset(
    (LEDGER_UNAVAILABLE, LEDGER_OLD, DEADLINE_MODEL, MODEL_FAILED, MODEL_MISSING, SCORECARD_FAILED, NO_SCORECARD)
)
_LOG: Final = logging.getLogger("otcrisk.serving")


def answered(
    request: ScoreRequest,
    document: Mapping[str, Any],
    *,
    known: Knowledge,
    tools: Tools,
    occasion: Occasion,
    since: float,
    **more: Any,
) -> DecisionRecord:
    """What `score_order` gives on the first rung that holds; raises what it raises where not even the last one does.

    `since` is when the request came in, in seconds of `time.perf_counter`; `more` goes to `score_order`.
    """
    terms = tools.policy.fallback
    spent = time.perf_counter() - since
    budget = request.options.timeout_ms / 1_000.0
    first = aged(known, terms, occasion.now)
    if first.mode != RULES and spent >= terms.model_share * budget:
        first = lowered(first, SCORECARD, DEADLINE_MODEL)
        left = {"timeout_ms": max(int((budget - spent) * 1_000.0), 0)}
        request = request.model_copy(update={"options": request.options.model_copy(update=left)})
    rungs = list(_rungs(first, tools))
    for knowledge, used in rungs[:-1]:
        try:
            return score_order(request, document, known=knowledge, tools=used, occasion=occasion, **more)
        except Exception as error:  # noqa: BLE001 - whatever a model fails of, the next rung does not need it
            _LOG.error("%s could not answer: %s", knowledge.mode, type(error).__name__)
    knowledge, used = rungs[-1]
    return score_order(request, document, known=knowledge, tools=used, occasion=occasion, **more)


def aged(known: Knowledge, terms: Fallback, now: dt.datetime) -> Knowledge:
    """The knowledge, stale where the ledger's newest load is too old."""
    if known.mode != FULL or known.loaded_at is None:
        return known
    if now - known.loaded_at <= dt.timedelta(hours=terms.ledger_max_age_hours):
        return known
    return lowered(known, STALE, LEDGER_OLD)


def lowered(known: Knowledge, mode: str, cause: str) -> Knowledge:
    """The same knowledge on a lower rung."""
    return replace(known, mode=mode, causes=(*known.causes, cause))


def tools_of(tools: Tools, mode: str) -> Tools | None:
    """What the rung is answered with; null for scorecards that the champion does not have."""
    if mode != SCORECARD or tools.champion.is_standby:
        return tools
    champion = tools.champion.on_standby
    return None if champion is None else replace(tools, champion=champion)


def known_then(payers: Payers, record: DecisionRecord, request: ScoreRequest) -> Knowledge:
    """What a recorded decision knew of its payer, on the rung that it was made on.

    Read from the ledger as it was known at the order's moment; of a decision made on memory alone that may be more
    than was at hand.
    """
    then = record.response["degraded"]
    has_items = bool(request.open_items or request.settled_items)
    known = payers.known(record.customer_id, has_items=has_items, as_of=request.as_of)
    if LEDGER_UNAVAILABLE in then["causes"] and not record.versions["ledger_sequence"]:
        known = payers.nothing()
    return replace(
        known,
        mode=then["mode"],
        causes=tuple(cause for cause in then["causes"] if cause in _OF_THE_RUNG),
        reserved=tuple(Reservation(**held) for held in record.versions.get("reservations", ())),
        coverage=record.versions.get("observed_coverage_90d"),
    )


def _rungs(known: Knowledge, tools: Tools) -> Iterator[tuple[Knowledge, Tools]]:
    """From where the order stands down to the table of the policy, each with what has failed above it."""
    if known.mode in (FULL, STALE):
        if not tools.champion.is_standby:
            yield known, tools
        known = lowered(known, SCORECARD, MODEL_MISSING if tools.champion.is_standby else MODEL_FAILED)
    if known.mode == SCORECARD:
        used = tools_of(tools, SCORECARD)
        if used is not None:
            yield known, used
        known = lowered(known, RULES, NO_SCORECARD if used is None else SCORECARD_FAILED)
    yield known, tools
