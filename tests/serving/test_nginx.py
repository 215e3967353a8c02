"""Production as documented: nginx ends TLS before two services; one of them stops and no caller notices."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from receivables.access_keys import AccessKeys
from tests.conftest import _unavailable
from tests.serving.random_orders import random_order
from tests.serving.running import Running, free_port, running

ROOT = Path(__file__).resolve().parents[2]
DRAIN = 1.0


@dataclass(frozen=True)
class Site:
    """nginx on a port before two services, a key, and the certificate that callers trust."""

    port: int
    services: list[Running]
    key: str
    trusted: ssl.SSLContext

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trusted)
        try:
            body = json.dumps(document) if document is not None else None
            sent = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}", **headers}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
        finally:
            connection.close()


def certificate(folder: Path) -> None:
    """A self-signed certificate of 127.0.0.1 for an hour: tls.crt and tls.key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "tls.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def configuration(folder: Path, port: int, ports: list[int]) -> Path:
    """The documented part of nginx's configuration with this test's ports and files, inside the least that it needs."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    servers = " ".join(f"server 127.0.0.1:{each} max_fails=0;" for each in ports)
    for before, after in (
        ("server 127.0.0.1:3000 max_fails=0;", servers),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/otcrisk", str(folder)),
    ):
        assert before in documented
        documented = documented.replace(before, after)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{ access_log off; {temporary}\n{documented}}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def site(seller: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        _unavailable("no nginx; install nginx-light")
        return
    folder = tmp_path_factory.mktemp("nginx")
    certificate(folder)
    text, _ = AccessKeys(folder / "access").create("caller", ["score", "review"], now=dt.datetime.now(dt.UTC))
    environment = {**os.environ, "OTCRISK_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    port, ports = free_port(), [free_port(), free_port()]
    with ExitStack() as stack:
        words = ("--ledger", str(seller.path), "--champion", str(seller.champion), "--drain", str(DRAIN))
        services = [
            stack.enter_context(
                running(
                    [sys.executable, "-m", "cli.main", "serve", *words, "--port", str(each)],
                    each,
                    cwd=folder,
                    env=environment,
                    log=folder / f"{each}.txt",
                )
            )
            for each in ports
        ]
        process = subprocess.Popen([program, "-p", str(folder), "-c", str(configuration(folder, port, ports))])
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        made = Site(port, services, text, ssl.create_default_context(cafile=str(folder / "tls.crt")))
        _wait(made)
        yield made


def _wait(site: Site) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError):
            if site.ask("GET", "/readyz")[0] == 200:
                return
        time.sleep(0.1)
    raise AssertionError("nginx did not answer")


@pytest.fixture(scope="module")
def orders(seller: Any) -> list[dict[str, Any]]:
    dice = random.Random(9)
    return [random_order(dice, seller.customers(), number) for number in range(60)]


def test_an_order_is_answered_through_the_proxy_with_an_id_of_its_own(site: Site, orders: list[dict[str, Any]]) -> None:
    status, headers, body = site.ask("POST", "/v1/orders/score", orders[0])
    assert status == 200, body
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


def test_through_the_proxy_nobody_counts_as_this_machine(site: Site, orders: list[dict[str, Any]]) -> None:
    assert site.ask("POST", "/v1/orders/score", orders[0], Authorization="")[0] == 401
    assert site.ask("GET", "/metrics")[0] == 403


def test_a_body_that_is_too_large_ends_at_the_proxy(site: Site) -> None:
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):  # where it does not listen to the end
        assert site.ask("POST", "/v1/orders/score", "x" * 5_000_000)[0] == 413


def test_plain_http_gets_nothing(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 400
    connection.close()


def test_a_person_logs_in_through_the_proxy_and_the_cookie_is_for_tls_alone(site: Site) -> None:
    origin = {"Origin": f"https://127.0.0.1:{site.port}", "Content-Type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=60, context=site.trusted)
    connection.request("POST", "/console/login", f"key={site.key}", origin)
    response = connection.getresponse()
    response.read()
    cookie = response.headers["Set-Cookie"]
    assert (response.status, response.headers["Location"]) == (303, "/console")
    assert cookie.startswith("__Host-otcrisk=")
    assert "secure" in cookie.lower()
    connection.request("GET", "/console", headers={"Cookie": cookie.partition(";")[0]})
    page = connection.getresponse()
    assert (page.status, "Log out" in page.read().decode()) == (200, True)
    connection.close()


def test_one_of_two_services_stops_and_no_caller_notices(site: Site, orders: list[dict[str, Any]]) -> None:
    stopped = site.services[0].process
    stopped.terminate()
    answered, begun = 0, time.monotonic()
    while stopped.poll() is None or answered < 20:
        order = {**orders[answered % len(orders)], "request_id": f"stop-{answered}"}
        status, _, body = site.ask("POST", "/v1/orders/score", order)
        assert status == 200, body
        answered += 1
        assert time.monotonic() - begun < 60
    assert stopped.returncode == 0
