"""The console in a real browser: nothing runs, nothing is fetched from elsewhere, everything fits and can be read."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from receivables.access_keys import AccessKeys
from receivables.config import conf_dir
from receivables.control_log import ControlLog
from receivables.decision_log import DecisionLog
from receivables.four_eyes import Person
from receivables.policy_change import propose_policy
from reports import console_page
from serving.app import create_app
from serving.auth import LOCAL, KeyRing
from serving.payers import Payers
from serving.run import bind
from serving.scoring import decide_now
from serving.state import State, Tools
from tests.reports.test_in_a_browser import _LOW_CONTRAST
from tests.serving.conftest import Seller, _example
from tests.serving.test_console import CORPUS


@dataclass(frozen=True)
class Desk:
    """A console that listens, a key that opens it, and decisions that wait."""

    url: str
    key: str
    score_ids: list[str]
    payer: str
    change_id: str


@pytest.fixture(scope="module")
def desk(seller: Seller, tools: Tools, payers: Payers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    patch = pytest.MonkeyPatch()
    patch.setenv("OTCRISK_HOME", str(home))
    keys = AccessKeys(home / "access")
    key, _ = keys.create("r.lee", ["review", "admin"], now=dt.datetime.now(dt.UTC))
    state = State(tools, DecisionLog(home / "decisions.sqlite"), payers, KeyRing(keys), pages=console_page)
    payer = seller.customers()[0]
    ids = [decide_now(state, order(i, name, payer), {}, LOCAL)[0].score_id for i, name in enumerate(CORPUS)]
    policy = conf_dir() / "policy.toml"
    text = policy.read_text(encoding="utf-8").replace(tools.policy.version, "credit-policy@next")
    with ControlLog(state.log.path) as acts:
        changed = text.replace("threshold = 60\n", "threshold = 90\n")
        by, now = Person("k0", "a.kim"), dt.datetime.now(dt.UTC)
        change_id = propose_policy(acts, policy, changed, by=by, now=now).change_id
    app, listening = create_app(), bind("127.0.0.1", 0)
    app.state.serving = state
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    yield Desk(f"http://127.0.0.1:{listening.getsockname()[1]}", key, ids, payer, change_id)
    server.should_exit = True
    running.join(20)
    state.journal.close()
    state.log.close()
    patch.undo()


def order(number: int, name: str, payer: str) -> dict[str, Any]:
    made = _example("contract_request.json")
    made["request_id"] = f"order-{number}"
    made["options"]["timeout_ms"] = 60_000
    made["customer"] |= {"payer": payer, "name": f"Nordwerk {name}"}
    made["order"] |= {"gross_amount": f"{60_000 + 7_000 * number}.00", "sales_order": f"00004829{number:02d}"}
    return made


@pytest.fixture(scope="module")
def context(desk: Desk) -> Iterator[Any]:
    with sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        made = started.new_context(viewport={"width": 1280, "height": 900})
        tab = made.new_page()
        tab.goto(f"{desk.url}/console")
        shot(tab, "login")
        tab.get_by_label("Key").fill(desk.key)
        tab.get_by_role("button", name="Log in").click()
        tab.wait_for_url("**/console")
        yield made
        started.close()


@pytest.fixture
def tab(context: Any) -> Iterator[Tab]:
    made = context.new_page()
    yield made
    made.close()


def shot(tab: Tab, name: str) -> None:
    """A picture for people, where a folder for them is named."""
    if folder := os.environ.get("OTCRISK_SCREENSHOTS"):
        tab.screenshot(path=str(Path(folder) / f"{name}-{tab.viewport_size['width']}.png"), full_page=True)  # type: ignore[index]


def pages(desk: Desk) -> dict[str, str]:
    return {
        "queue": "/console",
        "decision": f"/console/decisions/{desk.score_ids[0]}",
        "customer": f"/console/customers/{desk.payer}",
        "model": "/console/model",
        "changes": "/console/changes",
        "change": f"/console/changes/{desk.change_id}",
    }


def test_nothing_runs_and_nothing_is_fetched_from_elsewhere(desk: Desk, tab: Tab) -> None:
    requests: list[str] = []
    messages: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("dialog", lambda dialog: (messages.append(dialog.message), dialog.dismiss()))
    decisions = [f"/console/decisions/{score_id}" for score_id in desk.score_ids]
    for path in (*pages(desk).values(), *decisions):
        tab.goto(desk.url + path, wait_until="networkidle")
        assert tab.evaluate("document.scripts.length") == 0
    assert [url for url in requests if not url.startswith(f"{desk.url}/console")] == []
    assert messages == []


@pytest.mark.parametrize("width", [1280, 400], ids=["desk", "phone"])
def test_every_page_fits_and_can_be_read(desk: Desk, tab: Tab, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    for name, path in pages(desk).items():
        tab.goto(desk.url + path)
        shot(tab, name)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, name
        assert tab.evaluate(_LOW_CONTRAST) == [], name
        unnamed = (
            "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length)"
        )
        assert tab.evaluate(f"{unnamed}.length") == 0, name


def test_an_officer_decides_with_the_keyboard_alone(desk: Desk, tab: Tab) -> None:
    tab.goto(f"{desk.url}/console/decisions/{desk.score_ids[-1]}")
    tab.get_by_label("In the role of").select_option("CHIEF_FINANCIAL_OFFICER")
    tab.get_by_label("Reason, in your words").fill("a bank guarantee has arrived")
    tab.get_by_role("button", name="Record as r.lee").focus()
    tab.keyboard.press("Enter")
    tab.get_by_text("a bank guarantee has arrived").wait_for()
    shot(tab, "decided")
    tab.goto(f"{desk.url}/console")
    assert desk.score_ids[-1] not in tab.content()


def test_a_page_of_another_site_cannot_send_a_form(desk: Desk, context: Any, tab: Tab) -> None:
    form = f"<form method=post action='{desk.url}/console/logout'><button>go</button></form>"
    tab.route("http://other.example/**", lambda route: route.fulfill(body=form, content_type="text/html"))
    tab.goto("http://other.example/")
    with tab.expect_response(f"{desk.url}/console/logout") as answered:
        tab.get_by_role("button").click()
    assert answered.value.status == 403
    tab.goto(f"{desk.url}/console")
    assert tab.get_by_role("button", name="Log out").is_visible()
