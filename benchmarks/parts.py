"""Everything that is measured, in the order in which it is measured and shown.

A measurement is a module with a `PART`. Each runs in a process of its own: what one part leaves in memory does not
slow the next. So modules import heavy libraries where they use them.
"""

from __future__ import annotations

from typing import Final

from benchmarks import contest, explain, latency, scaling, scoring, whole
from benchmarks.part import Part

PARTS: Final[tuple[Part, ...]] = (
    contest.PART,
    whole.PART,
    whole.MEMORY,
    latency.PART,
    scaling.PART,
    explain.PART,
    scoring.PART,
)
BY_NAME: Final = {part.name: part for part in PARTS}
