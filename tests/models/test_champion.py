"""The champion: one folder with everything that scores an order, for exactly the features installed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import CURVE, NAMES, VERSION, Priors
from models import Champion, DefaultModel, Facts, LateModel, ScoreScale, artefact, load_champion, save_champion
from models.champion import champion_of, read_candidate, save_candidate
from models.effects import Effects
from models.event import SERIOUS_DELINQUENCY_6M
from models.late import GRID
from models.numbers import Floats
from receivables.errors import ArtefactError
from receivables.signature import SIGNING_FILE, TrustedKeys, make_pair, read_key

FACTS = Facts(
    name="otc-payment-risk",
    feature_set_version=VERSION,
    version="3",
    run_id="abc",
    trained_at="2026-01-01T00:00:00Z",
    training_cutoff="2019-04-30",
    metrics={"late": {"auc": 0.87}},
)


@pytest.fixture(scope="module")
def rows() -> Floats:
    r = np.random.default_rng(0)
    x = r.random((1200, len(NAMES)))
    x[r.random(x.shape) < 0.1] = np.nan
    x[:, NAMES.index("due_weekday")] = r.integers(0, 7, 1200)
    return x


@pytest.fixture(scope="module")
def champion(rows: Floats) -> Champion:
    r = np.random.default_rng(1)
    days_late = r.normal(20 * np.nan_to_num(rows[:, 0]) - 8, 10)
    fast = {"num_iterations": 10, "min_data_in_leaf": 50}
    labels = (days_late[:, None] > np.array(GRID)).astype(float)
    late = LateModel.fit(rows, labels, names=NAMES, seeds=(1,), params=fast)
    default = DefaultModel(names=NAMES, event=SERIOUS_DELINQUENCY_6M, seeds=(1,), params=fast, raw=False)
    default.fit(rows, days_late > 15)
    rates = {"matured": [100] * len(CURVE), "late": list(range(90, 90 - 5 * len(CURVE), -5))}
    priors = Priors.from_json({"*": rates, "segment:B2B": rates})
    return Champion(late, default, ScoreScale.load(), priors, {})


def save(folder: Path, champion: Champion, facts: Facts = FACTS) -> None:
    save_champion(folder, late=champion.late, default=champion.default, priors=champion.priors, facts=facts)


def test_it_comes_back_whole(champion: Champion, rows: Floats, tmp_path: Path) -> None:
    save(tmp_path / "champion", champion)
    again = load_champion(tmp_path / "champion")
    assert np.array_equal(again.late.law(rows).survival, champion.late.law(rows).survival)
    assert np.array_equal(again.default.probability(rows), champion.default.probability(rows))
    assert again.scale == champion.scale
    assert again.default.event == SERIOUS_DELINQUENCY_6M
    assert again.priors.to_json() == champion.priors.to_json()
    assert again.manifest["version"] == "3"
    assert again.manifest["training_cutoff"] == "2019-04-30"
    assert again.manifest["metrics"] == {"late": {"auc": 0.87}}
    assert again.manifest["names"] == list(NAMES)


def test_the_event_within_another_horizon_and_what_reasons_move_come_back_with_it(
    champion: Champion, rows: Floats, tmp_path: Path
) -> None:
    shorter = replace(SERIOUS_DELINQUENCY_6M, name="serious_delinquency_3m", horizon_days=90)
    other = DefaultModel(names=NAMES, event=shorter, seeds=(1,), params={"num_iterations": 5}, raw=False)
    other.fit(rows, np.nan_to_num(rows[:, 1]) > 0.7)
    effects = {"late": Effects({"PB01": 0.5}), "default": Effects({"OD01": 0.0})}
    parts = {"late": champion.late, "default": champion.default, "priors": champion.priors, "facts": FACTS}
    save_champion(tmp_path / "c", **parts, beside=other, effects=effects)  # type: ignore[arg-type]
    again = load_champion(tmp_path / "c", is_tried=True)
    assert again.beside is not None
    assert again.beside.event == shorter
    assert np.array_equal(again.beside.probability(rows), other.probability(rows))
    assert (again.late_effects, again.default_effects) == (effects["late"], effects["default"])
    narrow = DefaultModel(seeds=(1,), raw=False).fit(rows[:, :3], np.nan_to_num(rows[:, 1]) > 0.7)
    with pytest.raises(ArtefactError, match="same columns"):
        save_champion(tmp_path / "d", **parts, beside=narrow)  # type: ignore[arg-type]


def test_its_parts_are_artefacts_of_their_own(champion: Champion, tmp_path: Path) -> None:
    save(tmp_path / "champion", champion)
    assert artefact.read(tmp_path / "champion" / "late").manifest.kind == "late"
    assert artefact.read(tmp_path / "champion" / "default").manifest.kind == "default"


def test_any_damaged_byte_anywhere_is_refused(champion: Champion, tmp_path: Path) -> None:
    save(tmp_path / "good", champion)
    r = np.random.default_rng(3)
    files = sorted(path.relative_to(tmp_path / "good") for path in (tmp_path / "good").rglob("*") if path.is_file())
    assert len(files) == 17
    for name in files:
        folder = Path(shutil.copytree(tmp_path / "good", tmp_path / "bad"))
        data = bytearray((folder / name).read_bytes())
        data[r.integers(len(data))] ^= 1 << int(r.integers(8))
        (folder / name).write_bytes(bytes(data))
        with pytest.raises(ArtefactError, match=name.name):
            load_champion(folder)
        shutil.rmtree(folder)


def test_a_folder_that_nobody_signed_can_be_judged_but_not_served(champion: Champion, tmp_path: Path) -> None:
    parts = {"late": champion.late, "default": champion.default, "priors": champion.priors, "facts": FACTS}
    save_candidate(tmp_path / "c", **parts)  # type: ignore[arg-type]
    assert champion_of(read_candidate(tmp_path / "c")).manifest["version"] == "3"
    with pytest.raises(ArtefactError, match=r"manifest\.sig: missing; only what `otcrisk promote` has signed"):
        load_champion(tmp_path / "c")


def test_the_signature_of_a_key_that_is_not_trusted_is_refused(champion: Champion, tmp_path: Path) -> None:
    make_pair(tmp_path)
    stranger = read_key(tmp_path / SIGNING_FILE)
    parts = {"late": champion.late, "default": champion.default, "priors": champion.priors, "facts": FACTS}
    save_champion(tmp_path / "c", **parts, key=stranger)  # type: ignore[arg-type]
    with pytest.raises(ArtefactError, match=f"signed with the key {stranger.id}, which is not among those trusted"):
        load_champion(tmp_path / "c")
    own = TrustedKeys.of_pem(stranger.public_pem, "here")
    assert load_champion(tmp_path / "c", keys=own).manifest["version"] == "3"


def test_a_champion_of_another_feature_set_is_refused(champion: Champion, tmp_path: Path) -> None:
    save(tmp_path / "champion", champion)
    with pytest.raises(ArtefactError, match="train again"):
        load_champion(tmp_path / "champion", names=NAMES[::-1])
    with pytest.raises(ArtefactError, match="fs-other"):
        load_champion(tmp_path / "champion", version="fs-other")


def test_the_last_good_champion_is_kept_named_and_used_after_an_interrupted_promotion(
    champion: Champion, tmp_path: Path
) -> None:
    folder = tmp_path / "champion"
    save(folder, champion)
    save(folder, champion, Facts(name="otc-payment-risk", feature_set_version=VERSION, version="4"))
    (folder / "late" / "model.txt").write_text("tree\n")
    with pytest.raises(ArtefactError, match=r"the champion before it is at .*champion\.previous"):
        load_champion(folder)
    shutil.rmtree(folder)
    assert load_champion(folder).manifest["version"] == "3"


def test_no_champion_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="train a model"):
        load_champion(tmp_path / "champion")


def test_models_for_different_columns_make_no_champion(
    champion: Champion, default: DefaultModel, tmp_path: Path
) -> None:
    with pytest.raises(ArtefactError, match="same columns"):
        save_champion(tmp_path / "c", late=champion.late, default=default, priors=champion.priors, facts=FACTS)


def test_a_scale_given_is_carried_instead_of_the_configured_one(champion: Champion, tmp_path: Path) -> None:
    other = ScoreScale(500, 50.0, 20, 0, 1000, champion.scale.grades)
    save_champion(
        tmp_path / "c", late=champion.late, default=champion.default, priors=champion.priors, facts=FACTS, scale=other
    )
    assert load_champion(tmp_path / "c").scale == other
    assert json.loads((tmp_path / "c" / "rating.json").read_text())["base_score"] == 500


def test_it_scores_an_order_of_an_unknown_customer_of_nulls_alone(champion: Champion) -> None:
    nothing = np.full((1, len(NAMES)), np.nan)
    law = champion.late.law(nothing)
    assert 0 < law.late_over(0)[0] < 1
    assert pd.notna(champion.scale.score(champion.default.probability(nothing)[0]))
    assert np.array_equal(champion.late.explain(nothing).probability, law.late_over(0))
