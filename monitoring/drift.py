"""Two periods compared: every column's shift, the customers' moves, the outcomes, and the verdict on the whole."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.config import DriftConfig, Severity
from monitoring.lateness import Lateness, lateness, moved
from monitoring.migration import Migration, migration
from monitoring.shift import Shift, Verdict, shifts
from monitoring.window import Window
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger


@dataclass(frozen=True)
class Drift:
    """The comparison of two periods; `causes` says in words why the verdict is what it is."""

    reference: Window
    current: Window
    event: str
    shifts: tuple[Shift, ...]
    migration: Migration
    lateness: tuple[tuple[Lateness, Lateness], ...]
    verdict: Verdict
    causes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Plain JSON values; null where a figure is not known."""
        facts = {
            "verdict": self.verdict,
            "causes": list(self.causes),
            "reference": _period(self.reference),
            "current": _period(self.current),
            "columns": [dataclasses.asdict(shift) for shift in self.shifts],
            "migration": {**dataclasses.asdict(self.migration), "changed_share": self.migration.changed_share},
            "late_rate": [
                {"reference": dataclasses.asdict(before), "current": dataclasses.asdict(after)}
                for before, after in self.lateness
            ],
        }
        return dict(_plain(facts))


def compare(ledger: Ledger, reference: Window, current: Window, *, event: str, config: DriftConfig) -> Drift:
    """The drift from `reference` to `current`; raises NotEnoughDataError where either holds too few orders."""
    _require_orders(reference, current, config)
    found = tuple(sorted(shifts(reference, current, config), key=lambda shift: -shift.psi))
    outcomes = tuple(zip(lateness(ledger, reference), lateness(ledger, current), strict=True))
    causes = (*_alerts(found), *_breadth(found, config), *_late_rates(outcomes, config))
    stirred = any(shift.verdict != Verdict.NONE and shift.severity != Severity.NOTE for shift in found)
    return Drift(
        reference=reference,
        current=current,
        event=event,
        shifts=found,
        migration=migration(reference, current),
        lateness=outcomes,
        verdict=Verdict.DRIFT if causes else Verdict.WATCH if stirred else Verdict.NONE,
        causes=causes,
    )


def _require_orders(reference: Window, current: Window, config: DriftConfig) -> None:
    thin = [w for w in (reference, current) if len(w) < config.minimum_orders]
    if thin:
        held = "; ".join(f"{w.first} to {w.last} holds {len(w)}" for w in thin)
        raise NotEnoughDataError(
            f"drift needs {config.minimum_orders} orders in each period (minimum_orders in drift.toml): {held}. "
            "Choose longer periods."
        )


def _alerts(shifts: Sequence[Shift]) -> list[str]:
    return [
        f"{s.column} moved: PSI {s.psi:.2f}"
        for s in shifts
        if s.severity == Severity.ALERT and s.verdict == Verdict.DRIFT
    ]


def _breadth(shifts: Sequence[Shift], config: DriftConfig) -> list[str]:
    watched = [s for s in shifts if s.severity == Severity.WATCH]
    drifted = sum(s.verdict == Verdict.DRIFT for s in watched)
    if not watched or drifted / len(watched) < config.drifted_share:
        return []
    return [f"{drifted} of {len(watched)} watched columns moved (limit {config.drifted_share:.0%})"]


def _late_rates(pairs: Sequence[tuple[Lateness, Lateness]], config: DriftConfig) -> list[str]:
    return [
        f"invoices more than {after.horizon} days late went from {before.rate:.1%} to {after.rate:.1%}"
        for before, after in pairs
        if moved(before, after, shift=config.late_rate_shift, coverage=config.outcome_coverage)
    ]


def _period(window: Window) -> dict[str, Any]:
    customers = len(set(window.customer_id))
    return {"from": str(window.first), "to": str(window.last), "orders": len(window), "customers": customers}


def _plain(value: Any) -> Any:
    """`value` with every NaN as None: JSON knows none."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
