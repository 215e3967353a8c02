"""Drift: the orders of two periods compared by features, scores, classes and outcomes."""

from monitoring.config import DriftConfig
from monitoring.drift import Drift, compare
from monitoring.page import page
from monitoring.psi import Bins, chance_bound, psi
from monitoring.shift import Verdict
from monitoring.window import Window, windows
from monitoring.words import words

__all__ = [
    "Bins",
    "Drift",
    "DriftConfig",
    "Verdict",
    "Window",
    "chance_bound",
    "compare",
    "page",
    "psi",
    "windows",
    "words",
]
