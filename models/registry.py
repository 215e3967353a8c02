"""The model registry in MLflow: SQLite under OTCRISK_HOME by default. Serving never imports this module.

Whatever is registered is one of our artefact folders; what comes back out is verified before it is used.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from models import artefact
from receivables.config import home
from receivables.errors import NotFoundError
from receivables.quiet import quiet

quiet()  # before the import: MLflow reads its telemetry switches once

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

# its progress reports would end up between ours
logging.getLogger("mlflow").setLevel(logging.WARNING)

LATE_NAME: Final = "otc-late-payment"
DEFAULT_NAME: Final = "otc-default"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
#: Where MLflow keeps our folder inside its own, given the folder's name.
_FOLDER: Final = "artefact"
_DATA: Final = f"data/{_FOLDER}"
_LOADER: Final = "models.mlflow_loader"
_PACKAGES: Final = ("models", "features", "receivables")
_REQUIRED: Final = ("lightgbm", "numpy", "pandas", "numba", "scikit-learn")


def connect(folder: Path | None = None) -> MlflowClient:
    """A client of the tracking database in `folder` (default OTCRISK_HOME), or of MLFLOW_TRACKING_URI if set."""
    place = (folder or home()).absolute()
    place.mkdir(parents=True, exist_ok=True)
    asked = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    uri = asked["MLFLOW_TRACKING_URI"] or f"sqlite:///{place / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    # MLflow writes both into the environment, where the next call would take them for the user's
    for name in (name for name, value in asked.items() if value is None):
        os.environ.pop(name, None)
    return MlflowClient(uri, uri)


def experiment(client: MlflowClient, name: str, folder: Path | None = None) -> str:
    """Id of the experiment `name`, made where it is absent, its artefacts under mlartifacts/ in `folder`."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = (folder or home()).absolute() / "mlartifacts" / name
    return str(client.create_experiment(name, artifact_location=place.as_uri()))


def register(client: MlflowClient, folder: Path, name: str, *, tags: Mapping[str, str] | None = None) -> str:
    """Logs the artefact `folder` to the active run and registers it as the next version of `name`; returns the version.

    It can be loaded with `mlflow.pyfunc.load_model`, which runs `models.mlflow_loader`, never a pickle.
    """
    artefact.read(folder)
    code = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as scratch:
        # a fixed folder name, so that `export` knows where to look
        data = shutil.copytree(folder, Path(scratch) / _FOLDER)
        logged = mlflow.pyfunc.log_model(
            name=name,
            loader_module=_LOADER,
            data_path=str(data),
            code_paths=[str(code / package) for package in _PACKAGES],
            pip_requirements=[f"{package}=={version(package)}" for package in _REQUIRED],
        )
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    made = client.create_model_version(
        name, source=logged.model_uri, run_id=logged.run_id, tags=dict(tags or {}), model_id=logged.model_id
    )
    return str(made.version)


def champion_version(client: MlflowClient, name: str) -> str | None:
    """The version of `name` that carries the alias "champion"; None where there is none yet."""
    try:
        return str(client.get_model_version_by_alias(name, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def crown(client: MlflowClient, name: str, number: str) -> None:
    """Moves the alias "champion" of `name` to version `number`."""
    client.set_registered_model_alias(name, CHAMPION, number)


def export(client: MlflowClient, name: str, number: str, folder: Path) -> artefact.Manifest:
    """Copies version `number` of `name` to `folder`, verified first; raises NotFoundError or ArtefactError."""
    try:
        source = client.get_model_version_download_uri(name, number)
    except MlflowException:
        raise NotFoundError(f"no version {number} of the registered model {name!r}") from None
    with tempfile.TemporaryDirectory() as scratch:
        fetched = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"{source}/{_DATA}", dst_path=scratch))
        found = artefact.read(fetched)
    return artefact.restore(folder, found)
