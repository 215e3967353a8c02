"""Where configuration and state live, and how a TOML file becomes a frozen dataclass."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from receivables.errors import ConfigError

T = TypeVar("T")


def home() -> Path:
    """The folder of all state (tracking database, artefacts, reports): OTCRISK_HOME, by default ./var."""
    return Path(os.environ.get("OTCRISK_HOME") or "var").absolute()


def key_folder() -> Path:
    """The folder of the keys that callers of the service use: OTCRISK_ACCESS, by default access/ in OTCRISK_HOME."""
    return Path(os.environ.get("OTCRISK_ACCESS") or home() / "access")


def conf_dir() -> Path:
    """The folder of configuration files: OTCRISK_CONF, by default the conf/ beside the packages."""
    return Path(os.environ.get("OTCRISK_CONF") or Path(__file__).resolve().parent.parent / "conf")


def read_toml(path: Path) -> dict[str, Any]:
    """The file as a dictionary; raises ConfigError where it is absent or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(into: type[T], path: Path) -> T:
    """`path` read into the frozen dataclass `into`; raises ConfigError with every unknown, missing or ill-typed key."""
    problems: list[str] = []
    made = build(into, read_toml(path), path.name, problems)
    if problems:
        raise ConfigError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
    return typing.cast(T, made)


def build(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """`value` as `kind` (dataclass, tuple, dict, union or scalar); what is wrong is added to `problems`."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where, problems)
    if origin is tuple and isinstance(value, list):
        return tuple(build(args[0], item, f"{where}[{i}]", problems) for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: build(args[1], item, f"{where}.{key}", problems) for key, item in value.items()}
    if origin in (types.UnionType, typing.Union):
        return value if value is None else build(next(a for a in args if a is not type(None)), value, where, problems)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = origin or kind
    if expected is Any or (isinstance(value, expected) and not (expected is int and isinstance(value, bool))):
        return value
    problems.append(f"{where}: expected {getattr(kind, '__name__', kind)}, got {value!r}")
    return None


def _dataclass(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{where}: expected a table, got {value!r}")
        return None
    hints, before = typing.get_type_hints(kind), len(problems)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    problems += [f"{where}: unknown key {key!r}" for key in value if key not in fields]
    required = (
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )
    missing = [name for name in required if name not in value]
    problems += [f"{where}: missing key {name!r}" for name in missing]
    made = {k: build(hints[k], v, f"{where}.{k}", problems) for k, v in value.items() if k in fields}
    # a dataclass that checks itself must not meet parts that are already known to be wrong
    return None if len(problems) > before else kind(**made)
