from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from reports.charts import Picture, Series, bars, columns, lines, stacked_bar
from reports.decision_charts import (
    Paid,
    Step,
    lateness,
    limit_use,
    payment_timeline,
    payment_window,
    score_scale,
    waterfall,
)
from reports.svg import ACCENT, ADVERSE, AGES, FAVOURABLE, INK, MUTED, Scale, element, ticks
from reports.words import percent
from tests.reports.html_page import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
ON = dt.date(2026, 11, 20)
PAID = [
    Paid(HOSTILE, "1.00 EUR", dt.date(2026, 8, 1), dt.date(2026, 8, 31), dt.date(2026, 9, 4)),
    Paid("2", "2.00 EUR", dt.date(2026, 9, 1), dt.date(2026, 10, 1), None),
]
STEPS = [Step(HOSTILE, Decimal("-24"), True), Step("b", Decimal("4"), False)]


def _days(day: int) -> dt.date:
    return dt.date(2026, 12, day)


PICTURES: dict[str, Picture] = {
    "bars": bars("Bars", "text", [(HOSTILE, 3.0, "3"), ("b", 0.0, "0")], header=("customer", "open")),
    "no bars": bars("None", "text", [], header=("customer", "open")),
    "columns": columns("Columns", "text", [HOSTILE, "b"], [Series("n", (1.0, math.nan))], form=percent, first="x"),
    "stacked": columns("Two", "t", ["a"], [Series(HOSTILE, (1.0,)), Series("m", (2.0,))], form=percent, first="x"),
    "lines": lines("Lines", "text", ["a", "b"], [Series(HOSTILE, (math.nan, 0.5))], form=percent, first="x"),
    "no lines": lines("Gap", "text", ["a"], [Series("n", (math.nan,))], form=percent, first="x"),
    "stack": stacked_bar("Stack", "text", [(HOSTILE, 0.0, HOSTILE, INK)], header=("a", "b"), rows=[(HOSTILE, "0")]),
    "waterfall": waterfall("Fall", "text", Decimal(655), STEPS, Decimal(635), names=("from", HOSTILE)),
    "scale": score_scale("Score", "t", low=300, high=900, score=620, others=[(HOSTILE, 641)],
                         rating="R06", ratings=["R06"]),
    "limit": limit_use("Limit", "t", before=100, order=50, limit=120, form=lambda v: HOSTILE),
    "no limit": limit_use("Unlimited", "t", before=0, order=0, limit=None, form=str),
    "window": payment_window("When", "t", due=_days(25), earliest=_days(21), median=_days(27),
                             latest=_days(30), level="80%"),
    "timeline": payment_timeline("Timeline", "t", PAID, on=ON),
    "no timeline": payment_timeline("Empty", "t", [], on=ON),
    "lateness": lateness("Late", "t", PAID, on=ON),
}  # fmt: skip


def svg(name: str) -> ET.Element:
    return ET.fromstring(str(PICTURES[name].svg))  # noqa: S314  # our own text


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_well_formed_named_described_and_has_its_table(name: str) -> None:
    root, picture = svg(name), PICTURES[name]
    assert root.attrib["role"] == "img"
    title, description = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", picture.title)
    assert (description.tag, description.text) == (f"{SVG}desc", picture.description)
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert picture.header
    assert all(len(row) == len(picture.header) for row in picture.rows)


@pytest.mark.parametrize("name", PICTURES)
def test_hostile_text_stays_text_and_every_number_is_finite(name: str) -> None:
    allowed = {f"{SVG}{tag}" for tag in ("svg", "title", "desc", "rect", "line", "text", "circle", "polyline")}
    for node in svg(name).iter():
        assert node.tag in allowed
        assert not any(key.lower().startswith("on") or "href" in key for key in node.attrib)
        assert "nan" not in " ".join(node.attrib.values())
        assert float(node.attrib.get("width", "0")) >= 0
        assert float(node.attrib.get("height", "0")) >= 0


def test_a_waterfalls_bars_start_where_the_one_before_ended_and_end_at_the_value() -> None:
    picture = waterfall(
        "w",
        "d",
        Decimal(655),
        [Step("a", Decimal(-24), True), Step("b", Decimal(4), False)],
        Decimal(635),
        names=("x", "y"),
    )
    rects = [r.attrib for r in ET.fromstring(str(picture.svg)).iter(f"{SVG}rect")]  # noqa: S314
    falls = next(r for r in rects if r["fill"] == ADVERSE)
    rises = next(r for r in rects if r["fill"] == FAVOURABLE)
    start, end = (float(r["x"]) + 3 for r in rects if r["fill"] == INK)
    assert float(falls["x"]) + float(falls["width"]) == pytest.approx(start, abs=0.02)
    assert float(rises["x"]) == pytest.approx(float(falls["x"]), abs=0.02)
    assert float(rises["x"]) + float(rises["width"]) == pytest.approx(end, abs=0.02)


def test_the_lengths_of_bars_are_in_proportion_to_their_values() -> None:
    rects = svg_rects(bars("p", "d", [("a", 4.0, ""), ("b", 1.0, "")], header=("", "")))
    assert float(rects[0]["width"]) == pytest.approx(4 * float(rects[1]["width"]), abs=0.05)


def svg_rects(picture: Picture) -> list[dict[str, str]]:
    return [dict(r.attrib) for r in ET.fromstring(str(picture.svg)).iter(f"{SVG}rect")]  # noqa: S314


def test_what_exceeds_the_limit_is_drawn_apart() -> None:
    def drawn(order: float) -> list[tuple[str, float]]:
        picture = limit_use("l", "d", before=60, order=order, limit=100, form=str)
        return [(r["fill"], float(r["width"])) for r in svg_rects(picture) if r["height"] == "40"]

    assert [fill for fill, _ in drawn(40)] == [MUTED, ACCENT]
    (_, before), (_, inside), (fill, over) = drawn(60)
    assert fill == ADVERSE
    assert before / 60 == pytest.approx(inside / 40, rel=1e-3)
    assert before / 60 == pytest.approx(over / 20, rel=1e-3)


def test_older_buckets_are_darker_also_without_colour() -> None:
    def luminance(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    overdue = [luminance(colour) for colour in AGES[1:]]
    assert overdue == sorted(overdue, reverse=True)


def test_axis_marks_are_round_and_enclose_the_values() -> None:
    assert ticks(0, 0) == [0.0, 1.0] or ticks(0, 0)[0] <= 0
    for low, high in ((0, 1), (-7, 33), (12.3, 12.9), (0, 98765)):
        marks = ticks(low, high)
        assert marks[0] <= low
        assert marks[-1] >= high
        assert 2 <= len(marks) <= 8
    assert Scale(5, 5, 10, 20)(5) == 10


def test_attributes_and_children_are_escaped() -> None:
    assert "<img" not in element("text", HOSTILE, x=HOSTILE)


@pytest.mark.parametrize("limit", [1.0, 40.0, 90.0, 100.0])
def test_the_words_at_the_limit_stay_within_the_picture(limit: float) -> None:
    drawn = limit_use("l", "d", before=60, order=40, limit=limit, form=lambda value: f"{value:,.2f} EUR")
    image = ET.fromstring(str(drawn.svg))  # noqa: S314  # our own text
    words = next(e for e in image.iter(f"{SVG}text") if "limit" in (e.text or ""))
    x, width = float(words.attrib["x"]), 7.5 * len(words.text or "")
    start = x if words.attrib["text-anchor"] == "start" else x - width
    assert start >= 0
    assert start + width <= float(image.attrib["viewBox"].split()[2])
