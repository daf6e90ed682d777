"""Paths taken: which events entities took, one after the other, and what each next one means for states and events.

Most entities of a type go the same few ways. So what has been seen of an entity so far is one object that all with the
same past share (a `Trail`), and what a transition adds to it is worked out once, for the first that takes it (a
`Step`): for all others it is one look-up.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec import Struct, field

from statewright.consolidators.words import leaves_of_state, text_of_state
from statewright.machine.record import Leaves

PATH_AT_MOST = 200
"""How many events a path tells of; what comes after them is one more step, `MORE`, for however many they are."""

MORE = "…"

_encode = msgspec.json.encode
_decode_times = msgspec.json.Decoder(dict[str, int]).decode


class PathRow(Struct, frozen=True, gc=False):
    """A path as the event that was taken last and the path before it."""

    path: int
    type: str
    before: int | None
    event: str
    length: int


class Trail(Struct, eq=False):
    """The past that some entities of a type share.

    `states` and `events` say of each whether it was entered, or taken, once (1) or more often (2).
    """

    type: str
    path: int
    length: int
    leaves: Leaves
    states: dict[str, int]
    events: dict[str, int]
    next: dict[tuple[str | None, Leaves], Step] = field(default_factory=dict)
    texts: tuple[str, str, str] | None = None

    @property
    def written(self) -> tuple[str, str, str]:
        """Leaves, states and events as text."""
        if self.texts is None:
            self.texts = text_of_state(self.leaves), _encode(self.states).decode(), _encode(self.events).decode()
        return self.texts


class Step(Struct, eq=False):
    """What a transition adds to a trail, and where it leads.

    `entered` are the leaves it enters, of which `reached` for the first time and `again` for the second. `arrives` is
    the configuration as text, None when it stays. `returned` and `repeated`: the first time that this entity enters
    any state, or takes any event, again.
    """

    to: Trail
    event: str | None
    entered: Leaves
    reached: Leaves
    again: Leaves
    arrives: str | None
    first: bool
    second: bool
    born: bool
    returned: bool
    repeated: bool


class Trails:
    """The trails that are known, by the type's beginning. `new` are the paths met since the last `settle`."""

    def __init__(self) -> None:
        self.new: list[PathRow] = []
        self._roots: dict[str, Trail] = {}
        self._known: dict[tuple[str, int, str, str, str], Trail] = {}

    def __len__(self) -> int:
        return len(self._known)

    def root(self, type: str) -> Trail:
        """Before anything happened to an entity."""
        found = self._roots.get(type)
        if found is None:
            row = PathRow(_number(0, type), type, None, "", 0)
            self.new.append(row)
            found = self._roots[type] = self._shared(Trail(type, row.path, 0, (), {}, {}))
        return found

    def read(self, type: str, path: int, length: int, leaves: str, states: str, events: str) -> Trail:
        """The trail that was written so."""
        found = self._known.get((type, path, leaves, states, events))
        if found is None:
            at = leaves_of_state(leaves)
            found = self._shared(Trail(type, path, length, at, _decode_times(states), _decode_times(events)))
        return found

    def step(self, trail: Trail, event: str | None, to: Leaves) -> Step:
        """What comes of `event` into the configuration `to`."""
        found = trail.next.get((event, to))
        if found is None:
            found = trail.next[event, to] = self._step(trail, event, to)
        return found

    def forget(self) -> None:
        """Know none. Trails that are held elsewhere stay as they are."""
        self.new.clear()
        self._roots.clear()
        self._known.clear()

    def _step(self, trail: Trail, event: str | None, to: Leaves) -> Step:
        entered = tuple(leaf for leaf in to if leaf not in trail.leaves)
        again = tuple(leaf for leaf in entered if trail.states.get(leaf) == 1)
        second = event is not None and trail.events.get(event) == 1
        path, length = self._longer(trail, event)
        states = trail.states | {leaf: 2 if leaf in trail.states else 1 for leaf in entered}
        events = trail.events | ({} if event is None else {event: 2 if event in trail.events else 1})
        return Step(
            to=self._shared(Trail(trail.type, path, length, to, states, events)),
            event=event,
            entered=entered,
            reached=tuple(leaf for leaf in entered if leaf not in trail.states),
            again=again,
            arrives=None if to == trail.leaves else text_of_state(to),
            first=event is not None and event not in trail.events,
            second=second,
            born=not trail.leaves,
            returned=bool(again) and 2 not in trail.states.values(),
            repeated=second and 2 not in trail.events.values(),
        )

    def _longer(self, trail: Trail, event: str | None) -> tuple[int, int]:
        if event is None or trail.length > PATH_AT_MOST:
            return trail.path, trail.length
        taken = event if trail.length < PATH_AT_MOST else MORE
        row = PathRow(_number(trail.path, taken), trail.type, trail.path, taken, trail.length + 1)
        self.new.append(row)
        return row.path, row.length

    def _shared(self, trail: Trail) -> Trail:
        return self._known.setdefault((trail.type, trail.path, *trail.written), trail)


def _number(before: int, taken: str) -> int:
    """The number of a path, the same in every process and generation: 64 bits of a digest of all that was taken."""
    digest = blake2b(before.to_bytes(8, "big", signed=True) + taken.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
