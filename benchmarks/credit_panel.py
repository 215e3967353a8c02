"""The default model on a file of plain numeric columns, in scikit-learn's own repeated cross-validation.

    python -m benchmarks.credit_panel UCI_Credit_Card.csv --target default.payment.next.month --drop ID
    python -m benchmarks.credit_panel                        # a simulated panel of 30,000 accounts

Prints one JSON document: AUC and log-loss over the folds, mean and standard deviation, of the default model and of
LightGBM as it comes, on the same folds. Nothing is resampled and nothing looks at the fold that is judged.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from benchmarks.card_panel import NAMES, card_panel
from models.default import DefaultModel

ROWS: Final = 30_000
SPLITS: Final = 9


def judge(make: Any, x: pd.DataFrame, y: np.ndarray, splits: int) -> dict[str, float]:
    """Mean and standard deviation of AUC and log-loss, and mean CPU seconds, over the first `splits` of nine folds."""
    folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=42)
    found = []
    for train, test in list(folds.split(x, y))[:splits]:
        begun = time.process_time()
        model = make().fit(x.iloc[train], y[train])
        fitted = time.process_time()
        p = model.predict_proba(x.iloc[test])[:, 1]
        took = (fitted - begun, time.process_time() - fitted)
        found.append((roc_auc_score(y[test], p), log_loss(y[test], p), *took))
    names = ("auc", "log_loss", "fit_cpu_seconds", "predict_cpu_seconds")
    means = {name: round(float(value), 5) for name, value in zip(names, np.mean(found, axis=0), strict=True)}
    spread = np.std(found, axis=0)
    return {**means, "auc_sd": round(float(spread[0]), 5), "log_loss_sd": round(float(spread[1]), 5)}


def read(path: Path | None, target: str, drop: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns and outcomes of a CSV file; without one, of a simulated panel."""
    if path is None:
        made = card_panel(ROWS, seed=1)
        return pd.DataFrame(made.x, columns=list(NAMES)), made.y
    frame = pd.read_csv(path)
    return frame.drop(columns=[target, *drop]), frame[target].to_numpy(dtype=np.float64)


def main() -> None:
    """Prints the figures of both models as one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="CSV of numeric columns with a header")
    parser.add_argument("--target", default="default.payment.next.month", help="column of outcomes 0 and 1")
    parser.add_argument("--drop", nargs="*", default=[], help="columns that are no measurement, such as a number")
    parser.add_argument("--splits", type=int, default=SPLITS, help="how many of the nine folds")
    args = parser.parse_args()
    x, y = read(args.file, args.target, args.drop)
    makers = {"default model": DefaultModel, "LightGBM": lambda: LGBMClassifier(n_jobs=1, verbosity=-1)}
    print(json.dumps({name: judge(make, x, y, args.splits) for name, make in makers.items()}, indent=1))


if __name__ == "__main__":
    main()
