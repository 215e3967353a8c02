"""The features of the open late-payment predictor of Dynamics 365 Business Central, as of each invoice's issue.

Seventeen inputs per invoice, as its published source computes them (microsoft/ALAppExtensions, LatePaymentPredictor):
amount, terms, whether a credit memo names the invoice, and the customer's paid and outstanding invoices by number,
amount and lateness. One of them, the credit memo, is only known after the invoice was issued; it is left out here, so
that sixteen honest features are compared and not a leak.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
NAMES: Final = (
    "amount", "terms_days", "n_paid", "n_paid_late", "ratio_paid_late", "amount_paid", "amount_paid_late",
    "ratio_amount_paid_late", "mean_days_late", "n_open", "n_open_late", "ratio_open_late", "amount_open",
    "amount_open_late", "ratio_amount_open_late", "mean_open_days_late",
)  # fmt: skip


def features(invoices: pd.DataFrame) -> Floats:
    """(n, 16) features in the order of `NAMES`; a ratio or mean of nothing is 0, as in the original.

    `invoices` has customer_id, issued_on, due_on, settled_on (NaT while open) and amount, in any order. Facts of the
    days before the invoice's issue count, whole amounts stand for what is open, and lateness of a paid invoice is
    days after its due date.
    """
    made = np.zeros((len(invoices), len(NAMES)))
    for _, rows in invoices.reset_index(drop=True).groupby("customer_id", sort=False):
        made[rows.index] = _of_customer(rows)
    return made


def _of_customer(rows: pd.DataFrame) -> Floats:
    issued, due = (_days(rows[name]) for name in ("issued_on", "due_on"))
    settled = np.where(rows["settled_on"].isna(), np.inf, _days(rows["settled_on"]))
    amount = rows["amount"].to_numpy(np.float64)
    late = np.maximum(settled - due, 0.0)
    ones = np.ones(len(rows))
    return np.array(
        [
            _row(amount[i], due[i] - issued[i], issued[i], issued, due, settled, late, amount, ones)
            for i in range(len(rows))
        ]
    )


def _row(
    own: float, terms: float, now: float, issued: Floats, due: Floats, settled: Floats, late: Floats,
    amount: Floats, ones: Floats,
) -> list[float]:  # fmt: skip
    paid = settled < now
    paid_late = paid & (late > 0)
    is_open = (issued < now) & ~paid
    open_late = is_open & (due < now)

    def part(some: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_], value: Floats) -> list[float]:
        over, under = float(value[some].sum()), float(value[of].sum())
        return [under, over, over / under if under else 0.0]

    mean_late = float(late[paid_late].mean()) if paid_late.any() else 0.0
    mean_open = float((now - due[open_late]).mean()) if open_late.any() else 0.0
    return [
        own, terms, *part(paid_late, paid, ones), *part(paid_late, paid, amount), mean_late,
        *part(open_late, is_open, ones), *part(open_late, is_open, amount), mean_open,
    ]  # fmt: skip


def _days(dates: pd.Series) -> Floats:
    return dates.to_numpy(dtype="datetime64[D]").astype(np.int64).astype(np.float64)
