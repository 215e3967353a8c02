"""The answer as the contract writes it: every block of the response, from the assessment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features import FEATURES, INDEX, NAMES
from features.reasons import VERSION as REASON_CATALOG_VERSION
from models.champion import Champion
from receivables.credit_limit import LimitFigures
from receivables.decision import PreviousScore, fingerprint
from receivables.money import format_minor
from receivables.policy import Policy
from receivables.remedies import Action
from serving.assess import NO_EXPLANATIONS, Assessment
from serving.explain import explanations, notice_codes
from serving.payers import Knowledge
from serving.predict import CONFIDENCE, INTERVAL, Lateness, Prediction, beside
from serving.schemas import ScoreRequest
from serving.state import Tools

Block = dict[str, Any]

#: Confidence in an answer: settled invoices and days of history from which on it is high or medium.
_HIGH: Final = (20, 180)
_MEDIUM: Final = (3, 30)
#: Request fields whose absence makes the answer weaker.
_WISHED: Final = (
    "order.contribution_margin_amount",
    "customer.country",
    "customer.customer_since",
    "credit_account.credit_limit_amount",
    "credit_account.exposure",
    "open_items",
)
_USED: Final = np.array([bool(f.uses) for f in FEATURES])
_LOW, _HIGHEST = np.array([(f.low, f.high) for f in FEATURES], dtype=np.float64).T
_HUMAN_REVIEW: Final = {
    "code": "HUMAN_REVIEW_OF_NATURAL_PERSON",
    "text": "The customer is a natural person: a person must review the decision, and the customer may have it "
    "explained and contest it.",
}


def moment(at: dt.datetime, *, milliseconds: bool = False) -> str:
    """The moment in UTC as the contract writes it; fractions of a second only where there are any.

    >>> moment(dt.datetime(2026, 11, 20, 9, 14, 5, tzinfo=dt.UTC))
    '2026-11-20T09:14:05Z'
    """
    spec = "milliseconds" if milliseconds else "auto"
    return at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def blocks(
    request: ScoreRequest, known: Knowledge, found: Assessment, tools: Tools, previous: PreviousScore | None
) -> Block:
    """Everything in the answer that follows from the question alone: all but ids, times and hashes."""
    champion, prediction = tools.champion, found.prediction
    shown = prediction is not None and request.options.explain == "FULL" and NO_EXPLANATIONS not in found.causes
    limit = request.options.reason_limit
    return {
        "decision": _decision(found, tools.policy),
        "score": _score(prediction, champion, previous),
        "probabilities": _probabilities(prediction, champion, tools.policy),
        "expected_payment": _expected_payment(request, prediction, champion, known),
        "loss": _loss(found, tools.policy),
        "limit": {
            **limit_block(found.limit, found.facts.limit_currency),
            "max_approvable_gross_amount": _money(found.approvable_minor, found.facts.currency),
        },
        "explanations": explanations(champion, prediction, limit) if prediction and shown else [],
        "adverse_action_codes": _adverse_codes(found, champion),
        "counterfactuals": _counterfactuals(found),
        "actions": action_blocks(found.actions),
        "data_quality": _data_quality(request, known, found, champion),
        "model": model_block(champion),
        "compliance": _compliance(request, found),
        "degraded": _degraded(known, found),
    }


def _decision(found: Assessment, policy: Policy) -> Block:
    decision = found.decision
    return {
        "outcome": decision.outcome,
        "credit_status": decision.credit_status,
        "decided_by": decision.decided_by,
        "policy_version": policy.version,
        "human_review_required": decision.human_review_required,
        "checks": [
            {
                "check": check.check,
                "sap_step": check.sap_step,
                "result": check.result,
                "actual": check.actual,
                "threshold": check.threshold,
                "message": check.message,
            }
            for check in decision.checks
        ],
    }


def _score(prediction: Prediction | None, champion: Champion, previous: PreviousScore | None) -> Block:
    scale = champion.scale
    risk = prediction.risk if prediction else None
    return {
        "credit_score": risk.score if risk else None,
        "scale": {
            "min": scale.score_min,
            "max": scale.score_max,
            "higher_is_better": True,
            "points_to_double_odds": scale.points_to_double_odds,
            "base_score": scale.base_score,
            "base_odds": number_of_odds(scale.base_odds),
        },
        "rating": risk.rating if risk else None,
        "risk_class": risk.risk_class if risk else None,
        "percentile": percentile(champion, risk.score) if risk else None,
        "previous_credit_score": previous.credit_score if previous else None,
        "previous_scored_at": previous.scored_at if previous else None,
    }


def number_of_odds(odds: float) -> int | float:
    """Odds as written in the scale: 20, not 20.0."""
    return int(odds) if float(odds).is_integer() else odds


def percentile(champion: Champion, score: int) -> int | None:
    """Share of the customers at training whose score was lower, in percent; null where training kept no scores."""
    quantiles = champion.manifest["metrics"].get("score_percentiles")
    return None if not quantiles else min(int(np.searchsorted(np.array(quantiles), score, side="left")), 100)


def _probabilities(prediction: Prediction | None, champion: Champion, policy: Policy) -> Block:
    event, after = champion.default.event.name, policy.very_late_after_days
    late = _late_probabilities(prediction.lateness if prediction else None, after)
    between = prediction.late_interval if prediction else None
    around = prediction.risk_interval if prediction else None
    return {
        **late,
        event: prediction.risk.probability if prediction else None,
        "interval_level": CONFIDENCE if between or around else None,
        "late_over_0_interval": list(between) if between else None,
        f"{event}_interval": list(around) if around else None,
        **_beside(prediction, champion),
        # all models answer through the calibration that training judged best out of sample
        "calibrated": True if prediction else None,
    }


def _beside(prediction: Prediction | None, champion: Champion) -> Block:
    """The event within another horizon, under its own name; nothing for a champion that does not predict one."""
    if champion.beside is None:
        return {}
    name, found = champion.beside.event.name, beside(champion, prediction) if prediction else None
    between = found[1] if found else None
    return {name: found[0] if found else None, f"{name}_interval": list(between) if between else None}


def _late_probabilities(late: Lateness | None, after: int) -> Block:
    if late is None:
        names = ("on_time", "late", "very_late", "very_late_after_days", *(f"late_over_{k}" for k in (0, 30, 60, 90)))
        return dict.fromkeys(names) | {"very_late_after_days": after}
    million, very_late = 1_000_000, late.over[after]
    shares = {"on_time": million - late.over[0], "late": late.over[0] - very_late, "very_late": very_late}
    return {
        **{name: share / million for name, share in shares.items()},
        "very_late_after_days": after,
        **{f"late_over_{k}": p for k, p in late.late_over.items()},
    }


def _expected_payment(
    request: ScoreRequest, prediction: Prediction | None, champion: Champion, known: Knowledge
) -> Block:
    due = request.order.due_date
    late = prediction.lateness if prediction else None

    def day(days: int | None) -> str | None:
        return None if days is None else (due + dt.timedelta(days=days)).isoformat()

    return {
        "due_date": due.isoformat(),
        "median_date": day(late.median if late else None),
        "mean_days_late": late.mean if late else None,
        "earliest_date": day(late.earliest if late else None),
        "latest_date": day(late.latest if late else None),
        "interval_level": INTERVAL if late else None,
        "observed_coverage_90d": _observed_coverage(champion, known) if late else None,
    }


def _observed_coverage(champion: Champion, known: Knowledge) -> float | None:
    """Share of answered intervals that held, else of the newest outcomes judged in training; null of too few."""
    if known.coverage is not None:
        return known.coverage
    return coverage_in_training(champion)


def coverage_in_training(champion: Champion) -> float | None:
    """Share of the newest outcomes judged in training that the interval held; null where there were too few."""
    found = (tails.observed for tails in champion.late.intervals.found if tails.level == INTERVAL)
    observed = next(found, None)
    return None if observed is None else round(observed, 3)


def _loss(found: Assessment, policy: Policy) -> Block:
    figures, currency = found.loss, found.facts.currency
    return {
        "exposure_at_default": _money(figures.exposure_at_default if figures else None, currency),
        "loss_given_default": policy.loss.loss_given_default,
        "expected_credit_loss": _money(figures.expected_credit_loss if figures else None, currency),
        "financing_cost": _money(figures.financing_cost if figures else None, currency),
        "expected_profit": _money(figures.expected_profit if figures else None, currency),
        "currency": currency,
    }


def limit_block(limit: LimitFigures, currency: str) -> Block:
    """Use of the limit and what the limit should be, in the limit's currency."""
    return {
        "currency": currency,
        "current_limit": _money(limit.current, currency),
        "exposure_before": _money(limit.exposure_before, currency),
        "exposure_after": _money(limit.exposure_after, currency),
        "utilisation_before": limit.utilisation_before,
        "utilisation_after": limit.utilisation_after,
        "available_before": _money(limit.available_before, currency),
        "max_approvable_gross_amount": None,
        "recommended_limit": _money(limit.recommended, currency),
        "recommendation": limit.recommendation,
        "review_by": limit.review_by.isoformat() if limit.review_by else None,
    }


def _adverse_codes(found: Assessment, champion: Champion) -> list[str]:
    if found.decision.outcome == "APPROVE" or found.prediction is None:
        return []
    return notice_codes(champion, found.prediction)


def _counterfactuals(found: Assessment) -> list[Block]:
    return [
        {
            "change": alternative.change,
            "parameters": dict(alternative.parameters),
            "outcome": alternative.outcome,
            "late_over_0": alternative.late_over_0,
        }
        for alternative in found.alternatives
    ]


def action_blocks(actions: Sequence[Action]) -> list[Block]:
    """The remedies as they are shown."""
    return [
        {
            "code": action.code,
            "owner": action.owner,
            "priority": action.priority,
            "parameters": dict(action.parameters),
            "why": list(action.why),
        }
        for action in actions
    ]


def _data_quality(request: ScoreRequest, known: Knowledge, found: Assessment, champion: Champion) -> Block:
    x = found.prediction.x[0] if found.prediction else None
    settled = _value(x, "n_settled")
    days = _value(x, "history_days")
    return {
        "confidence": _confidence(settled, days, known),
        "cold_start": bool(_value(x, "is_cold_start")) if x is not None else True,
        "settled_invoices": settled,
        "history_days": days,
        "feature_as_of": moment(_feature_as_of(request, known, found)),
        "ledger_loaded_at": moment(known.loaded_at) if known.loaded_at else None,
        "missing_features": [*_absent(request), *_null_features(x)],
        "out_of_range_features": _out_of_range(x),
        "warnings": _warnings(request, found, champion),
    }


def _value(x: np.ndarray | None, name: str) -> int:
    value = float("nan") if x is None else float(x[INDEX[name]])
    return 0 if np.isnan(value) else int(value)


def _confidence(settled: int, days: int, known: Knowledge) -> str:
    if known.mode == "FULL":
        for word, (least_settled, least_days) in (("HIGH", _HIGH), ("MEDIUM", _MEDIUM)):
            if settled >= least_settled and days >= least_days:
                return word
    return "LOW"


def _feature_as_of(request: ScoreRequest, known: Knowledge, found: Assessment) -> dt.datetime:
    """The newest moment that the features know of."""
    if found.laid.used_open_items and request.open_items:
        return request.open_items.read_at
    return min(request.as_of, known.loaded_at) if known.loaded_at else request.as_of


def _absent(request: ScoreRequest) -> list[str]:
    """Wished-for fields that the request does not have."""
    return [path for path in _WISHED if _get(request, path) is None]


def _get(part: Any, path: str) -> Any:
    for name in path.split("."):
        part = getattr(part, name, None)
    return part


def _null_features(x: np.ndarray | None) -> list[str]:
    """Features that a model would have used and that are unknown."""
    null = _USED if x is None else _USED & np.isnan(x)
    return [NAMES[i] for i in np.flatnonzero(null).tolist()]


def _out_of_range(x: np.ndarray | None) -> list[str]:
    return [] if x is None else [NAMES[i] for i in np.flatnonzero((x < _LOW) | (x > _HIGHEST)).tolist()]


def _warnings(request: ScoreRequest, found: Assessment, champion: Champion) -> list[str]:
    made = [*found.laid.warnings, *found.position.warnings]
    if found.prediction and found.prediction.risk.is_bounded:
        made.append("the score lies at a bound of its scale; the explanation shows it before that")
    if found.prediction and champion.default.basis_.is_refused:
        made.append("the rating rests on the worst days past due alone: in training the default model did not beat it")
    return made


def model_block(champion: Champion) -> Block:
    """Which models answer, and from what they were made."""
    manifest = champion.manifest
    trained_at, cutoff = manifest["trained_at"], manifest["training_cutoff"]
    return {
        "name": manifest["name"],
        "version": manifest["version"],
        "alias": "champion",
        "run_id": manifest["run_id"],
        "trained_at": moment(dt.datetime.fromisoformat(trained_at)) if trained_at else None,
        "training_cutoff": cutoff[:10] if cutoff else None,
        "feature_set_version": manifest["feature_set_version"],
        "calibration_version": manifest["calibration_version"] or _calibration_version(champion),
        "reason_catalog_version": REASON_CATALOG_VERSION,
    }


def _calibration_version(champion: Champion) -> str:
    """Names the calibration maps that training chose for both models, by what is in them."""
    files = champion.manifest["files"]
    return f"cal-{fingerprint([files[f'{part}/calibration.json']['sha256'] for part in ('late', 'default')])[:12]}"


def _compliance(request: ScoreRequest, found: Assessment) -> Block:
    natural = request.customer.legal_form == "NATURAL_PERSON"
    return {
        "subject_type": request.customer.legal_form,
        "solely_automated": not found.decision.human_review_required,
        "notices": [_HUMAN_REVIEW] if natural else [],
    }


def _degraded(known: Knowledge, found: Assessment) -> Block:
    causes = [*known.causes, *found.causes]
    return {"is_degraded": bool(causes), "mode": known.mode, "causes": causes}


def _money(minor: int | None, currency: str) -> str | None:
    return None if minor is None else format_minor(minor, currency)
