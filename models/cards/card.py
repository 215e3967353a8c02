"""A model card from facts: Markdown for the registry, HTML for the risk officer. Every fact must be given."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@dataclass(frozen=True)
class Metric:
    """One figure out of time: value, 95 % interval (None where there is none), the rule's figure beside it, rows."""

    name: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    rows: int


@dataclass(frozen=True)
class CardFacts:
    """What a card states. Texts are plain sentences; `event` is `Event.text()` or the late horizons in words.

    `metrics` holds one tuple per slice (all, without the largest customer, cold start, ...); `monotone` the features
    held to a direction (+1 a higher value raises risk); `leak_audit` check -> result; `rating_basis` whether ratings
    may rest on the model and why, null where that is no question.
    """

    title: str
    version: str
    owner: str
    purpose: str
    event: str
    trained_at: str
    training_cutoff: str
    training_period: str
    evaluation_period: str
    data_fingerprint: str
    rows: int
    customers: int
    events: int
    feature_set_version: str
    features: tuple[str, ...]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, tuple[Metric, ...]]
    calibration: str
    monotone: Mapping[str, int]
    leak_audit: Mapping[str, str]
    limits: tuple[str, ...]
    rating_basis: str | None = None


def markdown(facts: CardFacts) -> str:
    """The card as Markdown; characters that would break a table or be read as HTML are escaped."""
    return _environment().get_template("card.md.j2").render(asdict(facts))


def html(facts: CardFacts, pictures: Mapping[str, bytes] | None = None) -> str:
    """The card as one self-contained HTML page, every fact escaped; `pictures` are PNGs by what they show."""
    inside = {what: base64.b64encode(data).decode() for what, data in (pictures or {}).items()}
    return _environment().get_template("card.html.j2").render(**asdict(facts), pictures=inside)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["number"] = _number
    made.filters["interval"] = _interval
    made.filters["cell"] = _cell
    return made


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _interval(metric: Mapping[str, Any]) -> str:
    return "-" if metric["low"] is None else f"{metric['low']:.4f} to {metric['high']:.4f}"


def _cell(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
