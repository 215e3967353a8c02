"""Promises about single orders in this process: clocks that jump, what the protections cost, decisions made again."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from receivables.decision import DecisionRecord
from serving import scoring
from serving.app import create_app
from serving.replay import comparable, from_journal, whole
from serving.schemas import read_request
from serving.score import Occasion, score_order
from serving.state import State
from tests.proof import world
from tests.proof.hostile_proofs import Body, sent
from tests.proof.tally import Tally

#: Moments around which clocks and calendars are odd: both changes of European summer time, leap days, ends of years.
MOMENTS: Final = (
    "2026-03-29T00:59:59", "2026-03-29T01:00:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2024-02-29T12:00:00",
    "2028-02-29T23:59:59", "2026-12-31T23:59:59", "2027-01-01T00:00:00", "2026-11-20T09:14:05",
)  # fmt: skip
#: Offsets from UTC in minutes that are in use somewhere, and the odd ones among them.
OFFSETS: Final = (-720, -570, -210, 0, 60, 330, 345, 765, 840)
#: By how much the wall clock of the service is wrong.
JUMPS: Final = (dt.timedelta(0), dt.timedelta(days=1), dt.timedelta(days=-1), dt.timedelta(hours=1))
_OF_THE_CLOCK: Final = frozenset({"scored_at"})


def clocks(orders: int) -> Tally:
    """The same moment in every zone, with the service's clock right, ahead and behind: one answer, valid as long."""
    tally = Tally(
        "clock: jumps, summer time, leap days, zones", "same features and answer, 0 answers that expire early"
    )
    with tempfile.TemporaryDirectory() as folder, world.state(Path(folder)) as state:
        for document in world.orders(orders, counterfactuals=False):
            for text in MOMENTS:
                tally.count(_at(state, document, dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)))
    return tally


def _at(state: State, document: dict[str, Any], moment: dt.datetime) -> list[str]:
    problems, first = [], None
    for offset in OFFSETS:
        for jump in JUMPS:
            made = _scored(state, document, moment.astimezone(dt.timezone(dt.timedelta(minutes=offset))), jump)
            answer = comparable(made.response, _OF_THE_CLOCK)
            first = first or (made.features, answer)
            if (made.features, answer) != first:
                problems.append(f"{moment} at offset {offset}, clock {jump}: another answer")
            until = dt.datetime.fromisoformat(made.response["valid_until"])
            if until - moment != dt.timedelta(hours=state.tools.policy.valid_hours):
                problems.append(f"{moment} at offset {offset}, clock {jump}: valid until {until}")
    return problems


def _scored(state: State, document: dict[str, Any], moment: dt.datetime, jump: dt.timedelta) -> DecisionRecord:
    asked = copy.deepcopy(document)
    asked["as_of"] = moment.isoformat()
    asked["order"]["order_date"] = moment.astimezone(dt.UTC).date().isoformat()
    asked.pop("open_items", None)
    request = read_request(asked)
    known = state.payers.known(request.customer.payer, has_items=False, as_of=request.as_of)
    occasion = Occasion("scr_0", "aud_0", dt.datetime.now(dt.UTC) + jump)
    return score_order(request, asked, known=known, tools=state.tools, occasion=occasion)


def replays(orders: int) -> Tally:
    """Orders decided and recorded, then made again from the journal and from the ledger."""
    tally = Tally("replay: every recorded decision made again", "every decision of a 1 M run, 100 % bit-equal")
    with tempfile.TemporaryDirectory() as folder, world.state(Path(folder)) as state:
        for document in world.orders(orders, seed=2):
            scoring.decide_now(state, document, {})
        champions = [state.tools.champion]
        for record in state.log.all():
            found = [from_journal(record, champions), whole(record, state.payers, state.tools, state.log)]
            problems = [f"{each.score_id}: {text}" for each in found for text in each.differences]
            tally.count([*problems, *(str(each.left_out) for each in found if each.left_out)])
    return tally


def cost(rounds: int) -> Tally:
    """What an order takes bare, through the guarded application, and with the journal too; in turns, of one process."""
    tally = Tally("cost of the protections", "order p50 and p99 with and without journal and guard")
    ways: dict[str, list[float]] = {"bare": [], "guard": [], "guard_and_journal": []}
    with tempfile.TemporaryDirectory() as folder, world.state(Path(folder)) as state:
        app = create_app()
        app.state.serving = state
        orders = world.orders(200, counterfactuals=False)

        async def measured(name: str, ask: Callable[[], Awaitable[object]]) -> None:
            begun = time.perf_counter()
            await ask()
            ways[name].append((time.perf_counter() - begun) * 1_000.0)

        async def all_of_them() -> None:
            for number in range(rounds):
                order = {**orders[number % len(orders)], "request_id": f"cost-{number}"}
                dry = {**order, "options": {**order["options"], "dry_run": True}}
                await measured("bare", lambda d=dry: scoring.decide(state, d, {}))  # type: ignore[misc]
                await measured("guard", lambda d=dry: sent(app, Body("/v1/orders/score", world.wire(d))))  # type: ignore[misc]
                await measured(
                    "guard_and_journal",
                    lambda o=order: sent(app, Body("/v1/orders/score", world.wire(o))),  # type: ignore[misc]
                )

        asyncio.run(all_of_them())
    tally.count([], tries=rounds)
    for name, times in ways.items():
        kept = times[len(times) // 10 :]  # the first ones load code
        tally.figures |= {f"{name}_p{q}_ms": round(float(np.percentile(kept, q)), 2) for q in (50, 99)}
    return tally
