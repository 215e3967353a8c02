"""JSON documents inside an artefact, read into frozen dataclasses or refused."""

from __future__ import annotations

import typing
from typing import Any, TypeVar

from receivables import config
from receivables.errors import ArtefactError, ConfigError

T = TypeVar("T")


def of_document(kind: type[T], document: Any, where: str) -> T:
    """`document` as `kind`; raises ArtefactError with every unknown, missing or ill-typed key."""
    problems: list[str] = []
    try:
        made = config.build(kind, document, where, problems)
    except (ConfigError, TypeError, ValueError) as error:  # a checked dataclass met a value of another type
        problems = problems or [str(error)]
    if problems:
        raise ArtefactError("\n  ".join([f"{where}: {len(problems)} problem(s)", *problems]))
    return typing.cast(T, made)
