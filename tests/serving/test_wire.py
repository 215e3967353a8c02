"""Bodies that are not strict JSON are refused before anything looks at them."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.problems import ApiError
from serving.wire import MAX_DEPTH, parse, require_json

REFUSED = {
    "nothing": b"",
    "half a document": b'{"a": ',
    "two documents": b"{} {}",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a number beyond double precision": b'{"a": 1e999}',
    "a number of ten thousand digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, further down": b'{"x": [{"a": 1, "a": 1}]}',
    "NUL": b'{"a": "x\\u0000"}',
    "a newline": b'{"a": "x\\ny"}',
    "an escape sequence": b'{"a": "\\u001b[31m"}',
    "a control character in a key": b'{"a\\u0007": 1}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a right-to-left override": '{"a": "CU\u202e10"}'.encode(),
    "invalid UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
    "nesting just beyond the limit": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_as_malformed(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse(body)
    assert (caught.value.status, caught.value.code) == (400, "MALFORMED_JSON")


def test_names_where_the_refused_text_is_and_never_repeats_it() -> None:
    with pytest.raises(ApiError) as caught:
        parse(b'{"customer": {"name": ["ok", "secret\\u0000"]}}')
    assert [p.field for p in caught.value.fields] == ["customer.name[1]"]
    assert "secret" not in json.dumps(caught.value.envelope("r"))


def test_plain_documents_come_through_unchanged_with_all_scripts() -> None:
    document = {"a": [1, 2.5, None, True, "Größe, 東京, नमस्ते"], "b": {}}
    assert parse(json.dumps(document, ensure_ascii=False).encode()) == document


@given(st.binary(max_size=200))
def test_no_body_whatever_it_holds_does_anything_but_parse_or_be_refused(body: bytes) -> None:
    with contextlib.suppress(ApiError):
        parse(body)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_is_read(kind: str) -> None:
    require_json(kind)


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
     "application/vnd.bentoml+pickle", "application/json; charset=utf-16", "application/json, text/plain"],
)  # fmt: skip
def test_nothing_else_is_read(kind: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        require_json(kind)
    assert caught.value.status == 415
