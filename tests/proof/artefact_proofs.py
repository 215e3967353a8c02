"""The promise of the model artefact: whatever is damaged, the parent lives and no other score is ever served."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np

from features import CURVE, Priors
from models import DefaultModel, Facts, LateModel, artefact, load_champion, save_champion
from models.artefact import Artefact
from models.champion import CHAMPION, champion_of, read_candidate
from models.event import SERIOUS_DELINQUENCY_6M
from models.golden import FILE, binding
from models.numbers import Floats
from receivables.errors import ArtefactError
from receivables.signature import SIGNING, SIGNING_FILE, TRUSTED, TRUSTED_FILE, SigningKey, make_pair, read_key
from tests.models.book import INPUTS, NAMES, RAISES, make_book
from tests.proof.tally import Tally

FACTS: Final = Facts(name="otc-payment-risk", feature_set_version="fs-test")
#: Of a hundred damages: to the finished folder; before hashing, signed by a stranger; signed by us; and also with a new
#: binding of the golden vectors, which leaves only the structure and the trial in the way.
KINDS: Final = {"damaged": 40, "signed by a stranger": 10, "signed anew": 48, "bound and signed anew": 2}


def save(folder: Path, late: LateModel, default: DefaultModel) -> None:
    """Writes a signed champion for the columns of the order book."""
    rates = {"matured": [100] * len(CURVE), "late": [50] * len(CURVE)}
    save_champion(folder, late=late, default=default, priors=Priors.from_json({"*": rates}), facts=FACTS)


def rebuilt(found: Artefact, path: str, data: bytes, *, is_bound: bool) -> Artefact:
    """The champion with one file replaced, hashed anew at both levels, and fitted with its golden vectors if asked."""
    files = {**found.files, path: data}
    part, slash, name = path.partition("/")
    if slash and name != artefact.MANIFEST:
        sub = found.sub(part).manifest
        own = {p.removeprefix(f"{part}/"): d for p, d in files.items() if p.startswith(f"{part}/")}
        own.pop(artefact.MANIFEST)
        again = artefact.build(own, FACTS, kind=sub.kind, names=sub.names, event=sub.event)
        files |= {f"{part}/{p}": d for p, d in again.items()}
    manifest = found.manifest
    if is_bound and path != FILE:
        bound = binding(files, manifest.names, manifest.event)
        files[FILE] = b'{"bound": "' + bound.encode() + files[FILE][len('{"bound": "') + 64 :]
    whole = artefact.build(files, FACTS, kind=CHAMPION, names=manifest.names, event=manifest.event)
    return Artefact.of(whole.pop(artefact.MANIFEST), whole, "rebuilt")


@dataclass(frozen=True)
class Mutator:
    """Makes mutated copies of a champion; the same seed makes the same."""

    sound: Artefact
    saved: Path
    own: SigningKey
    stranger: SigningKey
    random: np.random.Generator

    def make(self, kind: str, folder: Path) -> None:
        """A mutated champion at `folder`; raises ArtefactError where not even an artefact can be made of it."""
        if kind == "damaged":
            self._raw(folder)
            return
        path = self._path()
        data = self._damage(self.sound.files[path])
        changed = rebuilt(self.sound, path, data, is_bound=kind != "signed anew")
        artefact.restore(folder, changed, key=self.stranger if kind == "signed by a stranger" else self.own)

    def _raw(self, folder: Path) -> None:
        """A file of the finished folder is damaged: disk, copy, intruder without a key."""
        shutil.copytree(self.saved, folder)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        path = paths[int(self.random.integers(len(paths)))]
        path.write_bytes(self._damage(path.read_bytes()))

    def _path(self) -> str:
        """One of the files, the models' text more often than the others."""
        files = [*sorted(self.sound.files), "late/model.txt", "default/model.txt", "late/model.txt"]
        return files[int(self.random.integers(len(files)))]

    def _damage(self, data: bytes) -> bytes:
        """A bit, a digit, a line, a block or the end is not what it was."""
        r, broken = self.random, bytearray(data)
        place, kind = int(r.integers(len(data))), int(r.choice([0, 1, 1, 1, 1, 2, 3, 4, 5]))
        digits = [i for i in range(place, min(place + 400, len(data))) if chr(data[i]).isdigit()]
        if kind == 0:
            broken[place] ^= 1 << int(r.integers(8))
        elif kind == 1 and digits:
            broken[digits[0]] = ord(str((int(chr(data[digits[0]])) + int(r.integers(1, 10))) % 10))
        elif kind == 2:
            del broken[place : place + int(r.integers(1, 300))]
        elif kind == 3:
            broken[place:place] = broken[: int(r.integers(1, 300))]
        elif kind == 4:
            broken = broken[:place]
        else:
            broken[place:place] = b"\n"
        return bytes(broken)


def damages(number: int, *, seed: int = 41) -> Tally:
    """`number` mutated champions are offered for serving; one that is taken must score as the sound one does."""
    tally = Tally("bad artefact never served: no crash, no other score", "2,000 mutated artefacts, 0 different scores")
    with _workshop(seed) as (mutator, folder):
        sound = champion_of(mutator.sound, names=NAMES, version="fs-test")
        x = make_book(1500, seed=5).x
        expected = sound.late.margins(x), sound.default.margin(x)
        taken = 0
        for i in range(number):
            kind = _kind(i)
            outcome = _offered(mutator, kind, folder / f"{i}", x, expected)
            taken += outcome != "refused"
            tally.count([f"try {i}, {kind}: another score was served"] if outcome == "different" else [])
        tally.figures = {"taken_with_the_same_scores": taken}
    return tally


def _kind(i: int) -> str:
    place = i % 100 * 61 % 100  # the kinds alternate
    for kind, share in KINDS.items():
        if place < share:
            return kind
        place -= share
    raise AssertionError


def _offered(mutator: Mutator, kind: str, folder: Path, x: Floats, expected: tuple[Floats, Floats]) -> str:
    try:
        mutator.make(kind, folder)
        made = load_champion(folder, names=NAMES, version="fs-test", is_tried=True)
    except ArtefactError:
        return "refused"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    equal = np.array_equal(made.late.margins(x), expected[0]) and np.array_equal(made.default.margin(x), expected[1])
    return "same" if equal else "different"


@contextmanager
def _workshop(seed: int) -> Iterator[tuple[Mutator, Path]]:
    """A small champion with keys and a state folder of its own; nothing waits for the disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pair in ("own", "stranger"):
            make_pair(folder / pair)
        keys = {SIGNING: str(folder / "own" / SIGNING_FILE), TRUSTED: str(folder / "own" / TRUSTED_FILE)}
        with (
            mock.patch.dict(os.environ, {**keys, "OTCRISK_HOME": str(folder / "home")}),
            mock.patch.object(os, "fsync", return_value=None),
        ):
            save(folder / "champion", *_models())
            own, stranger = (read_key(folder / pair / SIGNING_FILE) for pair in ("own", "stranger"))
            sound = read_candidate(folder / "champion")
            yield Mutator(sound, folder / "champion", own, stranger, np.random.default_rng(seed)), folder


def _models() -> tuple[LateModel, DefaultModel]:
    book = make_book(2000, seed=1)
    common = {"names": NAMES, "inputs": INPUTS, "monotone": RAISES, "seeds": (1,)}
    params = {"num_iterations": 20, "learning_rate": 0.2, "num_leaves": 8, "min_data_in_leaf": 100}
    late = LateModel.fit(book.x, book.labels, **common, params=params)  # type: ignore[arg-type]
    default = DefaultModel(event=SERIOUS_DELINQUENCY_6M, **common, params=params)  # type: ignore[arg-type]
    return late, default.fit(book.x, book.event)
