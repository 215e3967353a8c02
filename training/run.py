"""One training run from a ledger to registered models: known facts, data, fits, figures, record, verdict."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features import VERSION
from models.artefact import Artefact, Facts
from models.champion import DEFAULT, LATE, Champion, champion_of, read_candidate, save_default, save_late
from models.late import LateModel
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import EventRule, OutcomeConfig
from training import evidence, heldout, registered, tracking
from training.candidate import save_complete, storable
from training.checks import ADDITIVE, ADDITIVE_BOUND, trial_check
from training.dataset import DefaultData, Known, LateData, fingerprint
from training.evaluate import Figure, judge
from training.fit import (
    MODEL,
    Settings,
    Tick,
    fit_late,
)
from training.fit import judged_late as judged_late_of
from training.fit_default import DefaultFit, fit_default, judged_default
from training.fitted import Fitted, days_figures, headline
from training.gate import Check, Gate, Verdict
from training.promote import NOT_ASKED, Challenger, Decision, current_champion, decide, note, put_in_place, refused
from training.reason_figures import reason_figures
from training.run_documents import pictures_of, record_of


@dataclass(frozen=True)
class Trained:
    """What a run found and made."""

    run_id: str
    versions: Mapping[str, str]
    verdict: Decision
    cutoff: pd.Timestamp
    fingerprint: str
    event: EventRule
    beside: EventRule | None
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
    default_fit, beside = fit_default(default, settings), _fit_beside(default, settings)
    tick(default.event.label)
    judged = judged_late_of(late, late_fit), judged_default(default, default_fit)
    told = reason_figures(late, late_fit, default, default_fit, settings)
    figures = (
        *judge(judged[0], seed=settings.seed),
        *days_figures(late, late_fit, config.maturity_margin_days),
        *judge(judged[1], seed=settings.seed),
        *([] if beside is None else judge(judged_default(*beside), seed=settings.seed)),
        *told.figures,
    )
    tick("figures")
    effects = {LATE: told.late, DEFAULT: told.default}
    done = Fitted(
        late, default, late_fit, default_fit, beside, judged[0], figures, effects, fingerprint(known.ledger), settings
    )
    asked = _Asked(promote, approved_by, trained_by, Gate.read(), config.maturity_margin_days)
    keep = _register if isinstance(late_fit.model, LateModel) else _record_only
    made = keep(done, folder=folder, name=name, trained_at=trained_at, asked=asked)
    tick("registered")
    return made


def _fit_beside(data: DefaultData, settings: Settings) -> tuple[DefaultData, DefaultFit] | None:
    """The same event within another horizon: fitted, calibrated and judged for itself; None where it cannot be."""
    other = data.beside()
    try:
        return None if other is None else (other, fit_default(other, settings))
    except NotEnoughDataError:
        return None


@dataclass(frozen=True)
class _Asked:
    """What was asked for about promotion, and the gate that it must pass."""

    promote: bool
    approved_by: str | None
    trained_by: str | None
    gate: Gate
    margin_days: int


def _register(done: Fitted, *, folder: Path, name: str, trained_at: dt.datetime, asked: _Asked) -> Trained:
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
            metrics={**headline(done.figures), "rating_basis": done.default_fit.model.basis_.to_dict()},
        )
        save_late(Path(scratch) / "late", storable(done), facts)
        save_default(
            Path(scratch) / "default", done.default_fit.model, dataclasses.replace(facts, name=registry.DEFAULT_NAME)
        )
        tags = {"training_cutoff": str(facts.training_cutoff), "event": done.default.event.name}
        versions = {
            model: registry.register(client, Path(scratch) / part, model, tags=tags)
            for part, model in (("late", registry.LATE_NAME), ("default", registry.DEFAULT_NAME))
        }
        complete = save_complete(done, Path(scratch) / "champion", facts, versions)
        frames = _heldout(done)
        registered.keep(client, run_id, complete, frames)
        pictures = pictures_of(done, Path(scratch))
        record = record_of(done, versions, trained_at, asked.trained_by, pictures)
        tracking.log(client, run_id, record, list(pictures.values()))
        found = read_candidate(complete)
        verdict = _decide(done, found, frames, *current_champion(place), asked=asked)
        if verdict.promoted:
            put_in_place(place, found)
        note(client, run_id, verdict, versions)
    return _trained(done, run_id, versions, verdict, place)


def _record_only(done: Fitted, *, folder: Path, name: str, trained_at: dt.datetime, asked: _Asked) -> Trained:
    """Records the run of an estimator whose model cannot be stored as a champion; it is judged, never promoted."""
    what = type(done.late_fit.model).__name__
    check = Check.of(ADDITIVE, 0.0, ADDITIVE_BOUND, False, f"{what} has no exact additive explanation", is_vital=True)
    verdict = Decision(False, f"{check.name}: {check.detail}; trained and judged only", (check,))
    with tracking.run(name, folder) as (client, run_id), tempfile.TemporaryDirectory() as scratch:
        pictures = pictures_of(done, Path(scratch))
        record = record_of(done, {}, trained_at, asked.trained_by, pictures)
        tracking.log(client, run_id, record, list(pictures.values()))
        note(client, run_id, verdict, {})
    return _trained(done, run_id, {}, verdict, folder / "champion")


def _trained(done: Fitted, run_id: str, versions: Mapping[str, str], verdict: Decision, place: Path) -> Trained:
    return Trained(
        run_id=run_id,
        versions=versions,
        verdict=verdict,
        cutoff=done.late.known.cutoff,
        fingerprint=done.fingerprint,
        event=done.default.event,
        beside=None if done.beside is None else done.beside[0].event,
        rows={
            "invoices": len(done.late.orders),
            "matured_invoices": int((~np.isnan(done.late_fit.labels).all(axis=1)).sum()),
            "snapshots": int((~np.isnan(done.default_fit.labels)).sum()),
            "events": int(np.nansum(done.default_fit.labels)),
        },
        how={
            "late": done.late_fit.heldout.how,
            "default": done.default_fit.heldout.how,
            **({} if done.beside is None else {"beside": done.beside[1].heldout.how}),
        },
        figures=done.figures,
        champion=place,
    )


def _heldout(done: Fitted) -> dict[str, pd.DataFrame]:
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
    done: Fitted,
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
