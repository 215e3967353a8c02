"""Cold start: orders of customers with hardly any known payment are drawn to how comparable customers pay.

Trees tell customers apart by their payments. Without any they still find differences, in amounts and weekdays, that
mostly come from the few customers that were new when they learnt: their answers are too sure of themselves. The share
of the group falls with the number of observations, as in Buehlmann's credibility theory, but faster: from three known
payments on the model alone was the better forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from models.late_loops import shares
from models.numbers import Floats
from receivables.errors import ArtefactError

#: The asked column with the rates of peers.
PEERS: Final = "asked_peer_late_rate"
#: Customers with this many known payments are not drawn any more.
KNOWN: Final = 3
#: Share of the peers for a customer without any known payment. A share found anew at the origins of each run was worse
#: out of time: too few orders are so cold to tell.
SHARE: Final = 0.375
#: Rates of peers are kept this far from 0 and 1.
FLOOR: Final = 0.01


@dataclass(frozen=True)
class ColdStart:
    """Log-odds = (1 - w) x the model's + w x the peers', with w = `share` / (1 + known payments) squared.

    >>> import numpy as np
    >>> ColdStart(0.5).weights(np.array([0.0, 1.0, 2.0, 3.0, np.nan])).round(3).tolist()
    [0.5, 0.125, 0.056, 0.0, 0.5]
    """

    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share < 1.0:
            raise ArtefactError(f"cold start: expected a share of at least 0 and below 1, got {self.share}")

    def weights(self, settled: Floats) -> Floats:
        """(n,) share of the peers, given known payments (n,); null counts as none."""
        made: Floats = shares(settled, KNOWN, self.share)
        return made
