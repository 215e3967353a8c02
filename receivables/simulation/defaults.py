"""True probability of default of each customer at each month end, by the law that the simulator draws from.

The event: an invoice of any amount is still open after its 90th day past due, or the customer files for insolvency (a
write-off always comes later). Given are the hidden state and which invoices are open at that moment, not what has been
heard about them since (disputes, promises). Open invoices fail independently of one another, future ones arrive as a
Poisson process, and the chain of decline is carried forward month by month, so nothing is simulated. Two things are
taken as averages: the amount of a future invoice (its usual amount) and the position of its due date among payment runs
(spread over a year). Agreed terms are taken to stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from receivables.simulation.days import Months, RunCalendars, issue_weights, weekday
from receivables.simulation.law import GRID, Intent, PaymentLaw, ready
from receivables.simulation.streams import Bools, Floats, Ints
from receivables.simulation.stress import Chain

#: An invoice open at the end of its 90th day past due is in default since that day.
PAST_DUE = 90
#: Days ahead by name of the column.
WINDOWS = {"p_default_180d": 180, "p_default_365d": 365}
#: Months after issue in which an invoice can still be open and undecided: 90 days of terms and 90 past due.
_MONTHS_OPEN = 8


@dataclass
class OpenInvoices:
    """Gathers over chunks of invoices, per month end (m, c): ln P(no open invoice defaults), and who is in default."""

    log_safe: Floats
    in_default: Bools

    @classmethod
    def none(cls, months: int, customers: int) -> OpenInvoices:
        """Before any invoice."""
        return cls(np.zeros((months, customers)), np.zeros((months, customers), dtype=np.bool_))

    def add(self, law: PaymentLaw, months: Months, customer: Ints, issued: Ints, due: Ints, closed: Ints) -> None:
        """Takes in invoices with their law; `closed` is the day on which each was settled, or never."""
        unpaid = 1 - law.mixed
        fails = unpaid[:, PAST_DUE - GRID[0]]
        issue_month = months.of(issued)
        for ahead in range(_MONTHS_OPEN):
            month = issue_month + ahead
            inside = month < months.count
            day = months.starts[np.minimum(month, months.count - 1) + 1] - 1
            still_open = inside & (closed > day)
            over = still_open & (day - due >= PAST_DUE)
            self.in_default[month[over], customer[over]] = True
            pending = still_open & ~over
            left = unpaid[pending, np.clip(day - due - GRID[0], 0, len(GRID) - 1)[pending]]
            left = np.where((day - due)[pending] < GRID[0], 1.0, left)
            with np.errstate(divide="ignore"):  # no run before the 90th day: default is certain
                safe = np.log1p(-fails[pending] / left)
            np.add.at(self.log_safe, (month[pending], customer[pending]), safe)


def future_failure(
    typical: tuple[Intent, ...], net_days: Ints, calendars: RunCalendars, weekdays: tuple[float, ...]
) -> Floats:
    """Probability (k, c) that a future invoice is open after 90 days past due, by state of decline at issue.

    `typical` holds, per state, the intent of an invoice of each customer's usual amount.
    """
    first = typical[0]
    days = calendars.first + 130 + np.arange(365)
    due = days[None, :] + net_days[:, None]
    reach = calendars.reach(first.run[:, None], first.direction[:, None], due + PAST_DUE) - due
    weights = np.asarray(weekdays)[weekday(days)]
    return np.stack([_open(reach, intent) @ (weights / weights.sum()) for intent in typical])


def _open(reach: Ints, intent: Intent) -> Floats:
    """Unpaid share (c, d) where money must be ready by `reach`; equal days are computed once."""
    lowest = int(reach.min())
    offsets = np.broadcast_to(np.arange(lowest, int(reach.max()) + 1), (len(reach), int(reach.max()) - lowest + 1))
    plain, disputed = ready(offsets, intent)
    unpaid = 1 - plain - intent.dispute_share[:, None] * (disputed - plain)
    return np.take_along_axis(unpaid, reach - lowest, axis=1)


@dataclass(frozen=True)
class Arrivals:
    """Future invoices that can fail: monthly `rate` (12, c) by calendar month, `net_days` (c,), `failure` (k, c)."""

    rate: Floats
    net_days: Ints
    failure: Floats
    weekdays: tuple[float, ...]


def default_within(
    chain: Chain, months: Months, month: int, state: Ints, log_safe: Floats, arrivals: Arrivals, window: int
) -> Floats:
    """Probability (c,) of default in the `window` days after the end of `month`, given the hidden `state` (c,)."""
    ahead = months.extended(window // 28 + 2)
    begin = int(months.starts[month + 1])
    law = np.eye(len(chain.daily))[state]
    index = month + 1
    while ahead.starts[index] < begin + window:
        start, stop = int(ahead.starts[index]), int(ahead.starts[index + 1])
        law = (law @ chain.transition) * (1 - chain.daily) ** (min(stop, begin + window) - start)
        judged = _judged(arrivals, start, stop, begin + window)
        expected = arrivals.rate[ahead.season(index)] * judged
        law = law * np.exp(-expected * arrivals.failure).T
        index += 1
    return np.asarray(1 - np.exp(log_safe) * law.sum(axis=1))


def _judged(arrivals: Arrivals, start: int, stop: int, end: int) -> Floats:
    """Share (c,) of a month's invoices that pass 90 days past due before `end`."""
    cumulative = np.concatenate([[0.0], np.cumsum(issue_weights(start, stop, arrivals.weekdays))])
    last = end - 1 - PAST_DUE - arrivals.net_days
    return np.asarray(cumulative[np.clip(last - start + 1, 0, stop - start)])
