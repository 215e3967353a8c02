"""One promise put to the test: how often it was tried, how often it failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Tally:
    """What a proof found; `figures` holds what else was measured, `examples` the first failures in words."""

    promise: str
    aim: str
    tried: int = 0
    failed: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def count(self, problems: list[str], *, tries: int = 1) -> None:
        """Adds a try, failed where there are problems."""
        self.tried += tries
        self.failed += bool(problems)
        self.examples += problems[: max(0, 5 - len(self.examples))]

    def to_dict(self) -> dict[str, Any]:
        """The record of benchmarks/proof.json."""
        return asdict(self)
