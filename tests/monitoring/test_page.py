import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from monitoring import Drift, DriftConfig, Window, compare, page
from monitoring.window import code
from receivables.ledger import Ledger

MakeWindow = Callable[..., Window]
_CONFIG = DriftConfig.read()
_SCRIPT = "</script><script>document.title='owned'</script>"


def _drift(before: Window, after: Window) -> Drift:
    import pandas as pd

    day = pd.Timestamp("2026-06-30")
    ledger = Ledger.of(insolvencies=pd.DataFrame({"customer_id": ["C00"], "filed_on": [day], "known_at": [day]}))
    return compare(ledger, before, after, event="default", config=_CONFIG)


def test_the_page_shows_the_verdict_and_the_pictures_and_asks_the_network_for_nothing(
    make_window: MakeWindow, tmp_path: Path
) -> None:
    before, after = make_window(1, 500), make_window(2, 500, month=2, shift=0.9)
    empty = {"payment timing/never": np.full(500, np.nan)}
    before, after = (dataclasses.replace(w, numbers={**w.numbers, **empty}) for w in (before, after))
    html, figures = page(_drift(before, after), _CONFIG)
    file = tmp_path / "drift.html"
    file.write_text(html, encoding="utf-8")
    requests, errors = [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(file.as_uri())
        tab.get_by_text("Data Drift Summary").wait_for()
        headline, shown = tab.locator("h1").first.inner_text(), tab.locator("body").inner_text()
        browser.close()
    assert headline == "Drift: DRIFT"
    assert "score/late_over_0 moved" in shown
    assert "late_over_30" in shown
    assert requests == [file.as_uri()]
    assert errors == []
    assert len(figures["metrics"]) == 1 + len(before.numbers) - 1 + len(before.codes)


def test_a_category_that_is_no_code_is_refused_before_it_reaches_the_page(make_window: MakeWindow) -> None:
    drift = _drift(make_window(1, 400), make_window(2, 400, segment=_SCRIPT))
    with pytest.raises(ValueError, match="coded columns and categories only"):
        page(drift, _CONFIG)


def test_a_category_from_the_ledger_becomes_a_code(make_window: MakeWindow) -> None:
    assert code(_SCRIPT).isidentifier()
    html, _ = page(_drift(make_window(1, 400), make_window(2, 400, segment=code(_SCRIPT))), _CONFIG)
    assert code(_SCRIPT) in html
    assert "owned" not in html
