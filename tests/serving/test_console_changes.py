"""Four eyes in the console: a policy is proposed by one key, approved by another, and served from then on."""

from __future__ import annotations

import datetime as dt
import html
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from receivables.access_keys import AccessKeys
from receivables.config import conf_dir
from receivables.policy import load_policy
from reports import console_page
from serving.app import create_app
from serving.auth import KeyRing
from serving.promotion import Promotions
from serving.state import State

ORIGIN = {"Origin": "http://testserver"}


@pytest.fixture
def desk(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A state whose configuration and keys lie in a folder of the test."""
    shutil.copytree(conf_dir(), tmp_path / "conf")
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    monkeypatch.setenv("OTCRISK_CONF", str(tmp_path / "conf"))
    return replace(state, keys=KeyRing(AccessKeys(tmp_path / "access")), pages=console_page)


@pytest.fixture
def people(desk: State, tmp_path: Path) -> Iterator[dict[str, TestClient]]:
    """Ann and Ben may change policies, Cleo may read; each in a browser of their own."""
    keys, app = AccessKeys(tmp_path / "access"), create_app()
    app.state.serving = desk
    scopes = {"ann": ["review", "admin"], "ben": ["review", "admin"], "cleo": ["review"]}
    texts = {name: keys.create(name, some, now=dt.datetime.now(dt.UTC))[0] for name, some in scopes.items()}
    made = {}
    for name, text in texts.items():
        made[name] = TestClient(app, client=("127.0.0.1", 50_000), follow_redirects=False)
        assert made[name].post("/console/login", data={"key": text}, headers=ORIGIN).status_code == 303
    yield made
    for client in made.values():
        client.close()


def field(client: TestClient, path: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', client.get(path).text)
    assert found, name
    return html.unescape(found[1])


def lenient(tmp_path: Path) -> str:
    text = (tmp_path / "conf" / "policy.toml").read_text(encoding="utf-8")
    version = load_policy(tmp_path / "conf" / "policy.toml").version
    return text.replace(version, "credit-policy@next").replace("threshold = 60\n", "threshold = 90\n")


def propose(client: TestClient, text: str) -> str:
    form = {"form_token": field(client, "/console/changes", "form_token"), "text": text.replace("\n", "\r\n")}
    response = client.post("/console/changes", data=form, headers=ORIGIN)
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def decide(client: TestClient, path: str, verdict: str, **changes: str) -> int:
    form = {name: field(client, path, name) for name in ("form_token", "sees")} | {"reason": "agreed"} | changes
    return client.post(f"{path}/{verdict}", data=form, headers=ORIGIN).status_code


def test_a_policy_takes_two_persons_and_is_served_once_it_is_approved(
    people: dict[str, TestClient], desk: State, tmp_path: Path
) -> None:
    path = propose(people["ann"], lenient(tmp_path))
    shown = html.unescape(people["ben"].get(path).text)
    assert "checks[OLDEST_OPEN_ITEM_AGE].threshold" in shown
    assert "Approve as ben" in shown
    assert "Approve as" not in people["ann"].get(path).text
    assert decide(people["ann"], path, "approve") == 422
    assert decide(people["cleo"], path, "approve") == 403
    assert decide(people["ben"], path, "approve", sees="0" * 64) == 422
    promotions = Promotions(desk, folder=tmp_path / "none", every=0.02)
    try:
        assert desk.tools.policy.version != "credit-policy@next"
        assert decide(people["ben"], path, "approve") == 303
        until = threading.Event()
        for _ in range(500):
            if desk.tools.policy.version == "credit-policy@next" or until.wait(0.02):
                break
    finally:
        promotions.close()
    assert desk.tools.policy.version == "credit-policy@next"
    assert "approved and in place" in people["cleo"].get("/console/changes").text


def test_a_policy_file_that_nobody_approved_is_not_taken_over(desk: State, tmp_path: Path) -> None:
    promotions = Promotions(desk, folder=tmp_path / "none", every=60.0)
    before = desk.tools.policy
    (tmp_path / "conf" / "policy.toml").write_text(lenient(tmp_path), encoding="utf-8")
    promotions._take_over_policy()
    promotions.close()
    assert desk.tools.policy is before


def test_a_reader_cannot_propose_and_a_wrong_policy_is_refused_with_its_problems(
    people: dict[str, TestClient], tmp_path: Path
) -> None:
    form = {"form_token": field(people["cleo"], "/console/changes", "form_token"), "text": lenient(tmp_path)}
    assert people["cleo"].post("/console/changes", data=form, headers=ORIGIN).status_code == 403
    form = {"form_token": field(people["ann"], "/console/changes", "form_token"), "text": 'version = "</textarea>"'}
    response = people["ann"].post("/console/changes", data=form, headers=ORIGIN)
    assert response.status_code == 422
    assert "missing key" in response.text
    assert "&lt;/textarea&gt;" in response.text
