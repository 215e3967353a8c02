"""The data-quality report: its figures, its warnings, its pages."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from receivables.checks import Finding
from receivables.quality import Quality, Rules, assess, document
from receivables.quality_page import as_html, as_text, bars, write_reports
from receivables.schema import end_of_day
from receivables.store import LoadResult, TableLoad

RULES = Rules(mass_multiple=5.0, mass_share=0.02, mass_minimum=20, lonely_gap_days=31, dominant_share=0.2)


def ledger(clearings_per_day: list[int], customer: str = "C1", first: str = "2026-01-01") -> dict[str, pd.DataFrame]:
    days = pd.Series(pd.date_range(first, periods=len(clearings_per_day), unit="us"))
    days = days.repeat(clearings_per_day).reset_index(drop=True)
    ids = [f"I{i}" for i in range(len(days))]
    common = {"amount_minor": 12_345, "currency": "EUR"}
    invoices = pd.DataFrame({"invoice_id": ids, "customer_id": customer, **common, "issued_on": days, "due_on": days})
    invoices = invoices.assign(net_days=0, known_at=end_of_day(days), observed_until=days.max())
    cleared = pd.DataFrame({"payment_id": ids, "invoice_id": ids, "line": 1, **common, "cleared_on": days})
    from receivables.schema import conform

    return {
        "invoices": conform("invoices", invoices),
        "allocations": conform("allocations", cleared.assign(known_at=end_of_day(days))),
    }


def report(frames: dict[str, pd.DataFrame], **facts: object) -> Quality:
    loads = {name: TableLoad(len(frame), 0, 0, ()) for name, frame in frames.items()}
    given = {"name": "extract.csv", "mapping": "own", "fingerprint": "ab" * 32, "rows_read": 9, "duplicates": 1}
    given |= {"quarantined": 2, "by_reason": {"bad_date": 2}, "findings": ()}
    until = pd.Timestamp("2026-03-01")
    return assess(frames, LoadResult(1, loads), RULES, warnings=(), observed_until=until, **(given | facts))


def test_a_day_with_unusually_many_clearings_is_a_mass_clearing() -> None:
    quality = report(ledger([10] * 20 + [80] + [10] * 9))
    assert [(day.day, day.clearings, day.multiple) for day in quality.mass_clearings] == [("2026-01-21", 80, 8.0)]
    assert any("mass clearing on 2026-01-21" in warning for warning in quality.warnings)


@pytest.mark.parametrize("counts", [[10] * 20 + [45] + [10] * 9, [1] * 20 + [19] + [1] * 9, [3] * 1000 + [20]])
def test_a_busy_day_is_no_mass_clearing(counts: list[int]) -> None:
    assert report(ledger(counts)).mass_clearings == ()


def test_the_balance_is_issued_equals_cleared_plus_open() -> None:
    frames = ledger([1, 1, 1])
    part = frames["allocations"].assign(amount_minor=[12_345, 2_345, 0]).iloc[:2]
    (balance,) = report(frames | {"allocations": part}).balances
    assert (balance.issued_minor, balance.cleared_minor, balance.open_minor) == (37_035, 14_690, 22_345)
    assert balance.difference_minor == 0
    over = frames["allocations"].assign(amount_minor=20_000)
    quality = report(frames | {"allocations": over})
    assert quality.balances[0].difference_minor == -3 * (20_000 - 12_345)
    assert any("cleared beyond their amount" in warning for warning in quality.warnings)


def test_coverage_counts_invoices_customers_and_open_share_by_month() -> None:
    frames = ledger([1] * 31 + [1] * 28)
    none_after_january = frames["allocations"].iloc[:31]
    months = report(frames | {"allocations": none_after_january}).months
    assert [(m.month, m.invoices, m.customers, m.open_share) for m in months] == [
        ("2026-01", 31, 1, 0.0),
        ("2026-02", 28, 1, 1.0),
    ]
    assert months[0].amounts == {"EUR": 31 * 12_345}


def test_a_month_without_invoices_is_a_warning() -> None:
    gap = {name: pd.concat([frame, ledger([1], first="2026-04-01")[name]]) for name, frame in ledger([1]).items()}
    gap["invoices"]["invoice_id"] = ["A", "B"]
    assert any("no invoices in 2026-02, 2026-03" in warning for warning in report(gap).warnings)


def test_a_dominant_customer_is_a_warning() -> None:
    quality = report(ledger([5]))
    assert quality.largest is not None
    assert quality.largest.share == 1.0
    assert any("one customer has 100.0%" in warning for warning in quality.warnings)


def test_an_import_without_invoices_still_has_a_report() -> None:
    quality = report({})
    assert (quality.months, quality.balances, quality.largest) == ((), (), None)
    assert "no warnings" in as_html(quality).lower()


def test_the_document_is_plain_json_with_money_as_text(tmp_path: Path) -> None:
    paths = write_reports(tmp_path, report(ledger([2, 3]), findings=(Finding("x", "invoices", "odd", 3),)))
    read = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert read == json.loads(
        json.dumps(document(report(ledger([2, 3]), findings=(Finding("x", "invoices", "odd", 3),))))
    )
    assert read["balances"][0]["issued"] == "617.25"
    assert read["rows"] == {"read": 9, "good": 6, "duplicates": 1, "quarantined": 2}
    assert {path.name for path in paths.values()} == {
        f"import-extract-abababab.{end}" for end in ("txt", "json", "html")
    }


def test_the_text_names_what_was_quarantined() -> None:
    text = as_text(report(ledger([2, 3])))
    assert "bad_date: 2 row(s); expected a real calendar day" in text
    assert "617.25 EUR" in text


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_the_page_is_self_contained_and_no_value_becomes_markup() -> None:
    evil = "</style><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = as_html(report(ledger([2, 3], customer=evil), name=evil, mapping=evil)).replace("http-equiv", "")
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe"} & set(tags.tags)
    assert not [name for name in tags.attributes if name.startswith("on") or name in ("src", "href")]
    assert "http" not in page


def test_the_tallest_bar_fills_the_picture_and_labels_stay_few() -> None:
    made = bars([(str(i), i, "", False) for i in range(100)])
    assert (made[-1].y, made[-1].height) == (0.0, 150.0)
    assert sum(bar.label != "" for bar in made) <= 13


def test_long_spans_are_drawn_by_month() -> None:
    page = as_html(report(ledger([1] * 500)))
    assert "Clearings by month" in page
    assert page.count("<rect") < 60
