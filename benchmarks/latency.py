"""One order from the state that is held for its customer, and taking in one more fact: microseconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numba import njit

from benchmarks import ours
from benchmarks.part import Bar, Part, Sizes
from benchmarks.synthetic import LAST_DAY, OPEN, Columns, customer_ids, history_of, ledger_of, orders_of
from features import Orders
from features.state import CustomerState
from receivables.errors import OtcRiskError
from receivables.ledger import Ledger

#: Past invoices of a customer.
SIZES: Final = (20, 200, 2000)
#: Customers in turn, so that no one history stays in the nearest cache.
_CUSTOMERS: Final = 8
#: New facts of each customer: so few that the history keeps its length.
_FACTS: Final = 50


class OnlineUnequalError(OtcRiskError):
    """A state's features are not the batch's."""


def latency(past: int, calls: int) -> dict[str, float]:
    """Microseconds at p50 and p99 for customers with `past` invoices; every call is for another order or fact.

    A first pass, over other orders of the same days, is not counted.

    Raises OnlineUnequalError unless every answer is, bit for bit, what the batch gives.
    """
    columns = Columns.of_counts(np.full(_CUSTOMERS, past), seed=past)
    ids = customer_ids(_CUSTOMERS)
    states = ours.states(ledger_of(columns))
    warm, _, _ = _ask(states, orders_of(_invoices(calls, seed=1), ids), 0)
    orders = orders_of(_invoices(calls, seed=2), ids)
    gc.collect()
    gc.freeze()  # as the service does once it is loaded
    times, steady, answers = _ask(states, orders, _steps_of(float(np.median(warm))))
    gc.unfreeze()
    if answers.tobytes() != ours.whole_table(history_of(columns, ids), orders, ours.priors()).tobytes():
        raise OnlineUnequalError(f"{past} past invoices: features from the state differ from the batch's")
    facts = _apply(states, ledger_of(_invoices(_FACTS * _CUSTOMERS, seed=3)))
    return {
        **_percentiles("online", past, times),
        **_percentiles("steady", past, steady),
        **_percentiles("apply", past, facts),
    }


def _ask(states: Sequence[CustomerState], orders: Orders, steps: int) -> tuple[list[int], list[int], Any]:
    """Nanoseconds of each order, of as many calls of `_steady` in between, and the answers."""
    priors, times, steady, answers = ours.priors(), [], [], []
    for row in range(len(orders)):
        state, (as_of, order) = states[row % _CUSTOMERS], ours.one_order(orders, row)
        begin = time.perf_counter_ns()
        answer = state.features(as_of, order, priors)
        times.append(time.perf_counter_ns() - begin)
        steady.append(_timed(_steady, steps))
        answers.append(answer)
    return times, steady, np.stack(answers)


@njit
def _steady(steps: int) -> int:
    """The same work each time, without memory: what is uneven about it is the machine's doing."""
    x = steps
    for _ in range(steps):
        x = (x * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return x


def _steps_of(nanoseconds: float) -> int:
    """Steps that take about so long."""
    probe = 100_000
    _steady(probe)
    return max(int(probe * nanoseconds / min(_timed(_steady, probe) for _ in range(20))), 1)


def _apply(states: Sequence[CustomerState], new: Ledger) -> list[int]:
    """Nanoseconds of each new invoice, then of each payment of one."""
    code = {name: i for i, name in enumerate(sorted(new["customers"]["customer_id"]))}
    invoices = new["invoices"].assign(invoice_id="N" + new["invoices"]["invoice_id"])
    allocations = new["allocations"].assign(invoice_id="N" + new["allocations"]["invoice_id"])
    payer = dict(zip(invoices["invoice_id"], invoices["customer_id"], strict=True))
    return [
        *(_timed(states[code[r["customer_id"]]].apply, "invoices", r) for r in invoices.to_dict("records")),
        *(_timed(states[code[payer[r["invoice_id"]]]].apply, "allocations", r) for r in allocations.to_dict("records")),
    ]


def _timed(call: Callable[..., object], *given: Any) -> int:
    begin = time.perf_counter_ns()
    call(*given)
    return time.perf_counter_ns() - begin


def _percentiles(what: str, past: int, times: list[int]) -> dict[str, float]:
    p50, p99 = np.percentile(np.array(times) / 1000, [50, 99])
    return {
        f"{what}_p50_us_{past}": float(p50),
        f"{what}_p99_us_{past}": float(p99),
        f"{what}_p99_over_p50_{past}": float(p99 / p50),
    }


def _invoices(count: int, seed: int) -> Columns:
    """New invoices of the customers in turn, in the days after the ledger ends; one in ten is paid by its due date."""
    rng = np.random.default_rng(seed)
    code = np.arange(count, dtype=np.int64)
    issued = LAST_DAY + 1 + code // (count // 20 + 1)
    due = issued + rng.choice([14, 30, 60], count)
    amount = rng.integers(1_000, 10_000_000, count)
    return Columns(_CUSTOMERS, code % _CUSTOMERS, issued, due, amount, np.where(code % 10 == 0, due, OPEN))


def _figures(sizes: Sizes) -> dict[str, float]:
    ours.warm_up()
    return {key: value for past in SIZES for key, value in latency(past, sizes.calls).items()}


PART: Final = Part(
    "online",
    "one order at a time from the state of its customer",
    _figures,
    (
        *(
            Bar(f"online_p50_us_{past}", f"one order, {past:,} past invoices: p50, µs", "at most", bound)
            for past, bound in ((20, 50), (200, 50), (2000, 400))
        ),
        *(
            Bar(f"online_p99_over_p50_{past}", f"one order, {past:,} past invoices: p99 over p50", "at most", 2)
            for past in SIZES
        ),
        *(
            Bar(f"apply_p50_us_{past}", f"taking in one more fact, {past:,} past invoices: p50, µs", "at most", 20)
            for past in (200, 2000)
        ),
    ),
)
