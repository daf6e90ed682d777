"""Expressions: each checked where it stands, against the types of the data and of the event that is taken there."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Literal

import msgspec

from statewright.machine.definition import Migration
from statewright.machine.expressions import Fault, Scope
from statewright.machine.expressions.checked import Checked, check_expression
from statewright.machine.lint.data import UNSET
from statewright.machine.lint.flow import Flow
from statewright.machine.lint.keep import types_of
from statewright.machine.lint.limits import PATTERNS
from statewright.machine.lint.survey import Doing, Site, Survey, action_type, assigned, expressions_in, guard_name
from statewright.machine.problem import Problem, child, error, pointer_of, shown
from statewright.machine.surroundings import Other, Surroundings
from statewright.machine.targets import Path

Event = Mapping[str, Any] | Literal["dynamic", "empty"]
"""What is known of an event: its schema, nothing, or that it carries nothing."""
Looked = Generator[Problem, None, Checked | None]
"""The problems of one expression, and the expression itself when it has no error."""
Wants = Literal["bool", "duration", "any"]
RELATIONS = 4
"""How many relations the expressions of one definition may read; each is looked up before every decision."""
LOOKED_AT = 5_000
CHARACTERS = 200_000
"""How many different expressions, and how much text of them, is looked at: no definition that people wrote has more."""

_ADMITTED = {
    "int": {"integer", "number"},
    "double": {"number"},
    "bool": {"boolean"},
    "string": {"string"},
    "timestamp": {"string"},
    "duration": {"string"},
    "null": {"null"},
    "list": {"array"},
    "object": {"object"},
}
"""The types of JSON Schema that a result of each kind fits."""


def problems_of(flow: Flow, around: Surroundings) -> Iterator[Problem]:
    """What is wrong with every expression of the definition."""
    yield from _Checks(flow, around).problems()


class _Checks:
    def __init__(self, flow: Flow, around: Surroundings) -> None:
        self.flow = flow
        self.survey: Survey = flow.survey
        self.definition = flow.survey.definition
        self.around = around
        readable = {
            name: around.types.get(relation.entity)
            for name, relation in self.definition.relations.items()
            if relation.key is not None and relation.cardinality == "one"
        }
        self.related = {name: None if known is None else known.data for name, known in readable.items()}
        self.related_states = {name: known.states for name, known in readable.items() if known is not None}
        self.paths = frozenset(self.survey.states.by_path)
        self.read: dict[str, str] = {}
        self._scopes: dict[tuple[Any, ...], Scope] = {}
        self._checked: dict[tuple[str, Wants, int], tuple[Checked | None, list[Fault]]] = {}
        self._characters = self._patterns = 0
        self._skipped = False
        self._told: set[tuple[str, str, int | None]] = set()

    def problems(self) -> Iterator[Problem]:
        for found in self._all():
            place = (found.pointer, found.code, found.offset)
            if place not in self._told:  # a named guard is asked in many places, and wrong in one
                self._told.add(place)
                yield found
        for name, pointer in [*self.read.items()][RELATIONS:]:
            sentence = f"{shown(name)} is a relation too many: expressions read at most {RELATIONS}"
            yield error("too_many_relations", pointer, sentence, "keep what is needed of it in the data")
        if self._skipped:
            many = f"{LOOKED_AT:,} different expressions, {CHARACTERS:,} characters of them"
            sentence = f"more than {many}, or patterns of {PATTERNS:,} steps"
            yield error("too_many", "", sentence, "name what is asked often under `guards`")

    def _all(self) -> Iterator[Problem]:
        for site in self.survey.sites:
            yield from self._guard(site)
            event = self._event_of(site)
            yield from self._patch(site.branch.context, child(site.pointer, "context"), site.holder, event, site.event)
        for doing in self.survey.doings:
            yield from self._doing(doing)
        yield from self._unasked()
        yield from self._delays()
        for index, migration in enumerate(self.definition.migrations):
            for number in migration.from_:
                yield from self._migration(migration, pointer_of("migrations", index, "context"), number)

    def _migration(self, migration: Migration, pointer: str, number: int) -> Iterator[Problem]:
        """The patch of a migration, which reads data of an earlier revision; dynamic where that is not at hand."""
        old = (self.around.revisions or {}).get(number)
        scope = self._scope_of_migration(old)
        for field, value in migration.context.items():
            for text, place in expressions_in(value, child(pointer, field)):
                expression, faults = self._looked_up(text, "any", scope)
                for found in self._said(faults, place):
                    known = found.sentence if old is None else f"{found.sentence} (from revision {number})"
                    yield msgspec.structs.replace(found, sentence=known)
                if expression is not None and place == pointer + pointer_of(field, "@expr"):
                    yield from self._misfit(expression, field, place)

    def _scope_of_migration(self, old: Other | None) -> Scope:
        key = (id(old),)
        if key not in self._scopes:
            data, states = (None, self.paths) if old is None else (old.data, frozenset(old.states))
            self._scopes[key] = Scope(data, "empty", None, self.related, self.related_states, states)
        return self._scopes[key]

    # --- guards and delays

    def _guard(self, site: Site) -> Iterator[Problem]:
        guard, event = site.branch.guard, self._event_of(site)
        if isinstance(guard, dict) and isinstance(guard.get("@expr"), str):
            yield from self._check(guard["@expr"], site.pointer + "/guard/@expr", site.holder, event, "bool")
            return
        name = guard_name(guard)
        named = self._named(name) if name is not None else None
        if named is None or name is None:
            return
        params = guard.get("params") if isinstance(guard, dict) else None
        given = params if isinstance(params, dict) else None
        at = pointer_of("guards", name, "when", "@expr")
        for found in self._check(named, at, site.holder, event, "bool", given):
            asked = f"{found.sentence} (asked on {shown(site.key)})" if site.event else found.sentence
            yield msgspec.structs.replace(found, sentence=asked)

    def _named(self, name: str) -> str | None:
        guard = self.definition.guards.get(name)
        when = guard.get("when") if isinstance(guard, dict) else None
        text = when.get("@expr") if isinstance(when, dict) else None
        return text if isinstance(text, str) else None

    def _unasked(self) -> Iterator[Problem]:
        """Guards that no branch asks, for what can be said without knowing the event."""
        asked = {guard_name(site.branch.guard) for site in self.survey.sites}
        for name in self.definition.guards:
            text = self._named(name)
            if name not in asked and text is not None and "params" not in text:
                yield from self._check(text, pointer_of("guards", name, "when", "@expr"), "", "dynamic", "bool")

    def _delays(self) -> Iterator[Problem]:
        for name, delay in self.definition.delays.items():
            length = delay.get("duration") if isinstance(delay, dict) else None
            if isinstance(length, dict) and isinstance(length.get("@expr"), str):
                at = pointer_of("delays", name, "duration", "@expr")
                holders = [site.holder for site in self.survey.sites if site.cause == "after" and site.key == name]
                for holder in dict.fromkeys(holders) or [""]:
                    yield from self._check(length["@expr"], at, holder, "dynamic", "duration")

    # --- what is written and told

    def _patch(
        self, patch: Mapping[str, Any], pointer: str, holder: Path, event: Event, name: str | None, when: str = ""
    ) -> Iterator[Problem]:
        personal = self.survey.context.personal if self.survey.context is not None else frozenset()
        for field, value in patch.items():
            if value == UNSET:
                continue
            at = child(pointer, field)
            for text, place in expressions_in(value, at):
                expression = yield from self._looked_at(text, place, holder, event, "any", when=when)
                if expression is None:
                    continue
                if place == child(at, "@expr"):
                    yield from self._misfit(expression, field, place)
                if field not in personal and self._is_personal(expression, name):
                    sentence = f"{shown(field)} would be written from personal data and is not personal itself"
                    yield error("personal_leak", place, sentence, 'mark it `"personal": true` in `schemas.context` too')

    def _misfit(self, expression: Checked, field: str, pointer: str) -> Iterator[Problem]:
        written = self.survey.context.fields.get(field) if self.survey.context is not None else None
        wanted = types_of(written) if isinstance(written, dict) else set()
        admitted = _ADMITTED.get(expression.type.kind)
        if not wanted or admitted is None:
            return
        kinds = " or ".join(sorted(wanted - {"integer"} if "number" in wanted else wanted))
        if not admitted & wanted:
            fix = "write int(…) around it" if expression.type.kind == "double" and "integer" in wanted else None
            sentence = f"{shown(field)} holds {kinds}, and this is {expression.type}"
            yield error("type_mismatch", pointer, sentence, fix, offset=0)
        elif expression.type.nullable and "null" not in wanted:
            sentence = f"{shown(field)} holds {kinds}, and this may be null"
            yield error("type_mismatch", pointer, sentence, "test it for null first", offset=0)

    def _doing(self, doing: Doing) -> Iterator[Problem]:
        event: Event = self._event_of(doing.site) if doing.site is not None else "dynamic"
        name = doing.site.event if doing.site is not None else None
        if patch := assigned(doing.action):
            yield from self._patch(patch, child(doing.pointer, "context"), doing.holder, event, name, doing.when)
            return
        if isinstance(doing.action, str):
            return
        kind = action_type(doing.action)
        for key, content in doing.action.items():
            for text, place in expressions_in(content, child(doing.pointer, key)):
                expression = yield from self._looked_at(text, place, doing.holder, event, "any", when=doing.when)
                if expression is not None and self._is_personal(expression, name):
                    yield from self._told_to_others(doing, kind, place)

    def _told_to_others(self, doing: Doing, kind: str | None, place: str) -> Iterator[Problem]:
        if kind != "raise":
            sentence = "personal data would be told to others, where they cannot be erased"
            yield error("personal_leak", place, sentence, "leave them out; others can ask for the entity")
            return
        written = doing.action.get("event") if isinstance(doing.action, dict) else None
        name = written.get("type") if isinstance(written, dict) else None
        schema = self.survey.events.get(name) if isinstance(name, str) else None
        field = place.removeprefix(child(doing.pointer, "event") + "/").partition("/")[0]
        if schema is None or field not in schema.personal:
            sentence = f"{shown(field)} would carry personal data and is not personal in the event's schema"
            yield error("personal_leak", place, sentence, 'mark it `"personal": true` in `schemas.events`')

    def _is_personal(self, expression: Checked, event: str | None) -> bool:
        """Whether anything personal is read, so that the result tells of it."""
        context = self.survey.context.personal if self.survey.context is not None else frozenset()
        schema = self.survey.events.get(event or "")
        payload = schema.personal if schema is not None else frozenset()
        return (
            _reads(expression.reads_context, context)
            or _reads(expression.reads_event, payload)
            or any(_reads(expression.reads_related, names) for names in self._personal_of_related)
        )

    @functools.cached_property
    def _personal_of_related(self) -> list[frozenset[str]]:
        found = []
        for name, schema in self.related.items():
            fields = schema.get("properties") if schema is not None else None
            marked = (
                [f for f, w in fields.items() if isinstance(w, dict) and w.get("personal") is True] if fields else []
            )
            found.append(frozenset(f"{name}.{field}" for field in marked))
        return found

    # --- one expression

    def _check(
        self, text: str, pointer: str, holder: Path, event: Event, wants: Wants, params: Mapping[str, Any] | None = None
    ) -> Iterator[Problem]:
        yield from self._looked_at(text, pointer, holder, event, wants, params)

    def _looked_at(
        self,
        text: str,
        pointer: str,
        holder: Path,
        event: Event,
        wants: Wants,
        params: Mapping[str, Any] | None = None,
        when: str = "",
    ) -> Looked:
        """Report the faults; the expression, when it has no error. What is surely written is asked only when needed."""
        expression, faults = self._looked_up(text, wants, self._scope(params, event))
        if any(fault.code == "maybe_absent" for fault in faults):
            written = self.flow.written(holder, entering=when == "entry")
            if written:
                expression, faults = self._looked_up(text, wants, self._scope(params, event, written))
        yield from self._said(faults, pointer)
        for relation in sorted(expression.reads_related) if expression is not None else ():
            self.read.setdefault(relation.partition(".")[0], pointer)
        return expression

    def _said(self, faults: list[Fault], pointer: str) -> Iterator[Problem]:
        for fault in faults:
            yield Problem(
                code=fault.code,
                severity=fault.severity,
                pointer=pointer,
                sentence=fault.sentence,
                fix=fault.fix and f"write {fault.fix}",
                offset=fault.at,
            )

    def _event_of(self, site: Site) -> Event:
        """What is known of the event where a branch is taken."""
        if site.cause in ("after", "onDone"):
            return "empty"
        known = site.event is not None and self.survey.events.get(site.event) is not None
        return self.definition.schemas.events[site.event] if known and site.event is not None else "dynamic"

    def _scope(
        self,
        params: Mapping[str, Any] | None,
        event: Event,
        written: frozenset[str] = frozenset(),
    ) -> Scope:
        """The scope, the same object for the same arguments."""
        name = event if isinstance(event, str) else id(event)
        key = (name, None if params is None else msgspec.json.encode(params), written)
        if key not in self._scopes:
            schema = self.definition.schemas.context if self.survey.context is not None else None
            self._scopes[key] = Scope(schema, event, params, self.related, self.related_states, self.paths, written)
        return self._scopes[key]

    def _looked_up(self, text: str, wants: Wants, scope: Scope) -> tuple[Checked | None, list[Fault]]:
        key = (text, wants, id(scope))
        if key not in self._checked:
            self._characters += len(text)
            if len(self._checked) >= LOOKED_AT or self._characters > CHARACTERS or self._patterns > PATTERNS:
                self._skipped = True
                return None, []
            found = self._checked[key] = check_expression(text, scope, wants=wants)
            self._patterns += 0 if found[0] is None else found[0].pattern_size
        return self._checked[key]


def _reads(read: frozenset[str], personal: frozenset[str]) -> bool:
    return bool(personal) and ("*" in read or not personal.isdisjoint(read))
