"""Between a decision record and the text that the log stores and chains: encrypted where it is about a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from receivables.decision import DecisionRecord, canonical
from receivables.personal import ERASED, PERSONAL, decrypted, encrypted, is_natural
from receivables.personal_keys import PersonalKeys

#: Parts of a record that say something about the customer.
_HIDDEN: Final = ("request", "response", "features", "contributions", "versions")
#: The one version that does too; the others stay legible, so that an erased record still says what decided.
_RESERVATIONS: Final = "reservations"


def payload_of(record: DecisionRecord, keys: PersonalKeys) -> str:
    """The canonical text of the record's payload; raises what `PersonalKeys.of` raises."""
    document = record.payload()
    if is_natural(record.request):
        subject = str(record.request["customer"]["legal_form"])
        key = keys.of(record.customer_id, subject, int(record.recorded_at[:4]))
        hidden = {name: document.pop(name) for name in _HIDDEN}
        document["versions"] = {name: value for name, value in record.versions.items() if name != _RESERVATIONS}
        document[PERSONAL] = encrypted(hidden, key, about=record.score_id)
    return canonical(document)


def is_protected(document: Mapping[str, Any]) -> bool:
    """Whether parts of a stored payload are encrypted."""
    return PERSONAL in document


def record_of(document: Mapping[str, Any], hashes: Mapping[str, Any], keys: PersonalKeys) -> DecisionRecord:
    """The record in a protected payload; raises ErasedError where its key was destroyed, ArtefactError as opened."""
    sealed = document[PERSONAL]
    hidden = decrypted(sealed, keys.get(sealed["key"]), about=document["score_id"])
    response = hidden["response"]
    audit = {
        **response["audit"],
        "record_sha256": hashes["record_sha256"],
        "previous_record_sha256": hashes["previous_sha256"],
    }
    legible = {name: value for name, value in document.items() if name != PERSONAL}
    return DecisionRecord(**{**legible, **hidden, "response": {**response, "audit": audit}}, **hashes)


def erased_record_of(document: Mapping[str, Any], hashes: Mapping[str, Any]) -> DecisionRecord:
    """What is left of a record whose key was destroyed: ids, moments, versions and hashes."""
    legible = {name: value for name, value in document.items() if name != PERSONAL}
    return DecisionRecord(**legible, request=ERASED, response=ERASED, features={}, contributions={}, **hashes)
