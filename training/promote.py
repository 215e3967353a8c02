"""Which model is served: the first one trained, and later only one that passes every check of the gate.

What is decided here is the same for `otcrisk promote` and `otcrisk train --promote`; the two differ in where the
challenger and its evidence come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features import Orders
from models import artefact
from models.artefact import Artefact
from models.champion import Champion, champion_of, load_champion
from receivables.errors import ArtefactError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column
from receivables.signature import SigningKey, signing_key
from training.checks import (
    BETTER,
    TRIAL,
    TRIAL_BOUND,
    additive_check,
    approval_check,
    better_checks,
    calibration_checks,
    monotone_checks,
    reason_checks,
    reasons_check,
    trial_check,
)
from training.dataset import Known, LateData
from training.evidence import Evidence, cutoff_of, of_event, of_lateness
from training.gate import Check, Gate, Verdict
from training.registered import Registered


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes the champion, why, what was checked, and who approved and trained it."""

    promoted: bool
    reason: str
    checks: tuple[Check, ...] = ()
    approved_by: str | None = None
    trained_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "promoted": self.promoted,
            "reason": self.reason,
            "approved_by": self.approved_by,
            "trained_by": self.trained_by,
            "checks": [check.to_dict() for check in self.checks],
        }


@dataclass(frozen=True)
class Challenger:
    """A model that would be champion: its verified folder, its passed trial, what it holds and what it is judged by."""

    found: Artefact
    trial: Check
    model: Champion
    late: Evidence
    event: Evidence
    trained_by: str | None


def challenge(
    ledger: Ledger, registered: Registered, champion: Champion | None, *, cutoff: pd.Timestamp, config: OutcomeConfig
) -> Challenger:
    """A registered challenger with the evidence of a ledger as known at `cutoff`.

    The trial comes first: this process does not touch what ended a child. Raises ArtefactError where it is not passed,
    EmptyInputError where no invoice was known.
    """
    trial = trial_check(registered.found)
    if trial.verdict is Verdict.FAIL:
        raise ArtefactError(trial.detail)
    model = champion_of(registered.found)
    known = Known.at(ledger, cutoff)
    orders = Orders.of_invoices(known.ledger)
    fresh = orders.take(orders.as_of >= cutoff_of(champion))
    both = {"challenger": model, "champion": champion}
    margin = config.maturity_margin_days
    late = of_lateness(LateData.of(known, fresh), registered.late, **both, margin_days=margin)  # type: ignore[arg-type]
    event = of_event(known, registered.event, **both)  # type: ignore[arg-type]
    return Challenger(registered.found, trial, model, late, event, registered.trained_by)


def current_champion(folder: Path) -> tuple[Champion | None, str]:
    """The champion in `folder`, or None and the reason why there is none that this installation can use."""
    if not folder.exists():
        return None, "there is no champion yet"
    try:
        return load_champion(folder), ""
    except ArtefactError as error:
        return None, f"the champion cannot be used: {str(error).splitlines()[0]}"


NOT_ASKED = Decision(
    promoted=False, reason="registered as challenger; `otcrisk promote` decides whether it replaces the champion"
)


def decide(
    challenger: Challenger, champion: Champion | None, why_none: str, gate: Gate, *, approved_by: str | None
) -> Decision:
    """The decision with every check behind it.

    Without a usable champion only the vital checks can refuse: the artefact loads and scores its golden vectors, and
    explanations add up. With one, no check may fail, and that it is better must have been judged.
    """
    checks = tuple(_checks(challenger, champion, gate, approved_by))
    against = [check for check in checks if _refuses(check, is_first=champion is None)]
    if against:
        reason = "; ".join(f"{check.name}: {_figure(check)} ({check.bound})" for check in against)
    else:
        reason = why_none if champion is None else "it passed every check of the gate"
    return Decision(not against, reason, checks, approved_by, challenger.trained_by)


def _refuses(check: Check, *, is_first: bool) -> bool:
    if is_first:
        return check.is_vital and check.verdict is Verdict.FAIL
    is_unproven = check.name == BETTER and check.verdict is Verdict.NOT_JUDGED
    return check.verdict is Verdict.FAIL or is_unproven


def _figure(check: Check) -> str:
    return check.detail or ("not judged" if check.figure is None else f"{check.figure:.4g}")


def _checks(challenger: Challenger, champion: Champion | None, gate: Gate, approved_by: str | None) -> list[Check]:
    late, event, model = challenger.late, challenger.event, challenger.model
    targets = [late_column(k) for k in gate.better.horizons]
    return [
        challenger.trial,
        additive_check(model, late, event, gate),
        *better_checks(late, event, gate),
        *calibration_checks(late, targets, gate),
        *calibration_checks(event, list(event.outcomes), gate),
        *monotone_checks(model, late, gate),
        reasons_check(model, champion, late, gate),
        *reason_checks(model, gate),
        approval_check(approved_by, challenger.trained_by, gate),
    ]


def refused(trial_error: str, *, approved_by: str | None, trained_by: str | None) -> Decision:
    """The decision on a challenger that did not come through its trial; nothing else is tried with it."""
    check = Check.of(TRIAL, 0.0, TRIAL_BOUND, False, trial_error, is_vital=True)
    return Decision(False, f"{TRIAL}: {trial_error}", (check,), approved_by, trained_by)


def put_in_place(folder: Path, found: Artefact, *, key: SigningKey | None = None) -> None:
    """Signs what was judged, the very bytes, and makes it the champion of `folder` in one step."""
    artefact.restore(folder, found, key=key or signing_key())


def note(client: Any, run_id: str, decision: Decision, versions: Mapping[str, str]) -> None:
    """Writes the decision to the challenger's run, and moves the aliases of its registered versions."""
    from models import registry

    client.log_dict(run_id, decision.to_dict(), "promotion.json")
    tags = {
        "verdict": "champion" if decision.promoted else "challenger",
        "reason": decision.reason,
        "approved_by": decision.approved_by or "",
    }
    for key, value in tags.items():
        client.set_tag(run_id, key, value[:5000])
    for name, version in versions.items():
        if decision.promoted:
            registry.crown(client, name, version)
        else:
            client.set_registered_model_alias(name, registry.CHALLENGER, version)
