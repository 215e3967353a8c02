"""The record of a training run, read back from MLflow for whoever writes about it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any


def training_record(run_id: str, folder: Path | None = None) -> dict[str, Any] | None:
    """run_id, event and figures of a training run; None where the tracking server does not know it any more."""
    from models.registry import connect  # first: it silences MLflow before that is imported

    from mlflow.exceptions import MlflowException  # isort: skip

    client = connect(folder)
    try:
        event = client.get_run(run_id).data.params["event"]
        with tempfile.TemporaryDirectory() as scratch:
            figures = Path(client.download_artifacts(run_id, "figures.json", scratch)).read_text(encoding="utf-8")
    except (MlflowException, KeyError, OSError):
        return None
    return {"run_id": run_id, "event": event, "figures": json.loads(figures)}
