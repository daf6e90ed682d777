"""An entity's history as rows, and what it may do next, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.commands import AllowedEvent
from statewright.diagram.marks import Walk
from statewright.machine.compile import Machine
from statewright.machine.moments import Micros
from statewright.machine.record import Head, Record, merged
from statewright_ui import shown

_PLACEHOLDERS: Mapping[str, Any] = {
    "string": "…",
    "integer": 0,
    "number": 0,
    "boolean": True,
    "array": [],
    "object": {},
}


class Step(Struct, frozen=True):
    """One transition for readers. `after_s` is how long after the one before; `late`: it happened before that one."""

    record: Record
    source: list[shown.State]
    target: list[shown.State]
    happened_at: Micros
    after_s: float | None
    late: bool
    stays: bool
    payload: Mapping[str, Any]
    changes: Mapping[str, Any]


class Next(Struct, frozen=True):
    """An event the entity may take, where that leads, and a command that sends it."""

    event: AllowedEvent
    target: list[shown.State]
    curl: str


def steps_of(catalog: Catalog, records: Sequence[Record], before: Record | None) -> list[Step]:
    """Rows for `records` (given oldest first), newest first; `before` is the transition ahead of the first of them."""
    steps = []
    clock = None if before is None else before.own_time
    for record in records:
        happened = record.own_time if clock is None else max(record.own_time, clock)
        steps.append(_step(catalog, record, happened, clock))
        clock = happened
    return steps[::-1]


def _step(catalog: Catalog, record: Record, happened: Micros, earlier: Micros | None) -> Step:
    machine = shown.machine_of(catalog, record.type, record.revision)
    return Step(
        record,
        shown.states(machine, record.from_ or ()),
        shown.states(machine, record.to),
        happened,
        None if earlier is None else (happened - earlier) / 1e6,
        earlier is not None and record.own_time < earlier,
        record.from_ == record.to,
        merged(record, "payload"),
        merged(record, "changes"),
    )


def walks(records: Iterable[Record]) -> tuple[Walk, ...]:
    """The moves of an entity, for its diagram."""
    return tuple(Walk(record.from_, record.event, record.to) for record in records)


def next_events(
    machine: Machine, head: Head, may: Iterable[AllowedEvent], curl_of: Callable[[Mapping[str, Any]], str]
) -> list[Next]:
    """The events that may happen now, those that depend on who sends them included."""
    return [_next(machine, head, event, curl_of) for event in may if event.allowed != "no"]


def _next(machine: Machine, head: Head, event: AllowedEvent, curl_of: Callable[[Mapping[str, Any]], str]) -> Next:
    move = next(iter(machine.moves(head.leaves, event.event)), None)
    target = [] if move is None or move.to is None else shown.states(machine, move.to)
    body: dict[str, Any] = {"event": event.event}
    if data := sample(event.schema):
        body["data"] = data
    if move is not None and move.allow:
        body["actor"] = {"id": "me", "roles": [min(move.allow)]}
    return Next(event, target, curl_of(body))


def sample(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Data that shows what an event must carry: its required fields, each with a value of its kind to be replaced."""
    if schema is None:
        return {}
    fields = schema.get("properties", {})
    return {name: _value(fields.get(name, {})) for name in schema.get("required", [])}


def _value(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    kind = schema.get("type")
    return _PLACEHOLDERS.get(kind[0] if isinstance(kind, list) else str(kind), None)
