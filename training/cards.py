"""The model cards of a training run, from its own facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features import VERSION
from models.calibration import Calibration
from models.cards.card import CardFacts, Metric
from models.event import Event
from models.inputs import directions, inputs_for
from training.dataset import DefaultData, LateData
from training.evaluate import Figure
from training.fit import MODEL, OWN_RATE, LateFit
from training.fit_default import WORST_DAYS, DefaultFit

LEAK_AUDIT: Final = {
    "features": "as of the scoring moment only: facts that became known later are not passed to the feature engine",
    "labels": "matured by time: due date, horizon and margin lie before the cut-off; nothing booked later is seen",
    "split": "by time, each origin learns only from what was known then; no random split",
}
LIMITS: Final = (
    "Learnt from one seller's ledger; it says nothing about customers of another.",
    "Probabilities are those of the seller's past credit policy: orders that were refused have no outcome.",
    "A customer with fewer than three known settlements is scored mostly by how its peers pay.",
    "It supports a decision; it is not the sole ground for refusing credit to a natural person.",
)


def late_card(data: LateData, fit: LateFit, figures: Sequence[Figure], about: Mapping[str, Any]) -> CardFacts:
    """The card of the payment-time model. `about` holds version, trained_at, fingerprint and parameters."""
    learnt = ~np.isnan(fit.labels).all(axis=1)
    days = data.orders.as_of[learnt].astype("datetime64[D]")
    held = data.orders.as_of[fit.heldout.rows].astype("datetime64[D]")
    return CardFacts(
        title="Payment time of an invoice",
        purpose="Says at order time how late the invoice will be paid: one distribution of days late per order.",
        event="days late of an invoice; late over k days means settled more than k days after the due date, or open",
        training_period=f"invoices issued {days.min()} to {days.max()}",
        evaluation_period=f"invoices issued {held.min()} to {held.max()} ({fit.heldout.how})",
        rows=int(learnt.sum()),
        customers=len(set(data.orders.customer_id[learnt].tolist())),
        events=int(np.nansum(fit.labels[:, fit.model.grid.index(0)])),
        metrics=_metrics(figures, OWN_RATE),
        calibration=_calibrations(dict(zip(fit.model.grid, fit.model.calibrations, strict=True))),
        **_common(about, "late", data.known.cutoff),
    )


def default_card(data: DefaultData, fit: DefaultFit, figures: Sequence[Figure], about: Mapping[str, Any]) -> CardFacts:
    """The card of the default model."""
    learnt = ~np.isnan(fit.labels)
    days = data.orders.as_of[learnt].astype("datetime64[D]")
    event: Event = fit.model.event
    return CardFacts(
        title=f"Probability of {event.label}",
        purpose=f"Says how likely a customer's {event.label} is within {event.horizon_days} days of a moment.",
        event=event.text(),
        training_period=f"customer snapshots {days.min()} to {days.max()}",
        evaluation_period=fit.heldout.how,
        rows=int(learnt.sum()),
        customers=len(set(data.orders.customer_id[learnt].tolist())),
        events=int(np.nansum(fit.labels)),
        metrics=_metrics(figures, WORST_DAYS),
        calibration=_calibrations({event.horizon_days: fit.model.calibration_}),
        rating_basis=fit.model.basis_.text(),
        **_common(about, "default", data.known.cutoff),
    )


def _common(about: Mapping[str, Any], use: str, cutoff: object) -> dict[str, Any]:
    inputs = inputs_for(use)
    return {
        "version": about["version"],
        "owner": about["owner"],
        "trained_at": about["trained_at"],
        "training_cutoff": str(cutoff),
        "data_fingerprint": about["fingerprint"],
        "feature_set_version": VERSION,
        "features": inputs,
        "parameters": about["parameters"],
        "monotone": directions(inputs),
        "leak_audit": LEAK_AUDIT,
        "limits": LIMITS,
    }


def _metrics(figures: Sequence[Figure], rule: str) -> dict[str, tuple[Metric, ...]]:
    """Figures of the model by slice, the one-feature rule's beside them; differences are in the run's figures.json."""
    beside = {(f.slice, f.target, f.metric): f.value for f in figures if f.predictor == rule}
    made: dict[str, tuple[Metric, ...]] = {}
    for f in figures:
        if f.predictor == MODEL:
            baseline = beside.get((f.slice, f.target, f.metric))
            metric = Metric(f"{f.target} {f.metric}", f.value, f.low, f.high, baseline, f.rows)
            made[f.slice] = (*made.get(f.slice, ()), metric)
    return made


def _calibrations(maps: Mapping[int, Calibration]) -> str:
    changed = [f"day {k}: {c.kind} (slope {c.slope:.3f}, intercept {c.intercept:+.3f})" for k, c in maps.items()
               if c.kind != "identity"]  # fmt: skip
    return "; ".join(changed) or "none: held-out outcomes did not ask for any"
