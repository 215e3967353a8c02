"""A whole backtest: spans one after another, kept as they are done; then figures, curves, audit, and the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features import VERSION, Orders, Priors
from models.late import LateModel
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column
from training import leak_audit
from training.backtest import OLDER, Span, column, key, run_span
from training.backtest_curves import base_rate, reliability
from training.backtest_figures import figures, joined, left_out, outcome
from training.backtest_folder import Folder, code_digest, digest_of
from training.dataset import Known, LateData, cutoff_after, fingerprint, last_observed_day
from training.evaluate import COLD
from training.fit import HORIZONS, MODEL, Settings, Tick
from training.leakage_gap import leakage_gap
from training.sensitivity import agreement, base_rate_stress, one_at_a_time
from training.splits import Split

#: Called with the origin of a span, and whether an earlier run had finished it.
Told = Callable[[str, bool], None]


@dataclass(frozen=True)
class Backtest:
    """Everything that a backtest found.

    `scored` holds a row per order, `figures` a row per `backtest_figures.Cell`, `reliability` and `base_rate` as in
    `backtest_curves`; `about` is the rest as plain JSON values.
    """

    scored: pd.DataFrame
    figures: pd.DataFrame
    reliability: pd.DataFrame
    base_rate: pd.DataFrame
    about: Mapping[str, Any]


def backtest(
    ledger: Ledger,
    splits: Sequence[Split],
    *,
    root: Path,
    settings: Settings,
    config: OutcomeConfig,
    audit: bool = True,
    replicates: int = 300,
    tick: Tick = lambda _: None,
    told: Told = lambda _origin, _kept: None,
) -> Backtest:
    """Trains and scores every span that `root` does not hold yet, then judges them all with the ledger's newest facts.

    Raises NotEnoughDataError where too little had matured at an origin, or nothing that was scored has matured since.
    """
    folder, code = Folder(root), code_digest()
    with folder.claimed():
        made = _spans(ledger, splits, folder, code, settings, config, tick, told)
        known = Known.at(ledger, cutoff_after(last_observed_day(ledger)))
        frame = _scored(made, known, config)
        tick("outcomes")
        table = figures(frame, replicates=replicates, seed=settings.seed)
        curves = reliability(frame, replicates=replicates, seed=settings.seed)
        drift = base_rate(known, frame, margin_days=config.maturity_margin_days, replicates=replicates)
        tick("figures")
        about = {
            **_lineage(known, splits, code, settings, config),
            "spans": [dict(span.about) for span in made],
            "matured": left_out(frame),
            "booked_later": _booked_later(known, splits, frame),
            "stability": _stability(frame),
            "sensitivity": _sensitivity(made[-1], frame, known),
            "stress": _stress(frame),
            "audit": _audit(ledger, known, made, splits, frame, config, settings) if audit else None,
        }
        tick("audit")
    return Backtest(frame, table, curves, drift, about)


#: How often `backtest` ticks after its spans.
STEPS = 3


def _spans(
    ledger: Ledger,
    splits: Sequence[Split],
    folder: Folder,
    code: str,
    settings: Settings,
    config: OutcomeConfig,
    tick: Tick,
    told: Told,
) -> list[Span]:
    made: list[Span] = []
    keys = [key(ledger, split, settings, config, code) for split in splits]
    for i, split in enumerate(splits):
        # the model before takes part, so what it was made from belongs to the key
        mark = digest_of({"span": keys[i], "before": keys[i - 1] if i else None})
        span = folder.find(split, mark)
        told(str(split.cutoff.date()), span is not None)
        if span is None:
            older = made[-1].vintage if made else None
            span = run_span(ledger, split, settings=settings, config=config, older=older, tick=tick)
            folder.keep(split, mark, span)
        made.append(span)
    return made


def _scored(made: Iterable[Span], known: Known, config: OutcomeConfig) -> pd.DataFrame:
    """All predictions with their outcomes; raises NotEnoughDataError where none has matured."""
    parts = [span.predictions.assign(origin=str(span.about["origin"])) for span in made]
    frame = joined(known, pd.concat(parts, ignore_index=True), margin_days=config.maturity_margin_days)
    if np.isnan(outcome(frame, late_column(HORIZONS[0]))).all():
        raise NotEnoughDataError(
            f"none of the {len(frame):,} scored orders has a matured outcome at {known.cutoff.date()}; choose an "
            f"earlier --to, or load what has become known since"
        )
    return frame


def _lineage(
    known: Known, splits: Sequence[Split], code: str, settings: Settings, config: OutcomeConfig
) -> dict[str, Any]:
    """Where the figures come from."""
    invoices = known.ledger["invoices"]
    return {
        "ledger": {
            "fingerprint": fingerprint(known.ledger),
            "rows": {name: len(frame) for name, frame in known.ledger.frames.items() if len(frame)},
            "customers": int(invoices["customer_id"].nunique()),
            "issued_from": str(invoices["issued_on"].min().date()),
            "issued_to": str(invoices["issued_on"].max().date()),
            "known_by": str((known.cutoff - pd.Timedelta(days=1)).date()),
        },
        "origins": [str(split.cutoff.date()) for split in splits],
        "until": str(splits[-1].until.date()),
        "settings": {k: v for k, v in asdict(settings).items() if k != "threads"},
        "outcomes": {
            "horizons_days": list(HORIZONS),
            "maturity_margin_days": config.maturity_margin_days,
        },
        "feature_set_version": VERSION,
        "code": code,
    }


def _booked_later(known: Known, splits: Sequence[Split], frame: pd.DataFrame) -> dict[str, int]:
    """Orders by origin that were issued in its span and booked after it: not scored, for nobody knew of them."""
    issued = known.ledger["invoices"].set_index("invoice_id")["issued_on"]
    missing = issued[~issued.index.isin(frame["invoice_id"])].to_numpy()
    return {str(split.cutoff.date()): int(split.test(missing).sum()) for split in splits}


def _stability(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Per origin and horizon: how far the model agrees with that of the origin before on the same orders."""
    made = []
    for origin, rows in frame.groupby("origin"):
        for target in (late_column(k) for k in HORIZONS):
            older = column(OLDER, target)
            if older in rows and rows[older].notna().all():
                found = agreement(*(rows[column(who, target)].to_numpy(np.float64) for who in (MODEL, OLDER)))
                made.append({"origin": str(origin), "target": target, **found})
    return made


def _sensitivity(span: Span, frame: pd.DataFrame, known: Known) -> list[dict[str, Any]]:
    """The newest vintage on the orders that it scored."""
    rows = frame["origin"] == span.about["origin"]
    everything = Orders.of_invoices(known.ledger)
    place = pd.Index(everything.ids).get_indexer(pd.Index(frame.loc[rows, "invoice_id"].to_numpy(object)))
    x = span.vintage.features(known.history, everything.take(place))
    return one_at_a_time(span.vintage.model, x, outcome(frame, late_column(0))[rows.to_numpy()])


def _stress(frame: pd.DataFrame) -> list[dict[str, Any]]:
    made = []
    for target in (late_column(k) for k in HORIZONS):
        y = outcome(frame, target)
        known = ~np.isnan(y)
        if known.any():
            made += base_rate_stress(y[known], frame[column(MODEL, target)].to_numpy(np.float64)[known], target)
    return made


def _audit(
    ledger: Ledger,
    known: Known,
    made: Sequence[Span],
    splits: Sequence[Split],
    frame: pd.DataFrame,
    config: OutcomeConfig,
    settings: Settings,
) -> dict[str, Any]:
    """The leak audit over all spans: blindness of features, scores and labels; the ceiling; the gap."""
    margin = config.maturity_margin_days
    moments = leak_audit.moments_of(frame["issued_on"].to_numpy())
    scores = leak_audit.score_probe(lambda moment: _served(made, splits, moment), made[0].vintage.model.grid)
    probes = [leak_audit.feature_probe(), scores]
    checks = leak_audit.blindness(ledger, probes, moments, margin_days=margin, seed=settings.seed)
    y = outcome(frame, late_column(0))
    cold = ~np.isnan(y) & (frame["n_settled"].to_numpy() < COLD)
    p = frame[column(MODEL, late_column(0))].to_numpy(np.float64)
    checks.append(leak_audit.cold_ceiling(y[cold], p[cold], frame["customer_id"].to_numpy(object)[cold]))
    gap = leakage_gap(LateData.of(known), margin_days=margin, seed=settings.seed)
    return leak_audit.document(checks, [rung.to_dict() for rung in gap])


def _served(made: Sequence[Span], splits: Sequence[Split], moment: np.datetime64) -> tuple[LateModel, Priors]:
    """The vintage that would have been served at a moment."""
    starts = np.array([split.cutoff.to_datetime64() for split in splits])
    vintage = made[max(int(np.searchsorted(starts, moment, side="right")) - 1, 0)].vintage
    return vintage.model, vintage.priors
