"""Pins every dependency with the hashes of its files: what all need, and beside it what only some make targets do.

Run by `make lock`; with `--upgrade` versions move within the bounds of pyproject.toml.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Lock file, and the extras that it is for beside the product itself.
LOCKS = {
    "requirements.lock": (),
    "requirements-test.lock": ("test",),
    "requirements-world.lock": ("world",),
    "requirements-supply.lock": ("supply",),
}
HEADER = "# Versions and SHA-256 of every file that may be installed; written by `make lock`, never by hand.\n"


def entries(text: str) -> dict[str, str]:
    """Each pin with its hashes, by what it pins."""
    found = re.findall(r"^[a-z0-9].*(?:\n .*)*", text, re.M)
    return {entry.split("\\")[0].strip(): entry for entry in found}


def resolved(extras: tuple[str, ...], known: Path, words: list[str]) -> dict[str, str]:
    """What uv resolves for the product with some extras, preferring the versions in `known`."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(shutil.copy(known, folder))
        command = [
            str(Path(sys.executable).parent / "uv"), "pip", "compile", "pyproject.toml", "--universal",
            "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--quiet",
            *(f"--extra={extra}" for extra in extras), *words, "-o", str(made),
        ]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT)
        return entries(made.read_text(encoding="utf-8"))


def main() -> None:
    """Writes every lock; the later ones hold what the first does not, in the versions that go with it."""
    with tempfile.TemporaryDirectory() as folder:
        # one resolution of everything, so that the locks go together
        every = Path(folder) / "every.lock"
        extras = tuple(extra for some in LOCKS.values() for extra in some)
        earlier = "".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKS if (ROOT / name).exists())
        every.write_text(earlier, encoding="utf-8")
        everything = resolved(extras, every, sys.argv[1:])
        every.write_text("".join(f"{entry}\n" for entry in everything.values()), encoding="utf-8")
        shared = resolved((), every, [])
        for name, some in LOCKS.items():
            pins = resolved(some, every, []) if some else shared
            own = [entry for pin, entry in pins.items() if not some or pin not in shared]
            (ROOT / name).write_text(HEADER + "".join(f"{entry}\n" for entry in own), encoding="utf-8")
    print(f"wrote {', '.join(LOCKS)}")


if __name__ == "__main__":
    main()
