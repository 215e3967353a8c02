"""A word that stands in every field that can hold a name or free text is found nowhere where it must not be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from receivables.ledger import Ledger
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from tests.serving.conftest import END

_ROOT: Final = Path(__file__).parent.parent
CANARY: Final = "zitronenfalter"
#: Free of meaning for the models, and in a ledger of the wrong kind perhaps a name.
_FIELDS: Final = {
    "customers": ("industry",),
    "invoices": ("company_code", "document_type", "terms_code"),
    "payments": ("method",),
    "disputes": ("reason",),
}


def marked(ledger: Ledger) -> Ledger:
    """The ledger with the word in every free text, and in the id of every customer and invoice."""
    frames = {name: frame.copy() for name, frame in ledger.frames.items()}
    for name, columns in _FIELDS.items():
        for column in columns:
            frames[name][column] = f"{CANARY} {column}"
    for frame in frames.values():
        for column in frame.columns.intersection(["customer_id", "parent_id", "invoice_id"]):
            frame[column] = frame[column].map(lambda text: f"{CANARY}-{text}", na_action="ignore")
    return Ledger.of(**frames)


def otcrisk(home: Path, *words: str) -> str:
    """What a verb printed, errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *words], env=environment(home), cwd=home, capture_output=True, text=True,
        check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode in (0, 10), done.stderr
    return done.stdout + done.stderr


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "OTCRISK_HOME": str(home), "PYTHONPATH": str(_ROOT)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a ledger, a training run and a drift page; what the verbs printed lies in `printed`."""
    ledger = marked(simulate(60, 14, 11, END, SimulationConfig.read()).ledger)
    with open_store(str(tmp_path / "ledger.sqlite"), create=True) as store:
        store.load(dict(ledger.frames), source="simulated", fingerprint="11")
    place = ("--ledger", str(tmp_path / "ledger.sqlite"))
    spans = ("--reference", "2026-05-01:2026-07-31", "--current", "2026-08-01:2026-10-31")
    printed = otcrisk(tmp_path, "train", *place) + otcrisk(tmp_path, "drift", *place, *spans)
    (tmp_path / "printed").write_text(printed, encoding="utf-8")
    return tmp_path


def hits(*files: Path) -> list[str]:
    """The files that hold the word in any case, also in JSON escapes of it."""
    word = re.compile(CANARY.encode(), re.IGNORECASE)
    return [str(file) for file in files if file.is_file() and word.search(legible(file))]


def legible(file: Path) -> bytes:
    """What the file says, uncompressed."""
    return pd.read_parquet(file).to_csv().encode() if file.suffix == ".parquet" else file.read_bytes()


@pytest.mark.slow
def test_training_and_drift_print_and_track_no_name(home: Path) -> None:
    tracked = [file for file in home.rglob("*") if "ledger.sqlite" not in file.name]
    assert any("mlflow" in file.name or "mlruns" in str(file) for file in tracked)
    assert any(file.name.startswith("drift-") and file.suffix == ".html" for file in tracked)
    assert hits(*tracked) == []
