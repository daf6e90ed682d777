"""The decision: what an event does to an entity, or why it may not happen. Pure.

The order of checks is the language's (see the reference, "What happens when an event arrives"). Which repeat is
answered from the log, and whether type and entity exist, is settled before; here it goes from the version onwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from statewright.machine.compile import Machine, Move
from statewright.machine.problem import pointer_of
from statewright.machine.record import ANONYMOUS, Actor, Head, Kind, Leaves

PAYLOAD_BYTES = 128 * 1024
DATA_BYTES = 256 * 1024
_encode = msgspec.json.Encoder().encode
_deterministic = msgspec.json.Encoder(order="deterministic").encode


class Why(StrEnum):
    """Why an event was not let through; each is a problem type of the API."""

    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_ENTITY = "unknown_entity"
    VERSION_CONFLICT = "version_conflict"
    FINAL = "final"
    UNKNOWN_EVENT = "unknown_event"
    NOT_IN_THIS_STATE = "not_in_this_state"
    INVALID_PAYLOAD = "invalid_payload"
    NOT_ALLOWED = "not_allowed"
    INVALID_DATA = "invalid_data"
    TOO_LARGE = "too_large"
    ENTITY_EXISTS = "entity_exists"
    ID_REUSED = "id_reused"
    IN_THE_FUTURE = "in_the_future"


class Event(Struct, gc=False):
    """What a service sends. `name` None creates the entity with `payload` as its data.

    `expected` is the version the sender believes in, 0 for "must not exist yet". `create` is whether, and with which
    data, the entity may come to be with this event. `size` is an upper bound of the payload's bytes as JSON, 0 when it
    is not known.
    """

    name: str | None
    payload: dict[str, Any] = {}
    actor: Actor = ANONYMOUS
    expected: int | None = None
    create: dict[str, Any] | bool = True
    size: int = 0


class Accepted(Struct, gc=False):
    """What the event does: the configuration before and after, and the data with what differs in it.

    `size` is an upper bound of the data's bytes as JSON.
    """

    kind: Kind
    from_: Leaves | None
    to: Leaves
    payload: dict[str, Any]
    data: dict[str, Any]
    changes: dict[str, Any]
    removed: tuple[str, ...]
    size: int


class Refused(Struct, gc=False):
    """Why the event may not happen, in a code and a sentence.

    `at` names the places that made it so, each with a sentence of its own: pointers into what was sent or, for a role,
    into the definition.
    """

    why: Why
    detail: str
    at: Sequence[tuple[str, str]] = ()


def decide(machine: Machine, head: Head | None, event: Event) -> Accepted | Refused:
    """Say what `event` does to the entity at `head` (None when there is none), or why it may not happen.

    Pure: the same arguments give the same answer. `event` is completed with the defaults of its schema, else nothing is
    changed.
    """
    if event.name is None:
        return _create(machine, head, event)
    if head is None:
        return _decide_first(machine, event)
    if event.expected is not None and event.expected != head.version:
        return _conflict(head, event.expected)
    leaves = head.leaves
    if machine.is_final(leaves):
        return Refused(Why.FINAL, f"{event.name} is refused: the entity ended in {_named(leaves)}")
    found = _select(machine, leaves, event)
    if isinstance(found, Refused):
        return found
    return _carry_out(machine, found, event, leaves, head.data, _size_of(head.data, head.size))


def _create(machine: Machine, head: Head | None, event: Event) -> Accepted | Refused:
    if head is not None:
        if event.expected is not None and event.expected != head.version:
            return _conflict(head, event.expected)
        return Refused(Why.ENTITY_EXISTS, f"the entity exists already, in {_named(head.leaves)}")
    if event.expected:
        return _missing(event.expected)
    begun = _begin(machine, event.payload, event.size)
    if isinstance(begun, Refused):
        return begun
    data, size = begun
    fault = _fault_of_data(machine, data, size)
    if fault is not None:
        return fault
    return Accepted("created", None, machine.initial, event.payload, data, data, (), size)


def _decide_first(machine: Machine, event: Event) -> Accepted | Refused:
    """The event that brings its entity into being: creation and transition in one decision and one record."""
    if not machine.implicit or event.create is False:
        return Refused(Why.UNKNOWN_ENTITY, _HOW_TO_CREATE if not machine.implicit else "there is no such entity")
    if event.expected:
        return _missing(event.expected)
    found = _select(machine, machine.initial, event)
    if isinstance(found, Refused):
        return found
    begun = _begin(machine, event.create if isinstance(event.create, dict) else {}, 0)
    if isinstance(begun, Refused):
        return begun
    data, size = begun
    outcome = _carry_out(machine, found, event, machine.initial, data, size, begins=True)
    if isinstance(outcome, Accepted):
        outcome.changes = outcome.data
        outcome.removed = ()
    return outcome


_HOW_TO_CREATE = "there is no such entity; create it first: its definition says `creation: explicit`"


def _begin(machine: Machine, given: dict[str, Any], size: int) -> tuple[dict[str, Any], int] | Refused:
    """The data an entity begins with, and an upper bound of its bytes: defaults, the machine's, then the caller's."""
    context = machine.definition.context
    schema = machine.context
    if schema is not None:
        for field in given:
            if field in schema.read_only:
                detail = f"{field!r} is readOnly: no caller may write it"
                return Refused(Why.INVALID_DATA, detail, [(pointer_of("data", field), detail)])
        return (data := schema.filled({**context, **given})), _size_of(data, 0)
    if not context:
        return given, size or _size_of(given, 0)
    return (data := {**context, **given}), _size_of(data, 0)


def _select(machine: Machine, leaves: Leaves, event: Event) -> Move | Refused:
    """The branch that takes the event, its payload checked and its sender let through."""
    name = event.name or ""
    move = machine.move(leaves[0], name)
    if move is None or move.forbids:
        if not machine.knows(name):
            return Refused(Why.UNKNOWN_EVENT, f"the definition {machine.type!r} knows no event {name[:100]!r}")
        return Refused(Why.NOT_IN_THIS_STATE, f"{name} is refused in {_named(leaves)}")
    schema = machine.events.get(name)
    if schema is not None:
        event.payload = schema.filled(event.payload)
        if event.size:
            event.size += schema.default_bytes
        if not schema.fits(event.payload):
            return _misfit(Why.INVALID_PAYLOAD, name, schema.faults(event.payload))
    if move.allow is not None and move.allow.isdisjoint(event.actor.roles):
        wanted = " or ".join(sorted(move.allow))
        roles = ", ".join(event.actor.roles) or "no role"
        detail = f"{name} is refused in {_named(leaves)}: it takes the role {wanted}, {event.actor.id} has {roles}"
        return Refused(Why.NOT_ALLOWED, detail, [(move.pointer + "/allow", f"it takes the role {wanted}")])
    return move


def _carry_out(
    machine: Machine,
    move: Move,
    event: Event,
    leaves: Leaves,
    before: dict[str, Any],
    size: int,
    *,
    begins: bool = False,
) -> Accepted | Refused:
    """Keep, patch and move; what comes out must fit the schema of the data, which `before` does unless it `begins`."""
    payload = event.payload
    changes: dict[str, Any] = {}
    removed: tuple[str, ...] = ()
    data = before
    if move.keep is None:
        changes = {
            field: value for field, value in payload.items() if field not in before or _differs(before[field], value)
        }
    else:
        for field in move.keep:
            if field in payload and (field not in before or _differs(before[field], payload[field])):
                changes[field] = payload[field]
    if move.patch or move.unset:
        removed = _apply_patch(move, before, changes)
    if changes or removed:
        data = {**before, **changes}
        for field in removed:
            del data[field]
        size += event.size or _size_of(changes, 0)
        if move.patch:
            size += _size_of(dict(move.patch), 0)
    if changes or removed or begins:
        fault = _fault_of_data(machine, data, size)
        if fault is not None:
            return fault
        if size > DATA_BYTES:
            size = _size_of(data, 0)
    if event.size > PAYLOAD_BYTES and _size_of(payload, 0) > PAYLOAD_BYTES:
        detail = f"the payload has more than {PAYLOAD_BYTES:,} bytes"
        return Refused(Why.TOO_LARGE, detail, [("/data", detail)])
    return Accepted("event", leaves, leaves if move.to is None else move.to, payload, data, changes, removed, size)


def _apply_patch(move: Move, before: dict[str, Any], changes: dict[str, Any]) -> tuple[str, ...]:
    """Write the patch into `changes`, over what was kept; gives the fields that go."""
    for field, value in move.patch:
        if field not in before or _differs(before[field], value):
            changes[field] = value
        else:
            changes.pop(field, None)
    for field in move.unset:
        changes.pop(field, None)
    return tuple(field for field in move.unset if field in before)


def _differs(one: Any, other: Any) -> bool:
    """Whether two JSON values differ. Python holds 1, 1.0 and True for equal; JSON does not."""
    kind = type(one)
    if kind is not type(other) or one != other:
        return True
    return (kind is dict or kind is list) and _deterministic(one) != _deterministic(other)


def _fault_of_data(machine: Machine, data: dict[str, Any], size: int) -> Refused | None:
    schema = machine.context
    if schema is not None and not schema.fits(data):
        return _misfit(Why.INVALID_DATA, "the entity's data would break its schema", schema.faults(data))
    if size > DATA_BYTES and _size_of(data, 0) > DATA_BYTES:
        return Refused(Why.TOO_LARGE, f"the entity's data would have more than {DATA_BYTES:,} bytes")
    return None


def _misfit(why: Why, what: str, faults: Sequence[tuple[str, str]]) -> Refused:
    """The refusal of something that does not fit its schema: the first fault in the sentence, all of them by place."""
    pointer, sentence = faults[0] if faults else ("", "it does not fit its schema")
    place = f"at {pointer}: " if pointer else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Refused(why, f"{what}: {place}{sentence}{more}", [("/data" + at, said) for at, said in faults])


def _size_of(data: dict[str, Any], known: int) -> int:
    return known or len(_encode(data))


def _missing(expected: int) -> Refused:
    return Refused(Why.UNKNOWN_ENTITY, f"there is no such entity, so it cannot stand at version {expected}")


def _conflict(head: Head, expected: int) -> Refused:
    said = "it must not exist yet" if expected == 0 else f"version {expected} was expected"
    return Refused(Why.VERSION_CONFLICT, f"{said}, but the entity stands at version {head.version}")


def _named(leaves: Leaves) -> str:
    return " + ".join(leaves)
