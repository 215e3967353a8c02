"""A file of scores held against a later ledger: matured outcomes only, simple rules beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features import CURVE, INDEX, NAMES, Orders
from models.baseline import ShrunkRate
from models.numbers import Floats
from receivables.errors import InputError, NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, default_labels, late_column
from receivables.settlements import Outcome, settlements_of
from receivables.spreadsheet import bare
from training.dataset import Known, LateData, segments
from training.evaluate import MIN_OUTCOMES, Figure, Judged, judge, judge_days
from training.fit import MODEL, OWN_RATE
from training.fit_default import WORST_DAYS
from training.scoring import COLUMNS, HORIZONS

#: Columns of scores that hold text.
TEXTS: Final = ("invoice_id", "customer_id", "rating")
SEGMENT_RATE: Final = "segment rate"
OWN_MEDIAN: Final = "own median"
DUE_DATE: Final = "due date"


@dataclass(frozen=True)
class Evaluation:
    """Figures, the rows that do not count by target and reason, and remarks in words."""

    figures: tuple[Figure, ...]
    excluded: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def rule_of(target: str) -> tuple[str, str]:
    """The two simple rules that a target's figures stand beside.

    >>> rule_of("days_late")
    ('own median', 'due date')
    """
    if target == "days_late":
        return OWN_MEDIAN, DUE_DATE
    return (OWN_RATE, SEGMENT_RATE) if target.startswith("late_over") else (WORST_DAYS, SEGMENT_RATE)


def read_scores(path: Path) -> pd.DataFrame:
    """The scores in a .csv or .parquet file; raises InputError that lists everything wrong with it."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; `otcrisk score` writes one")
    try:
        frame = _read(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not a readable {path.suffix or 'scores'} file: {error}") from None
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise InputError(f"{path}: expected the columns of `otcrisk score`, missing are {', '.join(missing)}")
    problems = _problems(frame)
    if problems:
        raise InputError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
    return frame


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    text = dict.fromkeys(TEXTS, "str")
    # "NA" is a customer, not a missing value
    na_values = {name: [""] for name in COLUMNS if name not in text}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=na_values)
    return frame.assign(**{name: frame[name].map(bare) for name in frame.columns.intersection(list(text))})


def _problems(frame: pd.DataFrame) -> list[str]:
    """Empty, twice the same invoice, a probability that is none."""
    problems = [] if len(frame) else ["it holds no scores"]
    twice = frame["invoice_id"][frame["invoice_id"].duplicated()]
    if len(twice):
        problems.append(f"invoice {twice.iloc[0]} and {len(twice) - 1} others are scored more than once")
    for column in (*(late_column(k) for k in HORIZONS), "default_probability"):
        values = pd.to_numeric(frame[column], errors="coerce")
        bad = np.flatnonzero(~values.between(0, 1).to_numpy())
        if len(bad):
            got = f"{frame[column].tolist()[bad[0]]!r} in row {bad[0] + 1}"
            problems.append(f"{column}: expected 0 to 1, got {got} and {len(bad) - 1} others")
    return problems


def evaluate(
    ledger: Ledger, scores: pd.DataFrame, *, cutoff: pd.Timestamp, config: OutcomeConfig, event: str | None
) -> Evaluation:
    """The scores held against outcomes known at `cutoff`.

    `event` names the configured event that default_probability is held against; None leaves it out. Raises
    NotEnoughDataError where none of the scored invoices has a matured outcome.
    """
    known = Known.at(ledger, cutoff)
    everything = Orders.of_invoices(known.ledger)
    place = pd.Index(everything.ids).get_indexer(pd.Index(scores["invoice_id"].to_numpy(dtype=object)))
    data = LateData.of(known, everything.take(place[place >= 0]))
    held = scores[place >= 0].reset_index(drop=True)
    labels = data.labels(HORIZONS, cutoff=cutoff, margin_days=config.maturity_margin_days)
    if np.isnan(labels).all():
        raise NotEnoughDataError(
            f"none of the {len(scores):,} scored invoices has a matured outcome at {cutoff}; choose a later --known-by"
        )
    late = _late(data, held, labels)
    days = _days(data, held, config.maturity_margin_days)
    default, remarks = _default(data, held, config, event)
    excluded = _excluded(data, labels, missing=int((place < 0).sum()))
    return Evaluation((*judge(late), *days, *default), excluded, (*_left_out(late), *remarks))


def _late(data: LateData, held: pd.DataFrame, labels: Floats) -> Judged:
    rule, peers = ShrunkRate.of(NAMES), _segment_rates(data)
    return Judged(
        data.orders.customer_id,
        data.x[:, INDEX["n_settled"]],
        {late_column(k): labels[:, j] for j, k in enumerate(HORIZONS)},
        {
            MODEL: {late_column(k): held[late_column(k)].to_numpy(np.float64) for k in HORIZONS},
            OWN_RATE: {late_column(k): rule.late_over(data.x, k) for k in HORIZONS},
            SEGMENT_RATE: {late_column(k): np.clip(peers[:, CURVE.index(k)], 1e-4, 1 - 1e-4) for k in HORIZONS},
        },
    )


def _segment_rates(data: LateData) -> Floats:
    """(n, CURVE) late rates of the segment as known at each order's moment."""
    orders = data.orders
    segment = segments(data.known.ledger, orders.customer_id)
    segment[segment == "unknown"] = ""
    n = len(orders)
    return data.known.priors.curve(
        orders.as_of.astype("datetime64[us]").astype(np.int64), segment, np.zeros(n, np.int64), np.zeros(n, np.bool_)
    )


def _days(data: LateData, held: pd.DataFrame, margin_days: int) -> list[Figure]:
    actual = data.days_late(margin_days=margin_days)
    if np.isnan(actual).all():
        return []
    predicted = {
        MODEL: held["median_days_late"].to_numpy(np.float64),
        OWN_MEDIAN: np.nan_to_num(data.x[:, INDEX["median_days_late_25"]]),
        DUE_DATE: np.zeros(len(actual)),
    }
    bounds = (held["earliest_days_late"].to_numpy(np.float64), held["latest_days_late"].to_numpy(np.float64))
    return judge_days(actual, predicted, data.orders.customer_id, bounds=bounds)


def _default(
    data: LateData, held: pd.DataFrame, config: OutcomeConfig, event: str | None
) -> tuple[list[Figure], list[str]]:
    """Figures of default_probability against the event, from each invoice's issue on, and what did not count."""
    if event is None:
        return [], ["default_probability: not judged, no champion says which event it means; name one with --event"]
    rule = next((rule for rule in config.events if rule.name == event), None)
    if rule is None:
        raise InputError(f"--event: expected one of {', '.join(e.name for e in config.events)}, got {event!r}")
    frame = pd.DataFrame({"customer_id": data.orders.customer_id, "as_of": data.orders.as_of})
    found = default_labels(data.known.ledger, frame, rule, cutoff=data.known.cutoff, config=config)
    y = found["label"].to_numpy(np.float64)
    reasons = found["excluded"].value_counts()
    left_out = f"{reasons.get('IN_EVENT', 0):,} already in the event, {reasons.get('IMMATURE', 0):,} not matured"
    judged = Judged(
        data.orders.customer_id,
        data.x[:, INDEX["n_settled"]],
        {rule.name: y},
        {MODEL: {rule.name: held["default_probability"].to_numpy(np.float64)}},
    )
    figures = judge(judged)
    verdict = "" if figures else "; too few matured events to judge"
    return figures, [f"default_probability against {rule.name}: {left_out}, {np.nansum(y):,.0f} events{verdict}"]


def _excluded(data: LateData, labels: Floats, *, missing: int) -> dict[str, dict[str, int]]:
    """Rows that do not count, by target and reason."""
    state = settlements_of(data.known.ledger).set_index("invoice_id").reindex(pd.Index(data.orders.ids))
    credited = (state["outcome"] == Outcome.CREDITED).to_numpy()
    return {
        late_column(k): {
            "not in the ledger by then": missing,
            "closed by credit notes": int(credited.sum()),
            "not matured": int((np.isnan(labels[:, j]) & ~credited).sum()),
        }
        for j, k in enumerate(HORIZONS)
    }


def _left_out(judged: Judged) -> list[str]:
    few = [target for target, y in judged.outcomes.items() if min(np.nansum(y), np.nansum(1 - y)) < MIN_OUTCOMES]
    return [f"fewer than {MIN_OUTCOMES} matured outcomes of either kind, not judged: {', '.join(few)}"] if few else []
