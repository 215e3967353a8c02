"""Ed25519 signatures (RFC 8032): who made a document, and whether this installation trusts its key.

A signature is one line of text: the algorithm, the id of the key, and 64 bytes in hexadecimal. What is signed carries
a domain in front, so that a signature made for one kind of document is worth nothing for another.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from receivables.config import conf_dir, home
from receivables.errors import ArtefactError
from receivables.files import write_once

#: Environment variables: the private key's file; the file of public keys that are trusted.
SIGNING: Final = "OTCRISK_SIGNING_KEY"
TRUSTED: Final = "OTCRISK_TRUSTED_KEYS"
#: Names of both files: of the local pair in keys/ of OTCRISK_HOME, and of the public keys in a folder of configuration.
SIGNING_FILE: Final = "signing_key.pem"
TRUSTED_FILE: Final = "trusted_keys.pem"
#: Bytes of a key file beyond which it is not read.
_MAX_BYTES: Final = 64 * 1024
_LINE: Final = re.compile(rb"ed25519 ([0-9a-f]{16}) ([0-9a-f]{128})\n")
_PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
#: Longest possible signature in bytes.
MAX_SIGNATURE_BYTES: Final = 256


@dataclass(frozen=True)
class SigningKey:
    """A private key; its `id` is the first 16 hexadecimal digits of the SHA-256 of its public half."""

    private: Ed25519PrivateKey

    @property
    def id(self) -> str:
        """What a signature names it by."""
        return _id(self.private.public_key())

    @property
    def public_pem(self) -> bytes:
        """The public half as PEM, to be put among the trusted keys."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, domain: str, data: bytes) -> bytes:
        """The line that `TrustedKeys.verify` expects for `data`."""
        return f"ed25519 {self.id} {self.private.sign(_framed(domain, data)).hex()}\n".encode()


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys by id; `origin` says where they were read."""

    keys: Mapping[str, Ed25519PublicKey]
    origin: str

    @classmethod
    def of_pem(cls, data: bytes, origin: str) -> Self:
        """Every public key in `data`, one PEM block after the other; raises ArtefactError where there is none."""
        found = [_public(block, origin) for block in _PEM.findall(data)]
        if not found:
            raise ArtefactError(f"{origin}: expected Ed25519 public keys in PEM, found none")
        return cls({_id(key): key for key in found}, origin)

    @property
    def pem(self) -> bytes:
        """All keys as PEM."""
        blocks = (key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in self.keys.values())
        return b"".join(blocks)

    def verify(self, domain: str, data: bytes, signature: bytes, where: str) -> str:
        """The id of the key that signed `data`; raises ArtefactError where no trusted key did."""
        line = _LINE.fullmatch(signature)
        if line is None:
            raise ArtefactError(f"{where}: expected a line `ed25519 KEY SIGNATURE`")
        key_id = line[1].decode()
        if key_id not in self.keys:
            raise ArtefactError(
                f"{where}: signed with the key {key_id}, which is not among those trusted here ({self.origin}): "
                f"{', '.join(self.keys)}; add its public half there if it should be"
            )
        try:
            self.keys[key_id].verify(bytes.fromhex(line[2].decode()), _framed(domain, data))
        except InvalidSignature:
            raise ArtefactError(f"{where}: not the signature of what it lies beside; one of them was changed") from None
        return key_id


def signing_key() -> SigningKey:
    """The key of `OTCRISK_SIGNING_KEY`, else the local one in OTCRISK_HOME, whose pair is made on first use.

    Raises ArtefactError where the file is no Ed25519 key, or others than its owner may read it.
    """
    named = os.environ.get(SIGNING)
    path = Path(named) if named else home() / "keys" / SIGNING_FILE
    if not named and not path.exists():
        make_pair(path.parent)
    return read_key(path)


def read_key(path: Path) -> SigningKey:
    """The private key in a PEM file; raises ArtefactError as `signing_key` does."""
    data = _read(path)
    if path.stat().st_mode & 0o077:
        raise ArtefactError(f"{path}: a private key that others may read; run: chmod 600 {path}")
    try:
        private = load_pem_private_key(data, password=None)
    except (TypeError, ValueError) as error:
        raise ArtefactError(f"{path}: expected an unencrypted Ed25519 private key in PEM: {error}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ArtefactError(f"{path}: expected an Ed25519 private key; make one: openssl genpkey -algorithm ed25519")
    return SigningKey(private)


def trusted_keys() -> TrustedKeys:
    """The keys of `OTCRISK_TRUSTED_KEYS`, else of trusted_keys.pem in the configuration, else the local pair's.

    Raises ArtefactError where there are none.
    """
    named = os.environ.get(TRUSTED)
    places = [Path(named)] if named else [conf_dir() / TRUSTED_FILE, home() / "keys" / TRUSTED_FILE]
    for place in places:
        if place.exists() or named:
            return TrustedKeys.of_pem(_read(place), str(place))
    raise ArtefactError(
        f"no trusted key: expected public keys in {' or '.join(map(str, places))}, or in a file that {TRUSTED} names"
    )


def make_pair(folder: Path) -> None:
    """Writes a new private key, which only its owner may read, and its public half beside it; keeps what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    key = SigningKey(Ed25519PrivateKey.generate())
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if write_once(folder / SIGNING_FILE, private):
        (folder / TRUSTED_FILE).unlink(missing_ok=True)  # of a private key that is gone
    # whoever came first has the pair; the public half follows from the private one
    write_once(folder / TRUSTED_FILE, read_key(folder / SIGNING_FILE).public_pem)


def _framed(domain: str, data: bytes) -> bytes:
    return b"\0".join([b"otcrisk", domain.encode(), data])


def _id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _public(block: bytes, origin: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(block)
    except ValueError as error:
        raise ArtefactError(f"{origin}: not a public key in PEM: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ArtefactError(f"{origin}: expected Ed25519 public keys, got another algorithm")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ArtefactError(f"{path}: the key cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise ArtefactError(f"{path}: expected a key of at most {_MAX_BYTES} bytes")
    return data
