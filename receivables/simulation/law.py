"""When an invoice is paid: an explicit law per invoice, the truth read from it, and one draw from that same law.

Money becomes ready around the customer's base day (logistic), later for slow invoices (exponential) and for disputed
ones (Erlang-2). It leaves with a payment run. A few invoices are never paid; a filing for insolvency stops all payment.
The mixture over these is summed exactly on a grid of whole days late, so `p_late_over_k` is no estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from receivables.simulation.days import RunCalendars
from receivables.simulation.streams import Bools, Floats, Ints

#: Days late on which probability lies; what would be paid later counts as never paid.
GRID = np.arange(-30, 181)
#: Late over these days.
HORIZONS = (0, 5, 15, 30, 60, 90)
#: Days after which a slow or disputed invoice's extra wait begins.
_EXTRA = 2.0


@dataclass(frozen=True)
class Intent:
    """What governs the payment of invoices (n,), all of it fixed at issue; days are relative to the due date.

    `centre` and `spread` of the routine law, mean `slow_days` of a slow invoice, scale `dispute_days` of a dispute,
    shares between 0 and 1. `earliest` is the first day on which payment is possible.
    """

    centre: Floats
    spread: Floats
    slow_share: Floats
    slow_days: Floats
    dispute_share: Floats
    dispute_days: float
    never_share: Floats
    earliest: Ints
    due: Ints
    run: Ints
    direction: Ints

    def rows(self, part: slice) -> Intent:
        """The same for a run of invoices."""
        parts: dict[str, Any] = {k: v[part] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **parts)


@dataclass(frozen=True)
class PaymentLaw:
    """Probability (n, g) of payment up to each day of `GRID`, for an undisputed and for a disputed invoice.

    Insolvency is left out; what is missing to 1 at the end of the grid is never paid.
    """

    plain: Floats
    disputed: Floats
    dispute_share: Floats

    @property
    def mixed(self) -> Floats:
        """The same (n, g) before anyone knows whether the invoice will be disputed."""
        return self.plain + self.dispute_share[:, None] * (self.disputed - self.plain)

    def draw(self, disputed: Bools, uniform: Floats) -> Ints:
        """Days late (n,) by inversion; one past the end of the grid means never."""
        law = np.where(disputed[:, None], self.disputed, self.plain)
        return np.asarray(GRID[0] + (uniform[:, None] >= law).sum(axis=1), dtype=np.int64)


def ready(day: Ints, intent: Intent) -> tuple[Floats, Floats]:
    """Probability that money is ready by the end of `day` (n, g): undisputed, disputed.

    Payment waits for a run afterwards. `day` counts from the due date.
    """
    late = day + 0.5 - intent.centre[:, None]
    routine = 1 / (1 + np.exp(-np.clip(late / intent.spread[:, None], -40, 40)))
    extra = np.maximum(late - _EXTRA, 0)
    slow = -np.expm1(-extra / intent.slow_days[:, None])
    scaled = extra / intent.dispute_days
    contested = 1 - (1 + scaled) * np.exp(-scaled)
    paid = 1 - intent.never_share[:, None]
    share = intent.slow_share[:, None]
    return paid * (routine + share * (slow - routine)), paid * contested


def payment_law(intent: Intent, calendars: RunCalendars) -> PaymentLaw:
    """The law of days late: ready money shifted to payment runs, nothing before the earliest possible run."""
    run, direction = intent.run[:, None], intent.direction[:, None]
    latest_ready = calendars.reach(run, direction, intent.due[:, None] + GRID) - intent.due[:, None]
    possible = (calendars.next(intent.run, intent.due + intent.earliest) - intent.due)[:, None] <= GRID
    plain, disputed = ready(latest_ready, intent)
    return PaymentLaw(np.where(possible, plain, 0.0), np.where(possible, disputed, 0.0), intent.dispute_share)


@dataclass(frozen=True)
class InvoiceTruth:
    """True values at issue: `late_over` (n, 6) by `HORIZONS`, `never` (n,), `expected` days late (n,) if ever paid."""

    late_over: Floats
    never: Floats
    expected: Floats


def invoice_truth(law: PaymentLaw, alive: Floats) -> InvoiceTruth:
    """The law with insolvency integrated out; `alive` (n, g) is the probability of no filing up to each day."""
    share = np.diff(law.mixed, axis=1, prepend=0.0) * alive
    paid = np.cumsum(share, axis=1)
    columns = np.array(HORIZONS) - GRID[0]
    ever = paid[:, -1]
    return InvoiceTruth(1 - paid[:, columns], 1 - ever, share @ GRID.astype(np.float64) / ever)
