from pathlib import Path

import pytest

from receivables.config import conf_dir
from receivables.errors import ConfigError
from receivables.simulation.config import SimulationConfig


def _changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (conf_dir() / "simulation.toml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = tmp_path / "simulation.toml"
    path.write_text(text)
    return path


def test_the_shipped_configuration_is_sound() -> None:
    assert SimulationConfig.read().base_currency == "EUR"


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = _changed(
        tmp_path,
        ("weekdays = [0.14, 0.17, 0.18, 0.17, 0.16, 0.10, 0.08]", "weekdays = [1.0]"),
        ('currency = "JPY"', 'currency = "CHF"'),
        ('behaviour = "EARLY"', 'behaviour = "PROMPT"'),
        ("promise_share = 0.30", "promise_share = 3.0"),
        ("days_of_month = [10, 25]", "days_of_month = []"),
    )
    with pytest.raises(ConfigError, match=r"5 problem\(s\)") as caught:
        SimulationConfig.read(path)
    for name in ("volume.weekdays", "CHF", "PROMPT", "events.promise_share", "MONTHLY"):
        assert name in str(caught.value)


def test_the_first_state_must_be_sound_for_good(tmp_path: Path) -> None:
    path = _changed(tmp_path, ("worse = 0.0\n", "worse = 0.1\n"))
    with pytest.raises(ConfigError, match=r"stress\[0\]"):
        SimulationConfig.read(path)
