"""`python -m serving.build`: the Bento, with the champion inside, ready to be served from any directory."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from models.champion import load_champion
from receivables.config import conf_dir, home
from receivables.errors import OtcRiskError
from receivables.quiet import quiet
from receivables.signature import TRUSTED_FILE, trusted_keys
from serving.state import champion_folder

#: Packages that the service is made of, beside conf/ and champion/.
PACKAGES: Final = ("receivables", "features", "models", "serving")
_ROOT: Final = Path(__file__).resolve().parent.parent


def build(champion: Path, store: Path) -> Path:
    """Builds the Bento into the BentoML store at `store` and returns its folder.

    Raises ArtefactError for a damaged champion before anything is built, OtcRiskError where BentoML refuses.
    """
    load_champion(champion)
    with tempfile.TemporaryDirectory(prefix="otcrisk-bento-") as folder:
        stage(Path(folder), champion)
        # a child process: BentoML imports the service from the staged folder, while ours is imported already
        command = [sys.executable, "-m", "bentoml", "build", folder, "--output", "tag"]
        done = subprocess.run(command, cwd=folder, env=_environment(store), capture_output=True, text=True, check=False)
    tag = done.stdout.strip().rpartition("__tag__:")[2]
    if done.returncode or not tag:
        raise OtcRiskError(f"bentoml build failed:\n{done.stderr[-2000:]}")
    return store / "bentos" / tag.replace(":", "/")


def stage(folder: Path, champion: Path) -> None:
    """Copies what the Bento holds into `folder`, the keys that it trusts among its configuration."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in PACKAGES:
        shutil.copytree(_ROOT / name, folder / name, ignore=unwanted)
    shutil.copytree(conf_dir(), folder / "conf", ignore=unwanted)
    shutil.copytree(champion, folder / "champion")
    (folder / "conf" / TRUSTED_FILE).write_bytes(trusted_keys().pem)
    for name in ("bentofile.yaml", "requirements.lock"):
        shutil.copy2(_ROOT / name, folder / name)


def _environment(store: Path) -> dict[str, str]:
    quiet()
    store.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "BENTOML_HOME": str(store), "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> int:
    """Builds and prints the Bento's folder."""
    parser = argparse.ArgumentParser(prog="python -m serving.build", description="Builds the Bento.")
    parser.add_argument("--champion", type=Path, default=champion_folder(), help="model folder that goes into it")
    parser.add_argument("--store", type=Path, default=home() / "bentoml", help="BentoML store to build into")
    args = parser.parse_args()
    try:
        print(build(args.champion, args.store.absolute()))
    except OtcRiskError as error:
        print(f"serving.build: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
