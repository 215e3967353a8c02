"""The backtest: at each origin the model is trained on what was known then, and scores the orders that came next.

One span (a month, say) is one piece of work with a folder of its own, so a run that was killed goes on where it was.
What a span predicts depends on nothing that became known after its end; outcomes are joined later
(`training.backtest_figures`), so a ledger that has grown keeps the spans that it had.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from features import CURVE, INDEX, NAMES, VERSION, History, Orders, Priors, build_features
from models.baseline import ShrunkRate
from models.calibration import Calibration
from models.inputs import inputs_for
from models.late import LateModel
from models.law import PaymentLaw
from models.numbers import Floats
from models.scorecard import Scorecard
from receivables.errors import EmptyInputError, InputError, NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column
from training.dataset import Known, LateData, fingerprint, segments
from training.fit import HORIZONS, MODEL, OWN_RATE, SCORECARD, LateFit, Settings, Tick, fit_late
from training.scores import OWN_MEDIAN, SEGMENT_RATE
from training.splits import Split

#: The model of the origin before: what it costs to train one span later.
OLDER: Final = "model of the origin before"
#: Who predicts, the judged one first.
PREDICTORS: Final = (MODEL, OWN_RATE, SCORECARD, SEGMENT_RATE, OLDER)
#: Levels of the predicted quantiles of days late; the outer two bound the 80 % interval.
QUANTILES: Final = (0.1, 0.5, 0.9)
EVERY: Final = {
    "week": pd.DateOffset(weeks=1),
    "month": pd.DateOffset(months=1),
    "quarter": pd.DateOffset(months=3),
}
#: How often a span ticks at least.
STEPS: Final = 5
_FLOOR: Final = 1e-4


def spans(first: dt.date, last: dt.date, every: str) -> tuple[Split, ...]:
    """An origin at the start of `first` and of every step after it up to `last`; each judges until the next.

    >>> [str(span.cutoff.date()) for span in spans(dt.date(2019, 3, 1), dt.date(2019, 5, 1), "month")]
    ['2019-03-01', '2019-04-01', '2019-05-01']
    """
    if every not in EVERY:
        raise InputError(f"--every: expected one of {', '.join(EVERY)}, got {every!r}")
    if last < first:
        raise InputError(f"--to: expected a day not before --from {first}, got {last}")
    start = pd.Timestamp(first)
    made: list[Split] = []
    while (cutoff := start + len(made) * EVERY[every]) <= pd.Timestamp(last):
        made.append(Split(cutoff, start + (len(made) + 1) * EVERY[every]))
    return tuple(made)


@dataclass(frozen=True)
class Vintage:
    """A trained model and the peers' rates of its origin: all that scoring needs."""

    model: LateModel
    priors: Priors

    def features(self, history: History, orders: Orders) -> Floats:
        """(n, F) features of orders as this vintage sees them."""
        return build_features(history, orders, self.priors)

    def to_files(self) -> dict[str, bytes]:
        """Text files."""
        return {**self.model.to_files(), "priors.json": json.dumps(self.priors.to_json(), indent=1).encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Vintage:
        """What `to_files` gave."""
        return cls(LateModel.from_files(NAMES, files), Priors.from_json(json.loads(files["priors.json"])))


@dataclass(frozen=True)
class Span:
    """What one origin gave: the predictions (a row per order), the vintage, and facts about its making."""

    predictions: pd.DataFrame
    vintage: Vintage
    about: Mapping[str, Any]


def key(ledger: Ledger, split: Split, settings: Settings, config: OutcomeConfig, code: str) -> str:
    """What a span's predictions depend on: facts known by its end, settings, outcome definitions, features, code."""
    flat = {k: v for k, v in asdict(settings).items() if k != "threads"}  # the result does not depend on threads
    parts = {
        "known": fingerprint(ledger.known(split.until)),
        "origin": str(split.cutoff),
        "until": str(split.until),
        "settings": flat,
        "outcomes": asdict(config),
        "feature_set_version": VERSION,
        "code": code,
    }
    return json.dumps(parts, sort_keys=True, default=str)


def run_span(
    ledger: Ledger,
    split: Split,
    *,
    settings: Settings,
    config: OutcomeConfig,
    older: Vintage | None = None,
    tick: Tick = lambda _: None,
) -> Span:
    """Trains on what was known at the origin and scores the orders issued, and booked, before the span's end.

    Raises EmptyInputError where there are no such orders, NotEnoughDataError where too little had matured to learn,
    InputError for an estimator of one's own.
    """
    margin = config.maturity_margin_days
    data = LateData.of(Known.at(ledger, split.cutoff))
    known = ledger.known(split.until)
    orders = Orders.of_invoices(known, split.cutoff.date(), (split.until - pd.Timedelta(days=1)).date())
    if not len(orders):
        raise EmptyInputError(
            f"no orders were issued from {split.cutoff.date()} to before {split.until.date()}; choose an earlier --to"
        )
    tick("features")
    fit = fit_late(data, settings, margin_days=margin, tick=tick)
    if not isinstance(fit.model, LateModel):
        raise InputError("a backtest keeps the model of each origin as text files: it runs with the built-in estimator")
    vintage = Vintage(fit.model, data.known.priors.at(split.cutoff.to_datetime64()))
    history = History.of(known)
    x = vintage.features(history, orders)
    frame = _orders(known, orders, x).assign(**_days(vintage.model.law(x), x))
    labels = data.labels(HORIZONS, cutoff=split.cutoff, margin_days=margin)
    by_predictor = {
        MODEL: _late(vintage.model.law(x)),
        OWN_RATE: {late_column(k): ShrunkRate.of(NAMES).late_over(x, k) for k in HORIZONS},
        SCORECARD: _scorecards(data.x, labels, x),
        SEGMENT_RATE: _segment_rates(vintage.priors, known, orders),
    }
    if older is not None:
        by_predictor[OLDER] = _late(older.model.law(older.features(history, orders)))
    for who, by_target in by_predictor.items():
        frame = frame.assign(**{column(who, target): p for target, p in by_target.items()})
    tick("scored")
    return Span(frame, vintage, _about(data, fit, split, len(orders)))


def column(predictor: str, target: str) -> str:
    """The column of the predictions that holds a predictor's probabilities of a target.

    >>> column("own late rate", "late_over_5")
    'own late rate/late_over_5'
    """
    return f"{predictor}/{target}"


def quantile_column(level: float) -> str:
    """The column of a quantile of days late.

    >>> quantile_column(0.5)
    'days_late_p50'
    """
    return f"days_late_p{level * 100:.0f}"


def _orders(known: Ledger, orders: Orders, x: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "invoice_id": orders.ids,
            "customer_id": orders.customer_id,
            "segment": segments(known, orders.customer_id),
            "issued_on": orders.issued_on.astype("datetime64[us]"),
            "net_days": orders.net_days,
            "n_settled": x[:, INDEX["n_settled"]],
        }
    )


def _days(law: PaymentLaw, x: Floats) -> dict[str, Floats]:
    """Days late: the quantiles, and the customer's own median (0 where it has none)."""
    made = {quantile_column(level): law.quantile(level).astype(np.float64) for level in QUANTILES}
    return {**made, OWN_MEDIAN: np.nan_to_num(x[:, INDEX["median_days_late_25"]])}


def _late(law: PaymentLaw) -> dict[str, Floats]:
    return {late_column(k): law.late_over(k) for k in HORIZONS}


def _scorecards(x: Floats, labels: Floats, asked: Floats) -> dict[str, Floats]:
    """A logistic scorecard per horizon; the own late rate where there are too few outcomes for one."""
    names = inputs_for("late")
    columns = [INDEX[name] for name in names]
    made = {}
    for j, k in enumerate(HORIZONS):
        rows = ~np.isnan(labels[:, j])
        try:
            card = Scorecard.fit(x[rows][:, columns], labels[rows, j], names=names)
            made[late_column(k)] = card.probability(asked[:, columns])
        except NotEnoughDataError:
            made[late_column(k)] = ShrunkRate.of(NAMES).late_over(asked, k)
    return made


def _segment_rates(priors: Priors, known: Ledger, orders: Orders) -> dict[str, Floats]:
    """The late rate of each order's segment at the origin."""
    segment = segments(known, orders.customer_id)
    segment[segment == "unknown"] = ""
    n = len(orders)
    moments = orders.as_of.astype("datetime64[us]").astype(np.int64)
    curve = priors.curve(moments, segment, np.zeros(n, np.int64), np.zeros(n, np.bool_))
    return {late_column(k): np.clip(curve[:, CURVE.index(k)], _FLOOR, 1 - _FLOOR) for k in HORIZONS}


def _about(data: LateData, fit: LateFit, split: Split, scored: int) -> dict[str, Any]:
    """Facts of the training at an origin, as plain JSON values."""
    learnt = ~np.isnan(fit.labels).all(axis=1)
    return {
        "origin": str(split.cutoff.date()),
        "until": str(split.until.date()),
        "known_invoices": len(data.orders),
        "learnt_invoices": int(learnt.sum()),
        "learnt_customers": len(set(data.orders.customer_id[learnt].tolist())),
        "learnt_events": {
            late_column(k): int(np.nansum(fit.labels[:, fit.model.grid.index(k)]))
            for k in HORIZONS
            if k in fit.model.grid
        },
        "known_fingerprint": fingerprint(data.known.ledger),
        "rounds": fit.rounds,
        "calibration": _calibrations(dict(zip(fit.model.grid, fit.model.calibrations, strict=True))),
        "scored_orders": scored,
    }


def _calibrations(maps: Mapping[int, Calibration]) -> str:
    changed = [f"day {k} {c.kind}" for k, c in maps.items() if c.kind != "identity"]
    return ", ".join(changed) or "none"
