"""Settings of a training run as a TOML file: what `otcrisk tune` writes and `otcrisk train --settings` reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from receivables.config import load
from receivables.errors import ConfigError
from training.fit import Settings


def read_settings(path: Path) -> Settings:
    """The settings in `path`; what it does not name stays as it is. Raises ConfigError with every problem."""
    made = load(Settings, path)
    if not made.rounds or not all(tier and all(n > 0 for n in tier) for tier in made.rounds):
        raise ConfigError(f"{path}: rounds: expected lists of positive numbers, got {made.rounds}")
    return made


def settings_of(path: Path | None, **given: Any) -> Settings:
    """The settings in `path`, the product's own without one, and what is given on the command line in their place."""
    return dataclasses.replace(read_settings(path) if path else Settings(), **given)


def to_toml(settings: Settings, remarks: Sequence[str]) -> str:
    """The settings that differ from the product's own, under the remarks as comments."""
    plain = Settings()
    lines = [f"# {remark}" for remark in remarks]
    tables: list[str] = []
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if value == getattr(plain, field.name) or field.name == "threads":
            continue
        if isinstance(value, Mapping):
            tables += ["", f"[{field.name}]", *(f"{name} = {_value(item)}" for name, item in value.items())]
        else:
            lines.append(f"{field.name} = {_value(value)}")
    return "\n".join([*lines, *tables, ""])


def _value(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)
