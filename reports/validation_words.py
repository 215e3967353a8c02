"""What the figures of a validation say, in words: no difference is claimed that its interval does not support."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reports import words
from training.backtest_figures import DAYS_LATE, WHOLE, Cell
from training.evaluate import ALL, COLD_START, MINUS
from training.fit import MODEL, OWN_RATE
from training.metrics import AUC, COVERAGE, ECE, LOG_LOSS, MAE, SLOPE
from training.scores import OWN_MEDIAN

#: Targets in the order in which they are told.
TARGETS: Final = tuple(f"late_over_{k}" for k in (0, 5, 15, 30, 60, 90))
NO_CLEAR: Final = "no clear difference"


@dataclass(frozen=True)
class Cells:
    """The figures of a backtest, looked up by name."""

    found: Mapping[tuple[str, str, str, str, str, str], Cell]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Cells:
        """The look-up."""
        return cls({(c.by, c.group, c.slice, c.target, c.predictor, c.metric): c for c in cells})

    def get(
        self,
        target: str,
        metric: str,
        predictor: str = MODEL,
        *,
        by: str = WHOLE,
        group: str = WHOLE,
        slice_: str = ALL,
    ) -> Cell | None:
        """One figure; None where there were too few outcomes for it."""
        return self.found.get((by, group, slice_, target, predictor, metric))

    def groups(self, by: str) -> list[str]:
        """The groups of a kind that have any figure, in order."""
        return sorted({key[1] for key in self.found if key[0] == by})

    def targets(self) -> list[str]:
        """Targets with any figure."""
        return [t for t in TARGETS if self.get(t, AUC.name) is not None]


def target_words(target: str) -> str:
    """A target as people say it.

    >>> target_words("late_over_5"), target_words("late_over_0"), target_words("days_late")
    ('more than 5 days late', 'late at all', 'days late')
    """
    if target == DAYS_LATE:
        return "days late"
    k = target.removeprefix("late_over_")
    return "late at all" if k == "0" else f"more than {k} days late"


def short_words(target: str) -> str:
    """A target for tables and axes.

    >>> short_words("late_over_5"), short_words("late_over_0")
    ('over 5 days', 'late at all')
    """
    return target_words(target).replace(" days late", " days").replace("more than", "over")


def interval(cell: Cell | None, digits: int = 4, sign: str = "") -> str:
    """A figure with its 95 % interval; a dash where there is none.

    >>> interval(None)
    '—'
    """
    if cell is None or cell.value != cell.value:
        return "—"
    return f"{cell.value:{sign}.{digits}f} [{cell.low:{sign}.{digits}f}, {cell.high:{sign}.{digits}f}]"


def compared(cell: Cell | None, *, lower_is_better: bool = True) -> str:
    """What a difference (model minus the other) says.

    >>> compared(None)
    'not judged'
    """
    if cell is None or cell.low != cell.low:
        return "not judged"
    if cell.low <= 0 <= cell.high:
        return NO_CLEAR
    return "better" if (cell.value < 0) == lower_is_better else "worse"


def sentences(cells: Cells, about: Mapping[str, Any]) -> Iterator[str]:
    """The result in a few sentences, the bad ones included."""
    orders = next(iter(about["matured"].values()))
    scored = sum(origin["scored"] for origin in orders.values())
    yield (
        f"At {words.count(len(about['origins']), 'origin')} from {words.day(about['origins'][0])} to "
        f"{words.day(about['origins'][-1])} the model was trained on what was known then; it scored "
        f"{words.count(scored, 'order')} that came after, and was judged with what was known by "
        f"{words.day(about['ledger']['known_by'])}."
    )
    yield from _against_the_rule(cells)
    yield from _calibration(cells)
    yield from _days(cells)
    yield from _cold(cells)
    yield audit_sentence(about["audit"])


def _against_the_rule(cells: Cells) -> Iterator[str]:
    said: dict[str, list[str]] = {}
    for target in cells.targets():
        gap = cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{OWN_RATE}")
        said.setdefault(compared(gap), []).append(target_words(target))
    if "better" in said:
        yield f"Its probabilities beat the customer's own late rate for {listed(said['better'])}."
    if NO_CLEAR in said:
        yield (
            f"For {listed(said[NO_CLEAR])} the interval of the difference includes 0: these orders do not show that "
            f"the model is better than that rate, nor that it is worse."
        )
    if "worse" in said:
        yield f"For {listed(said['worse'])} its probabilities are worse than the customer's own late rate."


def _calibration(cells: Cells) -> Iterator[str]:
    off = []
    for target in cells.targets():
        slope = cells.get(target, SLOPE.name)
        if slope is not None and not slope.low <= 1 <= slope.high:
            off.append(f"{target_words(target)} (slope {interval(slope, 2)})")
    if off:
        yield f"The calibration slope is clearly not 1 for {listed(off)}: below 1 is too extreme, above too timid."
    else:
        yield "No calibration slope is clearly other than 1."


def _days(cells: Cells) -> Iterator[str]:
    error, gap = cells.get(DAYS_LATE, MAE.name), cells.get(DAYS_LATE, MAE.name, f"{MODEL}{MINUS}{OWN_MEDIAN}")
    covered = cells.get(DAYS_LATE, COVERAGE.name)
    if error is None or covered is None:
        return
    verdict = {"better": "less than", "worse": "more than"}.get(compared(gap), "not clearly other than")
    yield (
        f"Its median date is {error.value:.2f} days off on average, {verdict} the customer's own median; "
        f"{words.percent(covered.value)} of payments fell within the 80 % interval."
    )


def _cold(cells: Cells) -> Iterator[str]:
    cold = cells.get(TARGETS[0], AUC.name, slice_=COLD_START)
    if cold is not None:
        yield (
            f"For customers with fewer than three known payments the AUC of late at all is {interval(cold, 3)} "
            f"({words.count(cold.rows, 'order')}): such orders are told apart less well."
        )


def audit_sentence(audit: Mapping[str, Any] | None) -> str:
    """What the leak audit found."""
    if audit is None:
        return "The leak audit was not run: the figures below are not proven to be free of leaks."
    failed = [check["name"] for check in audit["checks"] if check["verdict"] == "failed"]
    if failed:
        return f"The leak audit FAILED ({'; '.join(failed)}): the figures below are not to be relied on."
    return "The leak audit found nothing that had seen the future."


def listed(parts: Sequence[str]) -> str:
    """Parts with commas and a final and.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def headlines(cells: Cells) -> list[dict[str, str]]:
    """Six figures for the top of the page."""
    first, fifth = TARGETS[0], TARGETS[1]
    items = (
        ("AUC, late at all", cells.get(first, AUC.name), 3),
        ("AUC, more than 5 days late", cells.get(fifth, AUC.name), 3),
        ("Log-loss, late at all", cells.get(first, LOG_LOSS.name), 4),
        ("Calibration error, late at all", cells.get(first, ECE.name), 4),
        ("Error of the median, days", cells.get(DAYS_LATE, MAE.name), 2),
        ("Within the 80 % interval", cells.get(DAYS_LATE, COVERAGE.name), 3),
    )
    return [
        {
            "name": name,
            "value": "—" if cell is None else f"{cell.value:.{digits}f}",
            "change": "" if cell is None else f"95 %: {cell.low:.{digits}f} to {cell.high:.{digits}f}",
        }
        for name, cell, digits in items
    ]
