"""Splits by time: what a model may learn from is what was known at the split, what it is judged on came after.

No random split is offered: it lets a model learn a customer's March from its April. The purge needs no extra rule:
training labels are those that had matured at the split (due + horizon + margin before it), so no outcome that fell
into the test period, or was still to be booked, is learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from receivables.errors import NotEnoughDataError

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Split:
    """Learn from what was known at `cutoff`, judge orders with cutoff <= as_of < until."""

    cutoff: pd.Timestamp
    until: pd.Timestamp

    def test(self, as_of: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Which orders it judges."""
        return (as_of >= self.cutoff.to_datetime64()) & (as_of < self.until.to_datetime64())


def rolling_origins(
    as_of: npt.NDArray[np.datetime64], matured: npt.NDArray[np.bool_], *, end: pd.Timestamp, share: float, count: int
) -> tuple[Split, ...]:
    """`count` consecutive splits that together judge the last `share` of the orders whose label has `matured`.

    Each judges the same span of time; the last one ends at `end`, so that orders with short terms, which mature first,
    are judged too. Raises NotEnoughDataError where all matured orders fall on one day.
    """
    days = np.sort(as_of[matured].astype("datetime64[D]"))
    if len(days) == 0 or days[0] == days[-1]:
        raise NotEnoughDataError(
            f"expected matured outcomes on more than one issue date before {end.date()}, got {len(days)} outcomes; "
            f"choose a later cut-off or load a longer history"
        )
    first = max(pd.Timestamp(days[int(len(days) * (1 - share))]), pd.Timestamp(days[0]) + _DAY)
    step = max((pd.Timestamp(days[-1]) + _DAY - first).days // count, 1)
    starts = [first + i * step * _DAY for i in range(count) if first + i * step * _DAY <= pd.Timestamp(days[-1])]
    return tuple(Split(start, until) for start, until in zip(starts, [*starts[1:], end], strict=True))
