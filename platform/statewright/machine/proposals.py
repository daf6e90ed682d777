"""Scenarios proposed for a definition: the shortest lives that show every state, transition, branch and refusal.

Breadth first over what entities can come to, by the decisions of the machine itself. What events carry is made from
their schemas; where an expression reads a field, the constants that stand in expressions and schemas, their neighbours,
and the entity's own values are tried besides. Nothing is promised for guards that want more than one such value.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from statewright.machine.compile import Machine, state_text
from statewright.machine.coverage import Coverage, places_of
from statewright.machine.decide import Accepted, Event, Refused
from statewright.machine.moments import Micros, duration_of, micros_of, text_of_duration
from statewright.machine.plausible import Values
from statewright.machine.playing import Life
from statewright.machine.record import ANONYMOUS, Actor, Head
from statewright.machine.scenarios import BEGINS, Act, Scenario, ScenarioFile, Then

DECISIONS = 50_000
"""How many are tried at most before what is missing is given up."""
DATA_OF_ONE = 6
"""With how many different data one configuration is looked at."""
VARIANTS = 24
"""How many payloads are tried of one event at one place."""


class Proposed(Struct, frozen=True):
    """Scenarios that hold, and what they show and could not be made to show."""

    file: ScenarioFile
    coverage: Coverage


def propose(machine: Machine, definition: str) -> Proposed:
    """Scenarios for `machine`, whose document the file is to name `definition`; the same document, the same ones."""
    search = _Search(machine)
    search.run()
    file = ScenarioFile(definition=definition, actors=search.actors_used(), scenarios=search.scenarios)
    return Proposed(file, search.coverage)


class _Node(Struct, frozen=True):
    """A place that lives come to: the entity as it stands, how it got there, and the scenario that ends there."""

    head: Head | None
    now: Micros
    above: _Node | None = None
    act: Act | None = None
    scenario: str | None = None


class _Search:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.coverage = Coverage(machine)
        self.scenarios: list[Scenario] = []
        self._values = _Constants(machine)
        self._names: set[str] = set()
        self._seen: dict[tuple[str, ...], set[bytes]] = {}
        self._decisions = 0
        self._actors = _actors_of(machine)
        self._speaks_of_actors = any("actor." in text for text in self._values.texts)
        self._places = list(places_of(machine.definition))

    def run(self) -> None:
        """Look at what can happen, nearest first, until all is shown or nothing new is found."""
        due = deque([_Node(None, micros_of(BEGINS))])
        while due and self._decisions < DECISIONS and any(self.coverage.missing(what) for what in self.coverage.goals):
            node = due.popleft()
            for act in self._acts(node):
                after = self._try(node, act)
                if after is not None:
                    due.append(after)

    def actors_used(self) -> dict[str, Actor]:
        """The senders that scenarios name."""
        acts = [act for scenario in self.scenarios for act in (*scenario.given, scenario.when) if isinstance(act, Act)]
        named = {act.actor for act in acts if isinstance(act.actor, str)}
        return {name: actor for name, actor in self._actors.items() if name in named}

    # --- One try ---

    def _try(self, node: _Node, act: Act) -> _Node | None:
        """Decide; what shows something new becomes a scenario, and what leads to somewhere new is looked at later."""
        self._decisions += 1
        life = Life(self.machine, node.now, node.head)
        outcome = life.send(self._event(act)) if act.after is None else _waited(life, act.after)
        shown = {(what, at) for each in life.decided for what, at in self.coverage.shown_by(each)}
        new = any(at in self.coverage.goals[what] and at not in self.coverage.shown[what] for what, at in shown)
        name = self._scenario(node, act, outcome, life.head) if new else None
        if new:
            self.coverage.add(life.decided)
        if isinstance(outcome, Refused) or life.head is None or not self._is_new(life.head):
            # a scenario may stand on one that led nowhere new, but then the path is known already
            return None
        return _Node(life.head, life.now, node, act, name)

    def _event(self, act: Act) -> Event:
        actor = self._actors[act.actor] if isinstance(act.actor, str) else act.actor
        name = act.event if isinstance(act.event, str) else None
        return Event(name, dict(act.data), actor, act.expected_version, act.create)

    def _is_new(self, head: Head) -> bool:
        data = self._seen.setdefault(head.leaves, set())
        running = [(timer.state, timer.key) for timer in head.timers]
        key = msgspec.json.encode([head.data, head.history, running], order="deterministic")
        if key in data or len(data) >= DATA_OF_ONE or self.machine.is_final(head.leaves):
            return False
        data.add(key)
        return True

    def _scenario(self, node: _Node, act: Act, outcome: Accepted | Refused, head: Head | None) -> str:
        name = self._named(_words(act, outcome, node.head))
        self.scenarios.append(Scenario(name=name, given=_given(node), when=act, then=self._then(outcome, head)))
        return name

    def _named(self, words: str) -> str:
        numbered = (f"{words} ({number})" for number in itertools.count(2))
        name = next(name for name in itertools.chain([words], numbered) if name not in self._names)
        self._names.add(name)
        return name

    def _then(self, outcome: Accepted | Refused, head: Head | None) -> Then:
        state = None if head is None else state_text(head.leaves)
        if isinstance(outcome, Refused):
            return Then(why=outcome.why.value, state=state)
        gone = {field: {"@unset": True} for field in outcome.removed}
        final = self.machine.is_final(outcome.to) or None
        return Then(state=state, data={**outcome.changes, **gone}, final=final)

    # --- What to try ---

    def _acts(self, node: _Node) -> Iterator[Act]:
        head = node.head
        if head is None:
            for data in self._values.creations(node.now):
                for actor in self._senders(None, ()):
                    yield Act(event=None, data=data, actor=actor)
            if not self.machine.implicit:
                return
        elif head.timers:
            yield Act(after=text_of_duration(max(0, min(timer.due for timer in head.timers) - node.now)))
        leaves = self.machine.initial if head is None else head.leaves
        for event in self._events(leaves):
            for data in self._values.payloads(event, {} if head is None else head.data, node.now):
                for actor in self._senders(event, leaves):
                    yield Act(event=event, data=data, actor=actor)
                    if head is None and self.machine.context is not None and self.machine.context.required:
                        create = next(self._values.creations(node.now))
                        yield Act(event=event, data=data, actor=actor, create=create)

    def _events(self, leaves: tuple[str, ...]) -> Iterator[str]:
        """What may be sent in a configuration, with a name made up for what only wildcards take, and forbidden ones."""
        yield from self.machine.allowed(leaves)
        tried = set(self.machine.allowed(leaves))
        for place in self._held_in(leaves):
            event = place.removesuffix("*") + ("other" if place.endswith(".*") else "ANYTHING" * (place == "*"))
            if event not in tried and (place != event or event not in tried):
                tried.add(event)
                yield event

    def _held_in(self, leaves: tuple[str, ...]) -> Iterator[str]:
        active = _with_ancestors(leaves)
        yield from (place.descriptor for place in self._places if place.key == "on" and place.holder in active)

    def _senders(self, event: str | None, leaves: tuple[str, ...]) -> Iterator[str | Actor]:
        """Who might send it: one for each role that a branch takes, and one without any; all where guards ask who."""
        if self._speaks_of_actors or event is None:
            yield from self._actors or [ANONYMOUS]
            if event is not None:
                yield ANONYMOUS
            return
        active = _with_ancestors(leaves)
        taken = [
            role
            for place in self._places
            if place.key == "on" and place.holder in active and _matches(place.descriptor, event)
            for role in place.branch.allow or ()
        ]
        yield from (name for name in dict.fromkeys(taken) if name in self._actors)
        yield ANONYMOUS


def _waited(life: Life, after: str) -> Accepted | Refused:
    """What the last timer that fires within a wait does."""
    life.wait(duration_of(after))
    return life.decided[-1].outcome


def _given(node: _Node) -> list[str | Act]:
    """The way to a place: the name of the nearest scenario on it, and the acts from there."""
    acts: list[str | Act] = []
    at: _Node | None = node
    while at is not None and at.act is not None:
        if at.scenario is not None:
            return [at.scenario, *reversed(acts)]
        acts.append(at.act)
        at = at.above
    return [*reversed(acts)]


def _words(act: Act, outcome: Accepted | Refused, head: Head | None) -> str:
    what = f"waiting {act.after}" if act.event is UNSET else act.event or "a creation"
    where = "" if head is None else f" in {' + '.join(head.leaves)}"
    if isinstance(outcome, Refused):
        return f"{what} is refused{where}: {outcome.why.value}"
    to = " + ".join(outcome.to)
    if act.event is None:
        return f"it begins in {to}"
    return f"{what} keeps it{where}" if outcome.to == outcome.from_ else f"{what}{where} leads to {to}"


def _with_ancestors(leaves: Iterable[str]) -> set[str]:
    found = {""}
    for leaf in leaves:
        while leaf:
            found.add(leaf)
            leaf = leaf.rpartition(".")[0]
    return found


def _matches(descriptor: str, event: str) -> bool:
    if descriptor.endswith(".*"):
        return event.startswith(descriptor[:-1])
    return descriptor in ("*", event)


def _actors_of(machine: Machine) -> dict[str, Actor]:
    """Two people in each role, so that four eyes can be found, by the names that a file calls them."""
    taken = [role for place in places_of(machine.definition) for role in place.branch.allow or ()]
    roles = dict.fromkeys([*machine.definition.roles, *taken])
    named = {role: Actor(role, (role,)) for role in roles}
    return {**named, **{f"another {role}": Actor(f"{role}-2", (role,)) for role in roles}}


# --- What to put into events ---

_EXPRESSION_FIELD = re.compile(r"\b(event|context)\s*\.\s*\??(\w+)")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(?<![\w.])(-?\d+\.\d+)|(?<![\w.])(-?\d+)(?![\w.])")


class _Constants:
    """Values worth trying in fields: what stands in the expressions and schemas of a definition, and next to it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        document = msgspec.to_builtins(machine.definition)
        self.texts = list(_expressions(document))
        read = [found for text in self.texts for found in _EXPRESSION_FIELD.findall(text)]
        self._read = {
            of: list(dict.fromkeys(field for each, field in read if each == of)) for of in ("event", "context")
        }
        literals = (value for text in self.texts for value in _literals(text))
        self._pool = _neighbours([*literals, *_schema_constants(document.get("schemas", {}))])

    def creations(self, now: int) -> Iterator[dict[str, Any]]:
        """First data to try."""
        context = self.machine.context
        if context is None:
            yield {}
            return
        written = self.machine.definition.schemas.context or {}
        own = [field for field in self._read["context"] if field not in context.read_only]
        yield from self._variants(written, own, {}, now, context.read_only)

    def payloads(self, event: str, data: Mapping[str, Any], now: int) -> Iterator[dict[str, Any]]:
        """Payloads to try for an event of an entity with `data`."""
        written = self.machine.definition.schemas.events.get(event, {})
        yield from self._variants(written, self._read["event"], data, now, frozenset())

    def _variants(
        self, written: Mapping[str, Any], read: list[str], data: Mapping[str, Any], now: int, never: frozenset[str]
    ) -> Iterator[dict[str, Any]]:
        fields: Mapping[str, Any] = written.get("properties", {})
        later = frozenset(field for field in fields if field not in written.get("required", ()))
        bases = [
            Values(written, _source(), now).object(leave_out=never | later),
            Values({**written, "required": [*fields]}, _source(), now).object(leave_out=never),
        ]
        closed = written.get("additionalProperties") is False
        values = [*_neighbours(data.values()), *self._pool]
        tried = itertools.chain(
            bases,
            (
                {**base, field: value}
                for field in read
                if field in fields or (not closed and not fields)
                for value in values
                if _could_be(value, fields.get(field, {}))
                for base in bases[:1]
            ),
        )
        yield from itertools.islice(_different(tried), VARIANTS)


def _source() -> Random:
    return Random(1)  # noqa: S311 - a stable source is wanted, not a secret one


def _different(values: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[bytes] = set()
    for value in values:
        key = msgspec.json.encode(value, order="deterministic")
        if key not in seen:
            seen.add(key)
            yield value


def _expressions(value: Any) -> Iterator[str]:
    """Every expression of a document."""
    if isinstance(value, list):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "@expr" and isinstance(item, str):
                yield item
            yield from _expressions(item)


def _literals(text: str) -> Iterator[Any]:
    for single, double, real, whole in _LITERAL.findall(text):
        if whole:
            yield int(whole)
        elif real:
            yield float(real)
        else:
            yield single or double


def _schema_constants(written: Any) -> Iterator[Any]:
    if isinstance(written, list):
        for item in written:
            yield from _schema_constants(item)
    elif isinstance(written, dict):
        for key, value in written.items():
            if key in ("const", "default", "minimum", "maximum"):
                yield value
            elif key in ("enum", "examples") and isinstance(value, list):
                yield from value
            else:
                yield from _schema_constants(value)


def _neighbours(values: Iterable[Any]) -> list[Any]:
    """The values, each once; beside a number those next to it; and true and false."""
    found: list[Any] = [True, False]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found.append(value)
        else:
            found += [value, value + 1, value - 1]
    kept = {msgspec.json.encode(value): value for value in found}
    return [*kept.values()]


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "array": (list,), "object": (dict,), "null": (type(None),),
}  # fmt: skip


def _could_be(value: Any, schema: Any) -> bool:
    """Whether a value has the type that a field's schema asks for; the whole schema is asked by the machine."""
    kinds = schema.get("type") if isinstance(schema, dict) else None
    if kinds is None:
        return True
    wanted = [kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in _KINDS.get(name, ())]
    return any(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) for kind in wanted)
