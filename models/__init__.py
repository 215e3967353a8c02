"""The two risk models, how they are calibrated, explained, rated, stored and loaded.

    PaymentLaw   distribution of days late of an order, from LateModel
    probability  of the customer event, from DefaultModel; ScoreScale turns it into score, rating and risk class
    Champion     both, as promoted: load_champion(folder)

MLflow is met in `models.registry` only, which is therefore not imported here; nor is anything that draws.
"""

from models.artefact import Artefact, Facts, Manifest
from models.baseline import ShrunkRate
from models.calibration import Calibration
from models.champion import (
    Champion,
    load_champion,
    load_default,
    load_late,
    save_champion,
    save_default,
    save_late,
)
from models.contributions import Contributions
from models.default import DefaultModel
from models.event import Event
from models.inputs import directions, inputs_for
from models.late import LateModel
from models.law import GRID, PaymentLaw
from models.reasons import Explanation, ReasonLine, explanation, reasons
from models.scale import Grade, ScoreScale
from models.scorecard import Scorecard

__all__ = [
    "GRID",
    "Artefact",
    "Calibration",
    "Champion",
    "Contributions",
    "DefaultModel",
    "Event",
    "Explanation",
    "Facts",
    "Grade",
    "LateModel",
    "Manifest",
    "PaymentLaw",
    "ReasonLine",
    "ScoreScale",
    "Scorecard",
    "ShrunkRate",
    "directions",
    "explanation",
    "inputs_for",
    "load_champion",
    "load_default",
    "load_late",
    "reasons",
    "save_champion",
    "save_default",
    "save_late",
]
