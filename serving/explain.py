"""The explanation blocks of an answer, from the models' reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.champion import Champion
from models.contributions import Contributions
from models.numbers import Floats
from models.reasons import Explanation, ReasonLine, Told, explanation, told
from serving.predict import Prediction

#: Reasons looked at for remedies, however few the answer lists.
_CONSIDERED: Final = 8
#: Adverse reasons that a notice names: the customary number under US Regulation B.
_NOTICED: Final = 4
_VALUE_DIGITS: Final = 6


def explanations(champion: Champion, prediction: Prediction, limit: int) -> list[dict[str, Any]]:
    """Both blocks: the customer's event in score points, and late payment of this order in log-odds."""
    event = champion.default.event
    risk, late = (reasons.explanation(limit) for reasons in _both(champion, prediction))
    return [
        {"model": event.label.replace(" ", "_"), "target": event.name, **_block(risk)},
        {"model": "late_payment", "target": "late_over_0", **_block(late)},
    ]


def adverse(champion: Champion, prediction: Prediction) -> list[tuple[str, str]]:
    """Code and category of the adverse reasons, strongest first, the customer's before the order's."""
    both = _both(champion, prediction)
    return list(dict.fromkeys(reason for reasons in both for reason in reasons.adverse(_CONSIDERED)))


def notice_codes(champion: Champion, prediction: Prediction) -> list[str]:
    """Codes of the reasons against the customer that a notice would name, strongest first."""
    risk, _ = _both(champion, prediction)
    return [code for code, _ in risk.adverse(_CONSIDERED)][:_NOTICED]


def event_block(champion: Champion, parts: Contributions, x: Floats, limit: int) -> dict[str, Any]:
    """The explanation of a customer's event without an order, from its contributions and feature row (F,)."""
    event = champion.default.event
    found = explanation(parts, x, scale=champion.scale, limit=limit, effects=champion.default_effects)
    return {"model": event.label.replace(" ", "_"), "target": event.name, **_block(found)}


def adverse_to(champion: Champion, parts: Contributions, x: Floats) -> list[tuple[str, str]]:
    """Code and category of what speaks against a customer without an order, strongest first."""
    return told(parts, x, scale=champion.scale, effects=champion.default_effects).adverse(_CONSIDERED)


def number(value: float | None) -> float | int | None:
    """A feature value as shown: whole numbers without a point, else six decimals; null stays null.

    >>> number(41.0), number(0.12345678), number(None)
    (41, 0.123457, None)
    """
    if value is None:
        return None
    return int(value) if value.is_integer() else round(value, _VALUE_DIGITS)


def feature_record(names: Sequence[str], x: NDArray[np.float64]) -> dict[str, float | None]:
    """The feature row (1, F) by name, exact, null for NaN."""
    return {name: v if v == v else None for name, v in zip(names, x[0].tolist(), strict=True)}


def _both(champion: Champion, prediction: Prediction) -> tuple[Told, Told]:
    if not prediction.told:
        x = prediction.x[0]
        prediction.told.append(told(prediction.risk_parts, x, scale=champion.scale, effects=champion.default_effects))
        prediction.told.append(told(prediction.late_parts, x, effects=champion.late_effects))
    risk, late = prediction.told
    return risk, late


def _block(found: Explanation) -> dict[str, Any]:
    return {
        "unit": found.unit,
        "reference": number(found.reference),
        "value": number(found.value),
        "reasons": [_reason(line, rank) for rank, line in enumerate(found.lines, start=1)],
    }


def _reason(line: ReasonLine, rank: int) -> dict[str, Any]:
    return {
        "rank": rank,
        "code": line.code,
        "category": line.category,
        "text": line.text,
        "points": number(line.points),
        "direction": line.direction,
        "features": [{"name": name, "value": number(value)} for name, value in line.features],
    }
