"""Every report in a real browser that may reach nothing: silent, complete, accessible, and made for A4."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as Tab

from features import FEATURES
from receivables.currencies import Currencies
from receivables.ledger import Ledger
from reports import decision_figures, portfolio_figures, render, validation_figures, write
from tests.reports import examples
from tests.reports.html_page import HOSTILE
from tests.reports.test_validation_report import made, record_of

NAMES = ("decision", "portfolio", "validation")

#: The printable part of A4 within the margins of the style sheet, in CSS pixels.
A4_WIDTH, A4_HEIGHT = 695, 1031


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


def decision(ledger: Ledger) -> str:
    request, response = (examples.read(f"decision_{name}.json") for name in ("request", "response"))
    request["customer"]["name"] = f"Nordwerk {HOSTILE}"
    return render("decision.html", decision_figures(examples.made_record(request, response), FEATURES, ledger=ledger))


def portfolio(ledger: Ledger) -> str:
    figures = portfolio_figures(
        ledger, dt.date(2026, 11, 19), conf=Currencies.read(), champion=None, loss_given_default=0.5
    )
    return render("portfolio.html", figures)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, ledger = tmp_path_factory.mktemp("reports"), examples.customer_ledger()
    validation = render("validation.html", validation_figures(record_of(made(segment=HOSTILE))))
    pages = {"decision": decision(ledger), "portfolio": portfolio(ledger), "validation": validation}
    return {name: write(html, folder / f"{name}.html") for name, html in pages.items()}


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 1400})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_report_asks_for_nothing_and_runs_nothing(files: dict[str, Path], tab: Tab, name: str) -> None:
    requests: list[str] = []
    messages: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("dialog", lambda dialog: messages.append(dialog.message))
    tab.goto(files[name].as_uri(), wait_until="networkidle")
    assert [url for url in requests if not url.startswith("data:")] == [files[name].as_uri()]
    assert messages == []
    assert tab.evaluate("document.scripts.length") == 0
    # the style sheet passed its own policy
    assert tab.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth") == "8px"


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_has_an_accessible_name_and_lies_within_its_column(
    files: dict[str, Path], tab: Tab, name: str
) -> None:
    tab.goto(files[name].as_uri())
    pictures = tab.get_by_role("img")
    assert pictures.count() == tab.locator("figure").count() >= 6
    for i in range(pictures.count()):
        picture = pictures.nth(i)
        title = picture.evaluate("svg => svg.querySelector('title').textContent")
        assert tab.get_by_role("img", name=title, exact=False).count() >= 1
        box = picture.evaluate(
            """svg => { const b = svg.getBBox(), v = svg.viewBox.baseVal;
                        return [b.x, b.y, b.x + b.width - v.width, b.y + b.height - v.height] }"""
        )
        assert min(box[:2]) >= -1, title
        assert max(box[2:]) <= 1, title


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1100, 390], ids=["desk", "phone"])
def test_nothing_needs_scrolling_sideways(files: dict[str, Path], tab: Tab, name: str, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(files[name].as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_decision_fits_one_printed_page_before_its_annex(files: dict[str, Path], tab: Tab) -> None:
    tab.set_viewport_size({"width": A4_WIDTH, "height": A4_HEIGHT})
    tab.emulate_media(media="print")
    tab.goto(files["decision"].as_uri())
    assert tab.evaluate("document.querySelector('.annex').getBoundingClientRect().top + scrollY") <= A4_HEIGHT


def test_text_has_enough_contrast(files: dict[str, Path], tab: Tab) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for every piece of text, in pictures too."""
    for file in files.values():
        tab.goto(file.as_uri())
        assert tab.evaluate(_LOW_CONTRAST) == []


_LOW_CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.map(v => linear(v / 255)); return .2126 * r + .7152 * g + .0722 * b };
  const behind = node => {
    for (let n = node; n; n = n.parentElement) {
      const c = rgb(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['title', 'desc', 'STYLE'].includes(node.tagName)) continue;
    const isSvg = node.tagName === 'text', style = getComputedStyle(node);
    const ink = rgb(isSvg ? style.fill : style.color).slice(0, 3);
    if (isSvg && ink.every(v => v === 255)) continue;  // white on a dark bar of the picture
    const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push([node.textContent.slice(0, 40), ink.join()]);
  }
  return low;
}"""
