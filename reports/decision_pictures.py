"""What the pictures of one decision show: from the blocks of an answer to the drawings of `reports.decision_charts`.

A picture is None where the answer lacks its block, as it does when the service answered in a degraded mode.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from receivables.money import parse_minor, spoken
from reports import words
from reports.charts import Picture, stacked_bar
from reports.decision_charts import Step, limit_use, payment_window, score_scale, waterfall
from reports.svg import AGES

RATINGS: Final = tuple(f"R{grade:02d}" for grade in range(1, 11))
#: Probabilities that label the log-odds axis.
_CHANCES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, *(step / 20 for step in range(1, 20)), 0.97, 0.98, 0.99)


def target_words(target: str) -> str:
    """What a model predicts, in words.

    >>> target_words("late_over_0"), target_words("default_12m")
    ('late payment', 'default within 12 months')
    """
    return "late payment" if target == "late_over_0" else words.event_words(target)


def chance(log_odds: float) -> float:
    """The probability of log-odds.

    >>> chance(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-log_odds))


def waterfall_picture(explanation: Mapping[str, Any], response: Mapping[str, Any]) -> Picture:
    """The explanation as a waterfall, in exactly the numbers of the answer."""
    is_score = explanation["unit"] == "score_points"
    reasons = explanation["reasons"]
    reference, value, *points = _aligned(
        [explanation["reference"], explanation["value"], *(r["points"] for r in reasons)]
    )
    steps = [Step(r["text"], p, r["direction"] == "ADVERSE") for r, p in zip(reasons, points, strict=True)]
    target = target_words(explanation["target"])
    if is_score:
        title, unit, notes = "How the score came about", "score points", ("", "")
        names = ("Reference customer", "This customer's score")
        reading = f"Bars to the left lower the score, that is raise the risk of {target}."
        marks: list[tuple[float, str]] = []
    else:
        title, unit = f"How the chance of {target} came about", "log-odds, the axis shows them as probabilities"
        names = ("Reference order", "This order")
        reading = "Bars to the right raise the risk."
        first, last = (words.percent(chance(float(level))) for level in (reference, value))
        notes = (f"= {first}", f"= {last}")
        marks = [(math.log(p / (1 - p)), words.percent(p)) for p in _CHANCES]
    total = reference + sum((step.points for step in steps), Decimal(0))
    closing = "The parts add up to the value exactly." if total == value else f"Rounding leaves {value - total:+}."
    text = f"From the reference over each reason to the value, in {unit}. {reading} {closing}"
    return waterfall(title, text, reference, steps, value, names=names, notes=notes, marks=marks)


def _aligned(numbers: Sequence[float]) -> list[Decimal]:
    """The numbers as the answer prints them, with equally many decimals."""
    exact = [Decimal(str(number)).normalize() for number in numbers]
    finest = min(0, *(int(number.as_tuple().exponent) for number in exact))
    return [number.quantize(Decimal(1).scaleb(finest)) for number in exact]


def scale_picture(response: Mapping[str, Any]) -> Picture | None:
    """The score on its scale; None where there is no score."""
    score = response.get("score")
    if not score:
        return None
    others = [
        ("reference customer", explanation["reference"])
        for explanation in response.get("explanations", [])
        if explanation["unit"] == "score_points"
    ]
    if score.get("previous_credit_score") is not None:
        others.insert(0, (f"on {words.day(score['previous_scored_at'])}", score["previous_credit_score"]))
    scale = score["scale"]
    doubling = scale["points_to_double_odds"]
    return score_scale(
        "Score and rating",
        f"Score {score['credit_score']:g} on {scale['min']} to {scale['max']}, higher is better; {doubling} points "
        f"halve or double the odds. Rating {score['rating']}, risk class {score['risk_class']}.",
        low=scale["min"], high=scale["max"], score=score["credit_score"], others=others, rating=score["rating"],
        ratings=RATINGS,
    )  # fmt: skip


def outlook_picture(response: Mapping[str, Any]) -> Picture | None:
    """On time, late and very late as one bar; None where nothing was predicted."""
    chances = response.get("probabilities")
    if not chances:
        return None
    very = chances["very_late_after_days"]
    names = ("on time", f"1 to {very} days late", f"more than {very} days late")
    values = [chances["on_time"], chances["late"], chances["very_late"]]
    parts = [(n, v, "", c) for n, v, c in zip(names, values, ("#9dbcd8", AGES[2], AGES[4]), strict=True)]
    horizons = sorted(int(name[10:]) for name in chances if re.fullmatch(r"late_over_\d+", name))
    rows = [(f"more than {h} days late" if h else "late", words.percent(chances[f"late_over_{h}"])) for h in horizons]
    return stacked_bar(
        "How this invoice will probably be paid", "Probabilities of the three ways to pay; they add up to 1.", parts,
        header=("", "probability"), rows=[("on time", words.percent(chances["on_time"])), *rows], width=470,
    )  # fmt: skip


def window_picture(response: Mapping[str, Any]) -> Picture | None:
    """When payment is expected; None where it was not predicted."""
    expected = response.get("expected_payment")
    if not expected:
        return None
    names = ("due", "earliest", "median", "latest")
    days = {name: dt.date.fromisoformat(expected[f"{name}_date"]) for name in names}
    level = words.percent(expected["interval_level"])
    text = f"Due date, most likely day and {level} interval; {expected['mean_days_late']:.1f} days late on average."
    return payment_window("When payment is expected", text, **days, level=level)


def limit_picture(response: Mapping[str, Any]) -> Picture | None:
    """Exposure before and after against the limit; None where the answer holds no limit block."""
    limit = response.get("limit")
    if not limit:
        return None
    currency = limit["currency"]
    before, after = (parse_minor(limit[f"exposure_{when}"], currency) for when in ("before", "after"))
    granted = limit.get("current_limit")
    used = (
        f"{words.percent(limit['utilisation_before'])} used before, {words.percent(limit['utilisation_after'])} after"
    )
    return limit_use(
        "Exposure against the credit limit", f"The limit is {used} this order." if granted else "No limit is known.",
        before=before, order=after - before, limit=parse_minor(granted, currency) if granted else None,
        form=lambda minor: spoken(round(minor), currency),
    )  # fmt: skip
