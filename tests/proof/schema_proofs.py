"""Requests made from the service's own OpenAPI document, sound and unsound: each is answered as the document says."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from starlette.testclient import TestClient

from serving.app import create_app
from serving.openapi import document
from tests.proof import world
from tests.proof.tally import Tally
from tests.serving.running import HERE

#: Statuses that are never an answer to a request that was made from the schema.
_NEVER: Final = frozenset({500, 502, 503, 504})


def requests(count: int) -> Tally:
    """At least `count` requests over all operations that have a body or parameters."""
    tally = Tally("0 server errors on requests made from the service's own schema", "2,000 schemathesis cases, 0 5xx")
    seen = Counter[str]()
    with tempfile.TemporaryDirectory() as folder, world.state(Path(folder)) as state:
        app = create_app()
        app.state.serving = state
        schema = schemathesis.openapi.from_dict(document())
        operations = [found.ok() for found in schema.get_all_operations()]
        each = max(2, 2 * count // len(operations))  # of some operations there are not so many
        with TestClient(app, client=HERE, raise_server_exceptions=False) as client:
            for operation in operations:
                _fuzz(operation, each, client, tally, seen)
    tally.figures = {f"status_{name}": number for name, number in sorted(seen.items())}
    tally.count([f"only {tally.tried} cases were made, expected {count}"] if tally.tried < count else [], tries=0)
    return tally


def _fuzz(operation: Any, each: int, client: TestClient, tally: Tally, seen: Counter[str]) -> None:
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]

    @seed(1)
    @settings(
        max_examples=each,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(strategies))
    def ask(case: Any) -> None:
        status = _status(case, client)
        seen[f"{status // 100}xx"] += 1
        tally.count([f"{case.method} {case.path}: {status}"] if status in _NEVER or status >= 500 else [])

    try:
        ask()
    except Exception as error:  # noqa: BLE001 - an operation for which nothing can be made counts for itself
        tally.count([f"{operation.method} {operation.path}: {type(error).__name__}: {error}"[:300]], tries=0)


def _status(case: Any, client: TestClient) -> int:
    kept = case.as_transport_kwargs(base_url="http://testserver")
    if "data" in kept:  # what cannot be a form goes as bytes
        kept["content"] = kept.pop("data")
    return int(client.request(**{name: value for name, value in kept.items() if name in _ACCEPTED}).status_code)


_ACCEPTED: Final = frozenset({"method", "url", "headers", "params", "json", "content", "files"})
