"""A model on disk: a plain folder of text files, described and hashed by its manifest.json. No pickle.

Reading checks everything before any parser sees it: where keys are given, that one of them signed the manifest; only
regular files, exactly those that the manifest lists, sizes within bounds, SHA-256 of each, and of the manifest itself.
What was verified is returned as bytes, so nothing can change between check and use. Writing is atomic: a finished
folder replaces the old one, which is kept beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from models.documents import of_document
from receivables.errors import ArtefactError
from receivables.signature import MAX_SIGNATURE_BYTES, SigningKey, TrustedKeys

MANIFEST: Final = "manifest.json"
#: Beside it, where the folder is signed: the signature of the manifest's bytes, and by its hashes of all else.
SIGNATURE: Final = "manifest.sig"
#: What a signature is made for.
DOMAIN: Final = "model artefact 1"
#: Version of the folder's form; another one is refused.
SCHEMA_VERSION: Final = 1
MAX_FILES: Final = 100
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
#: A file, or a file in one sub-folder.
_PATH: Final = re.compile(r"([a-z0-9_]{1,40}/)?[a-z0-9_]{1,60}\.(txt|json|md|html|png)")


@dataclass(frozen=True)
class FileEntry:
    """Hash and size in bytes of one file."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What whoever trained the model states about it; dates and moments as ISO 8601 text, null where unknown."""

    name: str
    feature_set_version: str
    version: str | None = None
    run_id: str | None = None
    trained_at: str | None = None
    training_cutoff: str | None = None
    calibration_version: str | None = None
    reason_catalog_version: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest(Facts):
    """`Facts` and what saving adds: kind of model, columns of X, event, library version, files."""

    kind: str
    names: tuple[str, ...]
    event: dict[str, Any] | None = None
    lightgbm_version: str
    schema_version: int
    files: dict[str, FileEntry]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return document


@dataclass(frozen=True)
class Artefact:
    """A verified folder: its manifest, the bytes of its files by relative path, and the id of the key that signed it.

    `signed_by` is null where no signature was asked for.
    """

    manifest: Manifest
    files: dict[str, bytes]
    signed_by: str | None = None

    @classmethod
    def of(cls, stated: bytes, files: Mapping[str, bytes], where: str) -> Artefact:
        """The artefact of a manifest's bytes and the files that it must list; raises ArtefactError."""
        manifest = _parse(stated, f"{where}/{MANIFEST}")
        _verify(manifest, files, where)
        return cls(manifest, dict(files))

    @property
    def stated(self) -> bytes:
        """The manifest's bytes."""
        return _dump(self.manifest.to_dict())

    @property
    def sha256(self) -> str:
        """The digest of the manifest, and by its hashes of the whole folder."""
        return hashlib.sha256(self.stated).hexdigest()

    def sub(self, folder: str) -> Artefact:
        """The artefact in a sub-folder, verified again by its own manifest; raises ArtefactError."""
        prefix = f"{folder}/"
        inside = {path.removeprefix(prefix): data for path, data in self.files.items() if path.startswith(prefix)}
        if MANIFEST not in inside:
            raise ArtefactError(f"{folder}/{MANIFEST}: missing")
        return Artefact.of(inside.pop(MANIFEST), inside, folder)


def save(
    folder: Path,
    files: Mapping[str, bytes],
    facts: Facts,
    *,
    kind: str,
    names: tuple[str, ...],
    event: dict[str, Any] | None = None,
    key: SigningKey | None = None,
) -> Manifest:
    """Writes `files` as `folder` with the manifest that is returned, signed where a key is given.

    An existing folder becomes `previous(folder)`.
    """
    return _put(folder, build(files, facts, kind=kind, names=names, event=event), key)


def restore(folder: Path, found: Artefact, *, key: SigningKey | None = None) -> Manifest:
    """Writes what `read` verified as `folder`, byte for byte, in the same atomic way, signed where a key is given."""
    return _put(folder, {**found.files, MANIFEST: found.stated}, key)


def _put(folder: Path, built: Mapping[str, bytes], key: SigningKey | None) -> Manifest:
    signed = {} if key is None else {SIGNATURE: key.sign(DOMAIN, built[MANIFEST])}
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name}.{secrets.token_hex(8)}"
    try:
        for path, data in {**built, **signed}.items():
            _write(draft / path, data)
        for place in {draft, *((draft / path).parent for path in built)}:
            _sync(place)
        _swap(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return _parse(built[MANIFEST], MANIFEST)


def build(
    files: Mapping[str, bytes], facts: Facts, *, kind: str, names: tuple[str, ...], event: dict[str, Any] | None = None
) -> dict[str, bytes]:
    """`files` and their manifest.json: a whole artefact in memory, to be saved or put into another's sub-folder."""
    wrong = [path for path in files if not _is_allowed(path)]
    if wrong:
        raise ArtefactError(f"file names that an artefact cannot hold: {wrong}")
    manifest = Manifest(
        **{f.name: getattr(facts, f.name) for f in dataclasses.fields(Facts)},
        kind=kind,
        names=names,
        event=event,
        lightgbm_version=version("lightgbm"),
        schema_version=SCHEMA_VERSION,
        files={path: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for path, data in sorted(files.items())},
    )
    return {**files, MANIFEST: _dump(manifest.to_dict())}


def read(folder: Path, *, kind: str | None = None, keys: TrustedKeys | None = None) -> Artefact:
    """The verified content of `folder`; raises ArtefactError that names the file and the cause.

    With `keys` one of them must have signed the manifest, which is not parsed before.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise ArtefactError(f"{folder}: expected a model folder; train a model, or point to where one was exported")
    stated = _read(folder / MANIFEST, MAX_MANIFEST_BYTES)
    signed_by = None if keys is None else _signer(folder, stated, keys)
    manifest = _parse(stated, str(folder / MANIFEST))
    if kind is not None and manifest.kind != kind:
        raise ArtefactError(f"{folder}: expected a model of kind {kind!r}, got {manifest.kind!r}")
    _compare(set(manifest.files), _present(folder), str(folder))
    files = {path: _read(folder / path, entry.size) for path, entry in manifest.files.items()}
    _verify(manifest, files, str(folder))
    return Artefact(manifest, files, signed_by)


def read_some(folder: Path, paths: Sequence[str], *, kind: str, keys: TrustedKeys) -> tuple[Manifest, dict[str, bytes]]:
    """The signed manifest of `folder` and those of its files, verified, whatever became of the others.

    Raises ArtefactError as `read` does.
    """
    stated = _read(folder / MANIFEST, MAX_MANIFEST_BYTES)
    _signer(folder, stated, keys)
    manifest = _parse(stated, str(folder / MANIFEST))
    missing = sorted(set(paths) - set(manifest.files))
    if manifest.kind != kind or missing:
        raise ArtefactError(f"{folder}: expected a model of kind {kind!r} with {', '.join(missing or paths)}")
    files = {path: _read(folder / path, manifest.files[path].size) for path in paths}
    for path, data in files.items():
        if hashlib.sha256(data).hexdigest() != manifest.files[path].sha256:
            raise ArtefactError(f"{folder}/{path}: its SHA-256 is not the one in the manifest; the file was changed")
    return manifest, files


def _signer(folder: Path, stated: bytes, keys: TrustedKeys) -> str:
    if not (folder / SIGNATURE).is_file():
        raise ArtefactError(f"{folder / SIGNATURE}: missing; only what `otcrisk promote` has signed is served")
    signature = _read(folder / SIGNATURE, MAX_SIGNATURE_BYTES)
    return keys.verify(DOMAIN, stated, signature, f"{folder / SIGNATURE} beside {MANIFEST}")


def previous(folder: Path) -> Path:
    """Where the folder that `folder` replaced is kept: the last good one."""
    return folder.with_name(folder.name + ".previous")


def _dump(document: dict[str, Any]) -> bytes:
    """The one form of a manifest, with the hash of all else in it."""
    bare = {key: value for key, value in document.items() if key != "manifest_sha256"}
    digest = hashlib.sha256(_canonical(bare)).hexdigest()
    return _canonical({**bare, "manifest_sha256": digest})


def _canonical(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _parse(data: bytes, where: str) -> Manifest:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{where}: not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise ArtefactError(f"{where}: expected schema_version {SCHEMA_VERSION}")
    if not _is_canonical(document, data):
        raise ArtefactError(f"{where}: its own hash does not match; the manifest was changed or damaged")
    manifest = of_document(Manifest, {k: v for k, v in document.items() if k != "manifest_sha256"}, where)
    wrong = [path for path in manifest.files if not _is_allowed(path)]
    if wrong or not 0 < len(manifest.files) <= MAX_FILES:
        raise ArtefactError(f"{where}: expected 1 to {MAX_FILES} plain file names, got {wrong or len(manifest.files)}")
    if any(not 0 <= entry.size <= MAX_FILE_BYTES for entry in manifest.files.values()):
        raise ArtefactError(f"{where}: a file size is beyond {MAX_FILE_BYTES} bytes")
    return manifest


def _is_canonical(document: dict[str, Any], data: bytes) -> bool:
    try:
        return _dump(document) == data
    except ValueError:  # NaN or infinity
        return False


def _is_allowed(path: str) -> bool:
    return bool(_PATH.fullmatch(path)) and path != MANIFEST


def _present(folder: Path) -> set[str]:
    """Relative paths of the files in `folder`; raises ArtefactError on anything that is neither file nor sub-folder."""
    found: set[str] = set()
    for place in sorted(folder.rglob("*")):
        mode = place.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ArtefactError(f"{place}: expected a regular file, got a link or device")
        if stat.S_ISREG(mode):
            found.add(place.relative_to(folder).as_posix())
    return found - {MANIFEST, SIGNATURE}


def _compare(expected: set[str], present: set[str], where: str) -> None:
    missing, unknown = sorted(expected - present), sorted(present - expected)
    if missing or unknown:
        raise ArtefactError(f"{where}: missing files {missing}, files that the manifest does not list {unknown}")


def _verify(manifest: Manifest, files: Mapping[str, bytes], where: str) -> None:
    _compare(set(manifest.files), set(files), where)
    for path, entry in manifest.files.items():
        if len(files[path]) != entry.size:
            raise ArtefactError(f"{where}/{path}: expected {entry.size} bytes, got {len(files[path])}")
        if hashlib.sha256(files[path]).hexdigest() != entry.sha256:
            raise ArtefactError(f"{where}/{path}: its SHA-256 is not the one in the manifest; the file was changed")


def _read(path: Path, most: int) -> bytes:
    """The file's bytes, never more than one beyond `most`, never through a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ArtefactError(f"{path}: expected a regular file")
        data = stream.read(most + 1)
    if len(data) > most:
        raise ArtefactError(f"{path}: larger than the {most} bytes expected")
    return data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(draft: Path, folder: Path) -> None:
    """Puts `draft` in the place of `folder`. Cut off half-way, `previous(folder)` is what was served before."""
    if folder.exists():
        shutil.rmtree(previous(folder), ignore_errors=True)
        folder.rename(previous(folder))
    draft.rename(folder)
    _sync(folder.parent)
