"""The gate between challenger and champion: its settings, and what one of its checks says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from receivables.config import conf_dir, load
from receivables.errors import ConfigError


@dataclass(frozen=True)
class Better:
    """How much better, and where no worse; see conf/promotion.toml."""

    horizons: tuple[int, ...]
    minimum_outcomes: int
    minimum_events: int
    margin: float
    margin_few: float
    enough_events: int


@dataclass(frozen=True)
class Calibrated:
    """Bounds of slope, intercept and ECE."""

    minimum_events: int
    slope: tuple[float, ...]
    intercept: tuple[float, ...]
    ece: float


@dataclass(frozen=True)
class Monotone:
    """How monotony is tried."""

    rows: int
    points: int
    tolerance: float
    violations: float


@dataclass(frozen=True)
class Reasons:
    """How much the reasons of two models must agree, and how true those of the challenger must be."""

    rows: int
    top: int
    agreement: float
    faithful: float
    stable: float


@dataclass(frozen=True)
class Gate:
    """conf/promotion.toml."""

    four_eyes: bool
    confidence: float
    replicates: int
    seed: int
    better: Better
    calibration: Calibrated
    monotone: Monotone
    reasons: Reasons

    def __post_init__(self) -> None:
        pairs = (self.calibration.slope, self.calibration.intercept)
        problems = [
            *([] if 0.5 < self.confidence < 1 else ["confidence: expected a number between 0.5 and 1"]),
            *([] if self.replicates >= 100 else ["replicates: expected at least 100"]),
            *([] if self.better.horizons else ["better.horizons: expected at least one"]),
            *([] if all(len(p) == 2 and p[0] < p[1] for p in pairs) else ["calibration: expected [low, high]"]),
        ]
        if problems:
            raise ConfigError("\n  ".join(["promotion.toml", *problems]))

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """The gate of `path`, by default conf/promotion.toml; raises ConfigError with every problem."""
        return load(cls, path or conf_dir() / "promotion.toml")


class Verdict(StrEnum):
    """What a check says; where there is too little to judge by it says that, and refuses nothing."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Check:
    """One check: `figure` against `bound`, null where not judged; `is_vital` ones refuse even the first champion."""

    name: str
    figure: float | None
    bound: str
    verdict: Verdict
    detail: str = ""
    is_vital: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, name: str, figure: float, bound: str, holds: bool, detail: str = "", *, is_vital: bool = False) -> Self:
        """A check that was judged."""
        return cls(name, figure, bound, Verdict.PASS if holds else Verdict.FAIL, detail, is_vital)

    @classmethod
    def skipped(cls, name: str, bound: str, why: str) -> Self:
        """A check that there was too little for."""
        return cls(name, None, bound, Verdict.NOT_JUDGED, why)
