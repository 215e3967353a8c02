"""conf/drift.toml: what is compared, and from which figure on it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from receivables.config import conf_dir, load
from receivables.errors import ConfigError


class Severity(StrEnum):
    """What a drifted column leads to."""

    ALERT = "ALERT"  # drift of this column alone is drift of the whole
    WATCH = "WATCH"  # counts towards the share of drifted columns
    NOTE = "NOTE"  # shown only


@dataclass(frozen=True)
class Check:
    """PSI thresholds of the columns whose "group/name" fits the pattern `columns`."""

    columns: str
    severity: str
    watch: float
    drift: float


@dataclass(frozen=True)
class DriftConfig:
    """The drift checks; the first check whose pattern fits a column decides."""

    minimum_orders: int
    bins: int
    confidence: float
    drifted_share: float
    outcome_coverage: float
    late_rate_shift: float
    sample: int
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        problems = [*self._problems()]
        if problems:
            raise ConfigError("\n  ".join(["drift checks:", *problems]))

    @classmethod
    def read(cls, path: Path | None = None) -> DriftConfig:
        """The configured checks; raises ConfigError with every problem of the file."""
        return load(cls, path or conf_dir() / "drift.toml")

    def check(self, column: str) -> Check:
        """The check that decides on a column.

        >>> DriftConfig.read().check("calendar/month").severity
        'NOTE'
        """
        return next(check for check in self.checks if fnmatchcase(column, check.columns))

    def _problems(self) -> list[str]:
        found = [
            f"{name}: expected a positive number" for name in ("minimum_orders", "sample") if getattr(self, name) < 1
        ]
        if self.bins < 2:
            found.append(f"bins: expected 2 or more, got {self.bins}")
        shares = ("confidence", "drifted_share", "outcome_coverage", "late_rate_shift")
        found += [f"{s}: expected a share between 0 and 1" for s in shares if not 0 < getattr(self, s) < 1]
        for i, check in enumerate(self.checks):
            if check.severity not in Severity.__members__:
                found.append(f"checks[{i}].severity: expected {', '.join(Severity)}, got {check.severity!r}")
            if not 0 < check.watch <= check.drift:
                found.append(f"checks[{i}]: expected 0 < watch <= drift, got {check.watch} and {check.drift}")
        if not self.checks or self.checks[-1].columns != "*":
            found.append('checks: the last must hold for every column: columns = "*"')
        return found
