"""Where a backtest is kept: a folder per span that appears whole or not at all, and is used again only if it fits.

    spans/2019-03-01/   predictions.parquet, about.json, model/
    _run/lock           held while a run writes here

A span is kept under the digest of all that its predictions depend on, with a digest of each of its files: what was
made from other facts, settings or code, or was damaged since, is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from receivables.errors import ConflictError, UnavailableError
from training.backtest import Span, Vintage
from training.splits import Split

_ABOUT: Final = "about.json"
_PREDICTIONS: Final = "predictions.parquet"
#: What a prediction comes from.
_PACKAGES: Final = ("receivables", "features", "models")
_MODULES: Final = ("training.backtest", "training.dataset", "training.fit", "training.splits")


@dataclass(frozen=True)
class Folder:
    """The folder of one backtest."""

    root: Path

    def find(self, split: Split, key: str) -> Span | None:
        """The span as an earlier run left it; None where there is none, or where it does not fit or is damaged."""
        place = self._place(split)
        try:
            about = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
            files = {name: (place / name).read_bytes() for name in about["files"]}
            if about["key"] != key or {name: _digest(data) for name, data in files.items()} != about["files"]:
                return None
            predictions = pd.read_parquet(place / _PREDICTIONS)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        model = {name.removeprefix("model/"): data for name, data in files.items() if name.startswith("model/")}
        return Span(predictions, Vintage.from_files(model), about["about"])

    def keep(self, split: Split, key: str, span: Span) -> None:
        """Writes the span in the place of whatever was there; it appears in one step, after it is on the disk."""
        place, draft = self._place(split), self._place(split).with_name(f".{split.cutoff.date()}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "model").mkdir(parents=True)
        span.predictions.to_parquet(draft / _PREDICTIONS, index=False)
        for name, data in span.vintage.to_files().items():
            (draft / "model" / name).write_bytes(data)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        digests = {path.relative_to(draft).as_posix(): _digest(path.read_bytes()) for path in files}
        about = {"key": key, "files": digests, "about": dict(span.about)}
        (draft / _ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
        for path in (*files, draft / _ABOUT):
            _sync(path)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Holds the folder for this run; the system lets go of it even if the run is killed.

        Raises ConflictError where another run holds it, UnavailableError where it cannot be written.
        """
        try:
            (self.root / "_run").mkdir(parents=True, exist_ok=True)
            lock = (self.root / "_run" / "lock").open("w")
        except OSError as error:
            raise UnavailableError(f"{self.root}: the folder cannot be written: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(f"{self.root}: another backtest is writing to this folder; wait for it") from None
            yield

    def _place(self, split: Split) -> Path:
        return self.root / "spans" / str(split.cutoff.date())


def code_digest() -> str:
    """SHA-256 over the source that predictions come from: another release never passes for the one that made them."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        folder = Path(str(importlib.import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder)}\n".encode() + path.read_bytes())
    for module in _MODULES:
        digest.update(module.encode() + Path(str(importlib.import_module(module).__file__)).read_bytes())
    return digest.hexdigest()


def digest_of(parts: Mapping[str, Any]) -> str:
    """SHA-256 of plain values."""
    return _digest(json.dumps(parts, sort_keys=True, default=str).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb+") as written:
        os.fsync(written.fileno())
