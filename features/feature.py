"""What a feature and a reason are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.expression import Node

#: Risk falls, does not move in one direction, or rises with the feature.
LOWERS, EITHER, RAISES = -1, 0, 1
#: The model that scores an order at issue, and the one that scores a customer.
LATE: Final = "late"
DEFAULT: Final = "default"
BOTH: Final = frozenset({LATE, DEFAULT})
ORDER: Final = frozenset({LATE})
SHOWN: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Feature:
    """One behavioural feature of an order's customer, or of the order, at a moment.

    `low` and `high` bound what is expected (beyond them the answer says "out of range"); `direction` is the sign that
    credit theory gives it and the models are held to; `uses` names the models that learn from it: none for features
    that are shown to people only.
    """

    name: str
    group: str
    meaning: str
    unit: str
    null_meaning: str
    low: float
    high: float
    direction: int
    reason: str
    uses: frozenset[str]
    node: Node


@dataclass(frozen=True)
class Reason:
    """A reason that an explanation may give: several features that tell one story.

    `text` is a format string over the values of the features of the same reason, and states facts without a verdict:
    the sign says which way they count. Where it is empty or a value is null, the title is said instead.
    """

    code: str
    category: str
    title: str
    text: str
