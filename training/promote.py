"""Which model is served: the first one trained, and later only one that did better on what neither had learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.champion import Champion, load_champion
from models.law import PaymentLaw
from receivables.errors import ArtefactError
from receivables.outcomes import late_column
from training.dataset import LateData
from training.fit import GRID, HORIZONS, LateFit
from training.metrics import LOG_LOSS, Estimate, Resampling, difference

#: Fewer matured outcomes at a horizon than this are not compared.
MIN_ROWS = 100


@dataclass(frozen=True)
class Verdict:
    """Whether a new model becomes the champion, why, and the log-loss differences (new - champion) by target."""

    promoted: bool
    reason: str
    differences: dict[str, Estimate]


def current_champion(folder: Path) -> tuple[Champion | None, str]:
    """The champion in `folder`, or None and the reason why there is none that this installation can use."""
    if not folder.exists():
        return None, "there is no champion yet"
    try:
        return load_champion(folder), ""
    except ArtefactError as error:
        return None, f"the champion cannot be used: {str(error).splitlines()[0]}"


def decide(champion: Champion | None, why_none: str, data: LateData, fit: LateFit, *, asked: bool) -> Verdict:
    """The verdict on a new payment-time model and the default model trained with it.

    Without a usable champion it is promoted. Otherwise only if `asked`, and if on orders issued since the champion's
    cut-off, judged by the new model's held-out predecessors, log-loss is lower at every horizon that can be compared.
    """
    if champion is None:
        return Verdict(True, why_none, {})
    found = compare(champion, data, fit)
    if not asked:
        return Verdict(False, "registered as challenger; train with --promote to let it replace the champion", found)
    if not found:
        return Verdict(
            False,
            f"no {MIN_ROWS} outcomes have matured since the champion's cut-off "
            f"({champion.manifest['training_cutoff']}): the two cannot be compared on what neither has learnt",
            found,
        )
    worse = [target for target, estimate in found.items() if not estimate.value < 0]
    if worse:
        return Verdict(False, f"its log-loss is not lower than the champion's for {', '.join(worse)}", found)
    return Verdict(True, f"its log-loss is lower than the champion's for {', '.join(found)}", found)


def compare(champion: Champion, data: LateData, fit: LateFit) -> dict[str, Estimate]:
    """Log-loss of the new model's held-out predecessors minus the champion's, on orders that neither has learnt."""
    held = fit.heldout.rows
    since = np.datetime64(str(champion.manifest["training_cutoff"]))
    fresh = data.orders.as_of[held] >= since
    rows = held[fresh]
    if not len(rows):
        return {}
    new = PaymentLaw.from_margins(GRID, fit.heldout.margins[fresh])
    old = champion.late.law(data.x[rows])
    found = {}
    for k in HORIZONS:
        y = fit.labels[rows, GRID.index(k)]
        use = ~np.isnan(y)
        if use.sum() >= MIN_ROWS:
            sample = Resampling.of(data.orders.customer_id[rows][use].astype(str))
            p, q = new.late_over(k)[use], old.late_over(k)[use]
            found[late_column(k)] = difference(LOG_LOSS, y[use], p, q, sample)
    return found
