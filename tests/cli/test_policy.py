"""`otcrisk policy`: exit codes, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from receivables.config import conf_dir

SHIPPED = conf_dir() / "policy.toml"


def test_the_shipped_policy_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check"]) == 0
    assert "nothing wrong" in capsys.readouterr().out


def test_a_wrong_policy_ends_with_exit_code_4_and_every_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "policy.toml"
    text = SHIPPED.read_text(encoding="utf-8").replace("threshold = 60", "threshold = -60")
    wrong.write_text(text.replace("financing_rate = 0.08", "financing_rate = 8.0"), encoding="utf-8")
    assert main(["policy", "check", str(wrong)]) == 4
    error = capsys.readouterr().err
    assert "OLDEST_OPEN_ITEM_AGE: threshold" in error
    assert "loss.financing_rate" in error


def test_a_difference_is_printed_for_people_and_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "policy.toml"
    other.write_text(SHIPPED.read_text(encoding="utf-8").replace("threshold = 60", "threshold = 45"), encoding="utf-8")
    assert main(["policy", "diff", str(SHIPPED), str(other)]) == 0
    assert capsys.readouterr().out == "checks[OLDEST_OPEN_ITEM_AGE].threshold: 60.0 -> 45.0\n"
    assert main(["policy", "diff", str(SHIPPED), str(other), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["differences"]
    assert found == [{"where": "checks[OLDEST_OPEN_ITEM_AGE].threshold", "before": 60.0, "after": 45.0}]
