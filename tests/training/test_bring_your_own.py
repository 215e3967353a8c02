"""External columns through the whole path: learnt from, explained, and the same for one order as for the portfolio."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from receivables.config import conf_dir

ROOT = Path(__file__).parents[2]
EXTERNAL = """
[[reasons]]
code = "EX01"
category = "EXTERNAL_RATING"
title = "What the agency says"
text = "The agency rates the customer's habits {ext_habit:.1f}"

[[sources]]
name = "agency"
file = "agency.csv"
join = "customer"
key = "customer_id"
published_at = "published_at"

[[sources.columns]]
name = "ext_habit"
column = "habit"
meaning = "days late that the agency expects"
unit = "days"
null_meaning = "not rated"
low = -60
high = 120
direction = "raises"
reason = "EX01"
models = ["late"]
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the run in a process of its own said: the feature table of a process is fixed when it starts."""
    folder = tmp_path_factory.mktemp("own")
    conf = Path(shutil.copytree(conf_dir(), folder / "conf"))
    (conf / "external.toml").write_text(EXTERNAL, encoding="utf-8")
    environment = {**os.environ, "OTCRISK_CONF": str(conf), "OTCRISK_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.training.bring_your_own"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    document: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return document


def test_a_declared_column_is_learnt_from_by_the_models_that_it_is_declared_for(said: dict[str, Any]) -> None:
    assert said["names"] == said["inputs"] == ["ext_habit"]
    assert said["last"] == "ext_habit"
    assert said["splits"] > 0


def test_one_order_is_served_with_the_very_figures_of_the_portfolio(said: dict[str, Any]) -> None:
    assert 0 < said["rated"] < said["rows"]
    assert len(said["equal"]) >= 20
    assert all(said["equal"])


def test_it_is_explained_in_its_own_words_and_listed_among_the_features(said: dict[str, Any]) -> None:
    assert said["reasons"]["EX01"].startswith("The agency rates the customer's habits ")
    assert said["in_page"]
