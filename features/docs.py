"""The page docs/features.md, written from the feature table."""

from __future__ import annotations

from itertools import groupby

from features.feature import LOWERS, RAISES, Feature
from features.reasons import REASONS
from features.reasons import VERSION as REASONS_VERSION
from features.table import FEATURES, VERSION

_DIRECTION = {LOWERS: "lowers", RAISES: "raises"}
_HEAD = """# Features

Written by `otcrisk docs` from `features/table.py`; do not edit. {n} features, {learnt} of them learnt from;
feature set `{version}`, reason catalogue `{reasons}`.

Every feature is computed as of a moment: a fact counts from the moment it became known, at its business date. "Late"
means settled after the due date, or still open after it. Windows count back from the moment, in days. Amounts are
converted to the reporting currency at the rate of the day on which they became known. "Peers" are invoices of the same
segment and payment terms, drawn towards the segment and the portfolio where there are few.

The direction is the one that the models are held to. Features without a model are shown to people only.
"""
_REASONS = """
## Reasons

An explanation adds up the contributions of the features of one reason.

| code | category | what it is about | features |
|---|---|---|---|
"""


def _number(value: float) -> str:
    return f"{value:g}"


def _row(feature: Feature) -> str:
    models = ", ".join(sorted(feature.uses)) or "shown only"
    span = f"{_number(feature.low)} … {_number(feature.high)}"
    direction = _DIRECTION.get(feature.direction, "either")
    cells = (f"`{feature.name}`", feature.meaning, feature.unit, feature.null_meaning, span, direction,
             feature.reason, models)  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def features_page() -> str:
    """The whole page as Markdown."""
    learnt = sum(bool(feature.uses) for feature in FEATURES)
    page = [_HEAD.format(n=len(FEATURES), learnt=learnt, version=VERSION, reasons=REASONS_VERSION)]
    for group, entries in groupby(FEATURES, key=lambda feature: feature.group):
        page.append(f"\n## {group.capitalize()}\n")
        page.append("| feature | meaning | unit | null means | expected | risk | reason | models |")
        page.append("|---|---|---|---|---|---|---|---|")
        page += [_row(feature) for feature in entries]
    page.append(_REASONS.rstrip("\n"))
    for reason in REASONS.values():
        names = ", ".join(f"`{feature.name}`" for feature in FEATURES if feature.reason == reason.code)
        page.append(f"| {reason.code} | {reason.category} | {reason.title} | {names} |")
    return "\n".join(page) + "\n"
