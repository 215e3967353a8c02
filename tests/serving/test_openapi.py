"""openapi.json: every path is in it, its examples run, and every answer has the form that it states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from receivables.store import open_store
from serving.answer_schemas import ScoreAnswer
from serving.app import PATHS, create_app
from serving.openapi import document
from serving.operations import OPERATIONS
from serving.payers import Payers
from serving.state import State
from tests.serving.running import HERE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def client(state: State, seller: Any, tmp_path: Path) -> Iterator[TestClient]:
    # the examples post events: the ledger that tests share stays as it is
    shutil.copy(seller.path, tmp_path / "ledger.sqlite")
    app = create_app()
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        app.state.serving = replace(state, payers=Payers(store, state.tools.rates))
        with TestClient(app, client=HERE) as made:
            yield made


def test_every_path_of_the_service_is_described_with_its_method() -> None:
    served = {path.path: path.method.lower() for path in PATHS if path.path.startswith("/v1/")}
    assert {path: operation.method for path, operation in OPERATIONS.items()} == served
    assert set(document()["paths"]) == set(OPERATIONS)


def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() -> None:
    text = json.dumps(document())
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(document()["components"]["schemas"])
    names = [op["operationId"] for path in document()["paths"].values() for op in path.values()]
    assert len(set(names)) == len(names)


def answers_of(client: TestClient, seller: Any, order: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A call of every path with its own example, and what it answers."""
    payer = seller.customers()[0]
    order["customer"]["payer"] = payer
    made = client.post("/v1/orders/score", json=order).json()
    assert "error" not in made, made
    score_id = made["score_id"]
    for path, operation in OPERATIONS.items():
        url = path.format(score_id=score_id, payer=payer)
        body = document()["paths"][path][operation.method].get("requestBody")
        if body:
            example = body["content"]["application/json"]["example"]
            if path.endswith("override"):
                example = example | {"role": "CHIEF_FINANCIAL_OFFICER"}
            yield path, client.post(url, json=example).json()
        else:
            yield path, client.request(operation.method.upper(), url).json()


def test_every_example_runs_and_every_answer_has_the_stated_form(
    client: TestClient, seller: Any, contract_request: dict[str, Any]
) -> None:
    for path, answer in answers_of(client, seller, contract_request):
        assert "error" not in answer, (path, answer)
        model: type[BaseModel] | None = OPERATIONS[path].answer
        if model is not None:
            model.model_validate(answer)


def test_every_schema_is_one_and_every_example_fits_its_own(contract_request: dict[str, Any]) -> None:
    whole = document()
    jsonschema.Draft202012Validator.check_schema({"$defs": whole["components"]["schemas"]})
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = {**content["schema"], "components": whole["components"]}
                jsonschema.validate(content["example"], schema, jsonschema.Draft202012Validator)
            assert all(parameter["schema"] for parameter in operation.get("parameters", [])), path
    request = {"$ref": "#/components/schemas/ScoreRequest", "components": whole["components"]}
    jsonschema.validate(contract_request, request, jsonschema.Draft202012Validator)


def test_the_response_of_the_contract_has_the_stated_form(contract_response: dict[str, Any]) -> None:
    ScoreAnswer.model_validate(contract_response)
