"""The form that asks for a bulk event: who is meant, which event, what it carries, and who sends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from statewright.bulk import event_schema
from statewright.machine.compile import Machine
from statewright.machine.record import Actor
from statewright.views import NotBuiltYet
from statewright.views.query import BadQuery, Query, read_query
from statewright_ui import shown
from statewright_ui.forms import Form, form_of
from statewright_ui.needs import Needs
from statewright_ui.posting import field

_ID = 200


class Meant(Struct, frozen=True):
    """Who is meant: those chosen one by one, or all that fit a query. `trouble` says why it cannot be sent to them."""

    type: str
    text: str
    query: Query | None
    entities: Sequence[str]
    trouble: str = ""


class Choice(Struct, frozen=True):
    """An event that the type knows; `takes` is how many are in a state that has a branch for it, None if unknown."""

    name: str
    takes: int | None


class Asking(Struct, frozen=True):
    """The page: who is meant and how many, the events to choose from, and the form of the chosen one."""

    meant: Meant
    kind: shown.Kind | None
    count: int | None
    choices: list[Choice]
    event: str
    form: Form | None
    actor: Actor
    roles: list[str]
    unmoved: bool = True
    trouble: str = ""


def meant_of(text: str, chosen: Sequence[str]) -> Meant:
    """Who is meant by a query, or by entities written as `type/id`."""
    if chosen:
        pairs = [each.partition("/") for each in dict.fromkeys(chosen)]
        types = sorted({type for type, _, _ in pairs})
        ids = [id for _, _, id in pairs if id]
        if len(types) > 1:
            told = "These are of several types, and an event goes to one; choose entities of one type."
            return Meant("", text, None, ids, told)
        return Meant(types[0], text, None, ids)
    try:
        query = read_query(text)
    except BadQuery as error:
        return Meant("", text, None, (), f"The query: {error.faults[0].sentence}.")
    if query.type is None:
        return Meant("", text, query, (), "An event goes to entities of one type; narrow the list to a type first.")
    return Meant(query.type, text, query, ())


def asking_of(needs: Needs, meant: Meant, fields: list[tuple[str, Any]]) -> Asking:
    """The page for what was chosen so far."""
    kind = shown.kind(needs.catalog, meant.type) if meant.type else None
    machine = None if kind is None else kind.machine
    actor = actor_of(fields)
    trouble = meant.trouble
    if machine is None:
        trouble = trouble or "This type has no active definition, so it is not known which events there are."
        return Asking(meant, kind, None, [], "", None, actor, [], trouble=trouble)
    count, choices = _choices(needs, meant, machine)
    event = field(fields, "event")
    event = event if event in machine.named_events else ""
    form = form_of(event_schema(needs.catalog, meant.type, event)) if event else None
    roles = sorted({*machine.definition.roles, *actor.roles})
    return Asking(meant, kind, count, choices, event, form, actor, roles, trouble=trouble)


def _choices(needs: Needs, meant: Meant, machine: Machine) -> tuple[int | None, list[Choice]]:
    names = sorted(machine.named_events)
    if meant.query is None:
        return len(meant.entities), [Choice(name, None) for name in names]
    try:
        tally = needs.views.tally(meant.query)
    except NotBuiltYet:
        return None, [Choice(name, None) for name in names]
    takes = dict.fromkeys(names, 0)
    for each in tally.items:
        for name in machine.allowed(shown.leaves_of(each.state)):
            if name in takes:
                takes[name] += each.count
    choices = [Choice(name, takes[name]) for name in names]
    return tally.total, sorted(choices, key=lambda choice: -(choice.takes or 0))


def actor_of(fields: list[tuple[str, Any]]) -> Actor:
    """Who sends it, as the form says."""
    chosen = [str(value)[:100] for name, value in fields if name == "role" and value]
    more = [role.strip()[:100] for role in field(fields, "more_roles").split(",") if role.strip()]
    return Actor(field(fields, "actor").strip()[:_ID] or "anonymous", tuple(dict.fromkeys((*chosen, *more)))[:100])
