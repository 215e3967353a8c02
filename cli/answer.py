"""A scored order in words: the decision, why, when it will be paid, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OUTCOMES = {
    "APPROVE": "Approve.",
    "APPROVE_WITH_CONDITIONS": "Approve with conditions.",
    "REVIEW": "Let a credit analyst look at it first.",
    "HOLD": "Hold the order.",
}


def in_words(answer: Mapping[str, Any]) -> str:
    """The answer of POST /v1/orders/score as text for a person."""
    parts = [_decision(answer), _risk(answer), _payment(answer), _why(answer), _actions(answer)]
    return "\n".join(part for part in parts if part)


def _decision(answer: Mapping[str, Any]) -> str:
    decision = answer["decision"]
    failed = [check for check in decision["checks"] if check["result"] != "PASS"]
    lines = [f"  {check['message'] or check['check']}" for check in failed]
    return "\n".join([f"Decision: {_OUTCOMES.get(decision['outcome'], decision['outcome'])}", *lines])


def _risk(answer: Mapping[str, Any]) -> str:
    score, chance = answer["score"], answer["probabilities"]
    return (
        f"Risk: score {score['credit_score']} of {score['scale']['max']}, rating {score['rating']}, "
        f"class {score['risk_class']}; {chance['late_over_0']:.0%} likely to be paid late, "
        f"{chance['late_over_30']:.0%} more than 30 days late."
    )


def _payment(answer: Mapping[str, Any]) -> str:
    expected = answer["expected_payment"]
    return (
        f"Payment: due on {expected['due_date']}, expected on {expected['median_date']} "
        f"({expected['interval_level']:.0%} between {expected['earliest_date']} and {expected['latest_date']})."
    )


def _why(answer: Mapping[str, Any]) -> str:
    lines = []
    for explanation in answer["explanations"]:
        lines.append(f"Why ({explanation['target']}, {explanation['unit'].replace('_', ' ')}):")
        lines += [f"  {reason['points']:+g}  {reason['text']}" for reason in explanation["reasons"]]
    return "\n".join(lines)


def _actions(answer: Mapping[str, Any]) -> str:
    lines = [f"  {a['code'].replace('_', ' ').capitalize()} ({a['owner'].capitalize()})" for a in answer["actions"]]
    return "\n".join(["What to do:", *lines]) if lines else "What to do: nothing special."
