"""The answers of the service as types: what openapi.json states, and what tests hold every answer against.

They are not on the way of an answer. `Shown` parts know no other fields than those stated.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from receivables.credit_checks import CHECKS
from receivables.remedies import PARAMETERS

Money = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="decimal text in the currency's minor units")
]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Share = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Outcome = Literal["APPROVE", "APPROVE_WITH_CONDITIONS", "REVIEW", "HOLD"]
RiskClass = Literal["A", "B", "C", "D", "E"]
CheckName = Annotated[str, Field(json_schema_extra={"enum": list(CHECKS)})]
RemedyCode = Annotated[str, Field(json_schema_extra={"enum": list(PARAMETERS)})]


class Shown(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CheckShown(Shown):
    """One check of the policy."""

    check: CheckName
    sap_step: str | None
    result: Literal["PASS", "FAIL", "NOT_EVALUATED"]
    actual: str | None
    threshold: str | None
    message: str | None


class DecisionShown(Shown):
    """What is to be done with the order."""

    outcome: Outcome
    credit_status: Literal["A", "B"]
    decided_by: Literal["MODEL", "POLICY", "LIMIT", "FALLBACK", "HUMAN"]
    policy_version: str
    human_review_required: bool
    checks: list[CheckShown]


class ScaleShown(Shown):
    """The master scale of the score."""

    min: int
    max: int
    higher_is_better: bool
    points_to_double_odds: int
    base_score: int
    base_odds: float


class ScoreShown(Shown):
    """The customer's place on the master scale; null where no model answered."""

    credit_score: int | None
    scale: ScaleShown
    rating: str | None
    risk_class: RiskClass | None
    percentile: int | None
    previous_credit_score: int | None
    previous_scored_at: Moment | None


class Probabilities(BaseModel):
    """One payment-time law, and the customer's event under its own name (default_12m, serious_delinquency_3m ...)."""

    model_config = ConfigDict(extra="allow", strict=True)

    on_time: Share | None
    late: Share | None
    very_late: Share | None
    very_late_after_days: int
    late_over_0: Share | None
    late_over_30: Share | None
    late_over_60: Share | None
    late_over_90: Share | None
    interval_level: Share | None
    late_over_0_interval: Interval | None
    calibrated: bool | None


class ExpectedPayment(Shown):
    """When the order is expected to be paid."""

    due_date: Day
    median_date: Day | None
    mean_days_late: float | None
    earliest_date: Day | None
    latest_date: Day | None
    interval_level: Share | None
    observed_coverage_90d: Share | None


class LossShown(Shown):
    """What the order is expected to cost and earn."""

    exposure_at_default: Money | None
    loss_given_default: Share
    expected_credit_loss: Money | None
    financing_cost: Money | None
    expected_profit: Money | None
    currency: str


class LimitShown(Shown):
    """Use of the credit limit; the largest approvable amount is in the order's currency."""

    currency: str
    current_limit: Money | None
    exposure_before: Money | None
    exposure_after: Money | None
    utilisation_before: float | None
    utilisation_after: float | None
    available_before: Money | None
    max_approvable_gross_amount: Money | None
    recommended_limit: Money | None
    recommendation: Literal["RAISE", "KEEP", "REDUCE"] | None
    review_by: Day | None


class FeatureShown(Shown):
    """A figure behind a reason."""

    name: str
    value: float | None


class ReasonShown(Shown):
    """One reason; points are score points (negative: adverse) or log-odds (positive: adverse)."""

    rank: int
    code: str
    category: str
    text: str
    points: float
    direction: Literal["ADVERSE", "FAVOURABLE"]
    features: list[FeatureShown]


class ExplanationShown(Shown):
    """reference + points of the reasons = value, exactly."""

    model: str
    target: str
    unit: Literal["score_points", "log_odds"]
    reference: float
    value: float
    reasons: list[ReasonShown]


class Counterfactual(Shown):
    """A change that would let the order through."""

    change: Literal["REDUCE_ORDER", "CLEAR_OPEN_ITEM", "PREPAYMENT", "SECURE", "SHORTEN_TERMS", "RAISE_LIMIT"]
    parameters: dict[str, Any]
    outcome: Outcome
    late_over_0: Share


class ActionShown(Shown):
    """A remedy to carry out now."""

    code: RemedyCode
    owner: str
    priority: int
    parameters: dict[str, Any]
    why: list[str]


class DataQuality(Shown):
    """How much is known, and how fresh it is."""

    confidence: Literal["HIGH", "MEDIUM", "LOW"]
    cold_start: bool
    settled_invoices: int
    history_days: int
    feature_as_of: Moment
    ledger_loaded_at: Moment | None
    missing_features: list[str]
    out_of_range_features: list[str]
    warnings: list[str]


class ModelShown(Shown):
    """Which models answer."""

    name: str
    version: str
    alias: str
    run_id: str | None
    trained_at: Moment | None
    training_cutoff: Day | None
    feature_set_version: str
    calibration_version: str | None
    reason_catalog_version: str


class Audit(Shown):
    """Hashes that tie the answer to its record; null for a dry run."""

    audit_id: str
    input_sha256: Hash
    record_sha256: Hash | None
    previous_record_sha256: Hash | None
    retain_until: Day


class Notice(Shown):
    """A text that the law asks for."""

    code: str
    text: str


class Compliance(Shown):
    """Whose decision it is."""

    subject_type: Literal["LEGAL_PERSON", "NATURAL_PERSON", "PUBLIC_BODY"]
    solely_automated: bool
    notices: list[Notice]


class Degraded(Shown):
    """What was left out."""

    is_degraded: bool
    mode: Literal["FULL", "STALE", "SCORECARD", "RULES"]
    causes: list[str]


class Timing(Shown):
    """Milliseconds."""

    total: float
    features: float | None
    inference: float | None
    explain: float | None


class ScoreAnswer(Shown):
    """`POST /v1/orders/score`."""

    score_id: str
    request_id: str
    scored_at: Moment
    as_of: Moment
    valid_until: Moment
    decision: DecisionShown
    score: ScoreShown
    probabilities: Probabilities
    expected_payment: ExpectedPayment
    loss: LossShown
    limit: LimitShown
    explanations: list[ExplanationShown]
    adverse_action_codes: list[str]
    counterfactuals: list[Counterfactual]
    actions: list[ActionShown]
    data_quality: DataQuality
    model: ModelShown
    audit: Audit
    compliance: Compliance
    degraded: Degraded
    timing_ms: Timing
