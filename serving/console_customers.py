"""The console's page of one customer: risk now, open items, behaviour, and the decisions of the past."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from receivables.errors import NotFoundError
from serving import customers
from serving.console import Visit
from serving.handlers import Call, Reply
from serving.problems import ApiError
from serving.state import State


def customer(visit: Visit) -> Response:
    """`GET /console/customers/{payer}`; what the ledger does not know of is left out."""
    history = _asked(visit, customers.history)
    facts = {"payer": visit.path["payer"], "history": history}
    for name in ("risk", "profile"):
        facts[name] = None
        with suppress(ApiError, NotFoundError):  # decided on statelessly: the ledger does not hold the customer
            facts[name] = _asked(visit, getattr(customers, name))
    return visit.page("customer", facts)


def _asked(visit: Visit, handler: Callable[[State, Call], Reply]) -> Any:
    """What the API answers to the same question."""
    return json.loads(handler(visit.state, Call(path=visit.path, caller=visit.caller)).body)
