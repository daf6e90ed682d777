"""The names: of states and their ids, of events, and of everything the definition declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statewright.machine import names
from statewright.machine.definition import State
from statewright.machine.lint.survey import Survey
from statewright.machine.problem import Problem, error, pointer_of, shown


def problems_of(survey: Survey) -> Iterator[Problem]:
    """Names that the language does not take, and ids that come twice."""
    definition = survey.definition
    yield from _of_states(survey)
    yield from _ids(survey)
    for path, node in survey.nodes.items():
        for descriptor in node.on:
            if fault := names.fault_of_descriptor(descriptor):
                yield _bad(survey.pointers[path] + pointer_of("on", descriptor), "event", fault)
    for event in definition.schemas.events:
        if fault := names.fault_of_event_name(event):
            yield _bad(pointer_of("schemas", "events", event), "event", fault)
    for index, event in enumerate(definition.internal_events):
        if fault := names.fault_of_event_name(event):
            yield _bad(pointer_of("internalEvents", index), "event", fault)
    yield from _declared("roles", "role", definition.roles)
    yield from _declared("relations", "relation", definition.relations)
    yield from _declared("guards", "guard", definition.guards)
    yield from _declared("delays", "delay", definition.delays)


def _of_states(survey: Survey) -> Iterator[Problem]:
    for path in survey.states.by_path:
        if fault := names.fault_of_state_name(path.rpartition(".")[2]):
            yield _bad(survey.pointers[path], "state", fault)


def _ids(survey: Survey) -> Iterator[Problem]:
    seen = {survey.definition.id: "the definition itself"}
    for path, node in survey.states.by_path.items():
        if not isinstance(node, State) or node.id is None:
            continue
        at = survey.pointers[path] + "/id"
        if fault := names.fault_of_state_name(node.id):
            yield error("bad_name", at, f"the id {fault}")
        elif node.id in seen:
            sentence = f"the id {shown(node.id)} is taken by {seen[node.id]}"
            yield error("duplicate_id", at, sentence, "give one of the two another id")
        seen.setdefault(node.id, f"the state {shown(path)}")


def _declared(key: str, what: str, declared: Iterable[str]) -> Iterator[Problem]:
    for name in declared:
        if fault := names.fault_of_declared_name(name):
            yield _bad(pointer_of(key, name), what, fault)


def _bad(pointer: str, what: str, fault: str) -> Problem:
    return error("bad_name", pointer, f"the {what}'s name {fault}")
