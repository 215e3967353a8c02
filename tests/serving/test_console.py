"""The console: who gets in, what a form needs, what pages show and do, and that no name ever runs."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from receivables.access_keys import AccessKeys
from receivables.decision import wire
from receivables.decision_notes import DecisionNotes
from receivables.privacy import erase
from reports import console_page
from serving.advice import advice as take
from serving.app import create_app
from serving.auth import KeyRing
from serving.console_sessions import AGE, IDLE, Sessions
from serving.handlers import Call
from serving.state import State

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ORIGIN = {"Origin": "http://testserver"}
#: Names that break out of text, attribute, script, style, URL and comment, where a page forgets to escape.
CORPUS = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)' autofocus='",
    "<svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "--><iframe srcdoc='<script>alert(1)</script>'>",
    "</style><script>alert(1)</script>",
    "<a href=jAvAsCrIpT:alert(1)>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


class Elements(HTMLParser):
    """Every element of a page with its attributes, as a browser's parser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def executable(text: str) -> list[str]:
    """Elements and attributes of a page that could run something."""
    found = []
    for tag, attributes in Elements(text).found:
        if tag in ("script", "iframe", "object", "embed", "base", "style"):
            found.append(tag)
        for name, value in attributes.items():
            leads = name in ("href", "src", "action", "formaction", "xlink:href")
            runs = name.startswith("on") or name in ("srcdoc", "style")
            if runs or (leads and (value or "").strip().lower().startswith(("javascript:", "data:"))):
                found.append(f"{tag} {name}={value}")
    return found


@pytest.fixture
def keys(tmp_path: Path) -> AccessKeys:
    return AccessKeys(tmp_path / "access")


@pytest.fixture
def desk(state: State, keys: AccessKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A state with keys and pages, its home in a folder of the test."""
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    seconds = itertools.count(0.0, 2.0)  # every look at the clock is late enough to look at the keys again
    ring = KeyRing(keys, clock=lambda: next(seconds), today=lambda: NOW + dt.timedelta(days=1))
    return replace(state, keys=ring, pages=console_page)


def visitor(state: State, host: str = "127.0.0.1") -> TestClient:
    app = create_app()
    app.state.serving = state
    return TestClient(app, client=(host, 50_000), follow_redirects=False)


@pytest.fixture
def client(desk: State) -> Iterator[TestClient]:
    with visitor(desk) as made:
        yield made


@pytest.fixture
def log_in(client: TestClient, keys: AccessKeys) -> Callable[..., str]:
    def made(name: str = "r.lee", scopes: tuple[str, ...] = ("review",)) -> str:
        text, key = keys.create(name, scopes, now=NOW)
        response = client.post("/console/login", data={"key": text}, headers=ORIGIN)
        assert response.status_code == 303, response.text
        return key.key_id

    return made


def token_of(client: TestClient, path: str = "/console") -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def scored(state: State, request: dict[str, Any], **customer: str) -> str:
    """The score id of an order that waits for review, decided without the HTTP door."""
    from serving.auth import LOCAL
    from serving.scoring import decide_now

    request["customer"] |= customer
    return str(decide_now(state, request, {}, LOCAL)[0].score_id)


def override(**changes: str) -> dict[str, str]:
    return {"request_id": "o1", "outcome": "APPROVE", "role": "CHIEF_FINANCIAL_OFFICER", "reason": "paid this morning",
            "reason_code": "PAYMENT_ARRANGED", **changes}  # fmt: skip


def test_without_a_session_every_page_leads_to_the_login(client: TestClient) -> None:
    for path in ("/console", "/console/decisions/x", "/console/model", "/console/customers/1", "/console/nowhere"):
        response = client.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/console/login")


def test_a_key_opens_a_session_whose_cookie_scripts_and_other_sites_cannot_use(
    client: TestClient, keys: AccessKeys
) -> None:
    text, _ = keys.create("r.lee", ["review"], now=NOW)
    response = client.post("/console/login", data={"key": text}, headers=ORIGIN)
    cookie = response.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "max-age=28800", "path=/"))
    assert text not in cookie
    assert client.get("/console").status_code == 200
    over_tls = client.post(
        "/console/login", data={"key": text}, headers={"Origin": "https://testserver", "X-Forwarded-Proto": "https"}
    )
    assert "__Host-otcrisk=" in over_tls.headers["set-cookie"]
    assert "secure" in over_tls.headers["set-cookie"].lower()


@pytest.mark.parametrize("scopes", [("score",), ("ingest", "metrics")])
def test_a_key_without_the_scope_opens_nothing(client: TestClient, keys: AccessKeys, scopes: tuple[str, ...]) -> None:
    text, _ = keys.create("SAP", scopes, now=NOW)
    response = client.post("/console/login", data={"key": text}, headers=ORIGIN)
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)
    wrong = client.post("/console/login", data={"key": text[:-1]}, headers=ORIGIN)
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)


def test_a_key_does_not_cross_a_network_in_the_clear(desk: State, keys: AccessKeys) -> None:
    text, _ = keys.create("r.lee", ["review"], now=NOW)
    with visitor(desk, host="10.0.0.7") as far:
        assert far.get("/console/login").status_code == 403
        assert far.post("/console/login", data={"key": text}, headers=ORIGIN).status_code == 403
        assert far.get("/console/login", headers={"X-Forwarded-Proto": "https"}).status_code == 200


def test_logging_out_and_revoking_the_key_end_the_session(
    client: TestClient, keys: AccessKeys, log_in: Callable[..., str]
) -> None:
    log_in()
    cookie = dict(client.cookies)
    client.post("/console/logout", data={"form_token": token_of(client)}, headers=ORIGIN)
    client.cookies.update(cookie)  # a copy of the cookie is worth nothing
    assert client.get("/console").status_code == 303
    client.cookies.clear()
    key_id = log_in("second")
    keys.revoke(key_id, now=NOW)
    assert client.get("/console").status_code == 303


def test_a_session_ends_when_idle_and_by_age(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "console.sqlite")
    token = sessions.open("k", 0.0)
    assert token.encode() not in (tmp_path / "console.sqlite").read_bytes()
    seen = 0.0
    while seen + IDLE - 1 < AGE:
        seen += IDLE - 1
        assert sessions.get(token, seen)
    assert sessions.get(token, AGE + 1.0) is None
    idle = sessions.open("k", 0.0)
    assert sessions.get(idle, IDLE + 1.0) is None


@pytest.mark.parametrize(
    ("headers", "has_token"),
    [
        ({}, True),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "https://testserver"}, True),
        (ORIGIN | {"Sec-Fetch-Site": "cross-site"}, True),
        (ORIGIN, False),
    ],
)
def test_a_form_from_elsewhere_does_nothing(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str],
    headers: dict[str, str], has_token: bool,
) -> None:  # fmt: skip
    log_in()
    score_id = scored(desk, contract_request)
    form = override(form_token=token_of(client) if has_token else "x" * 43)
    response = client.post(f"/console/decisions/{score_id}/override", data=form, headers=headers)
    assert response.status_code == 403
    with DecisionNotes(desk.log.path) as notes:
        assert notes.of(score_id) == []


def test_the_list_shows_what_waits_by_money_and_an_override_takes_it_off(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    ids = []
    for number, amount in (("a", "60000.00"), ("b", "90000.00"), ("c", "70000.00")):
        request = contract_request | {"request_id": number}
        request["order"] = contract_request["order"] | {"gross_amount": amount, "sales_order": f"SO-{number}"}
        ids.append(scored(desk, request))
    page = client.get("/console").text
    assert [page.index(f"SO-{number}") for number in "bca"] == sorted(page.index(f"SO-{n}") for n in "abc")
    assert "SO-a" not in client.get("/console?search=SO-c").text.replace('value="SO-', "")
    assert "Nothing waits" in client.get("/console?outcome=APPROVE").text
    form = override(form_token=token_of(client))
    done = client.post(f"/console/decisions/{ids[1]}/override", data=form, headers=ORIGIN)
    assert (done.status_code, done.headers["location"]) == (303, f"/console/decisions/{ids[1]}")
    assert "SO-b" not in client.get("/console").text
    with DecisionNotes(desk.log.path) as notes:
        (note,) = notes.of(ids[1])
    assert (note.content["approver"], note.content["role"]) == ("r.lee", "CHIEF_FINANCIAL_OFFICER")
    shown = client.get(f"/console/decisions/{ids[1]}").text
    assert "paid this morning" in shown
    assert note.record_sha256[:16] in shown


def test_an_override_beyond_the_role_is_refused_with_the_reason_and_what_was_typed(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    contract_request["order"]["gross_amount"] = "400000.00"
    score_id = scored(desk, contract_request)
    form = override(form_token=token_of(client), role="CREDIT_ANALYST", reason="trust me")
    response = client.post(f"/console/decisions/{score_id}/override", data=form, headers=ORIGIN)
    assert response.status_code == 422
    assert "may not approve an order of this amount" in response.text
    assert ">trust me</textarea>" in response.text


def test_a_contest_is_recorded_and_answered(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    score_id = scored(desk, contract_request)
    token = token_of(client)
    contest = {"request_id": "c1", "raised_by": "customer", "grounds": "DATA_ERROR", "reason": "it is disputed"}
    path = f"/console/decisions/{score_id}"
    assert client.post(f"{path}/contest", data=contest | {"form_token": token}, headers=ORIGIN).status_code == 303
    found = re.search(r"<option>(cnt_\w+)</option>", client.get(path).text)
    assert found
    form = override(form_token=token, contest_id=found[1])
    assert client.post(f"{path}/override", data=form, headers=ORIGIN).status_code == 303
    assert found[1] not in client.get(path).text.replace(f"{found[1]} ·", "")


def test_the_pages_of_customer_and_model_say_what_the_service_knows(
    client: TestClient, desk: State, seller: Any, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    payer = seller.customers()[0]
    score_id = scored(desk, contract_request, payer=payer)
    page = client.get(f"/console/customers/{payer}")
    assert page.status_code == 200
    assert score_id in page.text
    assert "days late of the last settled invoice" in page.text
    assert client.get("/console/customers/nobody").status_code == 404
    model = client.get("/console/model").text
    assert desk.tools.policy.sha256 in model
    assert "Chief financial officer" in model
    assert client.get("/console/drift").status_code == 404


@pytest.mark.parametrize("name", CORPUS)
def test_no_name_becomes_markup_on_any_page(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str], name: str
) -> None:
    log_in()
    contract_request["extensions"] = {"note": name}
    contract_request["order"]["sales_order"] = name[:60]
    score_id = scored(desk, contract_request, name=name)
    token = token_of(client)
    path = f"/console/decisions/{score_id}"
    contest = {"request_id": "c1", "raised_by": name, "grounds": "OTHER", "reason": name, "form_token": token}
    assert client.post(f"{path}/contest", data=contest, headers=ORIGIN).status_code == 303
    bad = override(form_token=token, reason=name, role=name)
    pages = [client.get("/console"), client.get(path), client.post(f"{path}/override", data=bad, headers=ORIGIN)]
    pages += [client.get("/console?" + urlencode({"search": name})), client.get(f"/console/customers/{name[:20]}x")]
    for page in pages:
        assert executable(page.text) == []
        assert "script-src 'none'" in page.headers["content-security-policy"]
    assert any("alert" in page.text or "7 * 7" in page.text for page in pages)


def test_every_page_carries_the_headers_that_keep_others_out(client: TestClient, log_in: Callable[..., str]) -> None:
    log_in()
    for path in ("/console", "/console/model", "/console/style.css", "/console/nowhere", "/console/login"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("body", ["a=1&a=2", "key=%00", "key=\xff", "&".join(f"f{i}=1" for i in range(30))])
def test_a_form_that_is_none_is_refused(client: TestClient, body: str) -> None:
    headers = ORIGIN | {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/console/login", content=body.encode("latin-1"), headers=headers).status_code == 400


def test_a_form_beyond_the_limit_and_one_of_another_type_are_refused(client: TestClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/console/login", content=b"key=" + b"x" * 300_000, headers=ORIGIN | form).status_code == 413
    assert client.post("/console/login", json={"key": "x"}, headers=ORIGIN).status_code == 415


def test_a_service_without_pages_has_no_console(desk: State) -> None:
    with visitor(replace(desk, pages=None)) as bare:
        assert bare.get("/console").status_code == 404


def test_a_person_waits_like_others_and_leaves_the_list_when_erased(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    score_id = scored(desk, contract_request, legal_form="NATURAL_PERSON", name="Nora Beispiel")
    assert "Nora Beispiel" in client.get("/console").text
    erase(desk.log, contract_request["customer"]["payer"], actor="a", reason="r", now=NOW)
    assert "Nora Beispiel" not in client.get("/console").text
    gone = client.get(f"/console/decisions/{score_id}")
    assert (gone.status_code, "was erased" in gone.text) == (410, True)


def test_a_decision_that_no_model_made_is_shown_as_one(
    client: TestClient, desk: State, contract_request: dict[str, Any], log_in: Callable[..., str]
) -> None:
    log_in()
    advice = {"request": contract_request, "outcome": "HOLD", "decided_at": "2026-11-20T09:14:05Z",
              "table_sha256": "0" * 64}  # fmt: skip

    reply = take(desk, Call(wire(advice)))
    score_id = json.loads(reply.body)["score_id"]
    assert score_id in client.get("/console").text
    page = client.get(f"/console/decisions/{score_id}")
    assert page.status_code == 200
    assert "Answered in rules mode" in page.text
    assert client.get(f"/console/customers/{contract_request['customer']['payer']}").status_code == 200
