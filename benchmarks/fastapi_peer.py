"""The endpoint of the FastAPI peer; a module of its own, because FastAPI reads the annotations of its functions."""

from typing import Any

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.scoring_peers import contributions


class Row(BaseModel):
    """The columns of both models, in their order."""

    late: list[float]
    default: list[float]


def add_score(app: FastAPI, models: dict[str, Any]) -> None:
    """Adds POST /score, which answers scores and contributions."""

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {}

    @app.post("/score")
    async def score(row: Row) -> dict[str, list[float]]:
        rows = {name: np.array([getattr(row, name)]) for name in models}
        return contributions(models, rows)
