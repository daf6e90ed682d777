"""An entity's history as rows, and what it may do next, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.commands import AllowedEvent
from statewright.diagram.marks import walks_of, ways
from statewright.machine.chart import chart_of, spoken
from statewright.machine.compile import Machine
from statewright.machine.moments import Micros
from statewright.machine.record import Head, Record, fold, merged
from statewright_ui import shown
from statewright_ui.differing import Change, changes_in
from statewright_ui.entity.ribbon import Stay
from statewright_ui.entity.sight import Sight

_PLACEHOLDERS: Mapping[str, Any] = {
    "string": "…",
    "integer": 0,
    "number": 0,
    "boolean": True,
    "array": [],
    "object": {},
}


class Part(Struct, frozen=True):
    """One step of the run that an event set off: why it was taken, which states were left and entered."""

    why: str
    exited: list[shown.State]
    entered: list[shown.State]


class Step(Struct, frozen=True):
    """One transition for readers. `after_s` is how long after the one before; `late`: it happened before that one.

    `title` is the event in words; `parts` are its microsteps, where more than one thing happened; `changes` is what
    differs in the data since the version before.
    """

    record: Record
    title: str
    parts: list[Part]
    source: list[shown.State]
    target: list[shown.State]
    happened_at: Micros
    after_s: float | None
    late: bool
    stays: bool
    payload: Mapping[str, Any]
    changes: list[Change]

    @property
    def left(self) -> list[shown.State]:
        """The leaves that it moved out of."""
        return [state for state in self.source if state not in self.target]

    @property
    def entered(self) -> list[shown.State]:
        """The leaves that it moved into; all, where it moved into none."""
        return [state for state in self.target if state not in self.source] or self.target

    @property
    def kept(self) -> list[shown.State]:
        """The leaves of other regions, in which it stayed."""
        return [state for state in self.target if state in self.source and state not in self.entered]


class Next(Struct, frozen=True):
    """An event the entity may take, or may not just now; where that leads, and a command that sends it."""

    event: AllowedEvent
    target: list[shown.State]
    curl: str


class Choices(Struct, frozen=True):
    """What may happen now, surely or depending on something; what guards forbid just now; what belongs elsewhere."""

    open: list[Next]
    barred: list[Next]
    elsewhere: list[str]


def steps_of(catalog: Catalog, records: Sequence[Record], before: Head | None) -> list[Step]:
    """Rows for `records` (given oldest first), newest first; `before` is the entity ahead of the first of them."""
    steps = []
    head = before
    for record in records:
        after = fold(head, record)
        steps.append(_step(catalog, record, after, head))
        head = after
    return steps[::-1]


def _step(catalog: Catalog, record: Record, after: Head, before: Head | None) -> Step:
    earlier, happened = None if before is None else before.happened_at, after.happened_at
    touched = [*merged(record, "changes"), *record.removed]
    machine = shown.machine_of(catalog, record.type, record.revision)
    return Step(
        record,
        title_of(machine, record),
        _parts(machine, record),
        shown.states(machine, record.from_ or ()),
        shown.states(machine, record.to),
        happened,
        None if earlier is None else (happened - earlier) / 1e6,
        earlier is not None and record.own_time < earlier,
        record.from_ == record.to,
        merged(record, "payload"),
        changes_in({} if before is None else before.data, after.data, touched),
    )


def title_of(machine: Machine | None, record: Record) -> str:
    """What happened, for people: the event's name, `after 14 d` for a timer, else the kind of the record."""
    if record.event is None:
        return record.kind
    return f"after {spoken(key)}" if (key := _key_of(machine, record.event)) is not None else record.event


def _key_of(machine: Machine | None, event: str) -> str | None:
    """The key of the timer that `after.<key>.<state>` tells of; None for every other event."""
    words = event.split(".")
    if words[0] != "after" or machine is None:
        return None
    cuts = (at for at in range(1, len(words)) if ".".join(words[at + 1 :]) in machine.states)
    return next((".".join(words[1 : at + 1]) for at in cuts), None)


def _parts(machine: Machine | None, record: Record) -> list[Part]:
    if len(record.steps) < 2:
        return []
    return [
        Part(_why(machine, record, step.cause), shown.states(machine, step.exited), shown.states(machine, step.entered))
        for step in record.steps
    ]


def _why(machine: Machine | None, record: Record, cause: str) -> str:
    if cause == record.event:
        return title_of(machine, record)
    if cause == "statewright.created":
        return "created"
    if cause.startswith("done.state."):
        return f"{shown.state(machine, cause.removeprefix('done.state.')).label} is done"
    return f"raised {cause}" if cause else "of itself (always)"


def selections(machine: Machine, records: Sequence[Record], stays: Sequence[Stay], sight: Sight) -> dict[str, str]:
    """Where each state and each transition of the picture leads: to the version that last went there, or that way."""
    versions: dict[str, int] = {}
    for stay in stays:
        for path in shown.with_ancestors([stay.leaf]):
            versions[path] = max(stay.version, versions.get(path, 0))
    for record, (_, keys) in zip(records, ways(chart_of(machine.definition), walks_of(records)), strict=True):
        versions.update(dict.fromkeys(keys, record.version))
    return {key: sight.to(at=version) for key, version in versions.items()}


def way_taken(machine: Machine, record: Record) -> str | None:
    """The key of the transition by which a record moved, the first where there were several."""
    found = [key for _, keys in ways(chart_of(machine.definition), walks_of([record])) for key in keys]
    return found[0] if found else None


def choices_of(
    machine: Machine, head: Head, may: Iterable[AllowedEvent], curl_of: Callable[[Mapping[str, Any]], str]
) -> Choices:
    """What may happen now, and what may not and why; what only other states take is no more than named."""
    choices = Choices([], [], [])
    for event in may:
        if event.allowed != "no":
            choices.open.append(_next(machine, head, event, curl_of))
        elif event.why in ("not_in_this_state", "final"):
            choices.elsewhere.append(event.event)
        else:
            choices.barred.append(_next(machine, head, event, curl_of))
    return choices


def _next(machine: Machine, head: Head, event: AllowedEvent, curl_of: Callable[[Mapping[str, Any]], str]) -> Next:
    moves = machine.moves(head.leaves, event.event)
    move = moves[0] if moves else None
    leads = [machine.leads(head.leaves, move) for move in moves]
    to = next((leaves for leaves in leads if leaves != head.leaves), None)
    target = [] if to is None else shown.states(machine, [leaf for leaf in to if leaf not in head.leaves])
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
