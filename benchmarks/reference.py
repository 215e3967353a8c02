"""The 25 features that every contender computes, and what "identical answers" means.

They are entries of the feature table, chosen so that each contender can say all of them in its fastest idiom: counts,
sums and means over windows, the newest settlements, what is open as a difference of two sums. A maximum over a window,
or the oldest open invoice, would force most of them into a second, slower query.

A fact is known at the midnight after its day and an order is scored at 00:00 of its issue day, so an order sees facts
of days before its own: in the last W days means from W days before to the day before.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features import FEATURES, INDEX, Feature
from features.expression import Floats

#: Counts, days and other whole numbers: equal to the last bit.
WHOLE: Final = (
    "n_settled_365d",
    "n_settled",
    "last_days_late",
    "days_since_payment",
    "n_open",
    "n_overdue",
    "invoices_30d",
    "days_since_invoice",
)
#: Means, shares and amounts: equal within `TOLERANCE` of the value.
DERIVED: Final = (
    "mean_days_late_30d",
    "mean_days_late_90d",
    "mean_days_late_365d",
    "wadl_90d",
    "wadl_365d",
    "days_late_std_365d",
    "avg_days_late_if_late_365d",
    "late_ratio_amount_365d",
    "early_pay_ratio_365d",
    "mean_days_to_pay_365d",
    "mean_days_late_last_3",
    "open_amount",
    "overdue_amount",
    "overdue_ratio",
    "avg_open_days_late",
    "mean_invoice_amount_365d",
    "sales_growth_90_365",
)
NAMES: Final = (*WHOLE, *DERIVED)
TOLERANCE: Final = 1e-9
#: Logs (settled, issued, due, over: both due and settled) and the days for which running sums are looked up in them:
#: 0 is the day before the order, W the last day before the window of W days.
LOOKED_UP: Final = {"s": (0, 30, 90, 365), "i": (0, 30, 90, 365), "d": (0,), "c": (0,)}


def reference_features() -> tuple[Feature, ...]:
    """The entries of the feature table in the order of `NAMES`."""
    return tuple(FEATURES[INDEX[name]] for name in NAMES)


def differences(answer: Floats, expected: Floats) -> list[str]:
    """What differs between two matrices (rows x `NAMES`), one line a feature; empty where the answers are identical."""
    if answer.shape != expected.shape:
        return [f"shape {answer.shape}, expected {expected.shape}"]
    found = []
    for i, name in enumerate(NAMES):
        a, b = answer[:, i], expected[:, i]
        within = 0.0 if name in WHOLE else TOLERANCE * np.abs(b)
        unlike = ~((np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= within))
        if unlike.any():
            row = int(unlike.argmax())
            found.append(f"{name}: {unlike.sum()} rows, first in row {row}: {a[row]!r}, expected {b[row]!r}")
    return found
