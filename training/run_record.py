"""The record of a training run, read back from MLflow for whoever writes about it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any


def training_record(run_id: str, folder: Path | None = None) -> dict[str, Any] | None:
    """run_id, events and figures of a training run; None where the tracking server does not know it any more.

    `events` are the names of the event that ratings rest on and, where one was learnt, that of another horizon.
    """
    from models.registry import connect  # first: it silences MLflow before that is imported

    from mlflow.exceptions import MlflowException  # isort: skip

    client = connect(folder)
    try:
        told = client.get_run(run_id).data.params
        events = [told["event"], *(name for name in [told.get("event_beside", "None")] if name != "None")]
        with tempfile.TemporaryDirectory() as scratch:
            figures = Path(client.download_artifacts(run_id, "figures.json", scratch)).read_text(encoding="utf-8")
    except (MlflowException, KeyError, OSError):
        return None
    return {"run_id": run_id, "events": events, "figures": json.loads(figures)}
