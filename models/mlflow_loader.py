"""How `mlflow.pyfunc` opens a registered model: our own verified folder, no pickle. Named as loader_module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import artefact
from models.champion import DEFAULT, LATE, load_default, load_late
from models.default import DefaultModel
from models.late import LateModel
from receivables.errors import ArtefactError, InputError

#: Days late at which a registered payment-time model answers.
HORIZONS = (0, 5, 15, 30, 60, 90)


class Scorer:
    """A registered model behind MLflow's interface: features in, probabilities out."""

    def __init__(self, model: LateModel | DefaultModel, names: tuple[str, ...]) -> None:
        self.model, self.names = model, names

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """late_over_0 ... late_over_90 and mean_days_late, or default_probability, one row per row of features.

        Columns are found by name, in any order; raises InputError where one is missing.
        """
        missing = [name for name in self.names if name not in model_input.columns]
        if missing:
            raise InputError(f"features that the model needs are missing: {missing}")
        x = model_input[list(self.names)].to_numpy(dtype=np.float64, na_value=np.nan)
        if isinstance(self.model, DefaultModel):
            return pd.DataFrame({"default_probability": self.model.probability(x)}, index=model_input.index)
        law = self.model.law(x)
        columns = {f"late_over_{day}": law.late_over(day) for day in HORIZONS}
        return pd.DataFrame({**columns, "mean_days_late": law.mean()}, index=model_input.index)


def _load_pyfunc(path: str) -> Scorer:
    """Called by MLflow with the folder that was registered."""
    folder = Path(path)
    manifest = artefact.read(folder).manifest
    if manifest.kind == LATE:
        return Scorer(load_late(folder), manifest.names)
    if manifest.kind == DEFAULT:
        return Scorer(load_default(folder), manifest.names)
    raise ArtefactError(f"{folder}: expected a model of kind {LATE!r} or {DEFAULT!r}, got {manifest.kind!r}")
