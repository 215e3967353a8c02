"""Registered in MLflow, crowned, exported again byte for byte, and opened by MLflow itself without a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import DefaultModel, Facts, LateModel, save_default, save_late
from receivables.errors import InputError, NotFoundError
from tests.models.book import NAMES, Book

pytestmark = [
    # MLflow's own mapping uses an option that SQLAlchemy 2.1 deprecates
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    # and the import of mlflow.pyfunc warns about MLflow's own type hints
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]
FACTS = Facts(name="otc-payment-risk", feature_set_version="fs-test")


def test_both_models_go_in_and_come_out_the_same(
    late: LateModel, default: DefaultModel, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path / "home"))
    import mlflow

    from models import registry

    save_late(tmp_path / "late", late, FACTS)
    save_default(tmp_path / "default", default, FACTS)
    client = registry.connect()
    experiment = registry.experiment(client, "training")
    assert registry.experiment(client, "training") == experiment
    assert registry.champion_version(client, registry.LATE_NAME) is None
    with mlflow.start_run(experiment_id=experiment):
        first = registry.register(client, tmp_path / "late", registry.LATE_NAME, tags={"cutoff": "2019-04-30"})
        second = registry.register(client, tmp_path / "late", registry.LATE_NAME)
        other = registry.register(client, tmp_path / "default", registry.DEFAULT_NAME)
    assert (first, second, other) == ("1", "2", "1")
    assert registry.champion_version(client, registry.LATE_NAME) is None
    registry.crown(client, registry.LATE_NAME, "1")
    registry.crown(client, registry.DEFAULT_NAME, "1")
    assert registry.champion_version(client, registry.LATE_NAME) == "1"

    registry.export(client, registry.LATE_NAME, "2", tmp_path / "out")
    for path in (tmp_path / "late").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(NotFoundError, match="no version 9"):
        registry.export(client, registry.LATE_NAME, "9", tmp_path / "none")

    frame = pd.DataFrame(book.x, columns=list(NAMES))
    opened = mlflow.pyfunc.load_model(f"models:/{registry.LATE_NAME}@champion")
    found = opened.predict(frame[list(reversed(NAMES))])
    assert np.array_equal(found["late_over_30"], late.law(book.x).late_over(30))
    assert np.array_equal(found["mean_days_late"], late.law(book.x).mean())
    opened = mlflow.pyfunc.load_model(f"models:/{registry.DEFAULT_NAME}@champion")
    assert np.array_equal(opened.predict(frame)["default_probability"], default.probability(book.x))
    with pytest.raises(InputError, match="net_days"):
        opened.predict(frame.drop(columns="net_days"))

    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in written if path.suffix in (".pkl", ".joblib", ".cloudpickle")]
    assert (tmp_path / "home" / "mlflow.db").exists()


def test_every_state_folder_has_a_registry_of_its_own(tmp_path: Path) -> None:
    from models import registry

    first = registry.connect(tmp_path / "one")
    registry.experiment(first, "training", tmp_path / "one")
    assert registry.connect(tmp_path / "two").get_experiment_by_name("training") is None
    assert registry.connect(tmp_path / "one").get_experiment_by_name("training") is not None


def test_a_tracking_server_that_is_asked_for_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import registry

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    registry.experiment(registry.connect(tmp_path / "one"), "training", tmp_path / "one")
    assert registry.connect(tmp_path / "two").get_experiment_by_name("training") is not None
