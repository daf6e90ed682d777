"""Asking for a bulk event: what must be so before anything is gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statewright.catalog import BulkEvent, Catalog
from statewright.machine.names import nearest
from statewright.machine.record import Actor
from statewright.views.query import Query, narrowed, written


class BadBulkEvent(ValueError):
    """This cannot be sent to many; the message says what to do. `parameter` is what to change."""

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


def asked(
    catalog: Catalog,
    type: str,
    event: str,
    data: dict[str, Any],
    actor: Actor,
    *,
    query: Query | None = None,
    entities: Sequence[str] = (),
    unmoved: bool = True,
) -> BulkEvent:
    """Have an event tried on all entities of `type` that fit a query, or on those that are named.

    Raises BadBulkEvent where the type does not know the event, nobody is meant, or personal data would be kept with it,
    outside of the log, where no erasure finds it; TooManyEntities.
    """
    machine = catalog.active(type)
    if machine is not None and event not in machine.named_events:
        near = nearest(event, machine.named_events)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(machine.named_events)[:20])}"
        raise BadBulkEvent("event", f"{type} knows no event {event[:100]!r}; {hint}")
    schema = None if machine is None else machine.events.get(event)
    personal = sorted(data.keys() & schema.personal) if schema is not None else []
    if personal:
        raise BadBulkEvent("data", f"{personal[0]} is personal: send such an event to one entity at a time")
    if (query is None) == (not entities):
        raise BadBulkEvent("q", "say either which entities are meant, or by which query they are found")
    told = None if query is None else written(narrowed(query.without("type"), type))
    if query is not None and not _admits(query, type):
        raise BadBulkEvent("q", f"the query leaves out every {type}")
    return catalog.bulk_events.ask(type, event, data, actor, query=told, entities=entities, unmoved=unmoved)


def _admits(query: Query, type: str) -> bool:
    return Query(tuple(query.of("type"))).holds_for(type, ())


def event_schema(catalog: Catalog, type: str, event: str) -> Mapping[str, Any] | None:
    """The schema of what an event carries, by the active definition; None where it has none."""
    machine = catalog.active(type)
    return None if machine is None else machine.definition.schemas.events.get(event)
