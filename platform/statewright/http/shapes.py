"""What answers look like: records and heads of the log as the JSON that callers read.

Each struct is a shape of the API and gives its JSON Schema to the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from statewright.machine.moments import text_of
from statewright.machine.problem import Problem
from statewright.machine.record import Actor, Head, Kind, Leaves, Record, merged
from statewright.stores.words import Place, Ref

T = TypeVar("T")
State = str | list[str] | None
"""A configuration as people write it: text for one leaf, a list for several, null where there was nothing before."""


class Page(Struct, Generic[T]):
    """A part of a list. `next` is how far was read and goes into `after`; null when there is nothing beyond."""

    items: list[T]
    next: str | None


class Recorded(Struct, gc=False, rename={"from_": "from"}):
    """What a command recorded: the answer 201 to one event, and 200 to its repeat.

    `changes` holds what differs in the data, whole top-level fields; `removed` the fields that went.
    """

    type: str
    entity: str
    version: int
    partition: int
    position: int
    command: str
    event: str | None
    from_: State
    to: State
    from_leaves: Sequence[str]
    to_leaves: Sequence[str]
    changes: dict[str, Any]
    recorded_at: str
    revision: int
    allowed: Sequence[str] | UnsetType = UNSET
    removed: Sequence[str] | UnsetType = UNSET


class Transition(Struct, gc=False, rename={"from_": "from"}):
    """One transition as it stands in the log: what was recorded, and with what it was sent, by whom and when.

    `late` is there and true when its business time lies before one that the entity had already. `steps` is absent where
    there was one step along the only branch there is; `history` is what history states remember, where that changed.
    """

    type: str
    entity: str
    version: int
    partition: int
    position: int
    command: str
    event: str | None
    from_: State
    to: State
    from_leaves: list[str]
    to_leaves: list[str]
    changes: dict[str, Any]
    recorded_at: str
    revision: int
    kind: Kind
    payload: dict[str, Any]
    actor: ActorShape
    occurred_at: str | None
    removed: list[str] | UnsetType = UNSET
    correlation: str | UnsetType = UNSET
    causation: str | UnsetType = UNSET
    definition: str | UnsetType = UNSET
    late: bool | UnsetType = UNSET
    steps: list[StepShape] | UnsetType = UNSET
    history: dict[str, list[str]] | UnsetType = UNSET
    timers: TimersShape | UnsetType = UNSET
    emits: list[dict[str, Any]] | UnsetType = UNSET
    sends: list[dict[str, Any]] | UnsetType = UNSET
    logs: list[list[Any]] | UnsetType = UNSET
    reads: list[ReadShape] | UnsetType = UNSET


class StepShape(Struct, gc=False):
    """One microstep: what caused it, which states were left (innermost first) and entered, along which branches.

    `cause` is empty for a transition without an event; `branches` are JSON pointers into the definition.
    """

    cause: str
    exited: Sequence[str]
    entered: Sequence[str]
    branches: Sequence[str]


class TimerShape(Struct, gc=False):
    """A timer that was started, and when it is due."""

    state: str
    key: str
    due: str


class StoppedShape(Struct, gc=False):
    """A timer that was stopped, or has fired."""

    state: str
    key: str


class TimersShape(Struct, gc=False):
    """The timers that stopped, and those that started after that."""

    stopped: list[StoppedShape]
    started: list[TimerShape]


class ReadShape(Struct, gc=False):
    """A related entity that the decision saw, and at which version."""

    relation: str
    id: str
    version: int


class ActorShape(Struct, frozen=True, gc=False):
    """Who sent an event, and in which roles."""

    id: str
    roles: tuple[str, ...]


class Entity(Struct, gc=False):
    """One entity. `since` is the business time at which its state last changed; `place` how far the log was read."""

    type: str
    entity: str
    state: State
    leaves: list[str]
    data: dict[str, Any]
    version: int
    revision: int
    since: str
    place: str
    final: bool


class Revision(Struct, gc=False):
    """One registered document of a type. `problems` were found when it was registered."""

    type: str
    revision: int
    status: str
    digest: str
    problems: list[Problem]
    registered_at: str
    activated_at: str | None
    retired_at: str | None


def page_of(items: Sequence[T], limit: int, name: Callable[[T], str]) -> Page[T]:
    """The first `limit` of a list that is whole in memory; `next` is the name of the last one shown."""
    more = len(items) > limit
    return Page(list(items[:limit]), name(items[limit - 1]) if more else None)


def state_of(leaves: Leaves | Sequence[str] | None) -> State:
    """A configuration as people write it."""
    if leaves is None:
        return None
    return leaves[0] if len(leaves) == 1 else list(leaves)


def transition_of(record: Record) -> Transition:
    """A record of the log as the API shows it, personal values in their places."""
    return Transition(
        type=record.type,
        entity=record.entity,
        version=record.version,
        partition=record.partition,
        position=record.position,
        command=record.command,
        event=record.event,
        from_=state_of(record.from_),
        to=state_of(record.to),
        from_leaves=list(record.from_ or ()),
        to_leaves=list(record.to),
        changes=merged(record, "changes"),
        recorded_at=text_of(record.recorded_at),
        revision=record.revision,
        kind=record.kind,
        payload=merged(record, "payload"),
        actor=_actor_of(record.actor),
        occurred_at=None if record.occurred_at is None else text_of(record.occurred_at),
        removed=list(record.removed) or UNSET,
        correlation=UNSET if record.correlation is None else record.correlation,
        causation=UNSET if record.causation is None else record.causation,
        definition=UNSET if record.definition is None else record.definition,
        late=record.late or UNSET,
        steps=[StepShape(one.cause, one.exited, one.entered, one.branches) for one in record.steps] or UNSET,
        history={name: list(leaves) for name, leaves in record.history.items()} or UNSET,
        timers=_timers_of(record),
        emits=list(record.emits) or UNSET,
        sends=list(record.sends) or UNSET,
        logs=list(record.logs) or UNSET,
        reads=[ReadShape(name, id, version) for name, (id, version) in record.reads.items()] or UNSET,
    )


def _timers_of(record: Record) -> TimersShape | UnsetType:
    if not record.timers_started and not record.timers_stopped:
        return UNSET
    return TimersShape(
        [StoppedShape(state, key) for state, key in record.timers_stopped],
        [TimerShape(timer.state, timer.key, text_of(timer.due)) for timer in record.timers_started],
    )


def entity_of(ref: Ref, head: Head, place: Place, final: bool) -> Entity:
    """An entity as of a head, with the place up to which the log says so."""
    return Entity(
        type=ref.type,
        entity=ref.id,
        state=state_of(head.leaves),
        leaves=list(head.leaves),
        data=head.data,
        version=head.version,
        revision=head.revision,
        since=text_of(head.since),
        place=place,
        final=final,
    )


def etag_of(version: int) -> str:
    """The entity tag (RFC 9110) of an entity at a version, as `If-Match` gives it back."""
    return f'"{version}"'


def matches(if_none_match: str | None, version: int) -> bool:
    """Whether the caller holds this version already, by its `If-None-Match`."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag_of(version) in tags


def lines_of(transitions: Sequence[Transition]) -> bytes:
    """Transitions as NDJSON: one a line, each line ended."""
    return msgspec.json.Encoder().encode_lines(transitions)


def weight_of(record: Record) -> int:
    """Roughly how many bytes a record takes, so that many large ones do not make one enormous answer."""
    told = record.steps, record.emits, record.sends, record.logs
    if not (record.payload or record.changes or record.sealed or any(told)):
        return 500
    return 500 + len(msgspec.json.encode((record.payload, record.changes, record.sealed, told)))


def _actor_of(actor: Actor) -> ActorShape:
    return ActorShape(actor.id, actor.roles)
