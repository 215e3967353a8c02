"""The contract's example as a decision record, and a ledger of its customer."""

from __future__ import annotations

from typing import Any

import pytest

from receivables.decision import DecisionRecord
from receivables.ledger import Ledger
from tests.reports import examples


@pytest.fixture
def request_body() -> dict[str, Any]:
    """The request of the example, free to be changed."""
    return examples.read("decision_request.json")


@pytest.fixture
def response_body() -> dict[str, Any]:
    """The response of the example, free to be changed."""
    return examples.read("decision_response.json")


@pytest.fixture
def record(request_body: dict[str, Any], response_body: dict[str, Any]) -> DecisionRecord:
    """The example as the decision log holds it."""
    return examples.made_record(request_body, response_body)


@pytest.fixture
def customer_ledger() -> Ledger:
    """Two years of the example's customer."""
    return examples.customer_ledger()
