"""From a customer's traits, its state of decline and what is known of an invoice at issue to the law of its payment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from receivables.simulation.config import SimulationConfig
from receivables.simulation.law import GRID, Intent
from receivables.simulation.orders import Orders
from receivables.simulation.portfolio import Portfolio
from receivables.simulation.streams import Floats, Ints

#: ln(amount / usual amount) beyond which an amount delays no further, and by which it moves the risk of a dispute.
_LARGEST_EFFECT = 2.0
_DISPUTE_PER_LOG = 0.3


@dataclass(frozen=True)
class Conduct:
    """How the customers of a portfolio pay."""

    config: SimulationConfig
    portfolio: Portfolio

    def invoices(self, orders: Orders, state: Ints) -> Intent:
        """The intent behind every invoice, given the customer's `state` (n,) at issue."""
        ratio = np.clip(orders.log_ratio, -_LARGEST_EFFECT, _LARGEST_EFFECT)
        return self._intent(orders.customer, state, ratio, orders.due, orders.issued)

    def typical(self, state: int) -> Intent:
        """The intent behind an invoice of each customer's usual amount in one state; due on no particular day."""
        customer = np.arange(self.portfolio.size)
        nowhere = np.zeros(self.portfolio.size, dtype=np.int64)
        usual = np.zeros(self.portfolio.size)
        return self._intent(customer, np.full_like(nowhere, state), usual, nowhere, nowhere)

    def _intent(self, customer: Ints, state: Ints, ratio: Floats, due: Ints, issued: Ints) -> Intent:
        portfolio, habits = self.portfolio, self.portfolio.habits
        behaviour = habits.behaviour[customer]
        delay = self._stress("delay_days")[state] + self.config.amount.delay_per_log * ratio
        slow = self._behaviour("slow_share")[behaviour] + self._stress("slow_share")[state]
        disputes = portfolio.dispute_share[customer] * np.exp(_DISPUTE_PER_LOG * ratio)
        return Intent(
            centre=habits.base[customer] + delay,
            spread=habits.spread[customer],
            slow_share=np.minimum(slow, 1.0),
            slow_days=self._behaviour("slow_days")[behaviour],
            dispute_share=np.minimum(disputes, 1.0),
            dispute_days=self.config.events.dispute_days,
            never_share=self._stress("never_share")[state],
            earliest=np.maximum(issued + 1 - due, int(GRID[0])),
            due=due,
            run=habits.run[customer],
            direction=habits.direction[customer],
        )

    def _behaviour(self, field: str) -> Floats:
        return np.array([getattr(entry, field) for entry in self.config.behaviours], dtype=np.float64)

    def _stress(self, field: str) -> Floats:
        return np.array([getattr(entry, field) for entry in self.config.stress], dtype=np.float64)
