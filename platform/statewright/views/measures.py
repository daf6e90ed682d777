"""What the questions about whole types answer: paths, rework, hand-overs, throughput, funnel, dwell, references.

Every answer has its place. Times are microseconds since 1970-01-01T00:00:00Z where nothing else is said.
"""

from __future__ import annotations

from msgspec import Struct

from statewright.stores.words import Place
from statewright.views.answers import State


class Lengths(Struct, frozen=True):
    """Lengths of time in seconds; percentiles by nearest rank. An estimated one is at most 1 % off, the others exact.

    `mean` and `longest` are always exact.
    """

    p50: float
    p90: float
    p95: float
    p99: float
    mean: float
    longest: float
    estimated: bool


class Variant(Struct, frozen=True):
    """A way that entities went: the events in order, and how long it took on average from the first to the last.

    The path of an entity with very many events ends with `…`, which stands for the rest of them.
    """

    events: list[str]
    entities: int
    share: float
    mean_s: float


class Variants(Struct, frozen=True):
    """The ways that entities of a type went, the most frequent first: `variants` there are, the first are given."""

    type: str
    place: Place
    entities: int
    variants: int
    items: list[Variant]


class StateRework(Struct, frozen=True):
    """How many entities entered a state, how many of them came back to it, and how often it was entered in all."""

    state: str
    entities: int
    again: int
    entered: int


class EventRework(Struct, frozen=True):
    """How many entities took an event, how many of them took it again, and how often it happened in all."""

    event: str
    entities: int
    again: int
    times: int


class Rework(Struct, frozen=True):
    """What was done again: `returned` of the entities entered some state again, `repeated` took some event again."""

    type: str
    place: Place
    entities: int
    returned: int
    repeated: int
    states: list[StateRework]
    events: list[EventRework]


class HandOver(Struct, frozen=True, rename={"from_": "from"}):
    """How often work went from one actor to another."""

    from_: str
    to: str
    times: int


class HandOvers(Struct, frozen=True):
    """Hand-overs between actors, the most frequent first: `pairs` there are, the first are given."""

    type: str
    place: Place
    times: int
    pairs: int
    items: list[HandOver]


class Span(Struct, frozen=True, rename={"from_": "from"}):
    """How many entities began and how many ended in the stretch that begins at `from`."""

    from_: int
    begun: int
    ended: int


class Throughput(Struct, frozen=True):
    """Entities that began and that ended, span by span, none left out.

    `lasted` is how long the entities that began in the period had lasted from their first to their latest transition,
    None when there are none.
    """

    type: str
    place: Place
    step: str
    begun: int
    ended: int
    lasted: Lengths | None
    items: list[Span]


class Reach(Struct, frozen=True):
    """How many entities ever entered a state, which share of all that is, and how long that took from their first
    transition."""

    state: str
    reached: int
    share: float
    seconds: Lengths | None


class Funnel(Struct, frozen=True):
    """How far entities came: the states by how many reached them."""

    type: str
    place: Place
    entities: int
    items: list[Reach]


class StateDwell(Struct, frozen=True):
    """How long the stays in a state lasted that ended in the period."""

    state: str
    ended: int
    seconds: Lengths | None


class TransitionDwell(Struct, frozen=True, rename={"from_": "from"}):
    """How long the stays in a state lasted that one transition ended."""

    from_: str
    event: str
    to: State
    ended: int
    seconds: Lengths


class Dwell(Struct, frozen=True):
    """How long entities of a type rested, per state and per transition that ended the rest."""

    type: str
    place: Place
    states: list[StateDwell]
    transitions: list[TransitionDwell]


class Reference(Struct, frozen=True):
    """One entity names another. Seen from the entity asked about, `type` and `entity` are the other one.

    `names`: it is the one asked about that names the other. `state` is where the other rests, None while there is no
    such entity: the reference is still open. `since` is when the key was written.
    """

    names: bool
    relation: str
    type: str
    entity: str
    state: State | None
    since: int


class Related(Struct, frozen=True):
    """The entities that an entity names, then those that name it; `next` goes into `after` for more."""

    type: str
    entity: str
    place: Place
    items: list[Reference]
    next: str | None


class RelationCount(Struct, frozen=True):
    """How many references there are under a relation, of how many entities, and how many of them are still open."""

    relation: str
    to: str
    references: int
    entities: int
    open: int


class References(Struct, frozen=True):
    """The relations of a type, by name."""

    type: str
    place: Place
    items: list[RelationCount]
