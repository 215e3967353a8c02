"""Switches off what the libraries underneath would send over the network about their use, and their progress bars."""

from __future__ import annotations

import os

#: Variables that MLflow, BentoML and Evidently read before their first look-up; a site's own setting wins.
SWITCHES = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def quiet() -> None:
    """Sets `SWITCHES` where unset; call it before importing mlflow, bentoml or evidently."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
