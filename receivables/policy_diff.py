"""What differs between two credit policies, by the names of their entries and not by their place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from receivables.policy import Policy

#: The key that names an entry of a list.
_NAMED_BY: Final = ("check", "name", "role", "code")
#: The file's hash differs wherever a space does.
_LEFT_OUT: Final = frozenset({"sha256"})


@dataclass(frozen=True)
class Difference:
    """One value that differs: where it is, and what it is in either policy; null where it is in one of them only."""

    where: str
    before: Any
    after: Any


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Every value that differs, in the order of the policy's parts; an entry that moved within its list is listed."""
    parts = (asdict(policy) for policy in (before, after))
    one, other = ({name: value for name, value in part.items() if name not in _LEFT_OUT} for part in parts)
    return list(_compared("", one, other))


def _compared(where: str, one: Any, other: Any) -> Iterator[Difference]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys((*one, *other)):
            yield from _compared(f"{where}.{key}" if where else str(key), one.get(key), other.get(key))
    elif _are_named(one) and _are_named(other):
        before, after = _by_name(one), _by_name(other)
        for name in dict.fromkeys((*before, *after)):
            yield from _compared(f"{where}[{name}]", before.get(name), after.get(name))
        shared = [name for name in before if name in after]
        if shared != [name for name in after if name in before]:
            yield Difference(f"{where} (order)", list(before), list(after))
    elif one != other:
        yield Difference(where, one, other)


def _are_named(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _by_name(entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(next(entry[key] for key in _NAMED_BY if key in entry)): entry for entry in entries}
