"""The stand-by: logistic scorecards in one plain JSON file of the champion, which answer where the trees cannot.

They are learnt from the same outcomes as the models beside them, and computed with numpy alone: no LightGBM, no
compiled code. One scorecard per day late of a coarse grid reads as a payment law; one more gives the customer's event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from models.contributions import Contributions
from models.default import DefaultModel
from models.event import Event
from models.inputs import directions
from models.intervals import Intervals
from models.law import PaymentLaw
from models.numbers import Floats, Ints, matrix
from models.scorecard import Scorecard
from receivables.errors import ArtefactError, NotEnoughDataError

#: The file in the champion's folder.
FILE: Final = "standby.json"
#: Days late that have a scorecard of their own, where enough outcomes of either kind have matured.
DAYS: Final = (-7, -3, 0, 5, 15, 30, 60, 90)
#: More outcomes than this add nothing to a scorecard but time.
MAX_ROWS: Final = 200_000


@dataclass(frozen=True)
class StandbyLate:
    """P(days late > k) from one scorecard per grid day; answers as `LateModel` does where an order is scored."""

    names: tuple[str, ...]
    grid: tuple[int, ...]
    cards: tuple[Scorecard, ...]
    intervals: Intervals = field(default_factory=Intervals)

    @property
    def explained_by(self) -> str:
        """What computes the contributions."""
        return "scorecard"

    def cell(self, x: npt.ArrayLike) -> bytes:
        """Equal for orders x (1, F) that have the same law: a scorecard tells all values apart."""
        return matrix(x, len(self.names)).tobytes()

    def law(self, x: npt.ArrayLike) -> PaymentLaw:
        """The distribution of days late of each order in x (n, F)."""
        margins = [card.margin(self._of(card, x)) for card in self.cards]
        return PaymentLaw.from_margins(self.grid, np.stack(margins, axis=1))

    def explain(self, x: npt.ArrayLike) -> Contributions:
        """Contributions of the columns of x (n, F) to the log-odds of being late at all."""
        card = self.cards[self.grid.index(0)]
        rows = self._of(card, x)
        reference, parts = card.shap(rows)
        values = np.zeros((len(rows), len(self.names)))
        values[:, self._places(card)] = parts
        return Contributions(self.names, reference, values, card.margin(rows))

    def explained(self, x: npt.ArrayLike) -> tuple[PaymentLaw, Contributions]:
        """`law` and `explain`."""
        return self.law(x), self.explain(x)

    def interval(self, x: npt.ArrayLike, level: float, law: PaymentLaw | None = None) -> tuple[Ints, Ints]:
        """(n,) first and last day late of the law's own central interval of `level`."""
        return (self.law(x) if law is None else law).interval(level)

    def late_interval(self, x: npt.ArrayLike, level: float, law: PaymentLaw | None = None) -> None:
        """None: how sure a scorecard is was not judged."""

    def _places(self, card: Scorecard) -> list[int]:
        return [self.names.index(name) for name in card.names]

    def _of(self, card: Scorecard, x: npt.ArrayLike) -> Floats:
        return matrix(x, len(self.names))[:, self._places(card)]


@dataclass(frozen=True)
class Standby:
    """The scorecards: `late` for orders with columns `late.names`, `event` for the customer's event."""

    late: StandbyLate
    event: Scorecard

    @classmethod
    def fit(
        cls,
        late: tuple[Floats, Floats],
        event: tuple[Floats, Floats],
        *,
        names: Sequence[str],
        grid: Sequence[int],
        late_inputs: Sequence[str],
        event_inputs: Sequence[str],
    ) -> Self:
        """Scorecards of orders (n, F) and labels (n, g) on `grid`, and of customers (m, F) and labels (m,).

        Labels are NaN where they have not matured. Raises NotEnoughDataError where day 0 or the event has too few.
        """
        columns = tuple(names)
        days, cards = [], []
        for day in (day for day in DAYS if day in grid):
            try:
                cards.append(_card(late[0], late[1][:, list(grid).index(day)], columns, late_inputs))
            except NotEnoughDataError:
                if day == 0:
                    raise
                continue
            days.append(day)
        return cls(StandbyLate(columns, tuple(days), tuple(cards)), _card(*event, columns, event_inputs))

    def default(self, event: Event) -> DefaultModel:
        """The scorecard of the event as a default model."""
        return DefaultModel.of_scorecard(self.event, event=event, names=self.late.names)

    def to_json(self) -> bytes:
        """The file; numbers survive the round trip to the last bit."""
        cards = {
            str(day): json.loads(card.to_json()) for day, card in zip(self.late.grid, self.late.cards, strict=True)
        }
        return json.dumps({"late": cards, "event": json.loads(self.event.to_json())}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes, names: Sequence[str]) -> Self:
        """What `to_json` gave, for orders with columns `names`; raises ArtefactError on anything else."""
        try:
            document: dict[str, Any] = json.loads(data)
            grid = tuple(int(day) for day in document["late"])
            cards = tuple(Scorecard.from_json(json.dumps(card)) for card in document["late"].values())
            event = Scorecard.from_json(json.dumps(document["event"]))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ArtefactError(f"{FILE}: {type(error).__name__}: {error}") from None
        unknown = sorted({name for card in (*cards, event) for name in card.names} - set(names))
        if unknown or 0 not in grid or list(grid) != sorted(set(grid)):
            raise ArtefactError(f"{FILE}: expected rising days that hold 0 and known columns (unknown: {unknown})")
        return cls(StandbyLate(tuple(names), grid, cards), event)


def _card(x: Floats, labels: Floats, names: tuple[str, ...], inputs: Sequence[str]) -> Scorecard:
    known = np.flatnonzero(~np.isnan(labels))
    known = known[:: max(1, len(known) // MAX_ROWS)]
    columns = [names.index(name) for name in inputs]
    return Scorecard.fit(x[known][:, columns], labels[known], names=inputs, monotone=directions(inputs))
