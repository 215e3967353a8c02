"""A champion is tried in a clean child process before it may serve: what kills, hangs or bloats it hits the child.

LightGBM's parser is not safe from what it is given. The child gets the very bytes that were verified, little memory and
time, and no environment to speak of. It builds both models, scores the golden vectors to the last bit and adds up
explanations. Only a champion that comes through is served, or signed by a promotion.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

from models.artefact import Artefact
from receivables.config import home
from receivables.errors import ArtefactError

#: Bounds of the child: address space and size of a file in bytes, processor and wall time in seconds.
MAX_MEMORY: Final = 4 * 1024**3
MAX_FILE: Final = 64 * 1024**2
MAX_CPU_SECONDS: Final = 120
MAX_SECONDS: Final = 300.0
#: Orders whose explanations must add up.
_EXPLAINED: Final = 32
_ROOT: Final = Path(__file__).resolve().parent.parent
_REFUSED: Final = 3


@dataclass(frozen=True)
class Passed:
    """A trial that came through: how many golden vectors were scored, and how many explanations added up."""

    rows: int
    explained: int


def trial(found: Artefact, *, seconds: float = MAX_SECONDS, memory: int = MAX_MEMORY) -> Passed:
    """Loads and scores the champion in a child; raises ArtefactError with what became of it."""
    command = [sys.executable, "-P", "-m", "models.trial", str(memory)]
    with tempfile.TemporaryFile() as packed:  # without a name: nobody else can reach it
        packed.write(_packed(found))
        packed.seek(0)
        try:
            child = subprocess.run(
                command, stdin=packed, capture_output=True, env=_environment(), cwd="/", timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise ArtefactError(f"trial: the models did not load and score within {seconds:.0f} s") from None
    if child.returncode == _REFUSED:
        raise ArtefactError(f"trial: {child.stdout.decode(errors='replace').strip()}")
    if child.returncode:
        what = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
        tail = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ArtefactError(f"trial: loading or scoring ended the child with {what} {' '.join(tail)}".strip())
    return Passed(**json.loads(child.stdout))


def tried(found: Artefact, *, folder: Path | None = None) -> None:
    """`trial`, once per champion and installation: what came through is remembered in trials/ of OTCRISK_HOME."""
    mark = (folder or home() / "trials") / _fingerprint(found)
    if mark.exists():
        return
    passed = trial(found)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(vars(passed)), encoding="ascii")


def _fingerprint(found: Artefact) -> str:
    """Changes with the champion and with all that computes its scores."""
    about = [found.sha256, sys.version, platform.machine(), *(version(name) for name in ("lightgbm", "numpy", "numba"))]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()


def _environment() -> dict[str, str]:
    """What the child knows: where our packages lie, the configuration, and that one thread is enough."""
    kept = {name: os.environ[name] for name in ("PATH", "OTCRISK_CONF", "NUMBA_CACHE_DIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


def _packed(found: Artefact) -> bytes:
    """Manifest and files, one after the other, under one line that says how long each is."""
    stated = found.stated
    head = json.dumps({"manifest": len(stated), "files": {path: len(data) for path, data in found.files.items()}})
    return b"".join([head.encode(), b"\n", stated, *found.files.values()])


def _unpacked(stream: IO[bytes]) -> Artefact:
    head = json.loads(stream.readline())
    stated = stream.read(head["manifest"])
    return Artefact.of(stated, {path: stream.read(size) for path, size in head["files"].items()}, "trial")


def _limit(memory: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MAX_FILE),
    ):
        resource.setrlimit(what, (most, most))


def main() -> int:
    """The child: reads a champion from standard input, says what came through, or why not with exit code 3."""
    _limit(int(sys.argv[1]))
    found = _unpacked(sys.stdin.buffer)
    try:
        print(json.dumps(vars(_try(found))))
    except ArtefactError as error:
        print(error)
        return _REFUSED
    return 0


def _try(found: Artefact) -> Passed:
    from models.champion import champion_of
    from models.golden import FILE, Golden

    # whether the columns are those of the feature table is for whoever uses it to say
    made = champion_of(found, names=found.manifest.names, version=found.manifest.feature_set_version)
    vectors = Golden.from_json(found.files[FILE])
    vectors.require(made.late, made.default)
    some = vectors.x[:_EXPLAINED]
    # both raise where reference and contributions miss the score
    made.late.explain(some), made.default.explain(some)
    if made.beside is not None:
        made.beside.explain(some)
    return Passed(len(vectors.x), 2 * len(some))


if __name__ == "__main__":
    sys.exit(main())
