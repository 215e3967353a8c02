"""Where the trees of the payment-time model start: halfway between the portfolio's late rates and the customer's own.

How often a customer paid later than k days says most about the next time. Trees need many splits to copy that, and far
out, where few outcomes have matured, they do not get there; what they start from they need not learn. All the way to
the customer's own rates would be too far: the trees that follow would have to unlearn them. Near the due date half of
the own part is the rate of its invoices due on the same weekday, because most customers pay on certain days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final

import numpy as np

from models.asked import Asked, asked_columns
from models.late_loops import added, bounded, started
from models.numbers import Floats, Ints, logit

#: The asked columns that the start looks at.
OWN: Final = "asked_late_rate"
SAME_WEEKDAY: Final = "asked_late_rate_same_due_weekday"
#: Weight of the customer's own part in log-odds; the rest is the portfolio's.
WEIGHT: Final = 0.5
#: Asked days at which the same weekday counts as much as all days.
NEAR: Final = (-5, 8)
#: Rates are kept this far from 0 and 1: a rate of nothing seen is no certainty.
_FLOOR: Final = 1e-3


@dataclass(frozen=True)
class Habit:
    """log-odds at grid day j = offsets[j] + sum over columns of weights[column][j] x (own log-odds - offsets[j]).

    `offsets` (g,) are the portfolio's log-odds of being later than each grid day, `weights` one row (g,) per asked
    column in `columns`. Without late rates among the inputs there are no columns, and the offsets are all there is. A
    rate that is null adds nothing.
    """

    offsets: tuple[float, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, inputs: Sequence[str], grid: Sequence[int], offsets: Floats) -> Habit:
        """The start that the inputs allow."""
        names = [column.name for column in asked_columns(inputs)]
        near = np.array([NEAR[0] <= day <= NEAR[1] for day in grid])
        split = WEIGHT * np.where(near, 0.5, 0.0) if {OWN, SAME_WEEKDAY} <= set(names) else np.zeros(len(grid))
        shares = {OWN: WEIGHT - split, SAME_WEEKDAY: split}
        found = [name for name in shares if name in names and shares[name].any()]
        return cls(tuple(offsets.tolist()), tuple(found), tuple(tuple(shares[name].tolist()) for name in found))

    def parts(self, rows: Floats, asked: Sequence[Asked], days: Ints, places: Sequence[int]) -> dict[str, Floats]:
        """What each column adds to the portfolio's log-odds, (n, len(days)); `places` are those of `days` on the grid.

        `rows` (n, inputs), `asked` the asked columns of these inputs.
        """
        at = {column.name: column for column in asked}
        if not self.columns:
            return {}
        rates = np.stack([at[name].values(rows, days) for name in self.columns], axis=2)
        added = self.added(rates, list(places))
        return {name: added[:, :, column] for column, name in enumerate(self.columns)}

    def added(self, rates: Floats, places: slice | list[int] = slice(None)) -> Floats:
        """(n, len(places), c) what the c columns add, given their values in that form; `places` are all by default."""
        return self.added_by(rates, np.arange(rates.shape[2]), places)

    def added_by(self, varying: Floats, columns: Ints, places: slice | list[int] = slice(None)) -> Floats:
        """`added`, given the columns of the start among those of `varying` (n, len(places), v)."""
        base, weights = self._table
        made: Floats = added(logit(bounded(varying, columns, _FLOOR)), base[places], weights[places])
        return made

    def log_odds(self, rows: Floats, asked: Sequence[Asked], days: Ints, places: Sequence[int]) -> Floats:
        """(n, len(days)) log-odds that the trees add to."""
        total = np.broadcast_to(self._table[0][list(places)], (len(rows), len(places)))
        for part in self.parts(rows, asked, days, places).values():
            total = total + part
        return np.asarray(total)

    def total(self, of_trees: Floats, parts: Floats) -> Floats:
        """(n, g) log-odds of trees and of what they start from, of which `added` gave the parts at all grid days."""
        made: Floats = started(of_trees, self._table[0], parts)
        return made

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """`offsets`, and `weights` with a column for each of `columns`."""
        return np.array(self.offsets), np.array(self.weights).reshape(len(self.columns), len(self.offsets)).T.copy()

    @classmethod
    def from_dict(cls, document: Any) -> Habit:
        """What `dataclasses.asdict` gave, from JSON; raises KeyError, TypeError or ValueError on anything else."""
        columns = tuple(map(str, document["columns"]))
        weights = tuple(tuple(map(float, row)) for row in document["weights"])
        offsets = tuple(map(float, document["offsets"]))
        if len(columns) != len(weights) or not np.isfinite([*offsets, *chain(*weights)]).all():
            raise ValueError("expected one row of finite weights per column of the start")
        return cls(offsets, columns, weights)
