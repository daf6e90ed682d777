"""What differs between the data of an entity at two moments, field by field, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import UNSET, Struct

_DEPTH = 6
"""How deep differences are looked for in objects within objects; what differs deeper is shown as a whole."""


class Change(Struct, frozen=True):
    """One field that differs, `address.city` for one within an object; what is absent is UNSET."""

    field: str
    was: Any
    now: Any

    @property
    def added(self) -> bool:
        """Whether it was not there before."""
        return self.was is UNSET

    @property
    def removed(self) -> bool:
        """Whether it is not there any more."""
        return self.now is UNSET

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.added else "removed" if self.removed else "changed"


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that differ, in the order of `after`, those that are gone last. Objects are compared member by member,
    lists as wholes, since their items cannot be told apart by place."""
    return list(_between(before, after, "", 1))


def changes_in(before: Mapping[str, Any], after: Mapping[str, Any], fields: Iterable[str]) -> list[Change]:
    """The same for some of the fields only."""
    wanted = list(fields)
    return changes_between(
        {name: before[name] for name in wanted if name in before},
        {name: after[name] for name in wanted if name in after},
    )


def _between(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str, depth: int) -> Iterator[Change]:
    for name, now in after.items():
        yield from _differ(f"{prefix}{name}", before.get(name, UNSET), now, depth)
    for name, was in before.items():
        if name not in after:
            yield Change(f"{prefix}{name}", was, UNSET)


def _differ(field: str, was: Any, now: Any, depth: int) -> Iterator[Change]:
    if isinstance(was, dict) and isinstance(now, dict) and depth < _DEPTH:
        yield from _between(was, now, f"{field}.", depth + 1)
    elif was is UNSET or not _same(was, now):
        yield Change(field, was, now)


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
