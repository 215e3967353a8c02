"""A credit-card panel with known default probabilities: what each row holds is six months of one simulated account.

The columns are those of a well-known kind of panel, newest month first: credit limit, sex, education, marriage, age,
six repayment statuses (-2 no use, -1 paid in full, 0 minimum paid, k months behind), six bills, six payments. Each
account has a hidden strain that moves from month to month: it makes it pay less, miss payments and default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.numbers import Floats, sigmoid

MONTHS: Final = 6
_BURN_IN: Final = 8
NAMES: Final = (
    "limit",
    "sex",
    "education",
    "marriage",
    "age",
    *(f"status_{i}" for i in range(1, MONTHS + 1)),
    *(f"bill_{i}" for i in range(1, MONTHS + 1)),
    *(f"payment_{i}" for i in range(1, MONTHS + 1)),
)
#: Habits of use: no card use, paying in full, revolving.
_IDLE, _FULL, _REVOLVING = 0, 1, 2
_HABITS: Final = (0.12, 0.22, 0.66)


@dataclass(frozen=True)
class CardPanel:
    """x (n, 23) with columns `NAMES`, y (n,) 0/1 drawn from p (n,)."""

    x: Floats
    y: Floats
    p: Floats


def card_panel(rows: int, seed: int) -> CardPanel:
    """`rows` independent accounts; about 22 % default."""
    r = np.random.default_rng(seed)
    wealth, trait = r.normal(size=rows), r.normal(size=rows)
    age = np.clip(np.round(21 + r.gamma(2.6, 5.6, rows) + 1.5 * wealth), 21, 79)
    steps = np.clip(np.round(np.exp(11.75 + 0.75 * wealth + 0.45 * r.normal(size=rows)) / 10_000), 1, 80)
    limit = 10_000 * steps
    habit = r.choice(3, size=rows, p=_HABITS)
    appetite = sigmoid(0.2 + 0.9 * trait + 1.0 * r.normal(size=rows) - 0.35 * wealth)
    strain = 0.9 * r.normal(size=rows) - 0.45 * wealth
    bill, behind = appetite * limit * (habit == _REVOLVING), np.zeros(rows)
    status, bills, payments = [], [], []
    for _ in range(MONTHS + _BURN_IN):
        strain = 0.86 * strain + 0.5 * r.normal(size=rows) - 0.05 * wealth
        paid, behind, shown = _month(r, bill, behind, habit, strain)
        bill = _next_bill(r, bill - paid, habit, appetite, limit, behind)
        switching = r.random(rows) < 0.05
        habit = np.where(switching, r.choice(3, size=rows, p=_HABITS), habit)
        status.append(shown), bills.append(bill), payments.append(paid)
    sex, married = 1.0 + (r.random(rows) < 0.6), 1.0 + (r.random(rows) > sigmoid(0.16 * (age - 34)))
    school = np.clip(np.round(1.85 - 0.3 * wealth + 0.75 * r.normal(size=rows)), 0, 6)
    newest = [np.column_stack(part[: -MONTHS - 1 : -1]) for part in (status, bills, payments)]
    x = np.column_stack([limit, sex, school, married, age, *newest])
    used = bills[-1] / limit
    log_odds = -2.1 + 1.15 * strain + 0.62 * np.minimum(behind, 3) + 0.35 * used - 0.12 * wealth
    p = sigmoid(log_odds + 0.1 * (sex == 1) + 0.006 * (age - 35))
    return CardPanel(x, (r.random(rows) < p).astype(np.float64), p)


def _month(
    r: np.random.Generator, bill: Floats, behind: Floats, habit: Floats, strain: Floats
) -> tuple[Floats, Floats, Floats]:
    """What is paid on the last bill, months behind after it, and the status shown for it."""
    rows = len(bill)
    misses = (bill > 0) & (r.random(rows) < sigmoid(1.5 * strain - 2.5 + 0.5 * (behind > 0)))
    owed = np.maximum(bill, 0.0)
    minimum = np.maximum(0.05 * owed, np.minimum(owed, 1000.0))
    extra = owed * np.exp(-2.6 - 0.5 * strain + 0.9 * r.normal(size=rows))
    amount = np.where(r.random(rows) < 0.5, np.round(minimum + extra, -3), np.round(minimum + extra))
    full = (habit == _FULL) & (r.random(rows) < 0.92) | (habit == _IDLE)
    part = np.where(misses, np.where(r.random(rows) < 0.7, 0.0, np.round(0.5 * minimum)), np.minimum(amount, owed))
    paid = np.where(full & ~misses, owed, part)
    caught_up = r.random(rows) < sigmoid(0.9 - 0.9 * strain)
    behind = np.where(misses, np.minimum(behind + 1, 8), np.where((behind > 0) & ~caught_up, behind, 0.0))
    shown = np.where(behind > 0, behind, np.where(bill <= 0, -2.0, np.where(paid >= bill, -1.0, 0.0)))
    return paid, behind, shown


def _next_bill(
    r: np.random.Generator, left: Floats, habit: Floats, appetite: Floats, limit: Floats, behind: Floats
) -> Floats:
    """The next bill: what is left, interest, and new purchases within the limit; refunds make a few negative."""
    rows = len(left)
    share = np.where(habit == _FULL, 0.12, 0.09) * appetite * np.exp(0.9 * r.normal(size=rows))
    buys = np.where((habit == _IDLE) | (behind > 1), 0.0, share * limit) * (r.random(rows) < 0.9)
    refunds = np.where(r.random(rows) < 0.02, r.exponential(800.0, rows), 0.0)
    return np.round(np.minimum(left * 1.015 + buys, 1.05 * limit) - refunds)
