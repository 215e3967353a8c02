"""The complete champion folder of any training run, promoted or not, fetched by the version of its models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from models import champion as champions
from models.artefact import Artefact
from models.champion import Champion, read_candidate
from receivables.errors import NotFoundError

#: Where a run keeps its champion folder among its artifacts.
FOLDER: Final = "champion"


def champion_of(version: str, folder: Path | None = None) -> Champion:
    """Both models of the run that registered payment-time model `version`; raises NotFoundError or ArtefactError."""
    return champions.champion_of(candidate(version, folder))


def candidate(version: str, folder: Path | None = None) -> Artefact:
    """The champion folder of the run that registered payment-time model `version`, as verified bytes, not yet signed.

    Raises NotFoundError or ArtefactError.
    """
    from models.registry import LATE_NAME, connect  # first: it silences MLflow before that is imported

    from mlflow.exceptions import MlflowException  # isort: skip

    client = connect(folder)
    try:
        run_id = str(client.get_model_version(LATE_NAME, version).run_id)
        with tempfile.TemporaryDirectory() as scratch:
            return read_candidate(Path(client.download_artifacts(run_id, FOLDER, scratch)))
    except MlflowException:
        raise NotFoundError(
            f"no version {version} of the registered model {LATE_NAME!r}; `otcrisk train` says which it registered"
        ) from None


def keep(client: Any, run_id: str, champion: Path) -> None:
    """Keeps a champion folder with its run."""
    client.log_artifacts(run_id, str(champion), FOLDER)
