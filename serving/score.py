"""One order in, one record out: the answer and everything that it rests on."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from features import NAMES
from receivables.decision import DecisionRecord, PreviousScore, fingerprint, moment_text
from serving.answer import blocks, moment
from serving.assess import Assessment, assess
from serving.explain import feature_record
from serving.ids import new_id
from serving.payers import Knowledge
from serving.predict import Prediction
from serving.schemas import ScoreRequest
from serving.state import Tools


@dataclass(frozen=True)
class Occasion:
    """What differs between two answers to the same question: their ids and the moment."""

    score_id: str
    audit_id: str
    now: dt.datetime

    @classmethod
    def at(cls, now: dt.datetime) -> Occasion:
        """A new occasion with new ids."""
        return cls(new_id("scr_", now), new_id("aud_", now), now)


def score_order(
    request: ScoreRequest,
    document: Mapping[str, Any],
    *,
    known: Knowledge,
    tools: Tools,
    occasion: Occasion,
    previous: PreviousScore | None = None,
    idempotency_key: str | None = None,
    digest: str | None = None,
    is_recorded: bool = True,
) -> DecisionRecord:
    """The record of the answer to `request`, which was received as `document`; nothing is read or written.

    `known` is what the store holds about the payer, `previous` the payer's score before, `digest` the
    document's fingerprint where it is at hand. Equal arguments but for
    `occasion` give equal answers but for ids, times and hashes. What only a log would keep is left out unless the
    answer `is_recorded`.
    """
    begun = time.perf_counter()
    found = assess(request, known, tools)
    made = blocks(request, known, found, tools, previous)
    digest = digest or fingerprint(document)
    response = {
        "score_id": occasion.score_id,
        "request_id": request.request_id,
        "scored_at": moment(occasion.now, milliseconds=True),
        "as_of": moment(request.as_of),
        "valid_until": moment(request.as_of + dt.timedelta(hours=tools.policy.valid_hours)),
        **{name: made[name] for name in made if name not in ("compliance", "degraded")},
        "audit": _audit(occasion, digest, tools.policy.years_kept(request.customer.legal_form)),
        "compliance": made["compliance"],
        "degraded": made["degraded"],
        "timing_ms": _timing(begun, found.prediction),
    }
    return DecisionRecord(
        score_id=occasion.score_id,
        request_id=request.request_id,
        idempotency_key=idempotency_key or request.request_id,
        customer_id=request.customer.payer,
        as_of=moment_text(request.as_of),
        recorded_at=moment_text(occasion.now),
        input_sha256=digest,
        request=dict(document),
        response=response,
        features=feature_record(NAMES, found.prediction.x) if is_recorded and found.prediction else {},
        contributions=_contributions(found) if is_recorded else {},
        versions=_versions(known, tools) if is_recorded else {},
    )


def _audit(occasion: Occasion, digest: str, years_kept: int) -> dict[str, Any]:
    """The audit block; the hashes of the record are filled in when a log accepts it."""
    last_year = occasion.now.year + years_kept
    return {
        "audit_id": occasion.audit_id,
        "input_sha256": digest,
        "record_sha256": None,
        "previous_record_sha256": None,
        "retain_until": dt.date(last_year, 12, 31).isoformat(),
    }


def _timing(begun: float, prediction: Prediction | None) -> dict[str, float | None]:
    return {
        "total": round((time.perf_counter() - begun) * 1000.0, 1),
        "features": prediction.feature_ms if prediction else None,
        "inference": prediction.inference_ms if prediction else None,
        "explain": prediction.explain_ms if prediction else None,
    }


def _contributions(found: Assessment) -> dict[str, Any]:
    if found.prediction is None:
        return {}
    return {"late": found.prediction.late_parts.record(), "default": found.prediction.risk_parts.record()}


def _versions(known: Knowledge, tools: Tools) -> dict[str, Any]:
    manifest = tools.champion.manifest
    return {
        "policy": tools.policy.version,
        "policy_sha256": tools.policy.sha256,
        "model": manifest["version"],
        "model_files": {path: entry["sha256"] for path, entry in manifest["files"].items()},
        "feature_set": manifest["feature_set_version"],
        "ledger_sequence": known.sequence,
        "mode": known.mode,
        # an answer is made again with the coverage and the reservations that it was made with
        **({"observed_coverage_90d": known.coverage} if known.coverage is not None else {}),
        **({"reservations": [asdict(held) for held in known.reserved]} if known.reserved else {}),
    }
