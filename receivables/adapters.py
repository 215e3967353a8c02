"""ERP documents as scoring requests, and answers as ERP documents, by maps in conf/adapters/ that a site can change.

A map is a list of fields: where a value comes from, where it goes to, and of what kind it is. Nothing is guessed: a
value that is absent stays absent, one that does not fit its kind is an error, and all errors are told at once.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from receivables import config
from receivables.errors import ConfigError, InputError, MappingError
from receivables.money import exponent

_TICKS: Final = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/\Z")
_TRUE: Final = frozenset({"x", "true", "yes", "y", "1"})
_FALSE: Final = frozenset({"", "false", "no", "n", "0", "-"})


@dataclass(frozen=True)
class Field:
    """One value: from `path` (or the sum of `paths`, or a fixed `value`) to `to`.

    Paths are names separated by dots, numbers are places in a list. `kind` is one of `KINDS`. `map` turns codes into
    others; a code that is not in it becomes `default`, or is an error where there is none. An amount is in the currency
    found at `currency`. `negate` turns its sign.
    """

    to: str
    path: str = ""
    paths: tuple[str, ...] = ()
    value: str | None = None
    kind: str = "text"
    map: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    currency: str = ""
    negate: bool = False


@dataclass(frozen=True)
class Items:
    """A list of entries, each mapped by `fields`, whose paths start at the entry; currencies too."""

    to: str
    path: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Adapter:
    """The map of one ERP. `verified` says against which documents its field names were checked, "" against none."""

    name: str
    title: str
    verified: str
    request: tuple[Field, ...]
    response: tuple[Field, ...]
    lists: tuple[Items, ...] = ()


def load_adapter(name: str, folder: Path | None = None) -> Adapter:
    """The adapter conf/adapters/NAME.toml; raises ConfigError where it is wrong, MappingError where there is none."""
    place, names = folder or config.conf_dir() / "adapters", names_of(folder)
    if name not in names:
        raise MappingError(f"{place}: expected one of {', '.join(names)}, got {name!r}")
    file = place / f"{name}.toml"
    adapter = config.load(Adapter, file)
    found = list(problems_of(adapter))
    if found:
        raise ConfigError("\n  ".join([f"{file}: {len(found)} problem(s)", *found]))
    return adapter


def names_of(folder: Path | None = None) -> list[str]:
    """Names of the adapters that there are."""
    return sorted(file.stem for file in (folder or config.conf_dir() / "adapters").glob("*.toml"))


def to_request(adapter: Adapter, document: Mapping[str, Any]) -> dict[str, Any]:
    """The scoring request of an ERP document; raises InputError with every value that does not fit."""
    problems: list[str] = []
    made: dict[str, Any] = {}
    for entry in adapter.request:
        _put(made, entry.to, _value(entry, document, entry.path, problems))
    for items in adapter.lists:
        found = _get(document, items.path)
        if isinstance(found, Sequence) and not isinstance(found, str):
            _put(made, items.to, [_entry(items, i, one, problems) for i, one in enumerate(found)])
    _raise(adapter, problems)
    return made


def from_answer(adapter: Adapter, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The ERP's document for an answer; raises InputError with every code that the map does not know."""
    problems: list[str] = []
    made: dict[str, Any] = {}
    for entry in adapter.response:
        _put(made, entry.to, _value(entry, answer, entry.path, problems))
    _raise(adapter, problems)
    return made


def _entry(items: Items, i: int, one: Any, problems: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in items.fields:
        _put(made, entry.to, _value(entry, one, f"{items.path}[{i}].{entry.path}", problems))
    return made


def _value(entry: Field, source: Any, where: str, problems: list[str]) -> Any:
    """The value of a field; null where it is absent."""
    try:
        return _kept(entry, source)
    except (InputError, InvalidOperation, ValueError) as error:
        problems.append(f"{where}: {error or type(error).__name__}")
        return None


def _kept(entry: Field, source: Any) -> Any:
    if entry.value is not None:
        return KINDS[entry.kind](entry.value, entry, source)
    if entry.paths:
        parts = [_get(source, path) for path in entry.paths]
        found: Any = None if any(part is None for part in parts) else sum(Decimal(str(part)) for part in parts)
    else:
        found = _get(source, entry.path)
    if entry.map:
        found = _coded(entry, found)
    if found is None or found == "":
        found = entry.default
    return None if found is None else KINDS[entry.kind](found, entry, source)


def _coded(entry: Field, found: Any) -> str | None:
    code = "" if found is None else str(found)
    if code in entry.map:
        return entry.map[code]
    if code and entry.default is None:
        raise InputError(f"expected one of {', '.join(entry.map)}")
    return entry.default


def _text(value: Any, entry: Field, source: Any) -> str:
    if isinstance(value, Mapping | list | float):
        raise InputError("expected text")
    return str(value)


def _amount(value: Any, entry: Field, source: Any) -> str:
    """Decimal text in the currency's digits; raises InputError where the amount has more."""
    currency = _get(source, entry.currency)
    if not isinstance(currency, str):
        raise InputError(f"expected a currency at {entry.currency}")
    digits = exponent(currency)
    exact = Decimal(str(value)) * (-1 if entry.negate else 1)
    rounded = round(exact, digits)
    if rounded != exact:
        raise InputError(f"{currency} has {digits} decimal places")
    return f"{rounded:.{digits}f}"


def _date(value: Any, entry: Field, source: Any) -> str:
    text = str(value)
    if ticks := _TICKS.match(text):
        return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(ticks[1]))).date().isoformat()
    return dt.date.fromisoformat(text if len(text) == len("YYYYMMDD") else text[: len("YYYY-MM-DD")]).isoformat()


def _moment(value: Any, entry: Field, source: Any) -> str:
    """A moment in UTC; one without an offset is taken to be in UTC."""
    moment = dt.datetime.fromisoformat(str(value))
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"


def _whole(value: Any, entry: Field, source: Any) -> int:
    return int(str(value))


def _flag(value: Any, entry: Field, source: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise InputError("expected yes or no")
    return word in _TRUE


#: How a value of each kind is read.
KINDS: Final[Mapping[str, Callable[[Any, Field, Any], Any]]] = {
    "text": _text,
    "amount": _amount,
    "date": _date,
    "moment": _moment,
    "whole": _whole,
    "flag": _flag,
}


def problems_of(adapter: Adapter) -> Iterator[str]:
    """What is wrong with a map beyond the types of its keys."""
    fields = [*adapter.request, *adapter.response, *(entry for items in adapter.lists for entry in items.fields)]
    for entry in fields:
        if entry.kind not in KINDS:
            yield f"{entry.to}: expected a kind of {', '.join(KINDS)}, got {entry.kind!r}"
        if sum((bool(entry.path), bool(entry.paths), entry.value is not None)) != 1:
            yield f"{entry.to}: expected one of path, paths and value"
        if entry.kind == "amount" and not entry.currency:
            yield f"{entry.to}: an amount needs the path of its currency"


def _get(source: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(source, Mapping):
            source = source.get(name)
        elif isinstance(source, list) and name.isdecimal() and int(name) < len(source):
            source = source[int(name)]
        else:
            return None
    return source


def _put(made: dict[str, Any], path: str, value: Any) -> None:
    if value is None:
        return
    *parents, name = path.split(".")
    for parent in parents:
        made = made.setdefault(parent, {})
    made[name] = value


def _raise(adapter: Adapter, problems: Sequence[str]) -> None:
    if problems:
        raise InputError("\n  ".join([f"{adapter.title}: {len(problems)} value(s) do not fit", *problems]))
