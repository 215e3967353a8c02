"""What of a decision is personal data of a natural person, and how it is encrypted so that it can be erased.

Decisions are chained by hash, so no record can be taken out. Where the customer is a natural person (consumer or sole
trader), everything that says something about them is encrypted with AES-256-GCM under a key of that customer and year;
the chain covers the ciphertext. Destroying the key erases the data, in every copy of the log, and leaves the chain
valid (crypto-shredding; cf. NIST SP 800-88 on cryptographic erase).
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receivables.errors import ArtefactError

#: Legal forms whose data is that of a person; sole traders are among them.
NATURAL: Final = frozenset({"NATURAL_PERSON"})
#: The key under which a document holds what is encrypted of it.
PERSONAL: Final = "personal"
#: What stands in the place of a document whose key was destroyed.
ERASED: Final[Mapping[str, Any]] = {"erased": True}
#: Keeps ciphertext of one kind of document, or of one release, from being read as another.
_DOMAIN: Final = b"otcrisk-personal-v1\0"
_NONCE_BYTES: Final = 12


@dataclass(frozen=True)
class DataKey:
    """A key of one customer and year: what it is named by, and its 32 secret bytes."""

    key_id: str
    secret: bytes


def is_natural(request: Mapping[str, Any]) -> bool:
    """Whether a scoring request is about a natural person."""
    customer = request.get("customer")
    return isinstance(customer, Mapping) and customer.get("legal_form") in NATURAL


def encrypted(document: object, key: DataKey, *, about: str) -> dict[str, str]:
    """`document` as ciphertext that opens under the same key and for the same `about` (a score id, a note id) only."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    plain = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text = AESGCM(key.secret).encrypt(nonce, plain, _DOMAIN + about.encode())
    return {"key": key.key_id, "nonce": _base64(nonce), "text": _base64(text)}


def decrypted(sealed: Mapping[str, str], key: DataKey, *, about: str) -> Any:
    """The document in `sealed`, keys in their order; raises ArtefactError where key, place or bytes are not those."""
    try:
        nonce, text = (base64.b64decode(sealed[name], validate=True) for name in ("nonce", "text"))
        return json.loads(AESGCM(key.secret).decrypt(nonce, text, _DOMAIN + about.encode()))
    except (InvalidTag, KeyError, ValueError):
        raise ArtefactError(f"{about}: its personal data does not open under the key {key.key_id}") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
