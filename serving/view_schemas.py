"""The answers about decisions, customers and the portfolio as types, like those of `serving.answer_schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from serving.answer_schemas import (
    ActionShown,
    Day,
    ExplanationShown,
    Hash,
    LimitShown,
    ModelShown,
    Moment,
    Money,
    Outcome,
    RiskClass,
    ScoreAnswer,
    Share,
    Shown,
)


class NoteAnswer(Shown):
    """An override or contest as recorded."""

    note_id: str
    kind: Literal["OVERRIDE", "CONTEST"]
    score_id: str
    recorded_at: Moment
    record_sha256: Hash
    previous_sha256: Hash
    valid_until: Moment | None = None


class DecisionAnswer(Shown):
    """`GET /v1/decisions/{score_id}`."""

    score_id: str
    request_id: str
    idempotency_key: str
    customer_id: str
    as_of: Moment
    recorded_at: Moment
    input_sha256: Hash
    request: dict[str, Any]
    response: ScoreAnswer
    features: dict[str, float | None]
    contributions: dict[str, Any]
    versions: dict[str, Any]
    record_sha256: Hash
    previous_sha256: Hash
    notes: list[dict[str, Any]]


class ReplayAnswer(Shown):
    """`POST /v1/decisions/{score_id}/replay`."""

    score_id: str
    reproduced: bool
    same_versions: bool
    versions: dict[str, Any]
    differences: list[dict[str, Any]]
    answer: ScoreAnswer


class CustomerScore(Shown):
    """The customer's place on the master scale."""

    credit_score: int
    rating: str
    risk_class: RiskClass
    percentile: int | None


class OpenShown(Shown):
    """What is open in one currency."""

    currency: str
    documents: int
    amount: Money
    overdue_amount: Money
    oldest_days_past_due: int
    aging: dict[str, Money]


class EventShown(Shown):
    """A fact about the customer."""

    known_at: Moment
    kind: str
    references: list[str]
    text: str


class RiskAnswer(Shown):
    """`GET /v1/customers/{payer}/risk`."""

    payer: str
    as_of: Moment
    score: CustomerScore
    probabilities: dict[str, Share]
    explanation: ExplanationShown
    limit: LimitShown
    open: list[OpenShown]
    is_insolvent: bool
    actions: list[ActionShown]
    ledger_loaded_at: Moment | None
    model: ModelShown
    policy_version: str


class ProfileAnswer(Shown):
    """`GET /v1/customers/{payer}/profile`."""

    payer: str
    as_of: Moment
    master_data: dict[str, str | None]
    life_cycle: Literal["NEW", "GROWING", "STABLE", "DECLINING", "DORMANT", "LOST"]
    behaviour: dict[str, float | None]
    rating: str
    risk_class: RiskClass
    open: list[OpenShown]
    limits: list[dict[str, str]]
    agreed_net_days: int | None
    open_disputes: list[str]
    timeline: list[EventShown]


class PastDecision(Shown):
    """A decision about the customer."""

    score_id: str
    as_of: Moment
    outcome: Outcome
    credit_score: int | None
    rating: str | None
    gross_amount: Money
    currency: str
    valid_until: Moment


class HistoryAnswer(Shown):
    """`GET /v1/customers/{payer}/history`."""

    payer: str
    as_of: Moment
    decisions: list[PastDecision]
    scores: list[dict[str, Any]]
    events: list[EventShown]


class ChangeLine(Shown):
    """What one event, or time, did to the score."""

    at: Moment
    kind: str
    references: list[str]
    text: str
    points: int
    score: int


class ScoreChangeAnswer(Shown):
    """`GET /v1/customers/{payer}/score-change`: the points of the lines add up to `change`."""

    payer: str
    model: ModelShown
    target: str
    unit: Literal["score_points"]
    score_from: int
    score_to: int
    change: int
    events: int
    by_kind: dict[str, int]
    lines: list[ChangeLine]

    model_config = ConfigDict(extra="allow")  # "from" and "to" are no names in Python


class OnDay(Shown):
    """The day, and the currency that everything adds up in."""

    on: Day
    currency: str


class KpiShown(Shown):
    """A key figure; null where it cannot be formed."""

    name: str
    title: str
    unit: Literal["days", "%", "index"]
    better: Literal["lower", "higher"]
    formula: str
    value: float | None
    before: float | None


class KpisAnswer(OnDay):
    """`GET /v1/portfolio/kpis`."""

    open: Money
    overdue: Money
    before: Day
    kpis: list[KpiShown]


class AgingAnswer(OnDay):
    """`GET /v1/portfolio/aging`: each row adds up to its `open`, the rows to the total."""

    by: Literal["none", "customer", "segment", "currency"]
    rows: list[dict[str, str]]
    groups: int
    total: dict[str, str]


class MigrationAnswer(OnDay):
    """`GET /v1/portfolio/migration`; the class "-" is for customers that owed nothing on the day."""

    cells: list[dict[str, Any]]
    event: str
    model: ModelShown

    model_config = ConfigDict(extra="allow")  # "from" is no name in Python


class ProvisionLineShown(Shown):
    """One aging bucket of the matrix."""

    bucket: str
    open: Money
    observed: Money
    failed_share: Share
    loss_rate: Share
    provision: Money


class ProvisionAnswer(OnDay):
    """`GET /v1/portfolio/provision`."""

    method: str
    horizon_days: int
    month_ends: int
    loss_given_default: Share
    lines: list[ProvisionLineShown]
    open: Money
    provision: Money
    policy_version: str


class CashAnswer(OnDay):
    """`GET /v1/portfolio/cash-forecast`."""

    invoices: int
    open: Money
    interval_level: Share
    weeks: list[dict[str, str]]
    later_or_never: Money


class WorklistEntry(Shown):
    """A customer to approach."""

    payer: str
    at_stake: Money
    open: Money
    overdue: Money
    oldest_days_past_due: int
    rating: str
    risk_class: RiskClass
    event_probability: Share
    overdue_documents: list[str]
    disputed_documents: list[str]
    reasons: list[dict[str, str]]
    actions: list[ActionShown]


class WorklistAnswer(OnDay):
    """`GET /v1/collections/worklist`."""

    customers: int
    entries: list[WorklistEntry]


class CurrentModelAnswer(Shown):
    """`GET /v1/models/current`."""

    model: ModelShown
    event: dict[str, Any]
    scale: dict[str, Any]
    metrics: dict[str, Any]
    files: dict[str, Hash]
    explained_by: dict[str, str]
    observed_coverage_90d: dict[str, Any]
    policy: dict[str, str]
