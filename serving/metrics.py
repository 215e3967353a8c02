"""What is counted: requests by route, method and status, their times, decisions by rung and outcome. No path, no id.

The labels are a fixed table, known before the first request, so that no caller can make it grow. The numbers lie in
memory that forked workers share, a row each: whichever worker is asked tells the sum over all.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from typing import Final

from receivables.credit_checks import OUTCOMES
from receivables.fallback import FULL, RULES, SCORECARD, STALE

#: Upper bounds of the buckets in seconds.
BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
#: Rows that workers may have at most.
MOST_WORKERS: Final = 64
_REQUESTS: Final = "otcrisk_requests_total"
_SECONDS: Final = "otcrisk_request_seconds"
_DECISIONS: Final = "otcrisk_decisions_total"
_STARTS: Final = "otcrisk_worker_starts_total"
_KINDS: Final = {
    _REQUESTS: ("counter", "requests answered"),
    _SECONDS: ("histogram", "seconds from the request to its answer"),
    _DECISIONS: ("counter", "decisions given, by rung of the ladder and outcome"),
    _STARTS: ("counter", "workers that have started"),
}
#: The route of every path that is none of ours.
OTHER: Final = "other"
#: Media type of the text.
TEXT: Final = "text/plain; version=0.0.4"
_Series = tuple[str, str]


class Meter:
    """Counts into row `row` of the shared table; `routes` are templates with their method, `statuses` all there are."""

    def __init__(self, routes: Iterable[tuple[str, str]], statuses: Iterable[int]) -> None:
        self.row = 0
        pairs = [*dict.fromkeys([*routes, (OTHER, OTHER)])]
        names = list(dict.fromkeys(method for _, method in pairs))
        self._places: dict[_Series, int] = {}
        for route, method in pairs:
            for status in dict.fromkeys([*statuses]):
                self._add(_REQUESTS, _request(route, method, status))
            for bound in (*map(str, BUCKETS), "+Inf"):
                self._add(f"{_SECONDS}_bucket", f'route="{route}",le="{bound}"')
            self._add(f"{_SECONDS}_sum", f'route="{route}"')
            self._add(f"{_SECONDS}_count", f'route="{route}"')
        for mode in (FULL, STALE, SCORECARD, RULES):
            for outcome in OUTCOMES:
                self._add(_DECISIONS, _decision(mode, outcome))
        self._add(_STARTS, "")
        self._methods = frozenset(names)
        self._width = len(self._places)
        # anonymous and shared: what a forked worker writes is seen by all
        self._cells = memoryview(mmap.mmap(-1, MOST_WORKERS * self._width * 8)).cast("d")

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        self._count(_REQUESTS, _request(route, method if method in self._methods else OTHER, status))
        bound = next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf")
        self._count(f"{_SECONDS}_bucket", f'route="{route}",le="{bound}"')
        self._count(f"{_SECONDS}_sum", f'route="{route}"', seconds)
        self._count(f"{_SECONDS}_count", f'route="{route}"')

    def decision(self, mode: str, outcome: str) -> None:
        """Counts a decision that was given."""
        self._count(_DECISIONS, _decision(mode, outcome))

    def started(self, row: int) -> None:
        """From now on this process counts into `row`."""
        self.row = row % MOST_WORKERS
        self._count(_STARTS, "")

    def text(self) -> bytes:
        """The sum over all workers in the text format of Prometheus; series that never counted are left out."""
        totals = [sum(self._cells[place :: self._width]) for place in range(self._width)]
        lines: list[str] = []
        for name, (kind, what) in _KINDS.items():
            lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
            lines += _cumulated(
                [(series, labels, totals[place]) for (series, labels), place in self._places.items()
                 if series.startswith(name)]
            )  # fmt: skip
        return ("\n".join(lines) + "\n").encode()

    def _add(self, series: str, labels: str) -> None:
        self._places[series, labels] = len(self._places)

    def _count(self, series: str, labels: str, by: float = 1.0) -> None:
        place = self._places.get((series, labels))
        if place is not None:
            self._cells[self.row * self._width + place] += by


def _request(route: str, method: str, status: int) -> str:
    return f'route="{route}",method="{method}",status="{status}"'


def _decision(mode: str, outcome: str) -> str:
    return f'mode="{mode}",outcome="{outcome}"'


def _cumulated(found: Sequence[tuple[str, str, float]]) -> list[str]:
    """Lines of one metric; a histogram's buckets hold those below them too."""
    lines, before = [], 0.0
    asked = {labels for series, labels, total in found if series.endswith("_count") and total}
    for series, labels, total in found:
        if series.endswith("_bucket"):
            before = total if labels.endswith(f'le="{BUCKETS[0]}"') else before + total
            route, _, _ = labels.partition(",le=")
            if route in asked:
                lines.append(f"{series}{{{labels}}} {before:.0f}")
        elif total:
            lines.append(f"{series}{{{labels}}} {total:.9g}" if labels else f"{series} {total:.9g}")
    return lines
