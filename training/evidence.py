"""What a challenger is judged by: orders that neither model had learnt from, their outcomes, and what both said.

A challenger speaks for itself about orders since its own cut-off. About those between the champion's cut-off and its
own, its held-out predecessors speak: models with the same settings that were fitted at earlier origins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import Orders, build_features
from models.champion import Champion
from models.numbers import Floats
from receivables.outcomes import late_column
from training import heldout
from training.dataset import Known, LateData
from training.fit import HORIZONS


@dataclass(frozen=True)
class Evidence:
    """n orders or customer snapshots: features x (n, F), and by target outcomes and probabilities (n,), NaN = unknown.

    `champion` is null where there is none, or where it predicts something else.
    """

    customer_id: npt.NDArray[np.object_]
    x: Floats
    outcomes: Mapping[str, Floats]
    challenger: Mapping[str, Floats]
    champion: Mapping[str, Floats] | None

    def matured(self, target: str) -> npt.NDArray[np.bool_]:
        """Rows with an outcome and all predictions of a target."""
        known = ~np.isnan(self.outcomes[target]) & ~np.isnan(self.challenger[target])
        return known if self.champion is None else known & ~np.isnan(self.champion[target])


def of_lateness(
    data: LateData, frame: pd.DataFrame, *, challenger: Champion, champion: Champion | None, margin_days: int
) -> Evidence:
    """Orders since the champion's cut-off, all that `frame` holds where there is no champion.

    Outcomes are those that had matured at the cut-off of `data`.
    """
    targets = [late_column(k) for k in HORIZONS]
    rows = np.flatnonzero(data.orders.as_of >= cutoff_of(champion))
    orders, x = data.orders.take(rows), data.x[rows]
    own = orders.as_of >= cutoff_of(challenger)
    said = {target: heldout.matching(frame, orders, target) for target in targets}
    if own.any():
        for target, p in _late(challenger, x[own]).items():
            said[target][own] = p
    spoken = ~np.isnan(said[targets[0]])
    labels = data.labels(HORIZONS, cutoff=data.known.cutoff, margin_days=margin_days)[rows][spoken]
    return Evidence(
        customer_id=orders.customer_id[spoken],
        x=x[spoken],
        outcomes=dict(zip(targets, labels.T, strict=True)),
        challenger={target: p[spoken] for target, p in said.items()},
        champion=None if champion is None else _late(champion, x[spoken]),
    )


def of_event(known: Known, frame: pd.DataFrame, *, challenger: Champion, champion: Champion | None) -> Evidence:
    """Customer snapshots held out in the challenger's training, since the champion's cut-off."""
    event = challenger.default.event.name
    fresh = frame[frame[heldout.AS_OF] >= pd.Timestamp(cutoff_of(champion))]
    customers = [str(c) for c in np.unique(known.ledger["invoices"]["customer_id"].astype(str))]
    orders = heldout.snapshots(fresh, customers) if len(fresh) else Orders.snapshots([], [])
    x = build_features(known.history, orders, known.priors)
    is_comparable = champion is not None and champion.default.event == challenger.default.event
    return Evidence(
        customer_id=orders.customer_id,
        x=x,
        outcomes={event: heldout.matching(frame, orders, heldout.OUTCOME)},
        challenger={event: heldout.matching(frame, orders, event)},
        champion={event: champion.default.probability(x)} if champion is not None and is_comparable else None,
    )


def cutoff_of(champion: Champion | None) -> np.datetime64:
    """The moment up to which it has learnt; the beginning of time for none."""
    return np.datetime64("1900-01-01" if champion is None else str(champion.manifest["training_cutoff"]), "us")


def _late(model: Champion, x: Floats) -> dict[str, Floats]:
    law = model.late.law(x)
    return {late_column(k): law.late_over(k) for k in HORIZONS}
