"""A definition drawn up from what was seen to happen: the states and transitions of an event log, with counts.

A log that names states (our own export: `from`, `to`) gives those. One that tells events alone, as most do, gives a
state for each event, the one that it leaves an entity in: the directly-follows graph of process mining. Either is a
draft for somebody who knows the business, and says how often each arrow was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from msgspec import Struct

from statewright.formats.naming import Names, event_name, state_name, type_name
from statewright.machine.chart import spaced
from statewright.machine.editing import pretty_document

BEGINNING = "new"
_MOST_STATES = 900
_MOST_ARROWS = 4_500
_MOST_FIELDS = 200


class NoHistory(Exception):
    """The log has no line that tells an event; the message says what was looked for."""


class Observed(Struct, frozen=True):
    """The draft, and what it rests on: lines of its type that were read, entities, lines passed over, other types with
    how many lines they had, and arrows left out because they were too many or too rare."""

    type: str
    document: str
    lines: int
    entities: int
    unread: int
    others: dict[str, int]
    left_out: int


class _Line(Struct, frozen=True):
    type: str
    entity: str
    event: str | None
    data: dict[str, Any]
    source: str | None
    target: str | None


def observed(lines: Iterable[bytes], type: str = "", least: int = 1) -> Observed:
    """The draft for one entity type: the one named, else the one that the log tells most of.

    `lines` are NDJSON, oldest first for each entity: `{entity_type, entity_id, event, data?}`, or records as the feed
    gives them. Arrows seen fewer than `least` times are left out. Raises NoHistory.
    """
    read = list(_read(lines))
    told = [line for line in read if line is not None]
    types = Counter(line.type for line in told)
    if not types:
        raise NoHistory(
            "No line of the log tells an event. Each line is a JSON object with entity_type, entity_id and event."
        )
    chosen = type if type in types else types.most_common(1)[0][0]
    found = _Found()
    for line in told:
        if line.type == chosen:
            found.follow(line)
    document, left_out = found.document(chosen, least)
    others = {name: count for name, count in types.most_common() if name != chosen}
    unread = len(read) - len(told)
    return Observed(
        type_name(chosen), pretty_document(document), types[chosen], len(found.at), unread, others, left_out
    )


def _read(lines: Iterable[bytes]) -> Iterator[_Line | None]:
    for text in lines:
        if text.strip():
            yield _line(text)


def _line(text: bytes) -> _Line | None:
    try:
        item = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(item, dict):
        return None
    kind, entity = item.get("entity_type", item.get("type")), item.get("entity_id", item.get("entity"))
    event = item.get("event")
    if not isinstance(kind, str) or not isinstance(entity, str | int) or not kind:
        return None
    source, target = (_state(item.get(key)) for key in ("from", "to"))
    if not (isinstance(event, str) and event) and target is None:
        return None
    data = item.get("data", item.get("payload"))
    return _Line(kind, str(entity), event, data if isinstance(data, dict) else {}, source, target)


def _state(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(leaf, str) for leaf in value):
        return " / ".join(value)
    return None


class _Found:
    """What the histories came by: where each entity is, how often each arrow was taken, what each event carried."""

    def __init__(self) -> None:
        self.at: dict[str, str] = {}
        self.arrows: Counter[tuple[str, str, str]] = Counter()
        self.visits: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.fields: dict[str, dict[str, Counter[str]]] = {}

    def follow(self, line: _Line) -> None:
        before = self.at.get(line.entity)
        if line.event is None:  # a creation, in a log that names states
            self._arrive(line.entity, line.target or BEGINNING)
            return
        if before is None:
            before = line.source or BEGINNING
            self.visits[before] += 1
        source = line.source or before
        target = line.target or line.event
        self.arrows[source, line.event, target] += 1
        self.events[line.event] += 1
        known = self.fields.setdefault(line.event, {})
        for name, value in line.data.items():
            if name in known or len(known) < _MOST_FIELDS:
                known.setdefault(name, Counter())[_kind(value)] += 1
        self._arrive(line.entity, target)

    def _arrive(self, entity: str, state: str) -> None:
        self.at[entity] = state
        self.visits[state] += 1

    def document(self, type: str, least: int) -> tuple[dict[str, Any], int]:
        kept = [arrow for arrow, count in self.arrows.most_common(_MOST_ARROWS) if count >= least]
        shown = {state for state, _ in self.visits.most_common(_MOST_STATES)}
        arrows = [arrow for arrow in kept if arrow[0] in shown and arrow[2] in shown]
        names, keys = Names(), {}
        ordered = [state for state in self.visits if state in shown]
        for state in ordered:
            keys[state] = names.take(state_name(state.replace(".", "_")))
        ends = Counter(self.at.values())
        sources = {source for source, _, _ in arrows}
        states = {keys[state]: self._state(state, keys, arrows, ends[state], state in sources) for state in ordered}
        initial = BEGINNING if BEGINNING in keys else ordered[0]
        document: dict[str, Any] = {"id": type_name(type), "label": spaced(type_name(type))}
        document["description"] = f"Drawn up from {sum(self.events.values()):,} events of {len(self.at):,} entities."
        document["schemas"] = self._schemas()
        document |= {"keep": "*"} if document["schemas"].get("context") else {}
        document |= {"initial": keys[initial], "states": states}
        return document, len(self.arrows) - len(arrows)

    def _state(
        self, state: str, keys: dict[str, str], arrows: list[tuple[str, str, str]], ends: int, leaves: bool
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if spaced(keys[state]) == keys[state] and keys[state] != state:
            made["label"] = state[:200]
        ending = f"; {ends:,} entities are there at the end of the log" if ends else ""
        made["description"] = f"Entered {self.visits[state]:,} times{ending}."
        if not leaves:
            return made | {"type": "final"}
        on: dict[str, Any] = {}
        for source, event, target in sorted(arrows, key=lambda arrow: -self.arrows[arrow]):
            if source == state:
                seen = f"seen {self.arrows[source, event, target]:,} times"
                on.setdefault(event_name(event), []).append({"target": keys[target], "description": seen})
        # A log does not tell what decided between two ways: the rarer ones wait for a guard, else none could be taken.
        made["on"] = {
            event: ways[0] if len(ways) == 1 else [*({**way, "guard": {"@expr": "false"}} for way in ways[1:]), ways[0]]
            for event, ways in on.items()
        }
        return made

    def _schemas(self) -> dict[str, Any]:
        union: dict[str, Counter[str]] = {}
        events = {}
        for fields in self.fields.values():
            for name, kinds in fields.items():
                union.setdefault(name, Counter()).update(kinds)
        for event, fields in self.fields.items():
            given = {name: _schema(union[name]) for name in fields if name != "type"}
            always = [name for name in given if fields[name].total() == self.events[event] and not fields[name]["null"]]
            events[event_name(event)] = ({"required": always} if always else {}) | (
                {"properties": given} if given else {}
            )
        context = {name: _schema(kinds) for name, kinds in union.items() if name != "type"}
        found: dict[str, Any] = {"context": {"type": "object", "properties": context}} if context else {}
        return found | {"events": events}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _schema(kinds: Counter[str]) -> dict[str, Any]:
    """The type of a field that was seen with these; without one where they do not go together."""
    seen = {kind for kind in kinds if kinds[kind]}
    if "number" in seen:
        seen.discard("integer")
    if len(seen - {"null"}) != 1:
        return {}
    kind = next(iter(seen - {"null"}))
    return {"type": [kind, "null"] if "null" in seen else kind}
