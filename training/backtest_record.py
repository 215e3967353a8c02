"""What a backtest leaves: tables as CSV and Parquet, one JSON document, pictures, and a run in MLflow with children.

`read` gives back what `write` wrote, so a report is made from the record and from nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.landing import drafted
from receivables.errors import InputError, NotFoundError
from training import backtest_plots
from training.backtest_figures import ORIGIN, WHOLE, cells
from training.backtest_run import Backtest
from training.evaluate import ALL
from training.tracking import EXPERIMENT, metric_name, run, step_of

DOCUMENT: Final = "backtest.json"
TABLES: Final = ("figures", "reliability", "base_rate")
_PICTURES: Final = "pictures"
_BATCH: Final = 900


@dataclass(frozen=True)
class Record:
    """A backtest as it lies in a folder: its tables, and everything else as plain JSON values."""

    folder: Path
    figures: pd.DataFrame
    reliability: pd.DataFrame
    base_rate: pd.DataFrame
    about: Mapping[str, Any]


def write(found: Backtest, folder: Path) -> Record:
    """Writes tables, pictures and the document; a record without its run in MLflow yet."""
    frames = {"figures": found.figures, "reliability": found.reliability, "base_rate": found.base_rate}
    for name, frame in frames.items():
        with drafted(folder / f"{name}.csv") as draft:
            frame.to_csv(draft, index=False)
        with drafted(folder / f"{name}.parquet") as draft:
            frame.to_parquet(draft, index=False)
    with drafted(folder / "scored.parquet") as draft:
        found.scored.to_parquet(draft, index=False)
    for name, picture in (
        ("over_time", backtest_plots.over_time(found.figures)),
        ("reliability", backtest_plots.reliability(found.reliability)),
        ("base_rate", backtest_plots.base_rate(found.base_rate)),
    ):
        backtest_plots.save(picture, folder / _PICTURES, name)
    about = dict(found.about)
    _write_document(about, folder)
    return Record(folder, found.figures, found.reliability, found.base_rate, about)


def read(folder: Path) -> Record:
    """The record in a folder; raises NotFoundError where there is none, InputError where it is incomplete."""
    if not (folder / DOCUMENT).is_file():
        raise NotFoundError(f"{folder}: no backtest lies here; `otcrisk backtest` writes one")
    try:
        about = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a complete backtest: {error}; run `otcrisk backtest` again") from None
    return Record(folder, about=about, **frames)


def track(record: Record, *, name: str, home: Path) -> str:
    """Logs the record as a run in MLflow with a child run per origin; returns the parent's id."""
    with run(name, home) as (client, run_id):
        from mlflow.entities import Param, RunTag

        about, now = record.about, int(time.time() * 1000)
        tags = {
            "kind": "backtest",
            "data_fingerprint": about["ledger"]["fingerprint"],
            "feature_set_version": about["feature_set_version"],
            "audit": _verdict(about),
        }
        span = {"origins": ", ".join(about["origins"]), "known_by": about["ledger"]["known_by"]}
        client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in {**span, **about["settings"]}.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        _log(client, run_id, _metrics(record.figures, WHOLE, WHOLE, now, 0))
        for span in about["spans"]:
            _child(client, run_id, name, record, span, now)
        for path in sorted(record.folder.iterdir()):
            # orders of customers stay on this machine's disk: the tracking server gets figures
            if path.is_file() and path.name != "scored.parquet" and not path.name.startswith("."):
                client.log_artifact(run_id, str(path))
        client.log_artifacts(run_id, str(record.folder / _PICTURES), _PICTURES)
    _write_document({**about, "run_id": run_id}, record.folder)
    return run_id


def _child(client: Any, parent: str, name: str, record: Record, span: Mapping[str, Any], now: int) -> None:
    """One origin's run: its figures, and the parent's series of them over time."""
    from mlflow.entities import Param

    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    child = client.create_run(
        experiment, run_name=f"{name} {span['origin']}", tags={"mlflow.parentRunId": parent, "kind": "backtest origin"}
    )
    step = step_of(str(span["origin"])[:7])
    kept = {key: value for key, value in span.items() if not isinstance(value, Mapping)}
    client.log_batch(child.info.run_id, params=[Param(key, str(value)) for key, value in kept.items()])
    metrics = _metrics(record.figures, ORIGIN, str(span["origin"]), now, step)
    for run_id in (child.info.run_id, parent):
        _log(client, run_id, metrics)
    client.set_terminated(child.info.run_id)


def _metrics(figures: pd.DataFrame, by: str, group: str, now: int, step: int) -> list[Any]:
    """Figures of all rows of a group as metrics, with their intervals."""
    from mlflow.entities import Metric

    start = "by_origin/" if by == ORIGIN else ""
    made = []
    for cell in cells(figures):
        if (cell.by, cell.group, cell.slice) != (by, group, ALL):
            continue
        name = metric_name(f"{start}{cell.target}/{cell.predictor}/{cell.metric}")
        for suffix, value in (("", cell.value), ("_low", cell.low), ("_high", cell.high)):
            if np.isfinite(value):
                made.append(Metric(f"{name}{suffix}", float(value), now, step))
    return made


def _log(client: Any, run_id: str, metrics: list[Any]) -> None:
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])


def _verdict(about: Mapping[str, Any]) -> str:
    if about["audit"] is None:
        return "not run"
    return "; ".join(f"{check['name']}: {check['verdict']}" for check in about["audit"]["checks"])


def _write_document(about: Mapping[str, Any], folder: Path) -> None:
    with drafted(folder / DOCUMENT) as draft:
        draft.write_text(json.dumps(_plain(about), indent=1, allow_nan=False, default=str), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Not a number becomes null: the document is strict JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value
