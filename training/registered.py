"""What a training run left for a later promotion: its champion folder, unsigned, and its held-out predictions."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models import champion as champions
from models.artefact import Artefact
from models.champion import Champion, read_candidate
from receivables.errors import NotFoundError
from training.heldout import to_bytes

#: Where a run keeps its champion folder among its artifacts.
FOLDER: Final = "champion"
#: And the held-out predictions of both models.
HELDOUT: Final = "heldout"
#: Tag of a run: who started it.
TRAINED_BY: Final = "trained_by"


@dataclass(frozen=True)
class Registered:
    """A run's models: verified folder, registered versions by name, held-out predictions, and who trained them."""

    run_id: str
    versions: Mapping[str, str]
    found: Artefact
    late: pd.DataFrame
    event: pd.DataFrame
    trained_by: str | None


def champion_of(version: str, folder: Path | None = None) -> Champion:
    """Both models of the run that registered payment-time model `version`; raises NotFoundError or ArtefactError."""
    return champions.champion_of(fetch(version, folder).found)


def fetch(version: str | None, folder: Path | None = None) -> Registered:
    """What the run that registered payment-time model `version` left, by default that of the newest challenger.

    Raises NotFoundError where there is none, ArtefactError where it was damaged.
    """
    from models.registry import CHALLENGER, LATE_NAME, connect  # first: it silences MLflow before that is imported

    from mlflow.exceptions import MlflowException  # isort: skip

    client = connect(folder)
    try:
        if version is None:
            named = client.get_model_version_by_alias(LATE_NAME, CHALLENGER)
        else:
            named = client.get_model_version(LATE_NAME, version)
        run = client.get_run(str(named.run_id))
        made = client.search_model_versions(f"run_id = '{run.info.run_id}'")
        with tempfile.TemporaryDirectory() as scratch:
            found = read_candidate(Path(client.download_artifacts(run.info.run_id, FOLDER, scratch)))
            held = Path(client.download_artifacts(run.info.run_id, HELDOUT, scratch))
            late, event = (pd.read_parquet(io.BytesIO((held / f"{n}.parquet").read_bytes())) for n in ("late", "event"))
    except (MlflowException, OSError):
        what = "challenger" if version is None else f"version {version} with its champion folder"
        raise NotFoundError(
            f"no {what} of the registered model {LATE_NAME!r}; `otcrisk train` says which versions it registered"
        ) from None
    versions = {str(version.name): str(version.version) for version in made}
    return Registered(run.info.run_id, versions, found, late, event, run.data.tags.get(TRAINED_BY))


def keep(client: Any, run_id: str, champion: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Keeps a champion folder and the held-out predictions ("late", "event") with their run."""
    client.log_artifacts(run_id, str(champion), FOLDER)
    with tempfile.TemporaryDirectory() as scratch:
        for name, frame in frames.items():
            (Path(scratch) / f"{name}.parquet").write_bytes(to_bytes(frame))
        client.log_artifacts(run_id, scratch, HELDOUT)
