"""AutoGluon in an interpreter of its own: it needs older libraries than the product.

    python3 -m venv elsewhere && elsewhere/bin/pip install "autogluon.tabular[lightgbm,catboost,xgboost]"
    python -m benchmarks.world --autogluon elsewhere/bin/python ...

That interpreter runs this file as a script, with files of numbers between the two.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from typing import Any

import numpy as np
import pandas as pd


def main(given: str, made: str, seconds: str) -> None:
    """Rows from one file, probabilities of the test rows into the other; `seconds` is the budget of the search."""
    tabular: Any = importlib.import_module("autogluon.tabular")
    with np.load(given) as arrays:
        train, y, test = arrays["train"], arrays["y"], arrays["test"]
    frame = pd.DataFrame(train).add_prefix("f").assign(late=y.astype(int))
    with tempfile.TemporaryDirectory() as folder:
        predictor = tabular.TabularPredictor("late", eval_metric="log_loss", path=folder, verbosity=0)
        predictor.fit(frame, presets="good_quality", time_limit=int(seconds), num_gpus=0)
        found = predictor.predict_proba(pd.DataFrame(test).add_prefix("f"))
    np.savez(made, p=found[1].to_numpy(dtype=np.float64))


if __name__ == "__main__":
    main(*sys.argv[1:])
