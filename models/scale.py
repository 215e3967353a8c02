"""From a default probability to a score in points, a rating and a risk class.

Points are linear in log-odds, so the points of the features add up to the score. Only the displayed score is kept
within [score_min, score_max]; an explanation shows the score before that bound and says so where the two differ.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.documents import of_document
from models.numbers import Floats, logit
from receivables import config
from receivables.errors import ConfigError


@dataclass(frozen=True)
class Grade:
    """One rating: its name, its risk class (A best, E worst) and the highest PD that still earns it."""

    rating: str
    risk_class: str
    pd_up_to: float


@dataclass(frozen=True)
class ScoreScale:
    """The master scale: score = base_score + PDO / ln 2 * ln(odds / base_odds), and the grades from best to worst.

    The formula is the scorecard scaling of Siddiqi, Credit Risk Scorecards (2006); `points_to_double_odds` is PDO.
    """

    base_score: int
    base_odds: float
    points_to_double_odds: int
    score_min: int
    score_max: int
    grades: tuple[Grade, ...]

    def __post_init__(self) -> None:
        bounds = [grade.pd_up_to for grade in self.grades]
        problems = [
            problem
            for wrong, problem in (
                (not bounds or bounds[-1] != 1.0, "the last grade must reach a PD of 1.0"),
                (bounds != sorted(set(bounds)) or any(b <= 0 for b in bounds), "pd_up_to must rise from above 0"),
                (len({g.rating for g in self.grades}) != len(self.grades), "ratings must be distinct"),
                ([g.risk_class for g in self.grades] != sorted(g.risk_class for g in self.grades), "risk classes fall"),
                (not self.score_min < self.base_score < self.score_max, "base_score must lie within the bounds"),
                (not (self.base_odds > 0 and self.points_to_double_odds > 0), "odds and points must be positive"),
            )
            if wrong
        ]
        if problems:
            raise ConfigError("\n  ".join(["rating scale:", *problems]))

    @classmethod
    def load(cls, path: Path | None = None) -> ScoreScale:
        """The scale in conf/rating.toml; raises ConfigError with every problem.

        >>> scale = ScoreScale.load()
        >>> scale.score(0.034), scale.rating(0.034), scale.risk_class(0.034)
        (620.0, 'R06', 'C')
        """
        return config.load(cls, path or config.conf_dir() / "rating.toml")

    @cached_property
    def _per_log_odds(self) -> float:
        return self.points_to_double_odds / math.log(2.0)

    def points(self, log_odds: float) -> float:
        """Points that this many log-odds of the event are worth; additive, so a contribution can be given.

        >>> ScoreScale.load().points(math.log(2.0))
        -40.0
        """
        return -self._per_log_odds * log_odds

    def unbounded(self, log_odds: float) -> float:
        """The score of these log-odds of the event before it is kept within bounds: what an explanation adds up to."""
        return self.base_score - self._per_log_odds * math.log(self.base_odds) + self.points(log_odds)

    def score(self, p: float) -> float:
        """The displayed score of a PD: whole points within [score_min, score_max]."""
        return float(self.scores(np.array([p]))[0])

    def scores(self, p: npt.ArrayLike) -> Floats:
        """(n,) displayed scores, whole points as float64; a PD of 0 or 1 gets the bound."""
        with np.errstate(divide="ignore"):
            log_odds = logit(np.asarray(p, dtype=np.float64))
        free = self.base_score - self._per_log_odds * (math.log(self.base_odds) + log_odds)
        return np.asarray(np.round(np.clip(free, self.score_min, self.score_max)))

    def is_bounded(self, log_odds: float) -> bool:
        """Whether the displayed score differs from what the explanation adds up to."""
        return not self.score_min <= self.unbounded(log_odds) <= self.score_max

    def grade(self, p: float) -> Grade:
        """The grade of a PD, which names rating and class."""
        return self.grades[bisect_left(self._bounds, p)]

    @cached_property
    def _bounds(self) -> tuple[float, ...]:
        return tuple(grade.pd_up_to for grade in self.grades[:-1])

    def rating(self, p: float) -> str:
        """The grade of a PD, such as "R06"."""
        return self.grade(p).rating

    def ratings(self, p: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """(n,) grades; never better for a higher PD."""
        return np.array([grade.rating for grade in self.grades])[self._grade(p)]

    def risk_class(self, p: float) -> str:
        """The class of a PD, A best to E worst."""
        return self.grade(p).risk_class

    def risk_classes(self, p: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """(n,) classes."""
        return np.array([grade.risk_class for grade in self.grades])[self._grade(p)]

    def _grade(self, p: npt.ArrayLike) -> npt.NDArray[np.intp]:
        return np.searchsorted(np.array(self._bounds), np.asarray(p, dtype=np.float64), side="left")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any) -> ScoreScale:
        """What `to_dict` gave, tuples as lists; raises ArtefactError on anything else."""
        return of_document(cls, document, "rating")
