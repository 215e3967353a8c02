"""A client of the scoring service in one file: retries, idempotency, and orders changed as an answer proposes.

    python examples/client.py examples/order.json http://127.0.0.1:3000

Copy it into your own code: it needs nothing beyond Python's standard library.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import http.client
import json
import random
import sys
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

#: Answers after which the same request may be sent again: nothing was decided, or the same answer is given again.
_AGAIN = frozenset({429, 502, 503, 504})
_ERRORS = (OSError, http.client.HTTPException)


class RefusedError(Exception):
    """The service refused the request: `status`, `code`, `fields`, and the id that finds it in the service's log."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {error.get('code')}: {error.get('message')}")
        self.status, self.code = status, str(error.get("code"))
        self.fields: list[dict[str, str]] = list(error.get("fields", []))
        self.request_id = error.get("request_id")


@dataclass(frozen=True)
class Client:
    """Asks the service at `url`; `headers` go with every request, such as an Authorization for the proxy before it.

    A request is sent up to `attempts` times where the service cannot be reached, is not ready or is busy. That is safe:
    a decision is recorded once under its request id, and the same request again gets the same answer byte for byte.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 10.0
    attempts: int = 4
    first_pause_seconds: float = 0.2

    def score(self, order: Mapping[str, Any], *, deadline_ms: int | None = None) -> dict[str, Any]:
        """The answer to a scoring request."""
        extra = {} if deadline_ms is None else {"X-Deadline-Ms": str(deadline_ms)}
        return self.ask("POST", "/v1/orders/score", order, extra | {"Idempotency-Key": str(order["request_id"])})

    def score_batch(self, orders: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One result per order, in their order: its status, and an answer or an error."""
        return list(self.ask("POST", "/v1/orders/score-batch", {"orders": orders})["results"])

    def decision(self, score_id: str) -> dict[str, Any]:
        """The record of a decision."""
        return self.ask("GET", f"/v1/decisions/{urllib.parse.quote(score_id, safe='')}")

    def override(self, score_id: str, **what: Any) -> dict[str, Any]:
        """Records a person's other decision: outcome, reason, approver, role."""
        return self.ask("POST", f"/v1/decisions/{urllib.parse.quote(score_id, safe='')}/override", what)

    def customer(self, payer: str, view: str = "risk") -> dict[str, Any]:
        """A customer's risk, profile or history."""
        return self.ask("GET", f"/v1/customers/{urllib.parse.quote(payer, safe='')}/{view}")

    def ask(
        self, method: str, path: str, document: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON that the service answers; raises RefusedError, or ConnectionError where it is out of reach."""
        body = None if document is None else json.dumps(document).encode()
        sent = {"Content-Type": "application/json"} if body else {}
        problem: Exception | None = None
        for attempt in range(self.attempts):
            if attempt:
                # spread out, so that many clients do not come back at the same moment
                time.sleep(self.first_pause_seconds * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                status, found = self._once(method, path, body, {**self.headers, **sent, **(headers or {})})
            except _ERRORS as error:
                problem = error
                continue
            if status == 200:
                return found
            problem = RefusedError(status, found.get("error", {}))
            if status not in _AGAIN:
                raise problem
        if isinstance(problem, RefusedError):
            raise problem
        raise ConnectionError(f"{self.url}: cannot be reached: {problem}") from problem

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        place = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.hostname or "127.0.0.1", place.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            text = response.read()
            try:
                return response.status, json.loads(text or b"{}")
            except ValueError:  # of a proxy on the way
                return response.status, {}
        finally:
            connection.close()


@dataclass
class StandIn:
    """Decides by the table that `otcrisk standin` wrote, while the service is silent; keeps what is to be reported.

    It approves what the customer's orders may come to by its class, and leaves all else to a person. The signature is
    for the service to check when it hears of the decision; here the table must come from where only the service writes.
    """

    table: Mapping[str, Any]
    sha256: str
    spent: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    advices: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> StandIn:
        """The table in the file; its second line is the signature."""
        data = path.read_bytes().partition(b"\n")[0]
        return cls(json.loads(data), hashlib.sha256(data).hexdigest())

    def decide(self, order: Mapping[str, Any], now: dt.datetime) -> str:
        """APPROVE or REVIEW, noted as an advice; REVIEW for everything once the table has run out."""
        payer, currency = order["customer"]["payer"], order["order"]["currency"]
        amount = Decimal(order["order"]["gross_amount"]) + self.spent.get((payer, currency), Decimal(0))
        up_to = self.table["up_to"].get(self.table["customers"].get(payer, ""), {}).get(currency)
        is_valid = self.table["issued_at"] <= _text(now) <= self.table["valid_until"]
        outcome = "APPROVE" if is_valid and up_to is not None and amount <= Decimal(up_to) else "REVIEW"
        if outcome == "APPROVE":
            self.spent[payer, currency] = amount
        self.advices.append(
            {"request": dict(order), "outcome": outcome, "decided_at": _text(now), "table_sha256": self.sha256}
        )
        return outcome


def decided(client: Client, stand_in: StandIn, order: Mapping[str, Any], now: dt.datetime) -> str:
    """The outcome for an order: the service's, else the table's."""
    try:
        return str(client.score(order)["decision"]["outcome"])
    except ConnectionError:
        return stand_in.decide(order, now)
    except RefusedError as error:
        if error.status not in _AGAIN:
            raise
        return stand_in.decide(order, now)


def report(client: Client, stand_in: StandIn) -> None:
    """Tells the service what was decided meanwhile; what it has not heard of stays for the next time."""
    while stand_in.advices:
        try:
            client.ask("POST", "/v1/decisions/advice", stand_in.advices[0])
        except RefusedError as error:
            if error.status != 409:  # it had decided itself, and its answer was lost on the way
                raise
        stand_in.advices.pop(0)


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def changed(order: Mapping[str, Any], counterfactual: Mapping[str, Any]) -> dict[str, Any]:
    """The order as one of an answer's counterfactuals would have it, ready to be sent under a request id of its own.

    >>> order = {"order": {"gross_amount": "500.00", "currency": "EUR"}}
    >>> changed(order, {"change": "REDUCE_ORDER", "parameters": {"gross_amount": "300.00"}})["order"]["gross_amount"]
    '300.00'
    """
    made, parameters = copy.deepcopy(dict(order)), counterfactual["parameters"]
    match counterfactual["change"]:
        case "REDUCE_ORDER":
            made["order"]["gross_amount"] = parameters["gross_amount"]
        case "PREPAYMENT":
            made["order"]["prepaid_amount"] = parameters["amount"]
        case "SECURE":
            made["order"]["secured_amount"] = parameters["secured_amount"]
        case "SHORTEN_TERMS":
            made["order"]["payment_terms"]["net_days"] = parameters["net_days"]
        case "RAISE_LIMIT":
            account = made.setdefault("credit_account", {"currency": parameters["currency"]})
            account["credit_limit_amount"] = parameters["credit_limit_amount"]
        case "CLEAR_OPEN_ITEM":
            _clear(made, parameters)
        case other:
            raise ValueError(f"expected a change that the service proposes, got {other!r}")
    return made


def _clear(order: dict[str, Any], parameters: Mapping[str, Any]) -> None:
    """Takes the items out of `open_items`; a list that is not complete must say that they are paid."""
    numbers, given = parameters["document_numbers"], order.get("open_items")
    items = given["items"] if given else []
    listed = {item["document_number"]: item for item in items if item["document_number"] in numbers}
    if listed:
        given["items"] = [item for item in items if item["document_number"] not in numbers]
    if not (given and given.get("complete") and len(listed) == len(numbers)):
        today = dt.datetime.fromisoformat(order["as_of"]).astimezone(dt.UTC).date().isoformat()
        paid = order.setdefault("settled_items", {"items": []})["items"]
        for number in numbers:
            # dates and amount of an invoice that the ledger holds are those of the ledger
            item = listed.get(number, {"posting_date": today, "due_date": today, "amount": parameters["amount"]})
            facts = {name: item[name] for name in ("posting_date", "due_date", "amount")}
            paid.append({"document_number": number, **facts, "cleared_on": today, "currency": parameters["currency"]})
    exposure = (order.get("credit_account") or {}).get("exposure") or {}
    if exposure.get("open_item_amount") is not None:
        lower = Decimal(exposure["open_item_amount"]) - Decimal(parameters["amount"])
        exposure["open_item_amount"] = str(lower)


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answer = Client(sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000").score(document)
    json.dump({name: answer[name] for name in ("decision", "counterfactuals", "actions")}, sys.stdout, indent=2)
    print()
