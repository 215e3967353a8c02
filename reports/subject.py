"""The copy that a person gets of what is stored about them: what was decided, by which data, why, and how to object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receivables.decision import DecisionRecord
from reports import words
from reports.decision import event_of, reason_list, told, verdict
from reports.decision_tables import changes, facts


def subject_figures(document: Mapping[str, Any]) -> dict[str, Any]:
    """What subject.html shows of an export of `receivables.privacy.subject_export`, by name."""
    decisions = [_decision(decision) for decision in document["decisions"]]
    return {
        "title": f"Data about {document['customer_id']}",
        "kind": "Copy of personal data",
        "subject": f"{document['customer_id']} · {words.moment(document['made_at'])}",
        "customer_id": document["customer_id"],
        "decisions": decisions[::-1],
        "erased": document["erased_decisions"],
        "acts": [
            (words.moment(act["recorded_at"]), words.spell(act["kind"]), act["record_sha256"][:16])
            for act in document["acts"]
        ],
    }


def _decision(stored: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in stored.items() if name != "notes"}
    record = DecisionRecord(**{**fields, "response": told(stored["response"])})
    response = record.response
    event = event_of(response)
    return {
        "id": record.score_id,
        "on": words.moment(record.recorded_at),
        "verdict": verdict(record),
        "facts": facts(record.request),
        "reasons": [reason_list(explanation) for explanation in response.get("explanations", [])],
        "changes": changes(response),
        "event_words": words.event_words(event) if event else "",
        "features": [(name, "unknown" if value is None else f"{value:g}") for name, value in record.features.items()],
        "compliance": response["compliance"],
        "retain_until": words.day(response["audit"]["retain_until"]),
        "policy": response["decision"]["policy_version"],
        "model": response["model"]["version"],
        "notes": [
            (words.moment(note["recorded_at"]), words.spell(note["kind"]), str(note["content"].get("reason", "")))
            for note in stored["notes"]
        ],
    }
