"""Signed checkpoints of the decision log, kept outside it: what a chain of hashes alone cannot show.

Whoever can write the log's file can cut its end off, or write a whole new chain. A checkpoint says which record was
the newest at a moment, under a signature whose key is not in the file; lay them where the log's writer cannot change
them (another machine, write-once storage).
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from receivables.decision import canonical, moment_text
from receivables.errors import ArtefactError, UnavailableError
from receivables.signature import MAX_SIGNATURE_BYTES, SigningKey, TrustedKeys

#: Keeps a checkpoint's signature from being worth anything for another kind of document.
DOMAIN: Final = "decision-log-checkpoint-v1"
#: Bytes of a checkpoint beyond which it is not read.
_MAX_BYTES: Final = 4096


@dataclass(frozen=True)
class Checkpoint:
    """Record `seq` of the log had the hash `record_sha256` and was the newest at `at` (`moment_text`)."""

    seq: int
    record_sha256: str
    at: str

    @property
    def data(self) -> bytes:
        """What is signed and stored."""
        return canonical(asdict(self)).encode()


def write(folder: Path, head: tuple[int, str], moment: dt.datetime, key: SigningKey) -> Path:
    """The file of a new checkpoint of `head` (number and hash of the newest record); nothing is ever overwritten.

    Raises UnavailableError where it cannot be written.
    """
    made = Checkpoint(*head, moment_text(moment))
    path = folder / f"{made.seq:012d}-{moment.astimezone(dt.UTC):%Y%m%dT%H%M%S%fZ}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        with draft.open("xb") as stream:
            stream.write(made.data + b"\n" + key.sign(DOMAIN, made.data))
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(path)
    except OSError as error:
        raise UnavailableError(f"{path}: the checkpoint cannot be written: {error.strerror}") from None
    return path


def read(folder: Path, trusted: TrustedKeys) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints in `folder` with a good signature, oldest first, and what is wrong with the others."""
    good, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            good.append(_read(path, trusted))
        except ArtefactError as error:
            problems.append(str(error))
    return good, problems


def contradictions(checkpoints: Sequence[Checkpoint], hashes: dict[int, str]) -> list[str]:
    """Checkpoints that the log contradicts; `hashes` holds the hash of each of its records by number."""
    made = []
    for point in checkpoints:
        if point.seq and point.seq not in hashes:
            made.append(f"the checkpoint of {point.at} names record {point.seq}, which the log does not hold any more")
        elif point.seq and hashes[point.seq] != point.record_sha256:
            made.append(f"record {point.seq} is not the one that the checkpoint of {point.at} names")
    return made


def _read(path: Path, trusted: TrustedKeys) -> Checkpoint:
    with path.open("rb") as stream:
        data, _, signature = stream.read(_MAX_BYTES).partition(b"\n")
    trusted.verify(DOMAIN, data, signature[:MAX_SIGNATURE_BYTES], str(path))
    try:
        return Checkpoint(**json.loads(data))
    except (TypeError, ValueError):
        raise ArtefactError(f"{path}: signed, but not a checkpoint of this release") from None
