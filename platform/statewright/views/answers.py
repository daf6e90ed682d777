"""What the views answer: plain values, times in microseconds since 1970-01-01T00:00:00Z, every one with its place."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from statewright.machine.record import Leaves
from statewright.stores.words import Place

State = str | Leaves
"""A configuration as people read it: the leaf's path, or the paths of all leaves where there are several."""


class ConfigurationCount(Struct, frozen=True):
    """How many entities rest in exactly this configuration."""

    state: State
    count: int


class Counts(Struct, frozen=True):
    """How many entities of a type there are per leaf and per configuration, the fullest first."""

    type: str
    place: Place
    total: int
    states: dict[str, int]
    configurations: list[ConfigurationCount]


class ConfigurationTally(Struct, frozen=True):
    """How many entities of a type that fit a query rest in exactly this configuration."""

    type: str
    state: State
    count: int


class Tally(Struct, frozen=True):
    """How many entities fit a query, per type and configuration, the fullest first."""

    place: Place
    items: list[ConfigurationTally]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(item.count for item in self.items)


class RevisionCount(Struct, frozen=True):
    """How many entities that live under a revision rest in exactly this configuration."""

    revision: int
    state: State
    count: int


class Seconds(Struct, frozen=True):
    """How long the ended stays in a state lasted, in seconds; percentiles by nearest rank."""

    p50: float
    p90: float
    p95: float
    p99: float
    mean: float
    longest: float


class StateStays(Struct, frozen=True):
    """The stays in one leaf: how many ended, how many go on, how long the ended ones were (None when none ended)."""

    state: str
    ended: int
    open: int
    seconds: Seconds | None


class Stays(Struct, frozen=True):
    """The stays of a type, one item per leaf that was ever rested in, by name."""

    type: str
    place: Place
    items: list[StateStays]


class Arrow(Struct, frozen=True, rename={"from_": "from"}):
    """How often `event` took entities from one configuration to another; `from` and `event` are None for a creation."""

    from_: State | None
    event: str | None
    to: State
    count: int


class Flow(Struct, frozen=True):
    """The transitions of a type in a stretch of business time, the most frequent first."""

    type: str
    place: Place
    transitions: list[Arrow]


class HourCount(Struct, frozen=True):
    """The transitions whose business time fell into the hour beginning at `hour`."""

    hour: int
    count: int


class EntityRow(Struct, frozen=True, kw_only=True):
    """One entity as the `entities` view has it.

    `personal` holds the personal values of the data, apart from `data`. `since` is the business time at which the
    configuration was entered. In a list as of an earlier moment, what the view does not keep for every moment (`data`,
    `personal`, `version`, `revision`, `actor`, the times but `since`) is None: read it from the log.
    """

    type: str
    entity: str
    state: State
    leaves: Leaves
    since: int
    data: dict[str, Any] | None = None
    personal: dict[str, Any] | None = None
    version: int | None = None
    revision: int | None = None
    created_at: int | None = None
    happened_at: int | None = None
    recorded_at: int | None = None
    actor: str | None = None


class EntityPage(Struct, frozen=True):
    """Some entities in a stable order; `next` goes into `after` for those that follow, None when there are none."""

    items: list[EntityRow]
    next: str | None
    place: Place


class Parked(Struct, frozen=True):
    """An entity whose transition a consolidator could not handle; `held` later ones wait behind it, itself included."""

    type: str
    entity: str
    version: int
    position: int
    reason: str
    held: int
    parked_at: int


class Rebuild(Struct, frozen=True):
    """A rebuild beside the live tables: how far it is between the start of the log and `goal`.

    `phase` is asked, reading, copying or catching_up; `error` says why it stands still, when it does.
    """

    generation: int | None
    phase: str
    place: Place
    goal: Place
    started_at: int
    error: str | None = None


class Standing(Struct, frozen=True):
    """Where a consolidator is: its live generation and place, what it could not handle, and the rebuild under way.

    `lag` is how many transitions it is behind and `lag_s` how many seconds the first of them has waited; both are None
    until `with_lag` has asked the log. `held_by` is the process that runs it, None while none does.
    """

    name: str
    generation: int | None
    place: Place
    transitions: int
    recorded_at: int
    parked: list[Parked]
    error: str | None
    failed_at: int | None
    rebuild: Rebuild | None
    held_by: str | None = None
    lag: int | None = None
    lag_s: float | None = None


class TypeOverview(Struct, frozen=True):
    """One entity type at a glance.

    `trend` holds the transitions of the 24 business hours up to now, oldest first, and `last_24h` their sum; `stalled`
    the entities that have not left their configuration for longest, oldest first.
    """

    type: str
    total: int
    states: dict[str, int]
    last_24h: int
    trend: list[HourCount]
    stalled: list[EntityRow]


class Overview(Struct, frozen=True):
    """All types at a glance, by name."""

    place: Place
    types: list[TypeOverview]


class NotBuiltYet(Exception):
    """A view is being built for the first time; ask again in a moment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the view {name} is being built; ask again in a moment")
        self.name = name


class NotThereYet(Exception):
    """A view was asked about a place it has not reached; wait for it, or ask about an earlier one."""

    def __init__(self, name: str, wanted: Place, place: Place) -> None:
        super().__init__(f"the view {name} has reached {place}, not yet {wanted}; ask with wait= or a little later")
        self.name = name
        self.wanted = wanted
        self.place = place


def state_of(leaves: Leaves) -> State:
    """A configuration as people read it."""
    return leaves[0] if len(leaves) == 1 else leaves
