"""The record of one decision: what was asked, what was answered and what it rests on, chained by hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import msgspec

#: What the first record of a log names as its predecessor.
GENESIS: Final = "0" * 64
#: Keeps a record's hash from being mistaken for the hash of anything else; changes with the layout of the payload.
_DOMAIN: Final = b"otcrisk-decision-v1"

# made once: `json.dumps` makes an encoder for every call that wants another form than its own
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_QUICK: Final = msgspec.json.Encoder()
#: What numbers begin with, or hold, that msgspec writes in another form than Python does: those below 0.0001.
_OTHERWISE: Final = (b"0.0000", b"e-")
_WIRE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(document: object) -> str:
    """`document` as JSON with sorted keys, no spaces and exact floats: equal documents give equal text.

    Raises ValueError for NaN and infinity, which JSON does not have.

    >>> canonical({"b": 0.1, "a": [1, None]})
    '{"a":[1,null],"b":0.1}'
    """
    return _CANONICAL.encode(document)


def wire(document: object) -> bytes:
    """`document` as the bytes that are sent: keys in the given order, so that people can read it.

    Numbers are written as Python writes them. Raises ValueError for NaN and infinity only where a document is hashed
    (`canonical`), as every recorded one is; elsewhere they are null.

    >>> wire({"b": 1, "a": "ü"})
    b'{"b":1,"a":"\\xc3\\xbc"}'
    """
    try:
        text = _QUICK.encode(document)
    except (TypeError, OverflowError):  # numbers of another library, or beyond 64 bits
        return _WIRE.encode(document).encode()
    return _WIRE.encode(document).encode() if any(sign in text for sign in _OTHERWISE) else text


def fingerprint(document: object) -> str:
    """Hex SHA-256 of the canonical form.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def moment_text(moment: dt.datetime) -> str:
    """The moment in UTC to the microsecond, always of one length, so that texts sort by time.

    >>> moment_text(dt.datetime(2026, 11, 20, 10, 14, 5, tzinfo=dt.timezone(dt.timedelta(hours=1))))
    '2026-11-20T09:14:05.000000Z'
    """
    return f"{moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


@dataclass(frozen=True)
class PreviousScore:
    """What an answer says of the decision before: its score, null where no model answered, and when it was made."""

    credit_score: int | None
    scored_at: str


@dataclass(frozen=True)
class DecisionRecord:
    """One answered order.

    `request` is as received and `response` as answered; `as_of` and `recorded_at` are `moment_text`. `features` are the
    exact model inputs by name, null where unknown; `contributions` hold per model the reference and the contribution
    of each feature in log-odds; `versions` name everything the answer depends on. A record that a log has accepted
    carries its own hash and its predecessor's, in its fields and in the response's `audit` block.
    """

    score_id: str
    request_id: str
    idempotency_key: str
    customer_id: str
    as_of: str
    recorded_at: str
    input_sha256: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    features: Mapping[str, float | None]
    contributions: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, Any]
    record_sha256: str = ""
    previous_sha256: str = ""

    def sealed(self, previous_sha256: str) -> DecisionRecord:
        """The record as successor of `previous_sha256`, with its own hash."""
        return self.sealed_over(previous_sha256, canonical(self.payload()))

    def sealed_over(self, previous_sha256: str, payload: str) -> DecisionRecord:
        """`sealed` where the canonical text of `payload()` is at hand."""
        digest = digest_of(previous_sha256, payload)
        audit = {
            **self.response["audit"],
            "record_sha256": digest,
            "previous_record_sha256": previous_sha256,
        }
        response = {**self.response, "audit": audit}
        return replace(self, previous_sha256=previous_sha256, record_sha256=digest, response=response)

    @cached_property
    def answer(self) -> bytes:
        """The response as it is sent, and as a log keeps it."""
        return wire(self.response)

    def digest(self) -> str:
        """Hex SHA-256 over the predecessor's hash and every field; the hashes inside the response count as empty.

        A record about a natural person has the hash of its encrypted text instead.
        """
        return digest_of(self.previous_sha256, canonical(self.payload()))

    def payload(self) -> dict[str, Any]:
        """What the hash covers, as one document."""
        audit = {**self.response["audit"], "record_sha256": None, "previous_record_sha256": None}
        return {
            "score_id": self.score_id,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "customer_id": self.customer_id,
            "as_of": self.as_of,
            "recorded_at": self.recorded_at,
            "input_sha256": self.input_sha256,
            "request": self.request,
            "response": {**self.response, "audit": audit},
            "features": self.features,
            "contributions": self.contributions,
            "versions": self.versions,
        }


def digest_of(previous_sha256: str, payload: str) -> str:
    """Hex SHA-256 of a record: over its predecessor's hash and the text that is stored of it."""
    return hashlib.sha256(_DOMAIN + b"\n" + f"{previous_sha256}\n{payload}".encode()).hexdigest()
