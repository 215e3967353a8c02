"""The validation report of a payment-time model, from the record of a backtest: every figure is one of the record's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reports import validation_pictures as pictures
from reports import validation_tables as tables
from reports import words
from reports.validation_statements import ASSUMPTIONS, INVENTORY, LIMITS, MONITORING, ROLES
from reports.validation_words import Cells, headlines, sentences
from training.backtest_figures import DAYS_LATE, HISTORY, SEGMENT, cells
from training.backtest_record import Record
from training.fit import MODEL, OWN_RATE, SCORECARD
from training.metrics import AUC, LOG_LOSS, MAE
from training.scores import DUE_DATE, OWN_MEDIAN, SEGMENT_RATE

Figures = dict[str, Any]

_SHOWN: Final = ("late_over_0", "late_over_5", "late_over_15", "late_over_30")


def validation_figures(record: Record, *, training: Mapping[str, Any] | None = None) -> Figures:
    """Everything that validation.html shows, by name.

    `training` is the record of the run that trained the served models (figures, event, versions), None where there is
    none; its customer model is then shown with the figures of that run.
    """
    about, found = record.about, Cells.of(cells(record.figures))
    last, first = about["ledger"]["known_by"], about["origins"][0]
    checks, gap = tables.audit_tables(about)
    return {
        "title": f"Validation of the payment-time model, {first} to {last}",
        "kind": "Model validation report",
        "subject": f"outcomes known by {words.day(last)}",
        "sentences": list(sentences(found, about)),
        "headlines": headlines(found),
        "inventory": _inventory(about),
        "lineage": _lineage(about),
        "assumptions": ASSUMPTIONS,
        "limits": LIMITS,
        "monitoring": MONITORING,
        "roles": ROLES,
        "origins_table": tables.origins_table(about),
        "maturity_table": tables.maturity_table(about),
        "booked_later": sum(about["booked_later"].values()),
        "time_table": tables.time_table(found),
        "challenger_table": tables.challenger_table(found),
        "discrimination_table": tables.discrimination_table(found),
        "calibration_table": tables.calibration_table(found),
        "segment_table": tables.group_table(found, SEGMENT),
        "history_table": tables.group_table(found, HISTORY),
        "slice_table": tables.slice_table(found),
        "days_table": tables.days_table(found),
        "stability_table": tables.stability_table(found, about),
        "sensitivity_table": tables.sensitivity_table(about),
        "stress_table": tables.stress_table(about),
        "trigger_table": tables.trigger_table(found),
        "checks_table": checks,
        "gap_table": gap,
        "audited": about["audit"] is not None,
        "customer_model": _customer_model(training),
        **_pictures(record, found),
    }


def validation_document(record: Record) -> dict[str, Any]:
    """The record's figures for machines."""
    figures = record.figures.astype(object).where(record.figures.notna(), None)
    return {**record.about, "figures": figures.to_dict(orient="records")}


def _pictures(record: Record, found: Cells) -> dict[str, Any]:
    rates = (MODEL, OWN_RATE, SCORECARD, SEGMENT_RATE)
    present = [target for target in _SHOWN if target in found.targets()]
    return {
        "time_pictures": [
            pictures.over_origins(found, target, metric.name, name, rates)
            for target in present[:2]
            for metric, name in ((LOG_LOSS, "Log-loss"), (AUC, "AUC"))
        ],
        "days_picture": pictures.over_origins(
            found, DAYS_LATE, MAE.name, "Mean absolute error", (MODEL, OWN_MEDIAN, DUE_DATE)
        ),
        "difference_picture": pictures.difference_picture(found),
        "reliability_pictures": [pictures.reliability_picture(record.reliability, target) for target in present],
        "monthly_pictures": [
            pictures.reliability_picture(record.reliability, "late_over_0", origin)
            for origin in record.about["origins"]
            if origin in set(record.reliability["group"])
        ],
        "base_rate_pictures": [pictures.base_rate_picture(record.base_rate, target) for target in present],
        "sensitivity_picture": pictures.sensitivity_picture(record.about["sensitivity"]),
    }


def _inventory(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The entry in the model inventory."""
    origins = ", ".join(words.day(origin) for origin in about["origins"])
    return [*INVENTORY, ("Origins", origins), ("Run", str(about.get("run_id", "not tracked")))]


def _lineage(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Data and code that the figures come from."""
    ledger = about["ledger"]
    rows = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in ledger["rows"].items())
    return [
        ("Ledger, SHA-256", ledger["fingerprint"]),
        ("Facts", rows),
        ("Invoices issued", f"{words.day(ledger['issued_from'])} to {words.day(ledger['issued_to'])}, "
                            f"{words.count(ledger['customers'], 'customer')}"),
        ("Known by", words.day(ledger["known_by"])),
        ("Maturity margin", f"{about['outcomes']['maturity_margin_days']} days after due date and horizon"),
        ("Feature set", about["feature_set_version"]),
        ("Code, SHA-256", about["code"]),
        ("Settings", "; ".join(f"{key} {value}" for key, value in about["settings"].items())),
    ]  # fmt: skip


def _customer_model(training: Mapping[str, Any] | None) -> Figures | None:
    """The customer model's figures of its training run, a table per horizon, beside the one-feature rule's."""
    if training is None:
        return None
    tables_ = [(words.event_words(event), _event_table(training["figures"], event)) for event in training["events"]]
    return {"run_id": training["run_id"], "tables": tables_}


def _event_table(figures: Iterable[Mapping[str, Any]], event: str) -> tuple[list[str], list[list[str]]]:
    rule = "worst days past due"
    rows = [f for f in figures if f["target"] == event]
    beside = {(f["slice"], f["metric"]): _said(f) for f in rows if f["predictor"] == rule}
    table = [
        [
            *(f["slice"], f["metric"], f"{f['rows']:,}", f"{f['events']:,}"),
            *(_said(f), beside.get((f["slice"], f["metric"]), "—")),
        ]
        for f in rows
        if f["predictor"] == MODEL
    ]
    return ["customers", "metric", "n", "events", "model [95 %]", f"{rule} [95 %]"], table


def _said(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "—"
    bounds = "" if figure["low"] is None else f" [{figure['low']:.4f}, {figure['high']:.4f}]"
    return f"{figure['value']:.4f}{bounds}"
