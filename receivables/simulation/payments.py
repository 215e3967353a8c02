"""The fate of every invoice, drawn from its law, and the truth read from that law."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from receivables.simulation.book import Fate
from receivables.simulation.conduct import Conduct
from receivables.simulation.days import NEVER
from receivables.simulation.defaults import OpenInvoices
from receivables.simulation.law import GRID, HORIZONS, InvoiceTruth, invoice_truth, payment_law
from receivables.simulation.streams import Floats, Ints
from receivables.simulation.stress import alive
from receivables.simulation.world import World

#: Wraps the sequence of chunks to be worked on, for a progress bar.
Progress = Callable[[Sequence[int]], Iterable[int]]
#: Invoices whose laws are held in memory at a time.
_CHUNK = 4096


@dataclass(frozen=True)
class Settled:
    """The drawn fate of all invoices, the true probabilities behind it, and what is open at each month end."""

    fate: Fate
    truth: InvoiceTruth
    dispute_share: Floats
    open_invoices: OpenInvoices


def settle(world: World, progress: Progress) -> Settled:
    """Truth and fate of all invoices, chunk by chunk: memory grows with the invoices, not with their laws."""
    orders, streams = world.orders, world.streams
    state = world.state
    intent = Conduct(world.config, world.portfolio).invoices(orders, state)
    survival = alive(world.chain, world.months, max(world.config.net_days) + int(GRID[-1]))
    disputed = streams("disputed").random(orders.size) < intent.dispute_share
    cancelled = _cancelled(world)
    uniform = streams("days late").random(orders.size)
    open_invoices = OpenInvoices.none(world.months.count, world.portfolio.size)
    truths, paid = [], np.full(orders.size, NEVER, dtype=np.int64)
    for begin in progress(range(0, orders.size, _CHUNK)):
        part = slice(begin, min(begin + _CHUNK, orders.size))
        law = payment_law(intent.rows(part), world.calendars)
        truths.append(invoice_truth(law, _alive_on_grid(world, survival, state[part], part)))
        paid[part] = _paid_on(world, law.draw(disputed[part], uniform[part]), cancelled[part], part)
        closed = np.minimum(paid[part], cancelled[part])
        customer, issued, due = orders.customer[part], orders.issued[part], orders.due[part]
        open_invoices.add(law, world.months, customer, issued, due, closed)
    fate = Fate(paid, disputed, cancelled, world.filed[orders.customer])
    return Settled(fate, _joined_truth(truths), intent.dispute_share, open_invoices)


def _alive_on_grid(world: World, survival: Floats, state: Ints, part: slice) -> Floats:
    """Probability (n, g) that the customer has not filed by each day of the grid, given that it had not at issue."""
    issued, due = world.orders.issued[part], world.orders.due[part]
    ahead = np.maximum((due - issued)[:, None] + GRID, 0)
    return np.asarray(survival[state[:, None], (issued - world.months.starts[0])[:, None], ahead])


def _paid_on(world: World, days_late: Ints, cancelled: Ints, part: slice) -> Ints:
    paid = world.orders.due[part] + days_late
    happens = (days_late <= GRID[-1]) & (paid < world.filed[world.orders.customer[part]]) & (cancelled == NEVER)
    return np.where(happens, paid, NEVER)


def _cancelled(world: World) -> Ints:
    """Day on which an invoice is credited in full, NEVER for most; always before its customer files."""
    rng, orders = world.streams("cancelled"), world.orders
    day = orders.issued + rng.integers(1, 9, orders.size)
    happens = rng.random(orders.size) < world.config.events.cancelled_share
    return np.where(happens & (day < world.filed[orders.customer]), day, NEVER)


def _joined_truth(truths: list[InvoiceTruth]) -> InvoiceTruth:
    if not truths:
        return InvoiceTruth(np.empty((0, len(HORIZONS))), np.empty(0), np.empty(0))
    return InvoiceTruth(*(np.concatenate([getattr(t, name) for t in truths]) for name in vars(truths[0])))
