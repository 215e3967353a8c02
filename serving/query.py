"""Parameters after the question mark, read as strictly as a body."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TypeVar

from pydantic_core import PydanticCustomError

from serving.handlers import Call
from serving.problems import ApiError, FieldProblem, refuse
from serving.schemas import read_day, read_moment

_T = TypeVar("_T")


def require_known(call: Call, names: Collection[str]) -> None:
    """Raises ApiError SCHEMA with every parameter that the path does not know."""
    unknown = sorted(set(call.query) - set(names))
    if unknown:
        raise _refused([FieldProblem(f"query.{name[:64]}", "there is no such parameter") for name in unknown])


def moment_of(call: Call, name: str, default: dt.datetime | None = None) -> dt.datetime:
    """A moment in UTC, given with its offset or as a day, which is its first moment; raises ApiError where it is wrong.

    Without a `default` the parameter must be given.
    """
    text = call.query.get(name)
    if text is None:
        return _required(name, default)
    try:
        if len(text) == len("YYYY-MM-DD"):
            return dt.datetime.combine(read_day(text), dt.time(), dt.UTC)
        return read_moment(text)
    except PydanticCustomError as error:
        raise _refused([FieldProblem(f"query.{name}", error.message())]) from None


def day_of(call: Call, name: str, default: dt.date | None = None) -> dt.date:
    """A day as YYYY-MM-DD; raises ApiError where it is wrong. Without a `default` it must be given."""
    text = call.query.get(name)
    if text is None:
        return _required(name, default)
    try:
        return read_day(text)
    except PydanticCustomError as error:
        raise _refused([FieldProblem(f"query.{name}", error.message())]) from None


def count_of(call: Call, name: str, *, default: int, most: int) -> int:
    """A number from 1 to `most`; raises ApiError where it is wrong."""
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise _refused([FieldProblem(f"query.{name}", f"expected a number from 1 to {most}")])
    return int(text)


def choice_of(call: Call, name: str, *, default: str, allowed: Collection[str]) -> str:
    """One of the allowed words; raises ApiError for another."""
    text = call.query.get(name, default)
    if text not in allowed:
        raise _refused([FieldProblem(f"query.{name}", f"expected one of {', '.join(allowed)}")])
    return text


def _required(name: str, default: _T | None) -> _T:
    if default is None:
        raise _refused([FieldProblem(f"query.{name}", "is missing")])
    return default


def _refused(problems: list[FieldProblem]) -> ApiError:
    return refuse("SCHEMA", "a parameter is not as expected", problems)
