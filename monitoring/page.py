"""The drift page: our verdict on top, Evidently's pictures below, in one file that asks the network for nothing."""

from __future__ import annotations

import html
import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from monitoring.config import DriftConfig
from monitoring.drift import Drift
from monitoring.shift import Shift, Verdict
from monitoring.window import CODE, Window
from monitoring.words import words
from receivables.quiet import quiet

_COLUMN = re.compile(r"[A-Za-z0-9_]{1,64}")
#: The page may run its own script and show its own pictures; it may fetch nothing.
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:\">"
)
_STYLE = (
    "font-family: system-ui, sans-serif; color: #1c2733; background: #fff; max-width: 72rem; "
    "margin: 0 auto; padding: 1.5rem; line-height: 1.5"
)


def page(drift: Drift, config: DriftConfig) -> tuple[str, dict[str, Any]]:
    """The page as HTML, and Evidently's own figures as plain JSON values."""
    from_evidently, figures = _pictures(drift.reference, drift.current, config)
    headed = from_evidently.replace('<meta charset="UTF-8">', f'<meta charset="UTF-8">{_POLICY}', 1)
    before, body, after = headed.partition("<body>")
    if _POLICY not in before or not body:
        raise RuntimeError("expected <meta charset> and <body> in Evidently's page; its layout has changed")
    return f"{before}{body}{_verdict(drift)}{after}", figures


def _pictures(reference: Window, current: Window, config: DriftConfig) -> tuple[str, dict[str, Any]]:
    """Evidently's report by PSI on a sample of each period, columns that either period holds no value of left out."""
    quiet()
    with warnings.catch_warnings():
        # names that litestar and numpy deprecate are evidently's business, on import only
        warnings.simplefilter("ignore", DeprecationWarning)
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

    before, after = _sample(reference, config.sample), _sample(current, config.sample)
    numbers = [_short(name) for name in reference.numbers]
    numbers = [name for name in numbers if before[name].notna().any() and after[name].notna().any()]
    codes = [_short(name) for name in reference.codes]
    _require_codes(numbers + codes, pd.concat([before[codes], after[codes]]))
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=codes)
    threshold = config.checks[-1].drift
    # the default method changes with the number of rows, and with it the meaning of the figure: fix it
    preset = DataDriftPreset(
        columns=numbers + codes, method="psi", threshold=threshold, drift_share=config.drifted_share
    )
    sets = [Dataset.from_pandas(frame[numbers + codes], data_definition=definition) for frame in (after, before)]
    with np.errstate(invalid="ignore", divide="ignore"):  # it correlates constant columns too
        result = Report([preset]).run(*sets)
    return str(result.get_html_str(as_iframe=False)), json.loads(result.json())


def _sample(window: Window, size: int) -> pd.DataFrame:
    columns = {_short(name): values for name, values in {**window.numbers, **window.codes}.items()}
    frame = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan)
    if len(frame) <= size:
        return frame
    rows = np.random.default_rng(0).choice(len(frame), size, replace=False)
    return frame.iloc[np.sort(rows)].reset_index(drop=True)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _require_codes(columns: Sequence[str], codes: pd.DataFrame) -> None:
    """Evidently writes names and categories into its page as they are: a customer's name there could be script."""
    odd = [name for name in columns if not _COLUMN.fullmatch(name)]
    odd += [value for name in codes for value in codes[name].unique() if not CODE.fullmatch(value)]
    if odd:
        raise ValueError(f"expected coded columns and categories only, got {odd[:5]}")


def _verdict(drift: Drift) -> str:
    said = "".join(f"<li>{html.escape(text)}</li>" for text in (*drift.causes, *words(drift)))
    moved = [shift for shift in drift.shifts if shift.verdict != Verdict.NONE]
    rows = "".join(_row(shift) for shift in moved)
    table = f"<table cellpadding='6'>{_HEADER}{rows}</table>" if rows else "<p>No column moved beyond its limit.</p>"
    spans = f"{drift.reference.first} to {drift.reference.last} against {drift.current.first} to {drift.current.last}"
    return (
        f'<section style="{_STYLE}"><h1>Drift: {html.escape(drift.verdict)}</h1><p>{spans}, '
        f"{len(drift.reference)} and {len(drift.current)} orders as of issue.</p><ul>{said}</ul>{table}"
        "<p>This table decides: bins frozen by the first period, all orders, limits no lower than chance. A column "
        "drifts where it moved among orders and among customers, so one large customer alone is no drift. The pictures "
        "below are Evidently's, on a sample and with bins of its own; their figures differ somewhat.</p></section>"
    )


_HEADER = (
    "<tr><th align='left'>column</th><th>PSI of orders</th><th>chance</th><th>PSI of customers</th><th>chance</th>"
    "<th>mean before</th><th>mean now</th><th>null before</th><th>null now</th><th>severity</th><th>verdict</th></tr>"
)


def _row(shift: Shift) -> str:
    figures = [f"{psi:.3f}" for psi in (shift.psi, shift.chance, shift.customer_psi, shift.customer_chance)]
    figures += [_number(shift.reference_mean), _number(shift.current_mean)]
    figures += [f"{shift.reference_null:.1%}", f"{shift.current_null:.1%}", shift.severity, shift.verdict]
    cells = "".join(f"<td align='right'>{html.escape(text)}</td>" for text in figures)
    return f"<tr><td>{html.escape(shift.column)}</td>{cells}</tr>"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
