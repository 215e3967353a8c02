from typing import Any

import pytest

from cli.answer import in_words


@pytest.fixture
def answer() -> dict[str, Any]:
    reason = {"points": -17.0, "text": "1 invoice is 41 days overdue"}
    return {
        "decision": {
            "outcome": "HOLD",
            "checks": [
                {"check": "CREDIT_LIMIT_UTILISATION", "result": "FAIL", "message": "Exposure exceeds the limit"},
                {"check": "MAX_DUNNING_LEVEL", "result": "PASS", "message": None},
                {"check": "MODEL_P_LATE_30", "result": "UNKNOWN", "message": None},
            ],
        },
        "score": {"credit_score": 620, "rating": "R06", "risk_class": "C", "scale": {"max": 900}},
        "probabilities": {"late_over_0": 0.54, "late_over_30": 0.13},
        "expected_payment": {
            "due_date": "2026-12-25",
            "median_date": "2026-12-27",
            "earliest_date": "2026-12-21",
            "latest_date": "2027-01-30",
            "interval_level": 0.8,
        },
        "explanations": [{"target": "default_12m", "unit": "score_points", "reasons": [reason]}],
        "actions": [{"code": "CALL", "owner": "COLLECTIONS"}],
    }


def test_the_words_hold_decision_risk_payment_reasons_and_actions(answer: dict[str, Any]) -> None:
    assert in_words(answer).splitlines() == [
        "Decision: Hold the order.",
        "  Exposure exceeds the limit",
        "  MODEL_P_LATE_30",
        "Risk: score 620 of 900, rating R06, class C; 54% likely to be paid late, 13% more than 30 days late.",
        "Payment: due on 2026-12-25, expected on 2026-12-27 (80% between 2026-12-21 and 2027-01-30).",
        "Why (default_12m, score points):",
        "  -17  1 invoice is 41 days overdue",
        "What to do:",
        "  Call (Collections)",
    ]


def test_an_order_without_remedies_needs_nothing_special(answer: dict[str, Any]) -> None:
    assert in_words({**answer, "actions": []}).endswith("What to do: nothing special.")
