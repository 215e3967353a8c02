"""A damaged model folder is refused with file and cause: never a crash, never a silently different score."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models import DefaultModel, Facts, artefact, load_default, load_late, save_default, save_late
from models.artefact import MANIFEST
from models.late import LateModel
from receivables.errors import ArtefactError
from tests.models.book import Book

FACTS = Facts(
    name="otc-payment-risk", feature_set_version="fs-test", training_cutoff="2019-04-30", metrics={"auc": 0.8}
)


@pytest.fixture(scope="module")
def saved(default: DefaultModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artefact") / "default"
    save_default(folder, default, FACTS)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "default"))


def test_what_was_saved_scores_the_same_to_the_last_bit(
    folder: Path, default: DefaultModel, late: LateModel, book: Book, tmp_path: Path
) -> None:
    assert np.array_equal(load_default(folder).probability(book.x), default.probability(book.x))
    save_late(tmp_path / "late", late, FACTS)
    assert np.array_equal(load_late(tmp_path / "late").law(book.x).survival, late.law(book.x).survival)
    manifest = artefact.read(folder).manifest
    assert (manifest.kind, manifest.names, manifest.event) == ("default", default.names_, default.event.to_dict())
    assert (manifest.training_cutoff, manifest.metrics) == ("2019-04-30", {"auc": 0.8})
    with pytest.raises(ArtefactError, match="expected a model of kind 'late', got 'default'"):
        load_late(folder)


def test_two_hundred_random_damages_are_all_refused(saved: Path, tmp_path: Path) -> None:
    r = np.random.default_rng(11)
    refused = 0
    for i in range(200):
        folder = Path(shutil.copytree(saved, tmp_path / str(i)))
        _damage(folder, r)
        with pytest.raises(ArtefactError):
            load_default(folder)
        refused += 1
        shutil.rmtree(folder)
    assert refused == 200


def _damage(folder: Path, r: np.random.Generator) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[r.integers(len(files))]
    data = bytearray(path.read_bytes())
    place, kind = int(r.integers(len(data))), r.choice(["flip", "truncate", "append", "insert", "delete", "rename"])
    if kind == "flip":
        data[place] ^= 1 << int(r.integers(8))
    elif kind == "truncate":
        data = data[:place]
    elif kind == "append":
        data += b"\n"
    elif kind == "insert":
        data[place:place] = b"0"
    if kind in ("delete", "rename"):
        path.unlink() if kind == "delete" else path.rename(folder / "other.json")
    else:
        path.write_bytes(bytes(data))


# The child has no hash in its way: it meets every damaged text as if someone had signed it.
_CHILD = """
import sys, numpy as np
from pathlib import Path
from models.forest import Forest
from receivables.errors import ArtefactError
whole = Forest.of_text(Path(sys.argv[1]).read_text())
text = Forest(whole.names, whole.trees[:12]).text()
r = np.random.default_rng(5)
x = r.normal(size=(20, len(whole.names)))
counts = {"refused": 0, "scored": 0}
for i in range(int(sys.argv[2])):
    broken = list(text)
    for _ in range(int(r.integers(1, 4))):
        kind, place = r.integers(4), int(r.integers(len(broken)))
        if kind == 0:
            broken[place] = chr(int(r.integers(1, 128)))
        elif kind == 1:
            del broken[place : place + int(r.integers(1, 200))]
        elif kind == 2:
            broken[place] = str(r.integers(10))
        else:
            other = int(r.integers(len(broken)))
            broken[place:place] = broken[other : other + int(r.integers(1, 60))]
    try:
        forest = Forest.of_text("".join(broken))
        forest.margin(x), forest.shap(x)
        counts["scored"] += 1
    except ArtefactError:
        counts["refused"] += 1
print(counts["refused"], counts["scored"])
"""


def test_without_the_hashes_the_structural_check_alone_keeps_lightgbm_alive(saved: Path) -> None:
    command = [sys.executable, "-c", _CHILD, str(saved / "model.txt"), "1000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused, scored = map(int, done.stdout.split())
    assert refused + scored == 1000
    # what is left are changed digits inside numbers, which only a hash can tell
    assert scored > 0
    assert refused > 700


def _link(folder: Path) -> None:
    target = folder.parent / "elsewhere.txt"
    (folder / "model.txt").rename(target)
    (folder / "model.txt").symlink_to(target)


def _link_folder(folder: Path) -> None:
    (folder / "late").symlink_to(folder.parent)


def _extra(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"\x80\x04.")


def _huge(folder: Path) -> None:
    with (folder / "model.txt").open("r+b") as stream:
        stream.truncate(10 * 1024**3)  # sparse: 10 GB on paper


def _pipe(folder: Path) -> None:
    import os

    (folder / "calibration.json").unlink()
    os.mkfifo(folder / "calibration.json")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_link, "model.txt: expected a regular file, got a link"),
        (_link_folder, "late: expected a regular file, got a link"),
        (_extra, r"does not list \['model.pkl'\]"),
        (_huge, "model.txt: larger than"),
        (_pipe, "calibration.json: expected a regular file"),
        (lambda folder: (folder / "model.txt").unlink(), r"missing files \['model.txt'\]"),
        (lambda folder: (folder / MANIFEST).unlink(), "manifest.json: cannot be read"),
        (lambda folder: (folder / MANIFEST).write_text("{" * 100_000), "manifest.json: not JSON"),
        (lambda folder: (folder / MANIFEST).write_bytes(b" " * (5 * 1024**2)), "manifest.json: larger than"),
        (lambda folder: (folder / "model.txt").write_text("tree\n"), "model.txt: expected .* bytes, got 5"),
    ],
)
def test_each_damage_is_named_with_its_file(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(ArtefactError, match=message):
        load_default(folder)


def _forge(folder: Path, **changes: object) -> None:
    """Changes the manifest and signs it again, as an attacker with the code would."""
    document = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(artefact._dump({**document, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"../model.txt": {"sha256": "0", "size": 1}}}, "plain file names"),
        ({"files": {"/etc/passwd": {"sha256": "0", "size": 1}}}, "plain file names"),
        ({"files": {"a/b/c.txt": {"sha256": "0", "size": 1}}}, "plain file names"),
        ({"files": {"model.txt": {"sha256": "0", "size": 10**12}}}, "file size"),
        ({"files": {}}, "1 to 100"),
        ({"schema_version": 99}, "schema_version 1"),
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"names": "abc"}, "names"),
        ({"event": None}, "event"),
        ({"names": ["a"]}, "columns"),
    ],
)
def test_a_forged_manifest_is_refused_for_what_it_says(folder: Path, changes: dict[str, object], message: str) -> None:
    _forge(folder, **changes)
    with pytest.raises(ArtefactError, match=message):
        load_default(folder)


def test_a_folder_that_is_not_there_or_only_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="expected a model folder"):
        load_default(tmp_path / "nowhere")
    (tmp_path / "alias").symlink_to(folder)
    with pytest.raises(ArtefactError, match="expected a model folder"):
        load_default(tmp_path / "alias")


def test_saving_replaces_in_one_step_and_keeps_the_one_before(
    folder: Path, default: DefaultModel, tmp_path: Path
) -> None:
    before = (folder / MANIFEST).read_bytes()
    save_default(folder, default, Facts(name="otc-payment-risk", feature_set_version="fs-next"))
    assert artefact.read(folder).manifest.feature_set_version == "fs-next"
    assert (artefact.previous(folder) / MANIFEST).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["default", "default.previous"]


def test_a_failed_save_leaves_everything_as_it_was(
    folder: Path, default: DefaultModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artefact, "_sync", full)
    with pytest.raises(OSError, match="No space"):
        save_default(folder, default, Facts(name="x", feature_set_version="fs-next"))
    assert [path.name for path in tmp_path.iterdir()] == ["default"]
    assert artefact.read(folder).manifest.feature_set_version == "fs-test"


def test_a_file_name_that_leads_out_of_the_folder_cannot_be_saved(tmp_path: Path) -> None:
    for name in ("../x.txt", "/x.txt", "manifest.json", "x.pkl", "a/../x.txt"):
        with pytest.raises(ArtefactError, match="file names"):
            artefact.save(tmp_path / "f", {name: b""}, FACTS, kind="default", names=("a",))
