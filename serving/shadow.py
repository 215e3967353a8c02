"""A challenger scored in the shadow of the champion: off the path, on what is left of the time, never in an answer.

Orders that were answered wait in a short queue; while it is full they are left out. What the challenger says is written
to a file of lines beside the decision log, and whatever goes wrong with it is logged and forgotten.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from models.champion import load_champion
from receivables.config import home
from receivables.decision import DecisionRecord
from receivables.personal import is_natural
from serving.assess import assess
from serving.payers import Knowledge
from serving.schemas import ScoreRequest
from serving.state import Tools

#: Environment variable: the challenger's folder. By default challenger/ in OTCRISK_HOME, where there is one.
CHALLENGER: Final = "OTCRISK_CHALLENGER"
#: Orders that wait at most.
WAITING: Final = 64
_LOG: Final = logging.getLogger("otcrisk.serving")
_Waiting = tuple[ScoreRequest, Knowledge, DecisionRecord]


class Shadow:
    """Scores answered orders with the challenger's `tools` and appends a line for each to the file `place`."""

    def __init__(self, tools: Tools, place: Path) -> None:
        self._tools, self._place = tools, place
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(WAITING)
        self._scoring = threading.Thread(target=self._score, name="otcrisk-shadow", daemon=True)
        self._scoring.start()

    def offer(self, request: ScoreRequest, known: Knowledge, record: DecisionRecord) -> bool:
        """Whether the order was taken; it is left out while too many wait."""
        try:
            self._waiting.put_nowait((request, known, record))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Scores what waits, then ends."""
        self._waiting.put(None)
        self._scoring.join()

    def _score(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            try:
                line = json.dumps(self._compared(*waiting), allow_nan=False)
                with self._place.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            except Exception as error:  # noqa: BLE001 - nothing that a challenger does may reach an answer
                _LOG.error("the challenger could not score an order: %s", type(error).__name__)

    def _compared(self, request: ScoreRequest, known: Knowledge, record: DecisionRecord) -> dict[str, Any]:
        # alternatives are no part of the comparison
        bare = request.model_copy(update={"options": request.options.model_copy(update={"counterfactuals": False})})
        found = assess(bare, known, self._tools)
        served, risk = record.response, found.prediction.risk if found.prediction else None
        return {
            **_when(record),
            "champion": {
                "version": served["model"]["version"],
                "outcome": served["decision"]["outcome"],
                "credit_score": served["score"]["credit_score"],
                "late_over_0": served["probabilities"]["late_over_0"],
                "late_over_30": served["probabilities"]["late_over_30"],
            },
            "challenger": {
                "version": self._tools.champion.manifest["version"],
                "outcome": found.decision.outcome,
                "credit_score": risk.score if risk else None,
                "late_over_0": found.prediction.lateness.late_over[0] if found.prediction else None,
                "late_over_30": found.prediction.lateness.late_over[30] if found.prediction else None,
            },
        }


def _when(record: DecisionRecord) -> dict[str, str | None]:
    """Which decision it was; of one about a person the day alone, so that an erasure leaves nothing about them here."""
    if is_natural(record.request):
        return {"score_id": None, "as_of": record.as_of[:10], "recorded_at": record.recorded_at[:10]}
    return {"score_id": record.score_id, "as_of": record.as_of, "recorded_at": record.recorded_at}


def open_shadow(tools: Tools) -> Shadow | None:
    """The shadow of the challenger that the environment names, null without one; raises ArtefactError as a champion."""
    named = os.environ.get(CHALLENGER)
    folder = Path(named) if named else home() / "challenger"
    if not named and not folder.is_dir():
        return None
    challenger = replace(tools, champion=load_champion(folder, is_tried=True))
    return Shadow(challenger, home() / "shadow.jsonl")
