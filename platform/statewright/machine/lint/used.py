"""What is declared and never used, and what is used and never described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statewright.machine.lint.actions import wildcards_of
from statewright.machine.lint.survey import Survey, guard_name
from statewright.machine.problem import Problem, pointer_of, shown, warning


def problems_of(survey: Survey) -> Iterator[Problem]:
    """Warnings only. Relations count as used: views show them, whether an expression asks for them or not."""
    definition = survey.definition
    roles = {role for site in survey.sites for role in site.branch.allow or ()}
    guards = {name for site in survey.sites if (name := guard_name(site.branch.guard)) is not None}
    delays = {site.key for site in survey.sites if site.cause == "after"}
    yield from _unused("roles", definition.roles, roles, "no transition asks for the role")
    yield from _unused("guards", definition.guards, guards, "no transition asks the guard")
    yield from _unused("delays", definition.delays, delays, "no `after` waits for the delay")
    yield from _events(survey)
    yield from _without_schema(survey)


def _unused(key: str, declared: Iterable[str], used: set[str], said: str) -> Iterator[Problem]:
    for name in declared:
        if name not in used:
            yield warning("unused", pointer_of(key, name), f"{said} {shown(name)}", "remove it, or use it")


def _events(survey: Survey) -> Iterator[Problem]:
    for event in survey.definition.schemas.events:
        if not _taken(survey, event):
            fix = survey.meant(event, survey.events_taken) or "remove it, or let a state take the event"
            yield warning("unused", pointer_of("schemas", "events", event), f"no state waits for {shown(event)}", fix)
    for index, event in enumerate(survey.definition.internal_events):
        if not _taken(survey, event):
            fix = survey.meant(event, survey.events_taken) or "remove it, or let a state take the event"
            yield warning("unused", pointer_of("internalEvents", index), f"no state waits for {shown(event)}", fix)


def _taken(survey: Survey, event: str) -> bool:
    return event in survey.descriptors or any(wild in survey.descriptors for wild in wildcards_of(event))


def _without_schema(survey: Survey) -> Iterator[Problem]:
    """Once per event: a warning at each of its places would bury the others."""
    told: set[str] = set()
    for site in survey.sites:
        event = site.event
        if event is None or event in told or event in survey.definition.schemas.events:
            continue
        told.add(event)
        at = survey.pointers[site.holder] + pointer_of("on", event)
        yield warning("event_without_schema", at, f"{shown(event)} has no schema, so it may carry anything",
                      "describe it under `schemas.events`")  # fmt: skip
