"""The reference features in operators that pandas and Polars share.

Four logs (settled, issued, due, over: both due and settled) are added up over all days before the order and over
windows; the features follow from the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

#: What only the newest row of a log tells.
NEWEST: Final = ("day", "last_late", "last_three")
#: (log, name) -> sum or newest value over all days before the order; (log, days, name) -> sum over the last days.
Ever = Callable[[str, str], Any]
Within = Callable[[str, int, str], Any]


def sums_of_logs(invoices: Any, settled: Any) -> dict[str, dict[str, Any]]:
    """What each log adds up, in operators that frames of both libraries share."""
    late = settled["late"]
    return {
        "s": {
            "n": late * 0 + 1,
            "late": late,
            "square": late * late,
            "amount": settled["amount"],
            "amount_late": settled["amount"] * late,
            "late_n": (late > 0) * 1,
            "late_days": late * (late > 0),
            "late_amount": settled["amount"] * (late > 0),
            "early": (late < 0) * 1,
            "to_pay": settled["settled"] - settled["issued"],
        },
        "i": {"n": invoices["issued"] * 0 + 1, "amount": invoices["amount"]},
        "d": {"n": invoices["due"] * 0 + 1, "amount": invoices["amount"], "due_days": invoices["due"]},
        "c": {"n": late * 0 + 1, "amount": settled["amount"], "due_days": settled["due"]},
    }


def features_of(day: Any, ever: Ever, within: Within) -> dict[str, Any]:
    """The reference features from sums over all days before the order and over windows; 0 / 0 is null."""

    def share(log: str, days: int, part: str, whole: str) -> Any:
        return within(log, days, part) / within(log, days, whole)

    n, late, square = (within("s", 365, name) for name in ("n", "late", "square"))
    open_minor, overdue_minor = ever("i", "amount") - ever("s", "amount"), ever("d", "amount") - ever("c", "amount")
    n_overdue = ever("d", "n") - ever("c", "n")
    return {
        "n_settled_365d": n,
        "n_settled": ever("s", "n"),
        "last_days_late": ever("s", "last_late"),
        "days_since_payment": day - ever("s", "day"),
        "n_open": ever("i", "n") - ever("s", "n"),
        "n_overdue": n_overdue,
        "invoices_30d": within("i", 30, "n"),
        "days_since_invoice": day - ever("i", "day"),
        "mean_days_late_30d": share("s", 30, "late", "n"),
        "mean_days_late_90d": share("s", 90, "late", "n"),
        "mean_days_late_365d": share("s", 365, "late", "n"),
        "wadl_90d": share("s", 90, "amount_late", "amount"),
        "wadl_365d": share("s", 365, "amount_late", "amount"),
        # of one invoice 0 / 0
        "days_late_std_365d": np.sqrt(n * square - late * late) / (n * (n > 1)),
        "avg_days_late_if_late_365d": share("s", 365, "late_days", "late_n"),
        "late_ratio_amount_365d": share("s", 365, "late_amount", "amount"),
        "early_pay_ratio_365d": share("s", 365, "early", "n"),
        "mean_days_to_pay_365d": share("s", 365, "to_pay", "n"),
        "mean_days_late_last_3": ever("s", "last_three") / 3,
        "open_amount": open_minor * 0.01,
        "overdue_amount": overdue_minor * 0.01,
        "overdue_ratio": overdue_minor / open_minor,
        "avg_open_days_late": day - (ever("d", "due_days") - ever("c", "due_days")) / n_overdue,
        "mean_invoice_amount_365d": share("i", 365, "amount", "n") * 0.01,
        "sales_growth_90_365": within("i", 90, "amount") * (365 / 90) / within("i", 365, "amount"),
    }
