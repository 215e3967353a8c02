"""Tables of a validation report: each a header and rows of text, from the record of a backtest alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reports import words
from reports.validation_words import Cells, compared, interval, short_words
from training.backtest import OLDER
from training.backtest_figures import DAYS_LATE, HISTORY, ORIGIN, SEGMENT, WHOLE, WIDTH
from training.evaluate import ALL, COLD_START, MINUS, NO_DOMINANT, NO_LARGEST
from training.fit import MODEL, OWN_RATE, SCORECARD
from training.ici import ICI
from training.metrics import AUC, BRIER, COVERAGE, ECE, ECE_BY_CHANCE, INTERCEPT, KS, LIFT, LOG_LOSS, MAE, SLOPE
from training.scores import DUE_DATE, OWN_MEDIAN, SEGMENT_RATE

Table = tuple[list[str], list[list[str]]]
#: Whom the model is held against, and what that is.
CHALLENGERS: Final = {
    OWN_RATE: "the customer's own late rate, drawn towards its peers",
    SCORECARD: "a logistic scorecard on the same inputs",
    SEGMENT_RATE: "the late rate of the customer's segment",
    OLDER: "the same model, trained one origin earlier",
}
_BESIDE_RULE: Final = ("n", "events", "AUC [95 %]", "log-loss [95 %]", "minus own late rate [95 %]", "reads")
_SLICES: Final = (ALL, NO_LARGEST, NO_DOMINANT, COLD_START)


def origins_table(about: Mapping[str, Any]) -> Table:
    """What each origin had to learn from."""
    header = ["origin", "invoices known", "with an outcome", "customers", "late", "over 30 days", "orders scored",
              "rounds", "recalibrated"]  # fmt: skip
    rows = [
        [
            words.day(span["origin"]),
            *(f"{span[name]:,}" for name in ("known_invoices", "learnt_invoices", "learnt_customers")),
            *(f"{span['learnt_events'].get(target, 0):,}" for target in ("late_over_0", "late_over_30")),
            f"{span['scored_orders']:,}",
            str(span["rounds"]),
            str(span["calibration"]),
        ]
        for span in about["spans"]
    ]
    return header, rows


def maturity_table(about: Mapping[str, Any]) -> Table:
    """Share of the scored orders whose outcome counts, by origin and target."""
    origins = list(about["origins"])
    rows = [
        [
            short_words(target),
            *(f"{found[o]['matured']:,} of {found[o]['scored']:,}" if o in found else "—" for o in origins),
        ]
        for target, found in about["matured"].items()
    ]
    return ["outcome", *(words.day(origin) for origin in origins)], rows


def time_table(cells: Cells) -> Table:
    """Model and simple rule at every origin."""
    rows = []
    for target in cells.targets():
        for group in [*cells.groups(ORIGIN), WHOLE]:
            where = {"by": WHOLE if group == WHOLE else ORIGIN, "group": group}
            loss = cells.get(target, LOG_LOSS.name, **where)
            if loss is None:
                continue
            gap = cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{OWN_RATE}", **where)
            rows.append([
                short_words(target), "all origins" if group == WHOLE else words.day(group), f"{loss.rows:,}",
                f"{loss.events:,}", interval(cells.get(target, AUC.name, **where), 3), interval(loss),
                interval(gap, 4, "+"), compared(gap),
            ])  # fmt: skip
    header = [
        "outcome",
        "orders from",
        "n",
        "events",
        "AUC [95 %]",
        "log-loss [95 %]",
        "minus own late rate [95 %]",
        "reads",
    ]
    return header, rows


def challenger_table(cells: Cells) -> Table:
    """Log-loss of everyone, and what the differences say, all origins together."""
    rows = []
    for target in cells.targets():
        for who, meaning in CHALLENGERS.items():
            gap = cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{who}")
            auc = cells.get(target, AUC.name, f"{MODEL}{MINUS}{who}")
            # a challenger that did not score every origin is judged at the last
            group = cells.groups(ORIGIN)[-1]
            where: dict[str, str] = {}
            if gap is None:
                where = {"by": ORIGIN, "group": group}
                gap = cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{who}", **where)
                auc = cells.get(target, AUC.name, f"{MODEL}{MINUS}{who}", **where)
            if gap is None:
                continue
            scope = f", orders from {words.day(group)} alone" if where else ""
            rows.append([
                short_words(target), meaning + scope, _value(cells.get(target, LOG_LOSS.name, **where)),
                _value(cells.get(target, LOG_LOSS.name, who, **where)), interval(gap, 4, "+"), interval(auc, 3, "+"),
                compared(gap),
            ])  # fmt: skip
    header = ["outcome", "against", "log-loss", "its log-loss", "difference [95 %]", "difference of AUC [95 %]",
              "the model is"]  # fmt: skip
    return header, rows


def discrimination_table(cells: Cells) -> Table:
    """AUC, KS and lift by horizon."""
    rows = [
        [short_words(t), *(interval(cells.get(t, m.name), d) for m, d in ((AUC, 3), (KS, 3), (LIFT, 2)))]
        for t in cells.targets()
    ]
    return ["outcome", "AUC [95 %]", "KS [95 %]", "lift of the riskiest tenth [95 %]"], rows


def calibration_table(cells: Cells) -> Table:
    """Calibration by horizon and origin."""
    rows = []
    for target in cells.targets():
        for group in [*cells.groups(ORIGIN), WHOLE]:
            where = {"by": WHOLE if group == WHOLE else ORIGIN, "group": group}
            if cells.get(target, ECE.name, **where) is not None:
                rows.append([
                    short_words(target), "all origins" if group == WHOLE else words.day(group),
                    *(interval(cells.get(target, name, **where), d)
                      for name, d in ((ECE.name, 4), (ECE_BY_CHANCE, 4), (ICI.name, 4), (SLOPE.name, 2),
                                      (INTERCEPT.name, 2))),
                ])  # fmt: skip
    return [
        "outcome",
        "orders from",
        "ECE [95 %]",
        "ECE by chance",
        "ICI [95 %]",
        "slope [95 %]",
        "intercept [95 %]",
    ], rows


def group_table(cells: Cells, by: str) -> Table:
    """Late at all and over 5 days by segment or history depth."""
    rows = [
        [
            group, short_words(target), f"{loss.rows:,}", words.percent(loss.events / loss.rows, 1),
            interval(cells.get(target, AUC.name, by=by, group=group), 3),
            _value(cells.get(target, BRIER.name, by=by, group=group)),
            *(interval(cells.get(target, m.name, by=by, group=group), d) for m, d in ((ECE, 3), (INTERCEPT, 2))),
            _value(loss), interval(gap, 4, "+"), compared(gap),
        ]
        for group in ordered(cells.groups(by), by)
        for target in ("late_over_0", "late_over_5")
        if (loss := cells.get(target, LOG_LOSS.name, by=by, group=group)) is not None
        for gap in [cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{OWN_RATE}", by=by, group=group)]
    ]  # fmt: skip
    header = [by if by == SEGMENT else "payments known", "outcome", "n", "share", "AUC [95 %]", "Brier", "ECE [95 %]",
              "intercept [95 %]", "log-loss", "minus own late rate [95 %]", "reads"]  # fmt: skip
    return header, rows


def ordered(groups: Sequence[str], by: str) -> list[str]:
    """Groups as they are told: history depth from none to much, all else by name.

    >>> ordered(["10 to 49", "none", "1 to 2"], "history")
    ['none', '1 to 2', '10 to 49']
    """
    if by != HISTORY:
        return sorted(groups)
    return sorted(groups, key=lambda group: -1 if group == "none" else int(group.split()[0]))


def slice_table(cells: Cells) -> Table:
    """With and without the customers that could carry a figure, and cold start."""
    rows = [
        [
            short_words(target), name, f"{loss.rows:,}", f"{loss.events:,}",
            interval(cells.get(target, AUC.name, slice_=name), 3), interval(loss), interval(gap, 4, "+"), compared(gap),
        ]
        for target in cells.targets()
        for name in _SLICES
        if (loss := cells.get(target, LOG_LOSS.name, slice_=name)) is not None
        for gap in [cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{OWN_RATE}", slice_=name)]
    ]  # fmt: skip
    header = [
        "outcome",
        "orders",
        "n",
        "events",
        "AUC [95 %]",
        "log-loss [95 %]",
        "minus own late rate [95 %]",
        "reads",
    ]
    return header, rows


def days_table(cells: Cells) -> Table:
    """Errors in days by origin and slice."""
    rows = []
    places = [(ORIGIN, group, ALL) for group in cells.groups(ORIGIN)] + [(WHOLE, WHOLE, name) for name in _SLICES]
    for by, group, name in places:
        where = {"by": by, "group": group, "slice_": name}
        error = cells.get(DAYS_LATE, MAE.name, **where)
        if error is None:
            continue
        gap = cells.get(DAYS_LATE, MAE.name, f"{MODEL}{MINUS}{OWN_MEDIAN}", **where)
        rows.append([
            words.day(group) if by == ORIGIN else "all origins" if name == ALL else name, f"{error.rows:,}",
            interval(error, 2), _value(cells.get(DAYS_LATE, MAE.name, OWN_MEDIAN, **where), 2),
            _value(cells.get(DAYS_LATE, MAE.name, DUE_DATE, **where), 2), interval(gap, 2, "+"), compared(gap),
            _value(cells.get(DAYS_LATE, "pinball_50", **where), 2),
            interval(cells.get(DAYS_LATE, COVERAGE.name, **where), 3),
            _value(cells.get(DAYS_LATE, WIDTH.name, **where), 1),
        ])  # fmt: skip
    header = ["orders", "n", "error of the median [95 %]", "own median", "due date", "minus own median [95 %]", "reads",
              "pinball at 50 %", "within the 80 % interval [95 %]", "its width"]  # fmt: skip
    return header, rows


def stability_table(cells: Cells, about: Mapping[str, Any]) -> Table:
    """How far consecutive vintages agree, and what training anew was worth."""
    rows = [
        [
            words.day(found["origin"]), short_words(found["target"]), f"{found['orders']:,.0f}",
            f"{found['rank_correlation']:.3f}", f"{found['mean_distance']:.3f}",
            words.percent(found["moved_by_10_points"], 1), interval(gap, 4, "+"), compared(gap),
        ]
        for found in about["stability"]
        if found["target"] in ("late_over_0", "late_over_5", "late_over_30")
        for gap in [
            cells.get(
                found["target"], LOG_LOSS.name, f"{MODEL}{MINUS}{OLDER}", by=ORIGIN, group=found["origin"]
            )
        ]
    ]  # fmt: skip
    header = ["orders from", "outcome", "n", "rank correlation", "mean distance", "moved by 10 points",
              "log-loss minus older [95 %]", "training anew was"]  # fmt: skip
    return header, rows


def sensitivity_table(about: Mapping[str, Any]) -> Table:
    """One feature at a time."""
    rows = [
        [
            f"{s['feature']}: {s['meaning']}", f"{s['low']:,.4g} to {s['high']:,.4g}", f"{s['importance']:.3f}",
            *(f"{words.percent(s['at_low'][t], 1)} to {words.percent(s['at_high'][t], 1)}"
              for t in ("late_over_0", "late_over_5", "late_over_30")),
            f"{s['auc_without'] - s['auc']:+.4f}",
        ]
        for s in about["sensitivity"]
    ]  # fmt: skip
    header = ["feature", "moved from, to", "weight, log-odds", "late at all", "over 5 days", "over 30 days",
              "AUC without"]  # fmt: skip
    return header, rows


def stress_table(about: Mapping[str, Any]) -> Table:
    """What a changed base rate would do to unchanged probabilities."""
    rows = [
        [
            short_words(s["target"]), f"x {s['factor']:g}", words.percent(s["event_share"], 1),
            words.percent(s["mean_probability"], 1), f"{s['ece']:.4f}", f"{s['intercept']:+.2f}",
            f"{s['log_loss']:.4f}", f"{s['log_loss_shifted']:.4f}",
        ]
        for s in about["stress"]
        if s["target"] in ("late_over_0", "late_over_5", "late_over_30")
    ]  # fmt: skip
    header = ["outcome", "events", "event share", "mean probability", "ECE", "intercept", "log-loss",
              "after a shift of the intercept"]  # fmt: skip
    return header, rows


def audit_tables(about: Mapping[str, Any]) -> tuple[Table, Table]:
    """The checks, and how much popular leaks would have flattered."""
    audit = about["audit"] or {"checks": [], "leakage_gap": []}
    checks = [[check["name"], check["verdict"], check["said"]] for check in audit["checks"]]
    gap = [
        [
            short_words(r["target"]), r["way"], f"{r['rows']:,}", f"{r['auc']:.4f}", f"{r['log_loss']:.4f}",
            f"{r['flattered']:+.4f} [{r['low']:+.4f}, {r['high']:+.4f}]",
        ]
        for r in audit["leakage_gap"]
    ]  # fmt: skip
    header = ["outcome", "judged", "n", "AUC", "log-loss", "AUC beyond honest [95 %]"]
    return (["check", "verdict", "figures"], checks), (header, gap)


def trigger_table(cells: Cells) -> Table:
    """The triggers for training anew, as they would have stood at each origin."""
    return ["trigger", "at the origins judged"], [list(row) for row in _triggers(cells)]


def _triggers(cells: Cells) -> Iterator[tuple[str, str]]:
    for target in cells.targets()[:2]:
        worse, shifted = [], []
        for group in cells.groups(ORIGIN):
            gap = cells.get(target, LOG_LOSS.name, f"{MODEL}{MINUS}{OWN_RATE}", by=ORIGIN, group=group)
            level = cells.get(target, INTERCEPT.name, by=ORIGIN, group=group)
            if gap is not None and gap.value > 0:
                worse.append(words.day(group))
            if level is not None and not level.low <= 0 <= level.high:
                shifted.append(f"{words.day(group)} ({level.value:+.2f})")
        name = short_words(target)
        yield f"{name}: log-loss above the own late rate's in two months running", ", ".join(worse) or "never above"
        yield f"{name}: the interval of the calibration intercept excludes 0", ", ".join(shifted) or "never"


def _value(cell: Any, digits: int = 4) -> str:
    return "—" if cell is None else f"{cell.value:.{digits}f}"
