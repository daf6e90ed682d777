"""What two documents differ in, place by place: what to show of another's change, and whether two changes meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from statewright.machine.editing.sheet import Way, steps

_GONE = object()


class Difference(Struct, frozen=True):
    """One place where two documents differ. What is not there is None with `added` or `removed` set."""

    way: Way
    before: Any
    after: Any
    added: bool = False
    removed: bool = False

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer."""
        return steps(self.way)


def differences(before: Any, after: Any) -> list[Difference]:
    """The outermost places in which two documents differ, in the order of the first; new ones last in theirs.

    Lists of different lengths differ as a whole, since their items cannot be told apart by place. The order of an
    object's members counts where branches or states are tried in it: nowhere but in lists.
    """
    return list(_differ(before, after, ()))


def _differ(before: Any, after: Any, way: Way) -> Iterator[Difference]:
    if before is _GONE:
        yield Difference(way, None, after, added=True)
    elif after is _GONE:
        yield Difference(way, before, None, removed=True)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differ(before.get(key, _GONE), after.get(key, _GONE), (*way, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differ(one, other, (*way, index))
    elif before != after or type(before) is not type(after):
        yield Difference(way, before, after)


def meet(mine: Sequence[Difference], theirs: Sequence[Difference]) -> bool:
    """Whether some place of one lies at, above or below some place of the other."""
    return any(_overlap(one.way, other.way) for one in mine for other in theirs)


def _overlap(one: Way, other: Way) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]
