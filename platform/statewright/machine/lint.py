"""The checks at registration: everything wrong or doubtful in a definition, all at once, each with its place."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from statewright.machine import names
from statewright.machine.definition import Branch, Branches, Definition, Patch, State, branches_of
from statewright.machine.problem import Problem, child, pointer_of
from statewright.machine.schemas import BadSchema, Schema
from statewright.machine.targets import States

STATES = 1_000
TRANSITIONS = 5_000

_LATER_ON_ROOT = {
    "migrations": "migrations",
    "partition_by": "logs spread over partitions",
}


def problems_of(definition: Definition) -> list[Problem]:
    """All errors and warnings of a well-formed definition, without lines and columns."""
    check = _Check(definition)
    return [*check.problems()]


def _error(code: str, pointer: str, sentence: str, fix: str | None = None) -> Problem:
    return Problem(code=code, severity="error", pointer=pointer, sentence=sentence, fix=fix)


def _warning(code: str, pointer: str, sentence: str, fix: str | None = None) -> Problem:
    return Problem(code=code, severity="warning", pointer=pointer, sentence=sentence, fix=fix)


def _later(what: str, pointer: str) -> Problem:
    sentence = f"{what} are part of the language, but this release does not carry them out yet"
    return _error("not_supported_yet", pointer, sentence, "keep the draft, and activate it after an upgrade")


class _Check:
    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.states = States(definition)
        self.schema_problems: list[Problem] = []
        self.context = self._schema(definition.schemas.context, "/schemas/context")
        self.events = {
            event: self._schema(written, pointer_of("schemas", "events", event))
            for event, written in definition.schemas.events.items()
        }
        self.holders: list[tuple[str, str, Mapping[str, Branches]]] = [("", "", definition.on)]
        for path, state in self.states.by_path.items():
            pointer = "".join(pointer_of("states", step) for step in path.split("."))
            self.holders.append((path, pointer, state.on))

    def _schema(self, written: Mapping[str, Any] | None, pointer: str) -> Schema | None:
        if written is None:
            return None
        if written.get("type", "object") != "object":
            self.schema_problems.append(
                _error("bad_schema", child(pointer, "type"), "data and payloads are always objects", "leave `type` out")
            )
            return None
        try:
            return Schema(written)
        except BadSchema as bad:
            self.schema_problems.append(_error("bad_schema", pointer + bad.pointer, bad.sentence))
            return None

    def problems(self) -> Iterator[Problem]:
        yield from self._limits()
        yield from self._names()
        yield from self._not_yet()
        yield from self.schema_problems
        yield from self._event_schemas()
        yield from self._root()
        for path, pointer, on in self.holders:
            for event, written in on.items():
                yield from self._branches(path, event, written, pointer + pointer_of("on", event))
        yield from self._finals()
        yield from self._relations()
        yield from self._shape_of_the_chart()
        yield from self._unused()

    # --- limits and names

    def _limits(self) -> Iterator[Problem]:
        if len(self.states.by_path) > STATES:
            yield _error("too_many", "/states", f"{len(self.states.by_path):,} states; at most {STATES:,} are possible")
        transitions = sum(len(branches_of(written)) for _, _, on in self.holders for written in on.values())
        if transitions > TRANSITIONS:
            yield _error("too_many", "", f"{transitions:,} transitions; at most {TRANSITIONS:,} are possible")

    def _names(self) -> Iterator[Problem]:
        for path, pointer, on in self.holders:
            if path and (fault := names.fault_of_state_name(path.rpartition(".")[2])):
                yield _error("bad_name", pointer, f"the state's name {fault}")
            for descriptor in on:
                if fault := names.fault_of_descriptor(descriptor):
                    yield _error("bad_name", pointer + pointer_of("on", descriptor), f"the event's name {fault}")
        for event in self.definition.schemas.events:
            if fault := names.fault_of_event_name(event):
                yield _error("bad_name", pointer_of("schemas", "events", event), f"the event's name {fault}")

    # --- what the language has and this release has not

    def _not_yet(self) -> Iterator[Problem]:
        for field, what in _LATER_ON_ROOT.items():
            if getattr(self.definition, field):
                yield _later(what, pointer_of(field))

    # --- schemas

    def _event_schemas(self) -> Iterator[Problem]:
        for event, schema in self.events.items():
            pointer = pointer_of("schemas", "events", event)
            if schema is None:
                continue
            if "type" in schema.fields:
                at = pointer + pointer_of("properties", "type")
                yield _error("bad_schema", at, "no field of an event may be called `type`: it is the event's name")
            yield from self._nested_personal(self.definition.schemas.events[event], pointer)
        if self.definition.schemas.context:
            yield from self._nested_personal(self.definition.schemas.context, "/schemas/context")

    def _nested_personal(self, written: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
        fields = written.get("properties")
        for name, field in fields.items() if isinstance(fields, dict) else ():
            at = pointer + pointer_of("properties", name)
            if _marks_below(field, "personal"):
                yield _error("bad_schema", at, "`personal` may stand on top-level fields only", "mark the whole field")
        if _marks_below({**written, "properties": {}}, "personal"):
            yield _error("bad_schema", pointer, "`personal` may stand on top-level `properties` only")

    # --- the root

    def _root(self) -> Iterator[Problem]:
        definition = self.definition
        if not definition.states:
            yield _error("no_states", "/states", "a definition needs at least one state")
        elif definition.type == "parallel":
            pass
        elif definition.initial is None:
            first = next(iter(definition.states))
            yield _error("no_initial", "", "the definition does not say in which state entities begin",
                         f'write "initial": "{first}"')  # fmt: skip
        elif definition.initial not in definition.states:
            near = names.nearest(definition.initial, definition.states)
            yield _error("unknown_state", "/initial", f"there is no state {definition.initial[:80]!r}",
                         f"did you mean {near!r}?" if near else None)  # fmt: skip
        yield from self._patch(definition.context, "/context")
        yield from self._keep_default()

    def _keep_default(self) -> Iterator[Problem]:
        keep = self.definition.keep
        if isinstance(keep, list) and self.context is not None:
            for index, field in enumerate(keep):
                yield from self._kept_in_context(field, pointer_of("keep", index))

    # --- one descriptor's branches

    def _branches(self, path: str, event: str, written: Branches, pointer: str) -> Iterator[Problem]:
        items = branches_of(written)
        open_before: int | None = None
        for index, branch in enumerate(items):
            at = child(pointer, index) if isinstance(written, list) else pointer
            if open_before is not None:
                sentence = f"this branch can never be taken: branch {open_before + 1} before it has no guard"
                yield _error("unreachable_branch", at, sentence, "give the earlier branch a guard, or remove this one")
            elif branch.guard is None:
                open_before = index
            yield from self._branch(path, event, branch, at)
        if isinstance(written, list) and not items:
            yield _warning("no_branches", pointer, "an empty list forbids nothing and permits nothing", "remove it")

    def _branch(self, path: str, event: str, branch: Branch, pointer: str) -> Iterator[Problem]:
        yield from self._targets(path, branch, pointer)
        yield from self._roles(branch, pointer)
        yield from self._patch(branch.context, child(pointer, "context"))
        yield from self._keep(event, branch, pointer)

    def _targets(self, path: str, branch: Branch, pointer: str) -> Iterator[Problem]:
        if branch.target is None:
            return
        at = child(pointer, "target") if not isinstance(branch.target, list) else pointer
        targets = [branch.target] if isinstance(branch.target, str) else branch.target
        for target in targets:
            if self.states.resolve(target, path) is None:
                known = self.states.written_from(path)
                near = names.nearest(target, known) or names.nearest(target.lstrip("#."), known)
                holder = (
                    f"the state {path!r}" if path else "the definition itself (write `.state` or `#id.state` there)"
                )
                yield _error("unknown_target", at, f"{target[:80]!r}, written in {holder}, names no state",
                             f"did you mean {near!r}?" if near else None)  # fmt: skip

    def _roles(self, branch: Branch, pointer: str) -> Iterator[Problem]:
        for index, role in enumerate(branch.allow or ()):
            if role != "system" and role not in self.definition.roles:
                near = names.nearest(role, self.definition.roles)
                yield _error("unknown_role", pointer + pointer_of("allow", index), f"there is no role {role[:80]!r}",
                             f"did you mean {near!r}?" if near else "declare it under `roles`")  # fmt: skip

    def _patch(self, patch: Patch, pointer: str) -> Iterator[Problem]:
        for field, value in patch.items():
            at = child(pointer, field)
            if value == {"@unset": True}:
                if pointer == "/context":
                    yield _error("bad_patch", at, "initial data can set fields, not remove them", "leave the field out")
                continue
            marks = [*_marks_in(value)]
            if "@expr" in marks:
                continue
            if marks:
                fix = 'write a constant, or {"@unset": true} for the whole field'
                yield _error("bad_patch", at, f"{marks[0][:40]!r} has no meaning here", fix)
            elif self.context is not None and not self.context.accepts_constant(field, value):
                yield _error("bad_patch", at, f"this value does not fit the schema of {field[:80]!r}")

    # --- keep

    def _keep(self, event: str, branch: Branch, pointer: str) -> Iterator[Problem]:
        if not isinstance(branch.keep, list):
            yield from self._leaks(event, self._kept(event, branch), pointer)
            return
        for index, field in enumerate(branch.keep):
            at = pointer + pointer_of("keep", index)
            if field in branch.context:
                yield _error("keep_and_patch", at, f"{field[:80]!r} is both kept and patched by this branch",
                             "leave it to one of the two")  # fmt: skip
            schema = self.events.get(event)
            if schema is not None and field not in schema.fields:
                yield _error("keep_undeclared", at, f"the schema of {event!r} has no field {field[:80]!r}")
            if self.context is not None:
                yield from self._kept_in_context(field, at)
                if schema is not None and not _compatible(schema.fields.get(field), self.context.fields.get(field)):
                    yield _error("keep_type", at, f"{field[:80]!r} has another type in the data than in {event!r}")
        yield from self._leaks(event, branch.keep, pointer)

    def _kept_in_context(self, field: str, at: str) -> Iterator[Problem]:
        if self.context is None:
            return
        if field not in self.context.fields:
            yield _error("keep_undeclared", at, f"the schema of the data has no field {field[:80]!r}")
        elif field in self.context.read_only:
            yield _error("keep_read_only", at, f"{field[:80]!r} is readOnly: only patches may write it")

    def _kept(self, event: str, branch: Branch) -> Sequence[str]:
        keep = branch.keep if branch.keep is not None else self.definition.keep
        schema = self.events.get(event)
        if keep is None or schema is None:
            return ()
        return [field for field in schema.fields if keep == "*" or field in keep]

    def _leaks(self, event: str, kept: Sequence[str], pointer: str) -> Iterator[Problem]:
        schema = self.events.get(event)
        for field in kept:
            if schema is None or field not in schema.personal:
                continue
            if self.context is None or (field in self.context.fields and field not in self.context.personal):
                sentence = f"{field[:80]!r} is personal in {event!r} and would be kept in data that is not"
                yield _error("personal_leak", pointer, sentence, 'mark it `"personal": true` in `schemas.context` too')

    # --- the chart as a whole

    def _finals(self) -> Iterator[Problem]:
        for path, state in self.states.by_path.items():
            pointer = "".join(pointer_of("states", step) for step in path.split("."))
            if state.type == "final" and state.on:
                yield _error("final_with_events", child(pointer, "on"), "nothing can happen in a final state",
                             "remove `on`, or the type `final`")  # fmt: skip

    def _relations(self) -> Iterator[Problem]:
        for name, relation in self.definition.relations.items():
            pointer = pointer_of("relations", name)
            if (relation.key is None) == (relation.inverse is None):
                yield _error(
                    "bad_relation", pointer, "a relation has a `key` of our own, or is the `inverse` of another's"
                )
            elif relation.key is not None and self.context is not None:
                if relation.key not in self.context.fields:
                    at = child(pointer, "key")
                    yield _error("bad_relation", at, f"the schema of the data has no field {relation.key[:80]!r}")
                elif relation.key in self.context.personal:
                    yield _error("personal_leak", child(pointer, "key"), "a personal field cannot be a relation's key")

    def _shape_of_the_chart(self) -> Iterator[Problem]:
        states = self.definition.states
        if any(state.states for state in states.values()) or self.definition.initial not in states:
            return
        ways = {name: [*self._ways_out(name, state)] for name, state in states.items()}
        reached = _reach(self.definition.initial or "", ways)
        finals = [name for name, state in states.items() if state.type == "final"]
        for name, state in states.items():
            pointer = pointer_of("states", name)
            if name not in reached:
                yield _warning(
                    "unreachable_state", pointer, f"no event leads to {name!r}", "give it a way in, or remove it"
                )
            if state.type != "final" and not any(target != name for target in ways[name]):
                yield _warning("dead_end", pointer, f"nothing leads out of {name!r}, and it is not final",
                               'give it a way out, or "type": "final"')  # fmt: skip
        if not any(name in reached for name in finals):
            yield _warning("no_end", "/states", "no final state can be reached: entities will live for ever")

    def _ways_out(self, name: str, state: State) -> Iterator[str]:
        for holder, on in ((name, state.on), ("", self.definition.on if state.type != "final" else {})):
            for descriptor, written in on.items():
                if not holder and descriptor in state.on:
                    continue
                for branch in branches_of(written)[:1]:
                    for target in [branch.target] if isinstance(branch.target, str) else branch.target or ():
                        found = self.states.resolve(target, holder)
                        if found is not None:
                            yield found

    def _unused(self) -> Iterator[Problem]:
        used_roles: set[str] = set()
        used_events: set[str] = set()
        for _, pointer, on in self.holders:
            for descriptor, written in on.items():
                used_events.add(descriptor)
                if "*" not in descriptor and descriptor not in self.definition.schemas.events:
                    at = pointer + pointer_of("on", descriptor)
                    yield from self._without_schema(descriptor, at)
                for branch in branches_of(written):
                    used_roles.update(branch.allow or ())
        for role in self.definition.roles:
            if role not in used_roles:
                yield _warning("unused", pointer_of("roles", role), f"no transition asks for the role {role!r}")
        if not any("*" in descriptor for descriptor in used_events):
            for event in self.definition.schemas.events:
                if event not in used_events:
                    yield _warning("unused", pointer_of("schemas", "events", event), f"no state waits for {event!r}",
                                   _meant(event, used_events))  # fmt: skip

    @functools.cached_property
    def _told(self) -> set[str]:
        return set()

    def _without_schema(self, event: str, pointer: str) -> Iterator[Problem]:
        """Once per event: a warning at each of its places would bury the others."""
        if event not in self._told:
            self._told.add(event)
            sentence = f"{event!r} has no schema, so it may carry anything"
            yield _warning("event_without_schema", pointer, sentence, "describe it under `schemas.events`")


def _meant(event: str, used: set[str]) -> str | None:
    near = names.nearest(event, used)
    return f"did you mean {near!r}?" if near else None


def _reach(start: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        for target in ways.get(waiting.pop(), ()):
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


def _marks_in(value: Any) -> Iterator[str]:
    """The `@` keys anywhere inside a value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("@"):
                yield key
            yield from _marks_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _marks_in(item)


def _marks_below(written: Any, mark: Literal["personal"]) -> bool:
    if isinstance(written, list):
        return any(_marks_below(item, mark) for item in written)
    if not isinstance(written, dict):
        return False
    below = [value for key, value in written.items() if key not in ("const", "enum", "default", "examples")]
    return any(isinstance(item, dict) and item.get(mark) is True for item in _subschemas(below)) or any(
        _marks_below(item, mark) for item in below
    )


def _subschemas(items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        if isinstance(item, dict):
            yield from item.values()


def _compatible(one: Any, other: Any) -> bool:
    """Whether a value that fits `one` can ever fit `other`, as far as their types tell."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return True
    here, there = _types(one), _types(other)
    return not here or not there or bool(here & there)


def _types(written: Mapping[str, Any]) -> set[str]:
    kind = written.get("type")
    kinds = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    return kinds | {"integer"} if "number" in kinds else kinds
