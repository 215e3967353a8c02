"""What a training run registers: the folder that a champion is made of, whole but not signed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from features import NAMES
from models.artefact import Facts
from models.champion import save_candidate
from models.inputs import inputs_for
from models.late import LateModel
from models.scale import ScoreScale
from models.standby import Standby
from receivables.errors import ArtefactError, NotEnoughDataError
from training.fit import GRID
from training.fitted import Fitted


def save_complete(done: Fitted, folder: Path, facts: Facts, versions: Mapping[str, str]) -> Path:
    """Writes the champion's folder, unsigned, and returns it; `versions` are those of the registered models."""
    known = done.late.known
    save_candidate(
        folder,
        standby=_standby(done),
        late=storable(done),
        default=done.default_fit.model,
        effects=done.effects,
        beside=None if done.beside is None else done.beside[1].model,
        priors=known.priors.at(known.cutoff.to_datetime64()),
        facts=dataclasses.replace(
            facts,
            name="otc-risk",
            version=version_of(versions),
            metrics={**facts.metrics, "score_percentiles": _score_percentiles(done)},
        ),
    )
    return folder


def storable(done: Fitted) -> LateModel:
    """The payment-time model as one that has a form on disk; raises ArtefactError for another."""
    if not isinstance(done.late_fit.model, LateModel):
        raise ArtefactError(f"{type(done.late_fit.model).__name__} has no form on disk")
    return done.late_fit.model


def version_of(versions: Mapping[str, str]) -> str:
    """Both models' registry versions as one: "3", or "3.2" where they differ."""
    return ".".join(dict.fromkeys(versions.values()))


def _standby(done: Fitted) -> Standby | None:
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


def _score_percentiles(done: Fitted) -> list[float]:
    """The 0th to 100th percentile of the customers' scores at their newest snapshots: where a score stands."""
    moments = done.default.orders.as_of
    newest = done.default.x[moments == moments.max()]
    scores = ScoreScale.load().scores(done.default_fit.model.probability(newest))
    return np.percentile(scores, np.arange(101)).tolist()
