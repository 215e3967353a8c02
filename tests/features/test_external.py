"""What a site declares in external.toml: features and reasons like our own, or every mistake named at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from features.external import PREFIX, site
from features.feature import LOWERS, RAISES
from features.published import Published
from receivables.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "external"


def test_without_a_file_nothing_is_brought_along(tmp_path: Path) -> None:
    assert site(tmp_path / "absent.toml").features == ()
    assert not site().sources


def test_the_example_declares_two_features_with_direction_reason_and_null() -> None:
    found = site(EXAMPLE / "external.toml")
    score, change = found.features
    assert (score.name, score.direction, score.uses) == ("ext_agency_score", LOWERS, {"late", "default"})
    assert (change.direction, change.uses) == (RAISES, {"late"})
    assert score.null_meaning == "not rated within 400 days"
    assert {score.reason, change.reason} == set(found.catalogue)
    assert all(feature.name.startswith(PREFIX) for feature in found.features)
    assert [len(Published.read(source, EXAMPLE).rows) for source in found.sources] == [3, 2]


def test_how_a_source_joins_is_part_of_the_version_of_the_features(tmp_path: Path) -> None:
    text = (EXAMPLE / "external.toml").read_text(encoding="utf-8")
    (tmp_path / "a.toml").write_text(text.replace("max_age_days = 400", "max_age_days = 30"))
    nodes = [[f.node for f in site(path).features] for path in (EXAMPLE / "external.toml", tmp_path / "a.toml")]
    assert nodes[0][0] != nodes[1][0]
    assert nodes[0][1] == nodes[1][1]


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "external.toml", tmp_path / "external.toml")
    text = (tmp_path / "external.toml").read_text(encoding="utf-8")
    for old, new in (
        ('join = "country"', 'join = "city"'),
        ('key = "customer_id"\n', ""),
        ("max_age_days = 400", "max_age_days = 0"),
        ('direction = "raises"', 'direction = "up"'),
        ('name = "ext_agency_score"', 'name = "score"'),
        ("high = 100", "high = 0"),
        ('code = "EX02"', 'code = "PB01"'),
        ('models = ["late"]', 'models = ["fraud"]'),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "external.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        site(tmp_path / "external.toml")
    for words in (
        "join: expected one of customer, segment, country, none, got 'city'",
        "key: expected a column",
        "max_age_days: expected a positive number",
        "direction: expected raises, lowers or either, got 'up'",
        "name: expected ext_ and small letters",
        "expected low < high",
        "reason 'PB01': expected a code EX01 to EX99",
        "reason 'EX02': used by a column but not declared",
        "models: expected 'late' and 'default', got ['fraud']",
    ):
        assert words in str(caught.value)
