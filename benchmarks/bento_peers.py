"""The BentoML peers, in BentoML's default configuration: an endpoint without work, and one with shap."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from receivables.quiet import quiet

quiet()

import bentoml  # noqa: E402 - its telemetry must be off before it is imported


@bentoml.service(name="empty", workers=1)
class Empty:
    """Answers {}."""

    @bentoml.api  # type: ignore[untyped-decorator, unused-ignore]
    async def score(self, late: list[float], default: list[float]) -> dict[str, Any]:
        """Nothing."""
        return {}


@bentoml.service(name="shap", workers=1)
class Shap:
    """Predicts from a data frame and explains with shap, as tutorials do."""

    def __init__(self) -> None:
        import shap

        from benchmarks.scoring_peers import boosters

        self.models = boosters(Path(os.environ["OTCRISK_BENCH_MODELS"]))
        self.explainers = {name: shap.TreeExplainer(model) for name, model in self.models.items()}

    @bentoml.api  # type: ignore[untyped-decorator, unused-ignore]
    def score(self, late: list[float], default: list[float]) -> dict[str, Any]:
        """Score and SHAP values of both models."""
        import pandas as pd

        given, answer = {"late": late, "default": default}, {}
        for name, model in self.models.items():
            frame = pd.DataFrame([given[name]], columns=model.feature_name())
            score = float(model.predict(frame, num_threads=1)[0])
            answer[name] = {"score": score, "contributions": self.explainers[name](frame).values[0].tolist()}
        return answer
