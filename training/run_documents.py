"""What a training run leaves for readers: parameters, figures by month and segment, model cards, pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features import NAMES, VERSION
from models.cards.card import html, markdown
from models.late import LateModel
from models.numbers import Floats
from models.scale import ScoreScale
from receivables.outcomes import late_column
from training import cards, plots, registered, tracking
from training.candidate import version_of
from training.dataset import segments
from training.evaluate import Judged, by_group
from training.fit import MODEL, OWN_RATE
from training.fit_default import checked_grades, judged_default
from training.fitted import Fitted
from training.metrics import LOG_LOSS

#: Horizons with a calibration plot and with figures by month and segment.
SHOWN: Final = (0, 5, 15, 30)
#: Rows drawn in the SHAP picture.
_DRAWN: Final = 1500
OWNER: Final = "credit management"
_LATE: Final = "late over 0 days"
#: Pictures of each card: what they show, by name.
_LATE_PICTURES: Final = {
    "calibration": "Observed share by predicted probability, out of time",
    "by_month": "Log-loss by month of issue beside the customer's own rate",
    "shap_late": "What moves the log-odds of paying late",
}
_DEFAULT_PICTURES: Final = {
    "calibration_default": "Observed share by predicted probability, held out",
    "shap_default": "What moves the log-odds of the event",
}


def record_of(
    done: Fitted,
    versions: Mapping[str, str],
    trained_at: dt.datetime,
    trained_by: str | None,
    pictures: Mapping[str, Path],
) -> tracking.Record:
    """All that is written about a run; `pictures` are those of `pictures_of`, which the cards show too."""
    about = {
        "version": version_of(versions),
        "owner": OWNER,
        "trained_at": trained_at.isoformat(timespec="seconds"),
        "fingerprint": done.fingerprint,
        "parameters": done.parameters,
    }
    late = cards.late_card(done.late, done.late_fit, done.figures, about)
    default = cards.default_card(done.default, done.default_fit, done.figures, about)
    groups = {"month": _months(done), "segment": segments(done.late.known.ledger, done.judged.customer_id)}
    tables = {name: _by_group(done, values) for name, values in groups.items()}
    return tracking.Record(
        parameters=done.parameters,
        tags={
            "data_fingerprint": done.fingerprint,
            "feature_set_version": VERSION,
            **({} if trained_by is None else {registered.TRAINED_BY: trained_by}),
        },
        figures=done.figures,
        series={
            f"{target}/by_month/{who}/{LOG_LOSS.name}": {month: row[LOG_LOSS.name] for month, row in months.items()}
            for target, by_predictor in tables["month"].items()
            for who, months in by_predictor.items()
        },
        documents={
            "figures.json": [f.to_dict() for f in done.figures],
            **{f"by_{name}.json": table for name, table in tables.items()},
            "grades.json": [
                check.to_dict() for check in checked_grades(done.default, done.default_fit, ScoreScale.load())
            ],
            "card_late.md": markdown(late),
            "card_late.html": html(late, _shown(pictures, _LATE_PICTURES)),
            "card_default.md": markdown(default),
            "card_default.html": html(default, _shown(pictures, _DEFAULT_PICTURES)),
            **_card_beside(done, about),
        },
    )


def _by_group(done: Fitted, groups: npt.NDArray[np.object_]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Target -> predictor -> group -> figures."""
    return {
        late_column(k): {
            who: by_group(groups, done.judged.outcomes[late_column(k)], predicted[late_column(k)])
            for who, predicted in done.judged.predictors.items()
        }
        for k in SHOWN
    }


def _months(done: Fitted) -> npt.NDArray[np.object_]:
    issued = done.late.orders.as_of[done.late_fit.heldout.rows]
    return issued.astype("datetime64[M]").astype(str).astype(object)


def _card_beside(done: Fitted, about: Mapping[str, Any]) -> dict[str, str]:
    """The card of the event within another horizon, if it was learnt."""
    if done.beside is None:
        return {}
    card = cards.default_card(*done.beside, done.figures, about)
    name = f"card_{done.beside[0].event.name}"
    return {f"{name}.md": markdown(card), f"{name}.html": html(card)}


def _shown(pictures: Mapping[str, Path], said: Mapping[str, str]) -> dict[str, bytes]:
    return {words: pictures[name].read_bytes() for name, words in said.items() if name in pictures}


def pictures_of(done: Fitted, scratch: Path) -> dict[str, Path]:
    """Draws the pictures of a run into `scratch`; their files by name."""
    months = _by_group(done, _months(done))[late_column(0)]
    series = {who: {month: row[LOG_LOSS.name] for month, row in months[who].items()} for who in (MODEL, OWN_RATE)}
    x = done.default.x[done.default_fit.heldout.rows][:_DRAWN]
    drawn = {
        "by_month": plots.by_month(series, "log-loss", "late over 0 days, out of time"),
        "shap_default": _shap(done.default.event.label, done.default_fit.model.explain(x).values, x),
    }
    event = judged_default(done.default, done.default_fit)
    curves = {
        "calibration": _curves(done.judged, [late_column(k) for k in SHOWN]),
        "calibration_default": _curves(event, [done.default.event.name]),
    }
    drawn |= {name: plots.calibration(found) for name, found in curves.items() if found}
    if isinstance(done.late_fit.model, LateModel):
        x = done.late.x[done.late_fit.heldout.rows][:_DRAWN]
        drawn["shap_late"] = _shap(_LATE, done.late_fit.model.explain(x).values, x)
    return {name: plots.save(figure, scratch / f"{name}.png") for name, figure in drawn.items()}


def _curves(judged: Judged, targets: Sequence[str]) -> dict[str, tuple[Floats, Floats]]:
    """Outcomes and the model's probabilities of the targets with ten outcomes or more."""
    found = {}
    for target in targets:
        y, p = judged.outcomes[target], judged.predictors[MODEL][target]
        if (~np.isnan(y)).sum() >= 10:
            found[target] = y[~np.isnan(y)], p[~np.isnan(y)]
    return found


def _shap(title: str, values: Floats, x: Floats) -> Any:
    return plots.shap_summary(NAMES, values, x, f"What moves the log-odds of: {title}")
