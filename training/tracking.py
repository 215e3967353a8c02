"""A training run as MLflow keeps it: parameters, figures, pictures, cards, and both models in the registry."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from training.evaluate import ALL, Figure

EXPERIMENT: Final = "otc-risk"
#: What MLflow does not allow in the name of a metric.
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_.\-/]+")
#: MLflow takes this many metrics in one request.
_BATCH: Final = 900


@dataclass(frozen=True)
class Record:
    """Everything that a run writes down. `series` is name -> month -> value; `documents` become JSON files."""

    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    figures: Sequence[Figure]
    series: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def run(name: str, folder: Path | None = None) -> Iterator[tuple[Any, str]]:
    """(client, run id) of a new MLflow run in `folder`, by default OTCRISK_HOME; failed if the block raises."""
    from models.registry import connect, experiment  # first: it silences MLflow before that is imported

    import mlflow  # isort: skip

    client = connect(folder)
    with mlflow.start_run(experiment_id=experiment(client, EXPERIMENT, folder), run_name=name) as active:
        yield client, active.info.run_id


def log(client: Any, run_id: str, record: Record, pictures: Sequence[Path]) -> None:
    """Writes the record and the pictures to the run."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in flat(record.figures).items()]
    for name, values in record.series.items():
        metrics += [Metric(metric_name(name), value, now, step_of(month)) for month, value in values.items()]
    params = [Param(key, str(value)) for key, value in record.parameters.items()]
    tags = [RunTag(key, value) for key, value in record.tags.items()]
    client.log_batch(run_id, params=params, tags=tags)
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
    with tempfile.TemporaryDirectory() as scratch:
        for name, document in record.documents.items():
            path = Path(scratch) / name
            is_text = isinstance(document, str)
            path.write_text(document if is_text else json.dumps(document, indent=1, default=str), encoding="utf-8")
            client.log_artifact(run_id, str(path))
    for picture in pictures:
        client.log_artifact(run_id, str(picture), "pictures")


def flat(figures: Sequence[Figure]) -> dict[str, float]:
    """Metric name -> value; intervals only for figures of all rows. What is not defined is left out."""
    made: dict[str, float] = {}
    for f in figures:
        name = metric_name(f"{f.target}/{f.slice}/{f.predictor}/{f.metric}")
        named = {name: f.value}
        if f.slice == ALL:
            named |= {f"{name}_low": f.low, f"{name}_high": f.high}
        made |= {key: value for key, value in named.items() if value == value}
    return made


def metric_name(text: str) -> str:
    """`text` in the characters that MLflow allows.

    >>> metric_name("late_over_5/all/model - own late rate/auc")
    'late_over_5/all/model_-_own_late_rate/auc'
    """
    return _NOT_IN_NAME.sub("_", text)


def step_of(month: str) -> int:
    """A month as the step of a metric.

    >>> step_of("2019-04")
    201904
    """
    return int(month.replace("-", ""))
