"""How customers moved between risk classes from one period to the next, in heads and in money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.window import Window


@dataclass(frozen=True)
class Migration:
    """Customers with orders in both periods, by their class at their last order in each.

    `matrix[from][to]` counts customers; `worse_minor` is the amount of current orders, in minor units by currency,
    of customers whose class fell.
    """

    matrix: Mapping[str, Mapping[str, int]]
    both: int
    worse: int
    better: int
    worse_minor: Mapping[str, int]

    @property
    def changed_share(self) -> float:
        """Share of the customers in both periods whose class changed; 0 where there are none."""
        return (self.worse + self.better) / self.both if self.both else 0.0


def migration(reference: Window, current: Window) -> Migration:
    """Who moved from which class to which; classes are ordered A (best) to E (worst)."""
    before, after = _last_class(reference), _last_class(current)
    pairs = pd.DataFrame({"before": before, "after": after}).dropna()
    worse = pairs.index[pairs["after"] > pairs["before"]]
    orders = pd.DataFrame({"currency": current.currency, "minor": current.amount_minor})
    hit = orders[np.isin(current.customer_id, list(worse))]
    return Migration(
        matrix={str(start): dict(Counter(ends)) for start, ends in pairs.groupby("before")["after"]},
        both=len(pairs),
        worse=len(worse),
        better=int((pairs["after"] < pairs["before"]).sum()),
        worse_minor={str(k): int(v) for k, v in hit.groupby("currency")["minor"].sum().items()},
    )


def _last_class(window: Window) -> pd.Series:
    # rows are ordered by issue date, so the last row of a customer is its last order
    frame = pd.DataFrame({"customer_id": window.customer_id, "risk_class": window.risk_class.astype(object)})
    return frame.drop_duplicates("customer_id", keep="last").set_index("customer_id")["risk_class"]
