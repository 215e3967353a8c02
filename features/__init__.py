"""Behavioural features as of a moment: one table, one engine, for a portfolio or for one order."""

from features.engine import build_features
from features.feature import Feature, Reason
from features.history import History
from features.orders import Orders
from features.priors import Priors
from features.reasons import REASONS
from features.table import CURVE, FEATURES, INDEX, NAMES, VERSION, curve_name

__all__ = [
    "CURVE",
    "FEATURES",
    "INDEX",
    "NAMES",
    "REASONS",
    "VERSION",
    "Feature",
    "History",
    "Orders",
    "Priors",
    "Reason",
    "build_features",
    "curve_name",
]
