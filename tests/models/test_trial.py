"""Before it serves, a champion is loaded and scored in a child: whatever happens there, the parent lives to say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import DefaultModel, LateModel, load_champion
from models import trial as trials
from models.artefact import Artefact
from models.champion import read_candidate
from models.golden import FILE, Golden
from models.trial import trial
from receivables.errors import ArtefactError
from tests.models.book import NAMES
from tests.proof.artefact_proofs import rebuilt, save


@pytest.fixture(scope="module")
def saved(late: LateModel, default: DefaultModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed champion for the columns of the order book."""
    folder = tmp_path_factory.mktemp("trial") / "champion"
    save(folder, late, default)
    return folder


@pytest.fixture
def sound(saved: Path) -> Artefact:
    return read_candidate(saved)


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
