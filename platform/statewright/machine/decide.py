"""The decision: what an event does to an entity, or why it may not happen. Pure.

The order of checks is the language's (see the reference, "What happens when an event arrives"). Which repeat is
answered from the log, and whether type and entity exist, is settled before; here it goes from the version onwards.

A flat machine takes a short way: one branch from one state to another. All others run to completion in `microsteps`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from statewright.machine.branches import Move, Patch, Uncomputed
from statewright.machine.compile import Machine
from statewright.machine.deciding import (
    DATA_BYTES,
    PAYLOAD_BYTES,
    RECORD_BYTES,
    TIMERS,
    Accepted,
    Event,
    Refused,
    Stopped,
    Why,
    named,
)
from statewright.machine.explaining import Tried
from statewright.machine.expressions import ExpressionError, Moment
from statewright.machine.microsteps import Run, hidden_of, misfit, not_allowed, unheld
from statewright.machine.places import AFTER, Choices, Place, step_of
from statewright.machine.problem import pointer_of
from statewright.machine.record import ANONYMOUS, Head, Kind, Leaves

__all__ = ["Accepted", "Event", "Refused", "Why", "decide"]

_encode = msgspec.json.Encoder().encode
_deterministic = msgspec.json.Encoder(order="deterministic").encode


def decide(machine: Machine, head: Head | None, event: Event) -> Accepted | Refused:
    """Say what `event` does to the entity at `head` (None when there is none), or why it may not happen.

    Pure: the same arguments give the same answer. `event` is completed with the defaults of its schema, else nothing is
    changed. Follows SCXML (W3C, 2015), appendix D, for selection and microsteps.
    """
    if event.timer is not None:
        return _fire(machine, head, event)
    if event.name is None:
        return _create(machine, head, event)
    if head is None:
        return _decide_first(machine, event)
    if event.expected is not None and event.expected != head.version:
        return _conflict(head, event.expected)
    leaves = head.leaves
    place = machine.places.known.get(leaves) or machine.places.at(leaves)
    if place.ended:
        return Refused(Why.FINAL, f"{event.name} is refused: the entity ended in {named(leaves)}")
    choices = _open(machine, place, event)
    if type(choices) is Refused:
        return choices
    if machine.flat:
        return _go(machine, place, choices, event, head.data, head.size, head.version)
    run = Run(machine, event, place, head.data, head.version + 1, head.history)
    try:
        run.take(choices)
        return _outcome(run, "event", leaves, head)
    except Stopped as stopped:
        return stopped.refused


def _fire(machine: Machine, head: Head | None, event: Event) -> Accepted | Refused:
    """A timer is due. It counts only while it runs; that no branch of it holds is an answer, and ends it as well."""
    timer = event.timer
    assert timer is not None
    event.name = f"{AFTER}{timer.key}.{timer.state}"
    event.payload = {}
    if head is None or timer not in head.timers:
        return Refused(Why.NOT_IN_THIS_STATE, f"{event.name} is refused: this timer does not run any more")
    place = machine.places.at(head.leaves)
    run = Run(machine, event, place, head.data, head.version + 1, head.history)
    try:
        run.fire(machine.places.own(place, event.name))
        return _outcome(run, "timer", head.leaves, head)
    except Stopped as stopped:
        return stopped.refused


def _create(machine: Machine, head: Head | None, event: Event) -> Accepted | Refused:
    if head is not None:
        if event.expected is not None and event.expected != head.version:
            return _conflict(head, event.expected)
        return Refused(Why.ENTITY_EXISTS, f"the entity exists already, in {named(head.leaves)}")
    if event.expected:
        return _missing(event.expected)
    begun = _begin(machine, event.payload, event.size)
    if type(begun) is Refused:
        return begun
    data, size = begun
    if not machine.flat:
        run = Run(machine, event, machine.places.beginning.place, data, 1, {})
        try:
            run.begin()
            return _outcome(run, "created", None, None)
        except Stopped as stopped:
            return stopped.refused
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
    given = event.create if isinstance(event.create, dict) else {}
    if machine.flat:
        place = machine.places.beginning.place
        choices = _open(machine, place, event)
        if type(choices) is Refused:
            return choices
        begun = _begin(machine, given, 0)
        if type(begun) is Refused:
            return begun
        outcome = _go(machine, place, choices, event, begun[0], begun[1], 0, begins=True)
        if type(outcome) is Accepted:
            outcome.changes = outcome.data
            outcome.removed = ()
        return outcome
    return _run_first(machine, event, given)


def _run_first(machine: Machine, event: Event, given: dict[str, Any]) -> Accepted | Refused:
    """The same where entering the initial states may lead on before the event is looked at."""
    if not machine.knows(event.name or ""):
        return _unknown(machine, event)
    begun = _begin(machine, given, 0)
    if type(begun) is Refused:
        return begun
    run = Run(machine, event, machine.places.beginning.place, begun[0], 1, {})
    try:
        run.begin()
        if run.place.ended:
            return Refused(Why.FINAL, f"{event.name} is refused: the entity ends in {named(run.place.leaves)} at once")
        choices = _open(machine, run.place, event)
        if type(choices) is Refused:
            return choices
        run.payload = event.payload
        from_ = run.place.leaves
        run.take(choices)
        return _outcome(run, "event", from_, None)
    except Stopped as stopped:
        return stopped.refused


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


def _open(machine: Machine, place: Place, event: Event) -> Choices | Refused:
    """The branches that compete for the event, its payload checked and its sender let through by one at least."""
    name = event.name or ""
    choices = place.choices.get(name) or machine.choices(place, name)
    if not choices.moves:
        if not machine.knows(name):
            return _unknown(machine, event)
        return Refused(Why.NOT_IN_THIS_STATE, f"{name} is refused in {named(place.leaves)}")
    if machine.internal and name in machine.internal:
        return _unknown(machine, event)
    schema = choices.schema
    if schema is not None:
        if schema.default_bytes:
            event.payload = schema.filled(event.payload)
            if event.size:
                event.size += schema.default_bytes
        if not schema.fits(event.payload):
            return misfit(Why.INVALID_PAYLOAD, name, schema, event.payload)
    if choices.roles is not None and choices.roles.isdisjoint(event.actor.roles):
        return not_allowed(event, place.leaves, *choices.moves)
    return choices


def _unknown(machine: Machine, event: Event) -> Refused:
    name = (event.name or "")[:100]
    if name in machine.internal:
        return Refused(Why.UNKNOWN_EVENT, f"{name!r} is an internal event of {machine.type!r}: nobody can send it")
    return Refused(Why.UNKNOWN_EVENT, f"the definition {machine.type!r} knows no event {name!r}")


# --- The short way ---


def _go(
    machine: Machine,
    place: Place,
    choices: Choices,
    event: Event,
    before: dict[str, Any],
    size: int,
    version: int,
    *,
    begins: bool = False,
) -> Accepted | Refused:
    """One branch of a flat machine: choose, keep, patch and move; what comes out must fit the schema of the data.

    `size` is that of the data before, 0 when it is not known.
    """
    move = choices.only or _select(machine, place, choices, event, before, version)
    if type(move) is Refused:
        return move
    changes: dict[str, Any] = {}
    removed: tuple[str, ...] = ()
    data = before
    size = size or _size_of(before, 0)
    payload = event.payload
    if move.keep is None:
        changes = {f: value for f, value in payload.items() if f not in before or _differs(before[f], value)}
    elif move.keep:
        for field in move.keep:
            if field in payload and (field not in before or _differs(before[field], payload[field])):
                changes[field] = payload[field]
    if move.patch is not None:
        try:
            removed = _apply_patch(machine, place, move.patch, event, before, changes, version)
        except Stopped as stopped:
            return stopped.refused
    if changes or removed:
        data = {**before, **changes}
        for field in removed:
            del data[field]
        size += _size_of(changes, 0) if move.patch is not None else event.size or _size_of(changes, 0)
    if changes or removed or begins:
        fault = _fault_of_data(machine, data, size)
        if fault is not None:
            return fault
        if size > DATA_BYTES:
            size = _size_of(data, 0)
    if event.size > PAYLOAD_BYTES and _size_of(payload, 0) > PAYLOAD_BYTES:
        return _too_large_a_payload()
    leaves = place.leaves
    to = leaves if move.to is None else move.to
    if not choices.several:
        return Accepted("event", leaves, to, payload, data, changes, removed, size)
    steps = choices.steps.get(move) or (step_of(move, event.name or "", leaves),)
    return Accepted("event", leaves, to, payload, data, changes, removed, size, steps)


_ANY_MOMENT = Moment(actor=ANONYMOUS, now=0, occurred_at=0, type="", id="", version=0)
"""For guards that do without: to make one is a tenth of a decision."""


def _moment(machine: Machine, place: Place, event: Event, version: int) -> Moment:
    """The circumstances for all expressions of one event, which have their steps together."""
    if event.moment is None:
        now = event.now
        event.moment = Moment(
            actor=event.actor,
            now=now,
            occurred_at=now if event.occurred_at is None else event.occurred_at,
            type=machine.type,
            id=event.entity,
            version=version,
            active=place.active,
            event=event.name or "",
            related=event.related,
        )
    return event.moment


def _select(
    machine: Machine, place: Place, choices: Choices, event: Event, data: dict[str, Any], version: int
) -> Move | Refused:
    """The first branch of the one chain there is whose guard holds, if it lets the sender through."""
    asked: list[Move] = []
    for move in choices.chains[0]:
        guard = move.guard
        if guard is not None:
            expression = guard.expression
            moment = _ANY_MOMENT if expression.still else _moment(machine, place, event, version)
            try:
                holds = expression.run(data, event.payload, guard.params, moment)
                if holds is not True and holds is not False:
                    raise ExpressionError("it gives neither true nor false", 0)
            except ExpressionError as error:
                tried = _tried(machine, place, [move], event, data, version)
                return _failed(machine, place, event, move.pointer, error, tried)
            if not holds:
                asked.append(move)
                continue
        if move.forbids:
            break
        if move.allow is not None and move.allow.isdisjoint(event.actor.roles):
            return not_allowed(event, place.leaves, move)
        return move
    asked = [move for move in asked if not move.forbids]
    where = f"{event.name} is refused in {named(place.leaves)}"
    if not asked:
        return Refused(Why.NOT_IN_THIS_STATE, where)
    tried = _tried(machine, place, asked, event, data, version)
    return Refused(Why.GUARD_REFUSED, f"{where}: {unheld(asked)}", tried=tried)


def _tried(
    machine: Machine, place: Place, asked: list[Move], event: Event, data: dict[str, Any], version: int
) -> Tried:
    hidden = hidden_of(machine, event.name or "", event)
    moment = _moment(machine, place, event, version)
    return Tried(tuple((move, data) for move in asked), event.payload, moment, hidden)


def _failed(
    machine: Machine, place: Place, event: Event, pointer: str, error: ExpressionError, tried: Tried
) -> Refused:
    what = f"{event.name} is refused in {named(place.leaves)}: the expression at {pointer} failed: {error.sentence}"
    return Refused(Why.GUARD_ERROR, what, [(pointer, error.sentence)], tried)


def _apply_patch(
    machine: Machine,
    place: Place,
    patch: Patch,
    event: Event,
    before: dict[str, Any],
    changes: dict[str, Any],
    version: int,
) -> tuple[str, ...]:
    """Write the patch into `changes`, over what was kept; gives the fields that go. Raises Stopped."""
    seen = before
    if patch.computes:
        seen = {**before, **changes} if changes else before
    for field, value, compute in patch.fields:
        if compute is not None:
            try:
                value = compute(seen, event.payload, _moment(machine, place, event, version))
            except Uncomputed as failed:
                tried = _tried(machine, place, [], event, seen, version)
                tried.failed = failed.pointer, failed.expression, seen
                raise Stopped(_failed(machine, place, event, failed.pointer, failed.error, tried)) from None
        if field not in before or _differs(before[field], value):
            changes[field] = value
        else:
            changes.pop(field, None)
    for field in patch.unset:
        changes.pop(field, None)
    return tuple(field for field in patch.unset if field in before)


# --- The end of a run ---


def _outcome(run: Run, kind: Kind, from_: Leaves | None, head: Head | None) -> Accepted:
    """What a run has come to. Raises Stopped where the data may not be so, or all of it would be too much."""
    event, machine = run.event, run.machine
    before = head.data if head is not None else {}
    data = run.data
    changes: dict[str, Any] = {}
    removed: list[str] = []
    if head is None:
        changes = data
    else:
        for field in run.touched:
            if field not in data:
                if field in before:
                    removed.append(field)
            elif field not in before or _differs(before[field], data[field]):
                changes[field] = data[field]
    size = _size_of(before, head.size) if head is not None else 0
    if changes or removed or head is None:
        size += _size_of(changes, 0)
        fault = _fault_of_data(machine, data, size)
        if fault is not None:
            raise Stopped(fault)
        if size > DATA_BYTES:
            size = _size_of(data, 0)
    payload = event.payload
    if event.size > PAYLOAD_BYTES and _size_of(payload, 0) > PAYLOAD_BYTES:
        raise Stopped(_too_large_a_payload())
    running = head.timers if head is not None else ()
    stopped, started = run.timers(running) if running or run.starts else ((), ())
    if len(running) - len(stopped) + len(started) > TIMERS:
        raise Stopped(Refused(Why.TOO_LARGE, f"{event.name} is refused: more than {TIMERS} timers would run at once"))
    outcome = Accepted(kind, from_, run.place.leaves, payload, data, changes, tuple(removed), size, tuple(run.steps))
    outcome.timers_stopped, outcome.timers_started = stopped, started
    if run.history and (head is None or run.history is not head.history):
        outcome.history = dict(run.history)
    if run.emits or run.sends or run.logs or len(run.steps) > 4:
        outcome.emits, outcome.sends, outcome.logs = tuple(run.emits), tuple(run.sends), tuple(run.logs)
        _weigh(outcome)
    return outcome


def _weigh(outcome: Accepted) -> None:
    told = outcome.steps, outcome.emits, outcome.sends, outcome.logs, outcome.changes, outcome.payload
    if len(_encode(told)) > RECORD_BYTES:
        raise Stopped(Refused(Why.TOO_LARGE, f"the record would have more than {RECORD_BYTES:,} bytes"))


def _too_large_a_payload() -> Refused:
    detail = f"the payload has more than {PAYLOAD_BYTES:,} bytes"
    return Refused(Why.TOO_LARGE, detail, [("/data", detail)])


def _differs(one: Any, other: Any) -> bool:
    """Whether two JSON values differ. Python holds 1, 1.0 and True for equal; JSON does not."""
    kind = type(one)
    if kind is not type(other) or one != other:
        return True
    return (kind is dict or kind is list) and _deterministic(one) != _deterministic(other)


def _fault_of_data(machine: Machine, data: dict[str, Any], size: int) -> Refused | None:
    schema = machine.context
    if schema is not None and not schema.fits(data):
        return misfit(Why.INVALID_DATA, "the entity's data would break its schema", schema, data)
    if size > DATA_BYTES and _size_of(data, 0) > DATA_BYTES:
        return Refused(Why.TOO_LARGE, f"the entity's data would have more than {DATA_BYTES:,} bytes")
    return None


def _size_of(data: dict[str, Any], known: int) -> int:
    return known or len(_encode(data))


def _missing(expected: int) -> Refused:
    return Refused(Why.UNKNOWN_ENTITY, f"there is no such entity, so it cannot stand at version {expected}")


def _conflict(head: Head, expected: int) -> Refused:
    said = "it must not exist yet" if expected == 0 else f"version {expected} was expected"
    return Refused(Why.VERSION_CONFLICT, f"{said}, but the entity stands at version {head.version}")
