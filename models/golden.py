"""Golden vectors: made-up orders that travel with a champion, and the scores that it must give them, bit for bit.

The orders are drawn from the models' own thresholds, so that they reach into the trees, and belong to no customer. The
file also says of which other files it was made: a model that was changed afterwards, even if it was hashed and signed
again, no longer fits it. Log-odds are compared to the last bit; they are sums, which every processor rounds alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from models.artefact import Artefact
from models.default import DefaultModel
from models.forest import Forest
from models.late import LateModel
from models.numbers import Floats
from receivables.errors import ArtefactError

FILE: Final = "golden.json"
#: Orders in the file.
ROWS: Final = 256
#: Share of the values that are null.
_NULLS: Final = 0.1
_SEED: Final = 20_260_101


@dataclass(frozen=True)
class Golden:
    """Orders x (n, F), the log-odds (n, g) and (n,) that both models must give them, and what they belong to."""

    bound: str
    x: Floats
    late: Floats
    default: Floats

    def to_json(self) -> bytes:
        """The file: x as shortest decimal text, null for NaN; log-odds as hexadecimal floating point."""
        rows = [
            {"x": [None if v != v else v for v in x], "late": [v.hex() for v in late], "default": default.hex()}
            for x, late, default in zip(self.x.tolist(), self.late.tolist(), self.default.tolist(), strict=True)
        ]
        lines = ",\n".join(json.dumps(row) for row in rows)
        return f'{{"bound": "{self.bound}",\n"rows": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """What `to_json` wrote; raises ArtefactError on anything else."""
        try:
            document = json.loads(data)
            rows = document["rows"]
            x = np.array([[np.nan if v is None else float(v) for v in row["x"]] for row in rows])
            late = np.array([[float.fromhex(v) for v in row["late"]] for row in rows])
            default = np.array([float.fromhex(row["default"]) for row in rows])
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ArtefactError(f"{FILE}: {type(error).__name__}: {error}") from None
        if not (x.ndim == late.ndim == 2 and len(rows) >= ROWS and np.isfinite(late).all()):
            raise ArtefactError(f"{FILE}: expected at least {ROWS} orders of equal width with finite log-odds")
        return cls(str(document.get("bound")), x, late, default)

    def require(self, late: LateModel, default: DefaultModel) -> None:
        """Scores every order with the models given; raises ArtefactError where one bit differs."""
        for name, expected, got in (
            ("payment-time", self.late, late.margins(self.x)),
            ("default", self.default, default.margin(self.x)),
        ):
            if expected.shape != got.shape:
                raise ArtefactError(f"{FILE}: expected {expected.shape} log-odds of the {name} model, got {got.shape}")
            wrong = np.flatnonzero((expected != got).reshape(len(got), -1).any(axis=1))
            if len(wrong):
                raise ArtefactError(
                    f"{FILE}: the {name} model scores {len(wrong)} of {len(got)} orders differently here, the first "
                    f"is row {wrong[0]}; it was changed, or this machine computes otherwise than the one it was made on"
                )


def made(late: LateModel, default: DefaultModel, bound: str) -> Golden:
    """Golden vectors of two models; the same models give the same vectors."""
    x = orders(late.names, [*_forests(late.to_files()), *_forests(default.to_files())])
    return Golden(bound, x, late.margins(x), default.margin(x))


def orders(names: Sequence[str], forests: Iterable[Forest], *, rows: int = ROWS) -> Floats:
    """(rows, F) made-up orders: each value lies on or between thresholds of its column, or is null; the first is all
    null. Columns without a threshold are standard normal."""
    r = np.random.default_rng(_SEED)
    thresholds: dict[str, list[Floats]] = {name: [] for name in names}
    for forest in forests:
        for tree in forest.trees:
            for column in set(tree.feature.tolist()):
                if (name := forest.names[column]) in thresholds:
                    thresholds[name].append(tree.threshold[tree.feature == column])
    x = np.empty((rows, len(names)))
    for j, name in enumerate(names):
        x[:, j] = _drawn(thresholds[name], rows, r)
    x[r.random(x.shape) < _NULLS] = np.nan
    x[0] = np.nan
    return x


def _drawn(thresholds: Sequence[Floats], rows: int, r: np.random.Generator) -> Floats:
    known = np.unique(np.concatenate([*thresholds, np.empty(0)]))
    known = known[np.isfinite(known)]
    if not len(known):
        return r.normal(size=rows)
    reach = np.concatenate([[known[0] - 1.0], known, [known[-1] + 1.0]])
    place = r.integers(len(reach) - 1, size=rows)
    return np.asarray(reach[place] + r.choice([0.0, 0.5, 1.0], rows) * (reach[place + 1] - reach[place]))


def _forests(files: Mapping[str, bytes]) -> list[Forest]:
    return [Forest.of_text(data.decode("ascii")) for path, data in files.items() if path.endswith(".txt")]


def binding(files: Mapping[str, bytes], names: Sequence[str], event: Mapping[str, Any] | None) -> str:
    """SHA-256 over everything that a score depends on: the other files, the columns, the event.

    The parts' own manifests are left out: they repeat the hashes, and carry the run's figures.
    """
    hashes = {
        path: hashlib.sha256(data).hexdigest()
        for path, data in files.items()
        if path != FILE and not path.endswith("manifest.json")
    }
    document = {"files": hashes, "names": list(names), "event": None if event is None else dict(event)}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def require_binding(found: Artefact) -> None:
    """Raises ArtefactError where the golden vectors of a champion were made of other models than those beside them."""
    if FILE not in found.files:
        raise ArtefactError(f"{FILE}: missing; train again with this release")
    head = found.files[FILE][:100]
    expected = binding(found.files, found.manifest.names, found.manifest.event)
    if not head.startswith(f'{{"bound": "{expected}",\n'.encode()):
        raise ArtefactError(f"{FILE}: made of other models than those beside it; the folder was put together wrongly")
