"""The stand-in table: what an ERP may decide by itself while the service is silent, signed and valid for some hours.

Card networks do the same where an issuer does not answer. The table holds a risk class per customer and, per class,
what all orders of a customer together may come to meanwhile. Everything else is reviewed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from receivables.credit_checks import APPROVED
from receivables.decision import canonical, moment_text
from receivables.errors import ArtefactError, InputError, NotFoundError
from receivables.files import replace_whole
from receivables.money import parse_minor
from receivables.signature import MAX_SIGNATURE_BYTES, SigningKey, TrustedKeys

#: Keeps a table's signature from being worth anything for another kind of document.
DOMAIN: Final = "stand-in table 1"
#: What may be wrong with a decision that was made by a table.
UNKNOWN_TABLE: Final = "STAND_IN_TABLE_UNKNOWN"
NOT_SIGNED: Final = "STAND_IN_NOT_SIGNED"
EXPIRED: Final = "STAND_IN_EXPIRED"
DEVIATES: Final = "STAND_IN_DEVIATES"


@dataclass(frozen=True)
class StandInTable:
    """Valid from `issued_at` until `valid_until` (`moment_text`), made with a policy and a model.

    `customers` holds the risk class of each that may be decided on, `up_to` the largest sum of a customer's orders by
    class and currency.
    """

    issued_at: str
    valid_until: str
    policy: str
    policy_sha256: str
    model: str
    up_to: Mapping[str, Mapping[str, str]]
    customers: Mapping[str, str]

    @property
    def data(self) -> bytes:
        """What is signed."""
        return canonical(asdict(self)).encode()

    @property
    def sha256(self) -> str:
        """Names the table."""
        return hashlib.sha256(self.data).hexdigest()

    def most(self, payer: str, currency: str) -> int | None:
        """What the payer's orders may come to, in minor units; null where the table approves none."""
        text = self.up_to.get(self.customers.get(payer, ""), {}).get(currency)
        return None if text is None else parse_minor(text, currency)

    def problems(self, payer: str, amount_minor: int, currency: str, outcome: str, at: dt.datetime) -> Iterator[str]:
        """What is wrong with a decision that is said to have been made by the table at a moment."""
        if not self.issued_at <= moment_text(at) <= self.valid_until:
            yield EXPIRED
        most = self.most(payer, currency)
        if outcome in APPROVED and (most is None or amount_minor > most):
            yield DEVIATES


def write(folder: Path, table: StandInTable, key: SigningKey) -> Path:
    """The file of the table, signed, under its own name in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.sha256}.json"
    replace_whole(path, table.data + b"\n" + key.sign(DOMAIN, table.data))
    return path


def read(folder: Path, sha256: str, trusted: TrustedKeys) -> StandInTable:
    """The table of that name; raises NotFoundError, or ArtefactError where no trusted key signed it."""
    if len(sha256) != 64 or not sha256.isalnum():
        raise InputError("expected the SHA-256 of a table in hexadecimal")
    path = folder / f"{sha256}.json"
    if not path.is_file():
        raise NotFoundError(f"{path}: no such stand-in table")
    data, _, signature = path.read_bytes().partition(b"\n")
    trusted.verify(DOMAIN, data, signature[:MAX_SIGNATURE_BYTES], str(path))
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtefactError(f"{path}: holds another table than its name says")
    try:
        return StandInTable(**json.loads(data))
    except (TypeError, ValueError):
        raise ArtefactError(f"{path}: signed, but not a table of this release") from None
