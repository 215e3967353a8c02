"""One training run from a ledger to registered models: known facts, data, fits, figures, record, verdict."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import INDEX, NAMES, VERSION
from models.artefact import Artefact, Facts
from models.cards.card import html, markdown
from models.champion import Champion, champion_of, read_candidate, save_candidate, save_default, save_late
from models.default import PARAMS as DEFAULT_PARAMS
from models.inputs import inputs_for
from models.late import PARAMS as LATE_PARAMS
from models.late import LateModel
from models.law import PaymentLaw
from models.numbers import Floats
from models.scale import ScoreScale
from models.standby import Standby
from receivables.errors import ArtefactError, NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import EventRule, OutcomeConfig, late_column
from training import cards, evidence, heldout, plots, registered, tracking
from training.checks import ADDITIVE, ADDITIVE_BOUND, trial_check
from training.dataset import DefaultData, Known, LateData, fingerprint, segments
from training.evaluate import ALL, Figure, Judged, by_group, judge, judge_days
from training.fit import (
    GRID,
    MODEL,
    OWN_RATE,
    LateFit,
    Settings,
    Tick,
    fit_late,
)
from training.fit import judged_late as judged_late_of
from training.fit_default import DefaultFit, checked_grades, fit_default, judged_default
from training.gate import Check, Gate, Verdict
from training.metrics import COVERAGE, LOG_LOSS
from training.promote import NOT_ASKED, Challenger, Decision, current_champion, decide, note, put_in_place, refused
from training.reason_figures import reason_figures

#: Horizons with a calibration plot and with figures by month and segment.
SHOWN: Final = (0, 5, 15, 30)
#: Rows drawn in the SHAP picture.
_DRAWN: Final = 1500
OWNER: Final = "credit management"
_LATE: Final = "late over 0 days"


@dataclass(frozen=True)
class Trained:
    """What a run found and made."""

    run_id: str
    versions: Mapping[str, str]
    verdict: Decision
    cutoff: pd.Timestamp
    fingerprint: str
    event: EventRule
    rows: Mapping[str, int]
    how: Mapping[str, str]
    figures: tuple[Figure, ...]
    champion: Path


#: How often `train` ticks at least.
STEPS: Final = 6


def train(
    ledger: Ledger,
    *,
    cutoff: pd.Timestamp,
    folder: Path,
    trained_at: dt.datetime,
    settings: Settings,
    config: OutcomeConfig,
    name: str = "train",
    promote: bool = False,
    approved_by: str | None = None,
    trained_by: str | None = None,
    tick: Tick = lambda _: None,
) -> Trained:
    """Trains both models on what was known at `cutoff`, records the run under `folder` and registers the models.

    With `promote` they replace the champion of `folder` if they pass the gate of conf/promotion.toml; the first ones do
    where its vital checks pass. `trained_by` and `approved_by` name the two people.

    Raises NotEnoughDataError where too few outcomes have matured for either model.
    """
    known = Known.at(ledger, cutoff)
    late, default = LateData.of(known), DefaultData.of(known, config)
    tick("features")
    late_fit = fit_late(late, settings, margin_days=config.maturity_margin_days, tick=tick)
    default_fit = fit_default(default, settings)
    tick(default.event.label)
    judged = judged_late_of(late, late_fit), judged_default(default, default_fit)
    figures = (
        *judge(judged[0], seed=settings.seed),
        *_days(late, late_fit, config.maturity_margin_days),
        *judge(judged[1], seed=settings.seed),
        *reason_figures(late, late_fit, default, default_fit, settings),
    )
    tick("figures")
    done = _Fitted(late, default, late_fit, default_fit, judged[0], figures, fingerprint(known.ledger), settings)
    asked = _Asked(promote, approved_by, trained_by, Gate.read(), config.maturity_margin_days)
    keep = _register if isinstance(late_fit.model, LateModel) else _record_only
    made = keep(done, folder=folder, name=name, trained_at=trained_at, asked=asked)
    tick("registered")
    return made


@dataclass(frozen=True)
class _Asked:
    """What was asked for about promotion, and the gate that it must pass."""

    promote: bool
    approved_by: str | None
    trained_by: str | None
    gate: Gate
    margin_days: int


@dataclass(frozen=True)
class _Fitted:
    late: LateData
    default: DefaultData
    late_fit: LateFit
    default_fit: DefaultFit
    judged: Judged
    figures: tuple[Figure, ...]
    fingerprint: str
    settings: Settings

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that the result depends on besides the data."""
        flat = dataclasses.asdict(self.settings)
        late, default = flat.pop("late_params"), flat.pop("default_params")
        del flat["threads"]  # the result does not depend on it
        return {
            **flat,
            **{f"late.{key}": value for key, value in {**LATE_PARAMS, **late}.items()},
            **{f"default.{key}": value for key, value in {**DEFAULT_PARAMS, **default}.items()},
            "late.num_iterations": self.late_fit.rounds,
            "event": self.default.event.name,
            "cutoff": self.late.known.cutoff,
        }


def _register(done: _Fitted, *, folder: Path, name: str, trained_at: dt.datetime, asked: _Asked) -> Trained:
    """Records the run, registers both models, and promotes them if the verdict says so."""
    from models import registry

    place = folder / "champion"
    with tracking.run(name, folder) as (client, run_id), tempfile.TemporaryDirectory() as scratch:
        facts = Facts(
            name=registry.LATE_NAME,
            feature_set_version=VERSION,
            run_id=run_id,
            trained_at=trained_at.isoformat(timespec="seconds"),
            training_cutoff=done.late.known.cutoff.isoformat(),
            metrics={**_headline(done.figures), "rating_basis": done.default_fit.model.basis_.to_dict()},
        )
        save_late(Path(scratch) / "late", _storable(done), facts)
        save_default(
            Path(scratch) / "default", done.default_fit.model, dataclasses.replace(facts, name=registry.DEFAULT_NAME)
        )
        tags = {"training_cutoff": str(facts.training_cutoff), "event": done.default.event.name}
        versions = {
            model: registry.register(client, Path(scratch) / part, model, tags=tags)
            for part, model in (("late", registry.LATE_NAME), ("default", registry.DEFAULT_NAME))
        }
        complete = _save_champion(done, Path(scratch) / "champion", facts, versions)
        frames = _heldout(done)
        registered.keep(client, run_id, complete, frames)
        record = _record(done, versions, trained_at, asked.trained_by)
        tracking.log(client, run_id, record, _pictures(done, Path(scratch)))
        found = read_candidate(complete)
        verdict = _decide(done, found, frames, *current_champion(place), asked=asked)
        if verdict.promoted:
            put_in_place(place, found)
        note(client, run_id, verdict, versions)
    return _trained(done, run_id, versions, verdict, place)


def _storable(done: _Fitted) -> LateModel:
    """The payment-time model as one that has a form on disk; raises ArtefactError for another."""
    if not isinstance(done.late_fit.model, LateModel):
        raise ArtefactError(f"{type(done.late_fit.model).__name__} has no form on disk")
    return done.late_fit.model


def _record_only(done: _Fitted, *, folder: Path, name: str, trained_at: dt.datetime, asked: _Asked) -> Trained:
    """Records the run of an estimator whose model cannot be stored as a champion; it is judged, never promoted."""
    what = type(done.late_fit.model).__name__
    check = Check.of(ADDITIVE, 0.0, ADDITIVE_BOUND, False, f"{what} has no exact additive explanation", is_vital=True)
    verdict = Decision(False, f"{check.name}: {check.detail}; trained and judged only", (check,))
    with tracking.run(name, folder) as (client, run_id), tempfile.TemporaryDirectory() as scratch:
        record = _record(done, {}, trained_at, asked.trained_by)
        tracking.log(client, run_id, record, _pictures(done, Path(scratch)))
        note(client, run_id, verdict, {})
    return _trained(done, run_id, {}, verdict, folder / "champion")


def _trained(done: _Fitted, run_id: str, versions: Mapping[str, str], verdict: Decision, place: Path) -> Trained:
    return Trained(
        run_id=run_id,
        versions=versions,
        verdict=verdict,
        cutoff=done.late.known.cutoff,
        fingerprint=done.fingerprint,
        event=done.default.event,
        rows={
            "invoices": len(done.late.orders),
            "matured_invoices": int((~np.isnan(done.late_fit.labels).all(axis=1)).sum()),
            "snapshots": int((~np.isnan(done.default_fit.labels)).sum()),
            "events": int(np.nansum(done.default_fit.labels)),
        },
        how={"late": done.late_fit.heldout.how, "default": done.default_fit.heldout.how},
        figures=done.figures,
        champion=place,
    )


def _heldout(done: _Fitted) -> dict[str, pd.DataFrame]:
    """What the held-out predecessors of both models said."""
    late, default = done.late_fit.heldout, done.default_fit.heldout
    event = done.default.event.name
    return {
        "late": heldout.late_frame(done.late.orders.take(late.rows), done.judged.predictors[MODEL]),
        "event": heldout.default_frame(
            done.default.orders.take(default.rows),
            event,
            judged_default(done.default, done.default_fit).predictors[MODEL][event],
            done.default_fit.labels[default.rows],
        ),
    }


def _decide(
    done: _Fitted,
    found: Artefact,
    frames: Mapping[str, pd.DataFrame],
    champion: Champion | None,
    why_none: str,
    *,
    asked: _Asked,
) -> Decision:
    if champion is not None and not asked.promote:
        return NOT_ASKED
    trial = trial_check(found)
    if trial.verdict is Verdict.FAIL:
        return refused(trial.detail, approved_by=asked.approved_by, trained_by=asked.trained_by)
    model = champion_of(found)
    both = {"challenger": model, "champion": champion}
    late = evidence.of_lateness(done.late, frames["late"], **both, margin_days=asked.margin_days)  # type: ignore[arg-type]
    event = evidence.of_event(done.late.known, frames["event"], **both)  # type: ignore[arg-type]
    challenger = Challenger(found, trial, model, late, event, asked.trained_by)
    return decide(challenger, champion, why_none, asked.gate, approved_by=asked.approved_by)


def _save_champion(done: _Fitted, folder: Path, facts: Facts, versions: Mapping[str, str]) -> Path:
    known = done.late.known
    save_candidate(
        folder,
        standby=_standby(done),
        late=_storable(done),
        default=done.default_fit.model,
        priors=known.priors.at(known.cutoff.to_datetime64()),
        facts=dataclasses.replace(
            facts,
            name="otc-risk",
            version=_version(versions),
            metrics={**facts.metrics, "score_percentiles": _score_percentiles(done)},
        ),
    )
    return folder


def _standby(done: _Fitted) -> Standby | None:
    """The scorecards that answer where the models cannot; none where too few outcomes have matured for one."""
    try:
        return Standby.fit(
            (done.late.x, done.late_fit.labels),
            (done.default.x, done.default_fit.labels),
            names=NAMES,
            grid=GRID,
            late_inputs=inputs_for("late"),
            event_inputs=inputs_for("default"),
        )
    except NotEnoughDataError:
        return None


def _score_percentiles(done: _Fitted) -> list[float]:
    """The 0th to 100th percentile of the customers' scores at their newest snapshots: where a score stands."""
    moments = done.default.orders.as_of
    newest = done.default.x[moments == moments.max()]
    scores = ScoreScale.load().scores(done.default_fit.model.probability(newest))
    return np.percentile(scores, np.arange(101)).tolist()


def _version(versions: Mapping[str, str]) -> str:
    """Both models' registry versions as one: "3", or "3.2" where they differ."""
    return ".".join(dict.fromkeys(versions.values()))


def _record(
    done: _Fitted, versions: Mapping[str, str], trained_at: dt.datetime, trained_by: str | None
) -> tracking.Record:
    about = {
        "version": _version(versions),
        "owner": OWNER,
        "trained_at": trained_at.isoformat(timespec="seconds"),
        "fingerprint": done.fingerprint,
        "parameters": done.parameters,
    }
    late = cards.late_card(done.late, done.late_fit, done.figures, about)
    default = cards.default_card(done.default, done.default_fit, done.figures, about)
    groups = {"month": _months(done), "segment": segments(done.late.known.ledger, done.judged.customer_id)}
    tables = {name: _by_group(done, values) for name, values in groups.items()}
    return tracking.Record(
        parameters=done.parameters,
        tags={
            "data_fingerprint": done.fingerprint,
            "feature_set_version": VERSION,
            **({} if trained_by is None else {registered.TRAINED_BY: trained_by}),
        },
        figures=done.figures,
        series={
            f"{target}/by_month/{who}/{LOG_LOSS.name}": {month: row[LOG_LOSS.name] for month, row in months.items()}
            for target, by_predictor in tables["month"].items()
            for who, months in by_predictor.items()
        },
        documents={
            "figures.json": [f.to_dict() for f in done.figures],
            **{f"by_{name}.json": table for name, table in tables.items()},
            "grades.json": [
                check.to_dict() for check in checked_grades(done.default, done.default_fit, ScoreScale.load())
            ],
            "card_late.md": markdown(late),
            "card_late.html": html(late),
            "card_default.md": markdown(default),
            "card_default.html": html(default),
        },
    )


def _by_group(done: _Fitted, groups: npt.NDArray[np.object_]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Target -> predictor -> group -> figures."""
    return {
        late_column(k): {
            who: by_group(groups, done.judged.outcomes[late_column(k)], predicted[late_column(k)])
            for who, predicted in done.judged.predictors.items()
        }
        for k in SHOWN
    }


def _months(done: _Fitted) -> npt.NDArray[np.object_]:
    issued = done.late.orders.as_of[done.late_fit.heldout.rows]
    return issued.astype("datetime64[M]").astype(str).astype(object)


def _pictures(done: _Fitted, scratch: Path) -> list[Path]:
    curves = {}
    for k in SHOWN:
        y, p = (source[late_column(k)] for source in (done.judged.outcomes, done.judged.predictors[MODEL]))
        if (~np.isnan(y)).sum() >= 10:
            curves[late_column(k)] = y[~np.isnan(y)], p[~np.isnan(y)]
    months = _by_group(done, _months(done))[late_column(0)]
    series = {who: {month: row[LOG_LOSS.name] for month, row in months[who].items()} for who in (MODEL, OWN_RATE)}
    x = done.late.x[done.late_fit.heldout.rows][:_DRAWN]
    x_default = done.default.x[done.default_fit.heldout.rows][:_DRAWN]
    late = done.late_fit.model if isinstance(done.late_fit.model, LateModel) else None
    return [
        plots.save(plots.calibration(curves), scratch / "calibration.png"),
        plots.save(plots.by_month(series, "log-loss", "late over 0 days, out of time"), scratch / "by_month.png"),
        *([] if late is None else [plots.save(_shap(_LATE, late.explain(x).values, x), scratch / "shap_late.png")]),
        plots.save(
            _shap(done.default.event.label, done.default_fit.model.explain(x_default).values, x_default),
            scratch / "shap_default.png",
        ),
    ]


def _shap(title: str, values: Floats, x: Floats) -> Any:
    return plots.shap_summary(NAMES, values, x, f"What moves the log-odds of: {title}")


def _days(data: LateData, fit: LateFit, margin_days: int) -> list[Figure]:
    """Error of the median in days beside the customer's own median and the due date; coverage of the 80 % interval.

    The interval is judged on the later half of the invoices with what the earlier half taught.
    """
    rows, law = fit.heldout.rows, PaymentLaw.from_margins(GRID, fit.heldout.margins)
    actual = data.days_late(margin_days=margin_days)[rows]
    own = np.nan_to_num(data.x[rows, INDEX["median_days_late_25"]])
    predicted = {MODEL: law.quantile(0.5).astype(np.float64), "own median": own, "due date": np.zeros(len(rows))}
    use = ~np.isnan(actual)
    if not use.any():
        return []
    held = next((tails for tails in fit.model.intervals.found if tails.level == 0.8), None)
    n = sum(held.rows) // 2 if held else int(use.sum())
    covered = held.observed if held and held.observed is not None else np.nan
    figure = Figure("days_late", ALL, MODEL, COVERAGE.name, n, n, covered, np.nan, np.nan)
    return [*judge_days(actual, predicted, data.orders.customer_id[rows]), figure]


def _headline(figures: tuple[Figure, ...]) -> dict[str, Any]:
    """The model's figures on all rows, for the manifest; null where not defined."""
    return {f"{f.target}/{f.metric}": f.to_dict()["value"] for f in figures if f.predictor == MODEL and f.slice == ALL}
