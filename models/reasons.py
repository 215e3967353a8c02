"""From contributions to reasons: features that tell one story are added up, said in words, and sum exactly.

What is displayed is rounded once, in whole units (points, or thousandths of log-odds); the last line, OTHER, takes what
the lines before it leave, so that reference + lines = value holds for the numbers that people see.
"""

from __future__ import annotations

import math
import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from features import FEATURES, REASONS
from models.contributions import Contributions
from models.effects import Effects
from models.inputs import FeatureLike
from models.scale import ScoreScale
from receivables.errors import InputError

ADVERSE: Final = "ADVERSE"
FAVOURABLE: Final = "FAVOURABLE"
OTHER: Final = "OTHER"
OTHER_TEXT: Final = "All other factors together"
#: Features named under a reason whose text mentions none.
_SHOWN: Final = 3
#: Displayed units per log-odds where no score scale applies.
THOUSANDTHS: Final = 1000


class ReasonLike(Protocol):
    """What an explanation needs to know of a reason."""

    @property
    def code(self) -> str:
        """Its code, such as "PB03"."""

    @property
    def category(self) -> str:
        """What it is about, such as "PAYMENT_TREND"."""

    @property
    def title(self) -> str:
        """What is said where there is no text or a figure is null."""

    @property
    def text(self) -> str:
        """Format string over feature names."""


@dataclass(frozen=True)
class ReasonLine:
    """One reason. `points` are score points (negative = adverse) or log-odds (positive = adverse), as displayed."""

    code: str
    category: str
    text: str
    points: float
    direction: str
    features: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Explanation:
    """reference + sum of the points of `lines` = value, exactly, in `unit` ("score_points" or "log_odds").

    In score points the value is the score before it is kept within the bounds of its scale; `bounded` says whether
    the displayed score differs from it for that reason.
    """

    unit: str
    reference: float
    value: float
    lines: tuple[ReasonLine, ...]
    bounded: bool = False


def reasons(
    contributions: Contributions,
    x: npt.ArrayLike,
    *,
    scale: ScoreScale | None = None,
    limit: int = 4,
    effects: Effects = Effects(),  # noqa: B008 - frozen
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> list[ReasonLine]:
    """The lines of `explanation`."""
    known = told(contributions, x, scale=scale, effects=effects, features=features, catalogue=catalogue)
    return list(known.explanation(limit).lines)


def explanation(
    contributions: Contributions,
    x: npt.ArrayLike,
    *,
    scale: ScoreScale | None = None,
    limit: int = 4,
    effects: Effects = Effects(),  # noqa: B008 - frozen
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> Explanation:
    """One prediction in reasons: the `limit` largest by size that `effects` lets through, then OTHER.

    `contributions` holds one row, `x` the values of the same columns (NaN = null). With a `scale` the unit is score
    points, otherwise log-odds in thousandths. Features without a reason in the catalogue count under OTHER.
    """
    known = told(contributions, x, scale=scale, effects=effects, features=features, catalogue=catalogue)
    return known.explanation(limit)


def told(
    contributions: Contributions,
    x: npt.ArrayLike,
    *,
    scale: ScoreScale | None = None,
    effects: Effects = Effects(),  # noqa: B008 - frozen
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> Told:
    """The reasons of one prediction, for `explanation` of any length."""
    if len(contributions.total) != 1:
        raise InputError(f"expected the contributions of one prediction, got {len(contributions.total)}")
    values, parts = _row(x, len(contributions.names)), contributions.values[0].tolist()
    is_ours = features is FEATURES and catalogue is REASONS
    groups = _our_groups(contributions.names) if is_ours else _groups(contributions.names, features, catalogue)
    sums = [math.fsum(group.pick(parts)) for group in groups]
    # groups come by code, which decides between equals
    ranked = sorted(range(len(groups)), key=[-abs(total) for total in sums].__getitem__)
    order = effects.published([group.reason.code for group in groups], sums, ranked)
    return Told(contributions, scale, values, parts, groups, sums, order)


@dataclass(frozen=True)
class Told:
    """The reasons of one prediction, `order` the published ones from the largest; put into words when asked for."""

    contributions: Contributions
    scale: ScoreScale | None
    values: Sequence[float]
    parts: Sequence[float]
    groups: Sequence[_Group]
    sums: Sequence[float]
    order: Sequence[int]

    def explanation(self, limit: int) -> Explanation:
        """The `limit` largest that are published, then OTHER, which takes what they leave."""
        unit, scale, total = self._unit, self.scale, float(self.contributions.total[0])
        chosen = self._largest(limit)
        reference, value = unit.level(self.contributions.reference), unit.level(total)
        rest = value - reference - sum(unit.rounded(self.sums[i]) for i in chosen)
        lines = [self._line(i) for i in chosen]
        lines.append(ReasonLine(OTHER, OTHER, OTHER_TEXT, unit.shown(rest), self._rest_direction(chosen, rest), ()))
        bounded = scale is not None and scale.is_bounded(total)
        return Explanation(unit.name, unit.shown(reference), unit.shown(value), tuple(lines), bounded)

    def adverse(self, limit: int) -> list[tuple[str, str]]:
        """Code and category of those among the `limit` largest that raise risk."""
        reasons_ = ((self.groups[i].reason, self.sums[i]) for i in self._largest(limit))
        return [(reason.code, reason.category) for reason, total in reasons_ if _direction(total) == ADVERSE]

    @cached_property
    def _unit(self) -> DisplayUnit:
        return DisplayUnit(self.scale)

    @cached_property
    def _lines(self) -> dict[int, ReasonLine]:
        return {}

    def _line(self, i: int) -> ReasonLine:
        if i not in self._lines:
            self._lines[i] = self.groups[i].line(self.parts, self.values, self.sums[i], self._unit)
        return self._lines[i]

    def _largest(self, limit: int) -> Sequence[int]:
        """Places of the largest; those that would be shown as nothing come last and are left out."""
        found = self.order[:limit]
        while found and not self._unit.rounded(self.sums[found[-1]]):
            found = found[:-1]
        return found

    def _rest_direction(self, chosen: Sequence[int], rest: int) -> str:
        risk: float = self._unit.risk(rest)
        if not risk:
            named = {place for i in chosen for place in self.groups[i].places}
            risk = math.fsum(part for place, part in enumerate(self.parts) if place not in named)
        return _direction(risk)


class DisplayUnit:
    """Whole display units: points of a score scale, or thousandths of log-odds where there is none."""

    def __init__(self, scale: ScoreScale | None) -> None:
        self._scale = scale
        self._worth = THOUSANDTHS if scale is None else scale.points(1.0)
        self.name = "log_odds" if scale is None else "score_points"

    def rounded(self, log_odds: float) -> int:
        """A contribution in whole units."""
        return round(self._worth * log_odds)

    def level(self, log_odds: float) -> int:
        """A reference or a total in whole units."""
        return round(THOUSANDTHS * log_odds if self._scale is None else self._scale.unbounded(log_odds))

    def shown(self, units: int) -> float:
        """Whole units as displayed."""
        return units / THOUSANDTHS if self._scale is None else float(units)

    def risk(self, units: int) -> int:
        """Whole units, positive where they raise risk."""
        return units if self._scale is None else -units


@dataclass(frozen=True)
class _Group:
    """A reason, the places of its features among the columns, and those that its text mentions (None: no column)."""

    reason: ReasonLike
    names: tuple[str, ...]
    places: tuple[int, ...]
    mentioned: tuple[tuple[str, int | None], ...]

    @cached_property
    def pick(self) -> Callable[[Sequence[float]], tuple[float, ...]]:
        """What the features add one by one, out of all contributions."""
        return (
            itemgetter(*self.places) if len(self.places) > 1 else itemgetter(slice(self.places[0], self.places[0] + 1))
        )

    def line(self, parts: Sequence[float], values: Sequence[float], total: float, unit: DisplayUnit) -> ReasonLine:
        """The line of one prediction; without its figures where one of them is null or not among the columns."""
        figures = {name: None if place is None else _known(values[place]) for name, place in self.mentioned}
        text = self.reason.text.format(**figures) if None not in figures.values() else ""
        if not (text and figures):
            largest = sorted(zip(self.names, self.places, strict=True), key=lambda pair: -abs(parts[pair[1]]))
            figures = {name: _known(values[place]) for name, place in largest[:_SHOWN]}
        points = unit.shown(unit.rounded(total))
        return ReasonLine(
            self.reason.code,
            self.reason.category,
            text or self.reason.title,
            points,
            _direction(total),
            tuple(figures.items()),
        )


def _groups(
    names: Sequence[str], features: Iterable[FeatureLike], catalogue: Mapping[str, ReasonLike]
) -> tuple[_Group, ...]:
    """The reasons that columns `names` can give."""
    place = {name: i for i, name in enumerate(names)}
    reason_of = {feature.name: feature.reason for feature in features}
    members: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if reason_of.get(name) in catalogue:
            members[reason_of[name]].append(name)
    return tuple(
        _Group(
            catalogue[code],
            tuple(found),
            tuple(place[name] for name in found),
            tuple((name, place.get(name)) for name in _mentioned(catalogue[code].text)),
        )
        for code, found in sorted(members.items())
    )


def places_by_reason(
    names: Sequence[str], features: Iterable[FeatureLike], catalogue: Mapping[str, ReasonLike]
) -> dict[str, tuple[int, ...]]:
    """By code of a reason the places of its features among columns `names`."""
    return {group.reason.code: group.places for group in _groups(names, features, catalogue)}


@lru_cache(maxsize=16)
def _our_groups(names: tuple[str, ...]) -> tuple[_Group, ...]:
    return _groups(names, FEATURES, REASONS)


def _row(x: npt.ArrayLike, width: int) -> list[float]:
    """`width` values from a row of any shape; raises InputError where their number differs."""
    row = np.asarray(x, dtype=np.float64).ravel()
    if len(row) != width:
        raise InputError(f"expected {width} values, got {len(row)}")
    found: list[float] = row.tolist()
    return found


def _direction(risk: float) -> str:
    return ADVERSE if risk > 0 else FAVOURABLE


def _mentioned(template: str) -> list[str]:
    fields = (field for _, field, _, _ in string.Formatter().parse(template))
    return list(dict.fromkeys(field for field in fields if field))


def _known(value: float) -> float | None:
    # adding 0 turns -0.0 into 0.0, which would be shown as "-0"
    return None if math.isnan(value) else value + 0.0
