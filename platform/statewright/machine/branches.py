"""Branches compiled: what guards ask, what a transition writes, and what its actions do.

Shorthands end here. What an expression may speak of is said once per place, so that it is typed as it was when the
definition was registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from statewright.machine.definition import Actions, Branch, Definition
from statewright.machine.expressions import Expression, ExpressionError, Moment, Scope, compile_expression
from statewright.machine.faults import DEPTH, EXACT
from statewright.machine.moments import Micros, duration_of
from statewright.machine.problem import child, pointer_of
from statewright.machine.record import Leaves
from statewright.machine.schemas import Schema
from statewright.machine.targets import States
from statewright.machine.tree import Number, Tree

Compute = Callable[[dict[str, Any], dict[str, Any], Moment], Any]
"""Works out a value from the data, the event's payload and the moment."""
EventKind = Mapping[str, Any] | Literal["dynamic", "empty"]
"""What is known of the event in a place: its schema, nothing, or that it carries nothing."""


class Guard(Struct, frozen=True, eq=False, gc=False):
    """What must hold for a branch: an expression, with the constants that a named one was given."""

    name: str | None
    expression: Expression
    params: dict[str, Any]


class Patch(Struct, frozen=True, eq=False, gc=False):
    """Fields to write, each a constant or computed, and fields to remove. `acts`: it is the action `assign`."""

    fields: tuple[tuple[str, Any, Compute | None], ...]
    unset: tuple[str, ...]
    computes: bool
    acts: bool = False

    @property
    def writes(self) -> tuple[str, ...]:
        """The fields that it touches."""
        return (*(field for field, _, _ in self.fields), *self.unset)


class Keep(Struct, frozen=True, eq=False, gc=False):
    """Let what the event carries become data: these fields, or all of them where `fields` is None."""

    fields: tuple[str, ...] | None


class Done(Struct, frozen=True, eq=False, gc=False):
    """Tell the machine itself that a state came to its end."""

    event: str


class Raise(Struct, frozen=True, eq=False, gc=False):
    """Put an event into the machine's own queue. `payload` is what `compute` does not make."""

    event: str
    payload: dict[str, Any]
    compute: Compute | None


class Tell(Struct, frozen=True, eq=False, gc=False):
    """Write something into the record for others: an event emitted, a named effect, or a note."""

    part: Literal["emits", "logs"]
    value: Any
    compute: Compute | None


class Send(Struct, frozen=True, eq=False, gc=False):
    """An event for the entities that a relation names; `key` is the field that says which, None for an inverse one."""

    relation: str
    entity: str
    key: str | None
    event: dict[str, Any]
    compute: Compute | None


class Start(Struct, frozen=True, eq=False, gc=False):
    """Start a timer of a state that is entered, unless the state is left again in the same run."""

    state: Number
    key: str
    delay: Micros | Expression


Action = Patch | Raise | Tell | Send | Start


class Move(Struct, frozen=True, eq=False, gc=False):
    """A branch compiled, as the event `event` finds it (or any, where there is no schema that tells).

    `source` is the state it stands in and `targets` where it leads, by number; no targets keep the configuration. `to`
    are the targets' paths. `allow` None lets anyone; `keep` None keeps every payload field. `pointer` says where the
    branch stands in the document.
    """

    pointer: str
    source: Number
    targets: tuple[Number, ...]
    to: Leaves | None
    reenter: bool
    guard: Guard | None
    allow: frozenset[str] | None
    keep: tuple[str, ...] | None
    patch: Patch | None
    actions: tuple[Action, ...]
    forbids: bool


class Uncomputed(Exception):
    """An expression inside of a value failed; `pointer` says where it stands."""

    def __init__(self, error: ExpressionError, pointer: str, expression: Expression) -> None:
        super().__init__(error.sentence)
        self.error = error
        self.pointer = pointer
        self.expression = expression


class BadDefinition(ValueError):
    """A definition with errors was to be compiled; `pointer` says where the first stands."""

    def __init__(self, pointer: str, sentence: str) -> None:
        super().__init__(f"{pointer or 'the definition'}: {sentence}")
        self.pointer = pointer
        self.sentence = sentence


class Branching:
    """The way from written branches and actions to compiled ones, for one definition."""

    def __init__(
        self, definition: Definition, states: States, tree: Tree, context: Schema | None, events: Mapping[str, Schema]
    ) -> None:
        self.definition = definition
        self.states = states
        self.tree = tree
        self.context = context
        self.events = events
        self.related: dict[str, None] = {}
        """The relations that expressions read, in the order in which they were met."""
        self._compiled: dict[tuple[Any, ...], Expression] = {}
        self._paths = tuple(states.by_path)
        self._relations = {
            name: None
            for name, relation in definition.relations.items()
            if relation.key and relation.cardinality == "one"
        }

    # --- branches

    def move(self, holder: str, pointer: str, branch: Branch, event: str | None, kind: EventKind) -> Move:
        """One branch of the state `holder`. `event` is None where there is no payload to keep."""
        written = [branch.target] if isinstance(branch.target, str) else branch.target or []
        targets = tuple(self._number(target, holder, pointer) for target in written)
        return Move(
            pointer=pointer,
            source=self.tree.numbers[holder],
            targets=targets,
            to=tuple(self.tree.paths[target] for target in targets) or None,
            reenter=branch.reenter,
            guard=self.guard(branch.guard, kind, child(pointer, "guard")),
            allow=None if branch.allow is None else frozenset(branch.allow),
            keep=() if event is None else self._kept(event, branch),
            patch=self._patch(branch.context, kind, child(pointer, "context")),
            actions=tuple(self.actions(branch.actions, kind, child(pointer, "actions"))),
            forbids=branch.forbids,
        )

    def _number(self, target: str, holder: str, pointer: str) -> Number:
        path = self.states.resolve(target, holder)
        if path is None:
            raise BadDefinition(child(pointer, "target"), f"{target[:80]!r} names no state")
        return self.tree.numbers[path]

    def _kept(self, event: str, branch: Branch) -> tuple[str, ...] | None:
        """Which payload fields become data; None for all, of which a patch, coming later, overwrites its own."""
        keep = branch.keep if branch.keep is not None else self.definition.keep
        if keep is None:
            return ()
        declared = self._declared(event)
        if keep != "*":
            return tuple(keep if branch.keep is not None or declared is None else (f for f in keep if f in declared))
        return None if declared is None else tuple(declared)

    def _declared(self, event: str) -> list[str] | None:
        """The fields that the schemas let an event keep; None where there are no schemas."""
        context, schema = self.context, self.events.get(event)
        if schema is None:
            return None if context is None else [f for f in context.fields if f not in context.read_only]
        if context is None:
            return list(schema.fields)
        return [f for f in schema.fields if f in context.fields and f not in context.read_only]

    # --- expressions

    def guard(self, written: str | dict[str, Any] | None, kind: EventKind, pointer: str) -> Guard | None:
        """A guard: inline, or named and then perhaps with parameters."""
        if written is None:
            return None
        if isinstance(written, dict) and "@expr" in written:
            return Guard(None, self._expression(written["@expr"], kind, pointer, wants="bool"), {})
        name = written if isinstance(written, str) else written.get("type")
        params = {} if isinstance(written, str) else written.get("params") or {}
        known = self.definition.guards.get(name) if isinstance(name, str) else None
        when = known.get("when") if isinstance(known, dict) else None
        if not isinstance(name, str) or not isinstance(when, dict):
            raise BadDefinition(pointer, f"the guard {str(name)[:80]!r} is not defined under `guards`")
        return Guard(name, self._expression(when.get("@expr"), kind, pointer, params=params, wants="bool"), params)

    def _expression(
        self,
        text: Any,
        kind: EventKind,
        pointer: str,
        *,
        params: Mapping[str, Any] | None = None,
        wants: Literal["bool", "duration", "any"] = "any",
    ) -> Expression:
        typed = kind if isinstance(kind, str) else id(kind)
        key = (text, typed, repr(params), wants)
        found = self._compiled.get(key)
        if found is None:
            scope = Scope(
                context=self.definition.schemas.context,
                event=kind,
                params=params,
                related=self._relations,
                states=self._paths,
            )
            found, faults = compile_expression(text if isinstance(text, str) else "", scope, wants=wants)
            if found is None:
                raise BadDefinition(pointer, faults[0].sentence if faults else "this is not an expression")
            self.related.update(dict.fromkeys(sorted(found.relations)))
            self._compiled[key] = found
        return found

    def _compute(self, written: Any, kind: EventKind, pointer: str) -> Compute | None:
        """How a value with expressions inside is worked out; None for a constant."""
        if isinstance(written, dict):
            if "@expr" in written:
                return _computing(self._expression(written["@expr"], kind, pointer), child(pointer, "@expr"))
            members = [(key, item, self._compute(item, kind, child(pointer, key))) for key, item in written.items()]
            if not any(compute for _, _, compute in members):
                return None
            return lambda context, event, moment: {
                key: item if compute is None else compute(context, event, moment) for key, item, compute in members
            }
        if isinstance(written, list):
            items = [(item, self._compute(item, kind, child(pointer, index))) for index, item in enumerate(written)]
            if not any(compute for _, compute in items):
                return None
            return lambda context, event, moment: [
                item if compute is None else compute(context, event, moment) for item, compute in items
            ]
        return None

    # --- patches and actions

    def _patch(self, written: Any, kind: EventKind, pointer: str, *, acts: bool = False) -> Patch | None:
        if not isinstance(written, dict) or not written:
            return None
        unset = tuple(field for field, value in written.items() if value == {"@unset": True})
        fields = tuple(
            (field, value, self._compute(value, kind, child(pointer, field)))
            for field, value in written.items()
            if field not in unset
        )
        return Patch(fields, unset, any(compute for _, _, compute in fields), acts)

    def actions(self, written: Actions, kind: EventKind, pointer: str) -> Iterator[Action]:
        """Actions in their order, alone or as a list."""
        items = written if isinstance(written, list) else [written]
        for index, item in enumerate(items):
            at = child(pointer, index) if isinstance(written, list) else pointer
            action = self._action({"type": item} if isinstance(item, str) else item, kind, at)
            if action is not None:
                yield action

    def _action(self, written: dict[str, Any], kind: EventKind, pointer: str) -> Action | None:
        match written.get("type"):
            case "assign":
                return self._patch(written.get("context"), kind, child(pointer, "context"), acts=True)
            case "raise":
                event = self._event(written, pointer)
                payload = {field: value for field, value in event.items() if field != "type"}
                return Raise(event["type"], payload, self._compute(payload, kind, child(pointer, "event")))
            case "emit":
                event = self._event(written, pointer)
                return Tell("emits", event, self._compute(event, kind, child(pointer, "event")))
            case "log":
                args = written.get("args", [])
                noted = args if isinstance(args, list) else [args]
                return Tell("logs", noted, self._compute(noted, kind, child(pointer, "args")))
            case "send":
                return self._send(written, kind, pointer)
            case str(name):
                effect = {"type": name, **(written.get("params") or {})}
                return Tell("emits", effect, self._compute(effect, kind, child(pointer, "params")))
        raise BadDefinition(pointer, "an action needs a `type`")

    def _event(self, written: dict[str, Any], pointer: str) -> dict[str, Any]:
        event = written.get("event")
        if isinstance(event, str):
            return {"type": event}
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise BadDefinition(child(pointer, "event"), "an event needs a `type`")
        return event

    def _send(self, written: dict[str, Any], kind: EventKind, pointer: str) -> Send:
        event = self._event(written, pointer)
        name = written.get("to")
        relation = self.definition.relations.get(name) if isinstance(name, str) else None
        if relation is None or not isinstance(name, str):
            raise BadDefinition(child(pointer, "to"), f"{str(name)[:80]!r} is no relation of this definition")
        return Send(name, relation.entity, relation.key, event, self._compute(event, kind, child(pointer, "event")))

    def start(self, number: Number, key: str, pointer: str) -> Start:
        """The timer behind a key of `after`: a duration, or the name of one under `delays`."""
        written: Any = self.definition.delays.get(key, key)
        if isinstance(written, dict):
            written = written.get("duration", written)
        if isinstance(written, dict):
            return Start(number, key, self._expression(written.get("@expr"), "empty", pointer, wants="duration"))
        try:
            return Start(number, key, duration_of(str(written)))
        except ValueError as error:
            raise BadDefinition(pointer, str(error)) from None


def pointer_of_state(path: str) -> str:
    """Where a state stands in its document; the empty path is the root."""
    return "".join(pointer_of("states", step) for step in path.split(".")) if path else ""


def _computing(expression: Expression, pointer: str) -> Compute:
    def compute(context: dict[str, Any], event: dict[str, Any], moment: Moment) -> Any:
        try:
            return _exact(expression.run(context, event, {}, moment))
        except ExpressionError as error:
            raise Uncomputed(error, pointer, expression) from error

    return compute


def _exact(value: Any) -> Any:
    """The value, if data can hold it: whole numbers as browsers do, and no deeper than a body may nest.

    Raises ExpressionError for others. Constants around the expression are at most as deep as their document.
    """
    kind = type(value)
    if kind is int:
        if not -EXACT <= value <= EXACT:
            raise ExpressionError("the result is too large to be held exactly", 0)
    elif kind is list or kind is dict:
        _hold(value)
    return value


def _hold(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH // 2:
            raise ExpressionError(f"the result nests deeper than {DEPTH // 2}", 0)
        below: list[Any] = []
        for item in level:
            for inner in item.values() if isinstance(item, dict) else item:
                if isinstance(inner, dict | list):
                    below.append(inner)
                elif type(inner) is int and not -EXACT <= inner <= EXACT:
                    raise ExpressionError("the result is too large to be held exactly", 0)
        level = below
