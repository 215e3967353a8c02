"""What `import models` offers, and what it must not drag into a serving process."""

from __future__ import annotations

import subprocess
import sys

import models
from features import FEATURES, NAMES
from models import directions, inputs_for


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert sorted(models.__all__) == models.__all__ or models.__all__ == sorted(
        models.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert all(hasattr(models, name) for name in models.__all__)


def test_importing_the_models_starts_no_tracking_plotting_or_training_library() -> None:
    script = "import models, models.cards, sys; print(*[m for m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "models.champion" in loaded
    assert not loaded & {"mlflow", "shap", "sklearn", "matplotlib", "bentoml", "evidently", "lightgbm"}


def test_each_model_learns_from_the_features_that_the_table_gives_it() -> None:
    late, default = inputs_for("late"), inputs_for("default")
    assert set(default) < set(late) < set(NAMES)
    assert "net_days" not in default
    signs = directions([*late, "unheard_of"])
    assert signs["unheard_of"] == 0
    assert {signs[feature.name] for feature in FEATURES if feature.name in late} == {-1, 0, 1}
