"""Before it serves, a champion is loaded and scored in a child: whatever happens there, the parent lives to say so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from features import CURVE, Priors
from models import DefaultModel, Facts, LateModel, artefact, load_champion, save_champion
from models import trial as trials
from models.artefact import Artefact
from models.champion import CHAMPION, champion_of, read_candidate
from models.golden import FILE, Golden, binding
from models.numbers import Floats
from models.trial import trial
from receivables.errors import ArtefactError
from receivables.signature import SigningKey, make_pair, read_key, signing_key
from tests.models.book import NAMES, Book

FACTS = Facts(name="otc-payment-risk", feature_set_version="fs-test")


@pytest.fixture(scope="module")
def saved(late: LateModel, default: DefaultModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed champion for the columns of the order book."""
    rates = {"matured": [100] * len(CURVE), "late": [50] * len(CURVE)}
    folder = tmp_path_factory.mktemp("trial") / "champion"
    save_champion(folder, late=late, default=default, priors=Priors.from_json({"*": rates}), facts=FACTS)
    return folder


@pytest.fixture
def sound(saved: Path) -> Artefact:
    return read_candidate(saved)


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


def test_a_sound_champion_comes_through(sound: Artefact) -> None:
    passed = trial(sound)
    assert (passed.rows, passed.explained) == (256, 64)


def test_a_model_whose_scores_are_not_those_it_was_signed_with_is_refused(
    sound: Artefact, late: LateModel, default: DefaultModel
) -> None:
    golden = Golden.from_json(sound.files[FILE])
    other = golden.late.copy()
    other[7, 3] = np.nextafter(other[7, 3], np.inf)
    changed = Golden(golden.bound, golden.x, other, golden.default)
    with pytest.raises(ArtefactError, match="1 of 256 orders differently here, the first is row 7"):
        trial(rebuilt(sound, FILE, changed.to_json(), is_bound=False))


def test_a_child_that_is_killed_hangs_or_bloats_is_reported_and_the_parent_lives(
    sound: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArtefactError, match=r"trial: .*(exit code|signal)"):
        trial(sound, memory=64 * 1024**2)
    with pytest.raises(ArtefactError, match="within 0 s"):
        trial(sound, seconds=0.01)
    monkeypatch.setattr(trials, "_packed", lambda found: b"{}\n")
    with pytest.raises(ArtefactError, match="exit code 1 KeyError: 'manifest'"):
        trial(sound)


def test_what_came_through_once_is_not_tried_again_here(
    saved: Path, sound: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    passed = trials.Passed(256, 64)
    monkeypatch.setattr(trials, "trial", lambda found: asked.append(found.sha256) or passed)
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    for _ in range(2):
        load_champion(saved, names=NAMES, version="fs-test", is_tried=True)
    assert asked == [sound.sha256]
    load_champion(saved, names=NAMES, version="fs-test")
    trials.tried(rebuilt(sound, "rating.json", sound.files["rating.json"] + b" ", is_bound=True))
    assert len(asked) == 2


def test_a_champion_that_fails_its_trial_is_not_remembered(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(found: Artefact) -> None:
        raise ArtefactError("trial: signal 6")

    monkeypatch.setattr(trials, "trial", refuse)
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    for _ in range(2):
        with pytest.raises(ArtefactError, match="signal 6"):
            load_champion(saved, names=NAMES, version="fs-test", is_tried=True)


# --- mutations: two thousand in the long form, with every kind of signature ---


@dataclass
class Counts:
    """What became of the mutated champions."""

    refused: int = 0
    same: int = 0
    different: int = 0


@dataclass(frozen=True)
class Mutator:
    """Makes mutated copies of a champion; the same seed makes the same."""

    sound: Artefact
    saved: Path
    stranger: SigningKey
    random: np.random.Generator

    def damage(self, data: bytes) -> bytes:
        """A bit, a digit, a line, a block or the end is not what it was."""
        r, broken = self.random, bytearray(data)
        place, kind = int(r.integers(len(data))), int(r.integers(6))
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

    def path(self) -> str:
        """One of the files, the models' text more often than the others."""
        files = [*sorted(self.sound.files), "late/model.txt", "default/model.txt", "late/model.txt"]
        return files[int(self.random.integers(len(files)))]

    def raw(self, folder: Path) -> None:
        """A file of the finished folder is damaged: disk, copy, intruder without a key."""
        shutil.copytree(self.saved, folder)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        path = paths[int(self.random.integers(len(paths)))]
        path.write_bytes(self.damage(path.read_bytes()))

    def signed(self, folder: Path, key: SigningKey, *, is_bound: bool) -> None:
        """A file is damaged before all is hashed and signed."""
        path = self.path()
        data = self.damage(self.sound.files[path])
        changed = rebuilt(self.sound, path, data, is_bound=is_bound)
        artefact.restore(folder, changed, key=key)


def _outcome(folder: Path, x: Floats, expected: tuple[Floats, Floats]) -> str:
    try:
        made = load_champion(folder, names=NAMES, version="fs-test", is_tried=True)
    except ArtefactError:
        return "refused"
    equal = np.array_equal(made.late.margins(x), expected[0]) and np.array_equal(made.default.margin(x), expected[1])
    return "same" if equal else "different"


def _run(saved: Path, sound: Artefact, book: Book, tmp_path: Path, makers: list[tuple[str, int]]) -> dict[str, Counts]:
    make_pair(tmp_path / "stranger")
    stranger, own = read_key(tmp_path / "stranger" / "signing_key.pem"), signing_key()
    whole = champion_of(sound, names=NAMES, version="fs-test")
    mutator = Mutator(sound, saved, stranger, np.random.default_rng(41))
    make: dict[str, Callable[[Path], None]] = {
        "damaged": mutator.raw,
        "signed by a stranger": lambda folder: mutator.signed(folder, stranger, is_bound=True),
        "signed anew": lambda folder: mutator.signed(folder, own, is_bound=False),
        "bound and signed anew": lambda folder: mutator.signed(folder, own, is_bound=True),
    }
    expected = whole.late.margins(book.x), whole.default.margin(book.x)
    found = {}
    for kind, number in makers:
        counts = found[kind] = Counts()
        for i in range(number):
            folder = tmp_path / f"{kind} {i}"
            try:
                make[kind](folder)
            except ArtefactError:  # not even an artefact any more
                counts.refused += 1
                continue
            outcome = _outcome(folder, book.x, expected)
            setattr(counts, outcome, getattr(counts, outcome) + 1)
            shutil.rmtree(folder)
    return found


def test_two_hundred_mutated_champions_never_serve_another_score(
    saved: Path, sound: Artefact, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(artefact, "_sync", lambda folder: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    plan = [("damaged", 80), ("signed by a stranger", 20), ("signed anew", 100)]
    found = _run(saved, sound, book, tmp_path, plan)
    assert sum(c.refused + c.same for c in found.values()) == 200
    assert not any(c.different for c in found.values())


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_thousand_mutated_champions_never_serve_another_score(
    saved: Path, sound: Artefact, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(artefact, "_sync", lambda folder: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    plan = [("damaged", 700), ("signed by a stranger", 200), ("signed anew", 800), ("bound and signed anew", 300)]
    found = _run(saved, sound, book, tmp_path, plan)
    print(json.dumps({kind: vars(counts) for kind, counts in found.items()}))
    # whoever has the key and makes a new binding has made a new model; the golden vectors still notice nearly all
    again = found.pop("bound and signed anew")
    assert again.refused + again.same > 0.9 * 300
    assert sum(c.refused + c.same for c in found.values()) == 1700
    assert not any(c.different for c in found.values())
