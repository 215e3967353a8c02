"""The checks of the gate, one function each: a figure, the bound it must keep, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from features import FEATURES
from models.artefact import Artefact
from models.champion import Champion
from models.contributions import Contributions
from models.inputs import directions
from models.numbers import Floats, logit
from models.trial import tried
from receivables.errors import ArtefactError
from receivables.outcomes import late_column
from training.evidence import Evidence
from training.gate import Check, Gate
from training.metrics import ECE, INTERCEPT, SLOPE, Estimate, Metric, Resampling, log_loss
from training.reason_figures import FAITHFUL, STABLE

#: Name and bound of the check that comes before all others.
TRIAL: Final = "loads and scores its golden vectors"
TRIAL_BOUND: Final = "every bit, in a clean child process"
#: Name and bound of the check that a model without exact explanations cannot pass.
ADDITIVE: Final = "explanations add up"
ADDITIVE_BOUND: Final = "100 % within 1e-9 log-odds"
#: Name of the check without which no challenger replaces a champion.
BETTER: Final = "better on what neither has learnt"
#: Orders, and customers, whose explanations are added up.
_EXPLAINED: Final = 2_000
#: Draws of the customers behind the intervals of calibration.
_REPLICATES: Final = 200
#: Probabilities are kept this far from 0 and 1 where their log-odds are compared.
_EPS: Final = 1e-12


def trial_check(found: Artefact) -> Check:
    """The artefact loads in a clean child process and scores its golden vectors to the last bit."""
    try:
        tried(found)
    except ArtefactError as error:
        return Check.of(TRIAL, 0.0, TRIAL_BOUND, False, str(error), is_vital=True)
    return Check.of(TRIAL, 1.0, TRIAL_BOUND, True, is_vital=True)


def additive_check(model: Champion, late: Evidence, event: Evidence, gate: Gate) -> Check:
    """Reference and contributions add up to the served log-odds, for every order checked and both models."""
    x = _some(late.x if len(late.x) else event.x, _EXPLAINED, gate.seed)
    customers = _some(event.x if len(event.x) else x, _EXPLAINED, gate.seed)
    try:
        # both raise where one is missed
        made: list[Contributions] = [model.late.explain(x), model.default.explain(customers)]
    except ArtefactError as error:
        return Check.of(ADDITIVE, 0.0, ADDITIVE_BOUND, False, str(error), is_vital=True)
    detail = f"{sum(len(c.total) for c in made):,} explanations"
    return Check.of(ADDITIVE, 1.0, ADDITIVE_BOUND, True, detail, is_vital=True)


def better_checks(late: Evidence, event: Evidence, gate: Gate) -> Iterator[Check]:
    """Lower log-loss over all horizons together, and at none, nor for the event, clearly higher."""
    rule = gate.better
    judged = _judged(late, [late_column(k) for k in rule.horizons], gate)
    name, bound = BETTER, f"below 0 with {gate.confidence:.0%} confidence"
    if late.champion is None:
        yield Check.skipped(name, bound, "there is no champion to compare with")
        return
    if not judged:
        detail = f"no {rule.minimum_outcomes} outcomes ({rule.minimum_events} of either kind) have matured"
        yield Check.skipped(name, bound, f"{detail} since the champion's cut-off")
        return
    total = _relative(late, judged, gate)
    detail = f"mean relative change of log-loss over {', '.join(judged)}, at most {total.high:+.2%}"
    yield Check.of(name, total.value, bound, total.high < 0, detail)
    yield from (_not_worse(late, target, gate) for target in judged)
    if event.champion is not None:
        yield from (_not_worse(event, target, gate) for target in _judged(event, list(event.outcomes), gate))


def _not_worse(evidence: Evidence, target: str, gate: Gate) -> Check:
    outcomes, events = _counts(evidence, target)
    margin = gate.better.margin if events >= gate.better.enough_events else gate.better.margin_few
    found = _relative(evidence, [target], gate)
    detail = f"relative change of log-loss {found.value:+.2%}, at most {found.high:+.2%}; {outcomes:,} outcomes"
    bound = f"at most {margin:+.0%} with {gate.confidence:.0%} confidence"
    return Check.of(f"no worse: {target}", found.high, bound, found.high <= margin, detail)


def _judged(evidence: Evidence, targets: Sequence[str], gate: Gate) -> list[str]:
    """The targets with outcomes enough."""
    counts = {target: _counts(evidence, target) for target in targets}
    least = gate.better
    return [t for t, (n, rarer) in counts.items() if n >= least.minimum_outcomes and rarer >= least.minimum_events]


def _counts(evidence: Evidence, target: str) -> tuple[int, int]:
    """Matured outcomes, and how many of the rarer kind."""
    y = evidence.outcomes[target][evidence.matured(target)]
    return len(y), int(min(y.sum(), len(y) - y.sum()))


def _relative(evidence: Evidence, targets: Sequence[str], gate: Gate) -> Estimate:
    """Mean over the targets of log-loss(challenger) / log-loss(champion) - 1; `high` is the one-sided upper bound.

    All targets are computed on the same draws of customers.
    """
    assert evidence.champion is not None  # noqa: S101 - only called where there is one
    champion = evidence.champion

    def change(w: Floats) -> Floats:
        parts = []
        for target in targets:
            use = evidence.matured(target)
            y, v = evidence.outcomes[target][use], w[..., use]
            new, old = log_loss(y, evidence.challenger[target][use], v), log_loss(y, champion[target][use], v)
            parts.append(new / old - 1.0)
        return np.asarray(np.mean(parts, axis=0))

    sample = Resampling.of(evidence.customer_id.astype(str), replicates=gate.replicates, seed=gate.seed)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without any outcome of a target
        drawn = sample.replicate(change)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [1 - gate.confidence, gate.confidence])
    return Estimate(float(change(np.ones(len(evidence.customer_id)))), float(low), float(high))


def calibration_checks(evidence: Evidence, targets: Sequence[str], gate: Gate) -> Iterator[Check]:
    """Slope, intercept and expected calibration error of each target with enough events."""
    rule = gate.calibration
    bounds: dict[Metric, tuple[float, ...]] = {SLOPE: rule.slope, INTERCEPT: rule.intercept, ECE: (0.0, rule.ece)}
    for target in targets:
        use = evidence.matured(target)
        if _counts(evidence, target)[1] < rule.minimum_events:
            detail = f"fewer than {rule.minimum_events} outcomes of either kind"
            yield Check.skipped(f"calibrated: {target}", "", detail)
            continue
        sample = Resampling.of(evidence.customer_id[use].astype(str), replicates=_REPLICATES, seed=gate.seed)
        y, p = evidence.outcomes[target][use], evidence.challenger[target][use]
        for metric, (low, high) in bounds.items():
            found = _interval(metric, y, p, sample, gate.confidence)
            holds = found.high >= low and found.low <= high
            detail = f"{gate.confidence:.0%} interval {found.low:.3f} to {found.high:.3f}"
            name = f"calibrated: {target} {metric.name}"
            yield Check.of(name, found.value, f"{low:g} to {high:g}", holds, detail)


def _interval(metric: Metric, y: Floats, p: Floats, sample: Resampling, confidence: float) -> Estimate:
    drawn = sample.replicate(lambda w: metric.compute(y, p, w))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    return Estimate(float(metric.compute(y, p, np.ones(len(y)))), float(low), float(high))


def monotone_checks(model: Champion, evidence: Evidence, gate: Gate) -> Iterator[Check]:
    """No step of a feature in its declared direction moves the log-odds the other way, for either model."""
    yield _monotone(
        "monotone: late over 0 days", model.late.inputs, model, evidence, gate, lambda x: _late_over_0(model, x)
    )
    yield _monotone(
        f"monotone: {model.default.event.name}", model.default.inputs_, model, evidence, gate, model.default.margin
    )


def _monotone(
    name: str,
    inputs: Sequence[str],
    model: Champion,
    evidence: Evidence,
    gate: Gate,
    score: Callable[[Floats], Floats],
) -> Check:
    rule = gate.monotone
    bound = f"at most {rule.violations:.0%} of the steps against the declared direction"
    rows = _some(evidence.x, rule.rows, gate.seed)
    wrong: dict[str, int] = {}
    taken = 0
    for feature, sign in directions(inputs).items():
        column = model.late.names.index(feature)
        values = _points(evidence.x[:, column], rule.points)
        if sign and len(values) > 1 and len(rows):
            steps = np.diff(_swept(rows, column, values, score), axis=1) * sign
            taken += steps.size
            if number := int((steps < -rule.tolerance).sum()):
                wrong[feature] = number
    if not taken:
        return Check.skipped(name, bound, "no orders to try it on")
    worst = ", ".join(f"{feature} ({n})" for feature, n in sorted(wrong.items(), key=lambda item: -item[1])[:3])
    share = sum(wrong.values()) / taken
    detail = f"{taken:,} steps tried" + (f"; wrong: {worst}" if worst else "")
    return Check.of(name, share, bound, share <= rule.violations, detail)


def _late_over_0(model: Champion, x: Floats) -> Floats:
    return logit(np.clip(model.late.law(x).late_over(0), _EPS, 1 - _EPS))


def _swept(rows: Floats, column: int, values: Floats, score: Callable[[Floats], Floats]) -> Floats:
    """(rows, values) scores with the column set to each value."""
    every = np.repeat(rows, len(values), axis=0)
    every[:, column] = np.tile(values, len(rows))
    return score(every).reshape(len(rows), len(values))


def _points(column: Floats, number: int) -> Floats:
    known = column[~np.isnan(column)]
    return np.unique(np.quantile(known, np.linspace(0, 1, number))) if len(known) else np.empty(0)


def _some(x: Floats, number: int, seed: int) -> Floats:
    if len(x) <= number:
        return x
    return x[np.sort(np.random.default_rng(seed).choice(len(x), number, replace=False))]


def reason_checks(challenger: Champion, gate: Gate) -> Iterator[Check]:
    """Reasons are faithful to the model and stable where it is learnt again, by the figures of its training run.

    See `models.reason_checks`; the run measured them on held-out predictions.
    """
    rule, figures = gate.reasons, challenger.manifest["metrics"]
    for target in (late_column(0), challenger.default.event.name):
        for metric, least in ((FAITHFUL, rule.faithful), (STABLE, rule.stable)):
            name, bound = f"{metric.replace('_', ' ')}: {target}", f"at least {least:.0%}"
            found = figures.get(f"{target}/{metric}")
            if found is None:
                yield Check.skipped(name, bound, "the run has not measured it")
            else:
                yield Check.of(name, found, bound, found >= least)


def reasons_check(challenger: Champion, champion: Champion | None, evidence: Evidence, gate: Gate) -> Check:
    """Both models name much the same reasons for the same orders."""
    rule = gate.reasons
    name, bound = "reasons agree with the champion's", f"at least {rule.agreement:.0%} of the top {rule.top}"
    x = _some(evidence.x, rule.rows, gate.seed)
    if champion is None or not len(x):
        return Check.skipped(name, bound, "there is nothing to compare with")
    new, old = (_top(model.late.explain(x), rule.top) for model in (challenger, champion))
    share = float(np.mean([len(a & b) / max(len(a), 1) for a, b in zip(new, old, strict=True)]))
    return Check.of(name, share, bound, share >= rule.agreement, f"{len(x):,} orders, late over 0 days")


def _top(contributions: Contributions, number: int) -> list[set[str]]:
    """The `number` reasons of largest size, per order."""
    code = {feature.name: feature.reason for feature in FEATURES}
    codes = sorted(set(code.values()))
    member = np.array([[code.get(name) == c for c in codes] for name in contributions.names], dtype=np.float64)
    sums = np.abs(contributions.values @ member)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :number]
    return [{codes[j] for j in row if sums[i, j] > 0} for i, row in enumerate(order)]


def approval_check(approved_by: str | None, trained_by: str | None, gate: Gate) -> Check:
    """A second person approves."""
    name, bound = "approved by a second person", "another than who trained"
    approver = (approved_by or "").strip()
    if not gate.four_eyes:
        return Check.skipped(name, bound, "not required")
    if not approver:
        return Check.of(name, 0.0, bound, False, "nobody has approved; name who does with --approved-by")
    if trained_by is None:
        return Check.of(name, 0.0, bound, False, "the run does not say who trained it")
    is_other = approver.casefold() != trained_by.strip().casefold()
    return Check.of(name, float(is_other), bound, is_other, f"trained by {trained_by}, approved by {approver}")
