"""Where a search is kept: trials in an Optuna database under OTCRISK_HOME, and each as a run in MLflow.

One process writes both. The MLflow runs hang under one parent, which an interrupted search finds again by the study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna

from features import VERSION
from training.dataset import fingerprint
from training.tracking import EXPERIMENT
from training.tune import SPACE, Found, Problem, Tried, open_study

#: Attribute of a study: its parent run in MLflow.
_RUN = "mlflow_run"


def name_of(problem: Problem) -> str:
    """The study's name: the same data, features, settings and space go on where they were."""
    about = (fingerprint(problem.data.known.ledger), VERSION, problem.settings, problem.splits, SPACE)
    return f"late-{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}"


def remarks(problem: Problem, found: Found) -> list[str]:
    """What the settings file says about where its numbers come from."""
    origins = ", ".join(str(split.cutoff.date()) for split in problem.splits)
    return [
        f"Found by otcrisk tune in {len(found.trials)} trials with seed {problem.settings.seed}.",
        f"Learnt and judged on what was known before {problem.data.known.cutoff.date()}, origins {origins}.",
        f"Log-loss over that of the plain late rate: {found.loss:.5f}, before the search {found.loss_before:.5f}.",
    ]


@contextmanager
def tracked(problem: Problem, folder: Path) -> Iterator[tuple[optuna.Study, Callable[[Tried], None]]]:
    """The study of the problem, and what writes a finished trial to MLflow."""
    from models.registry import connect, experiment  # first: it silences MLflow before that is imported

    folder.mkdir(parents=True, exist_ok=True)
    client = connect(folder)
    study = open_study(name_of(problem), f"sqlite:///{folder / 'tune.sqlite'}")
    where = experiment(client, EXPERIMENT, folder)
    parent = _parent(client, where, study, problem)

    def note(tried: Tried) -> None:
        tags = {"mlflow.parentRunId": parent, "mlflow.runName": f"trial {tried.number}", "state": tried.state}
        run_id = client.create_run(where, tags=tags).info.run_id
        for name, value in tried.parameters.items():
            client.log_param(run_id, name, value)
        if tried.loss is not None:
            client.log_metric(run_id, "relative_log_loss", tried.loss)
            client.log_metric(parent, "relative_log_loss", tried.loss, step=tried.number)
        client.set_terminated(run_id)

    yield study, note
    client.set_terminated(parent)


def _parent(client: Any, experiment_id: str, study: optuna.Study, problem: Problem) -> str:
    known = study.user_attrs.get(_RUN)
    if known is not None:
        return str(known)
    tags = {"mlflow.runName": "tune", "known_before": str(problem.data.known.cutoff), "feature_set_version": VERSION}
    made = str(client.create_run(experiment_id, tags=tags).info.run_id)
    study.set_user_attr(_RUN, made)
    return made
