"""What changed for customers and money, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.drift import Drift
from monitoring.lateness import Lateness
from monitoring.migration import Migration
from receivables.money import spoken


def words(drift: Drift) -> list[str]:
    """Probabilities, risk classes and late rates of both periods in words."""
    return [*_probabilities(drift), _classes(drift.migration), *_outcomes(drift.lateness)]


def _probabilities(drift: Drift) -> list[str]:
    pairs = (
        ("paying late", drift.reference.late.mean(), drift.current.late.mean()),
        (drift.event, drift.reference.default.mean(), drift.current.default.mean()),
    )
    return [
        f"Mean probability of {what}: {old:.1%} before, {new:.1%} now ({100 * (new - old):+.1f} points)."
        for what, old, new in pairs
    ]


def _classes(moves: Migration) -> str:
    money = ", ".join(spoken(minor, currency) for currency, minor in sorted(moves.worse_minor.items()))
    ordered = f" Those that fell ordered {money}." if money else ""
    return (
        f"{moves.worse + moves.better} of {moves.both} customers seen in both periods changed risk class: "
        f"{moves.worse} fell, {moves.better} rose.{ordered}"
    )


def _outcomes(pairs: Sequence[tuple[Lateness, Lateness]]) -> list[str]:
    return [
        f"More than {after.horizon} days late: {_happened(before)} before, {_happened(after)} now."
        for before, after in pairs
        if before.known or after.known
    ]


def _happened(outcome: Lateness) -> str:
    if not outcome.known:
        return "not known yet"
    return f"{outcome.rate:.1%} (expected {outcome.predicted:.1%}, known of {outcome.coverage:.0%})"
