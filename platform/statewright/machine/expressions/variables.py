"""The variables of expressions and what is known of each: `context`, `event`, `actor`, `now` and the others."""

from __future__ import annotations

from msgspec import Struct

from statewright.machine.expressions.kinds import (
    INT,
    STRING,
    TIMESTAMP,
    Field,
    Fixed,
    Free,
    Type,
    list_of,
    object_of_schema,
    type_of_constant,
)
from statewright.machine.expressions.words import Scope

ACTOR = Type("object", shape=Fixed({"id": Field(STRING), "roles": Field(list_of(STRING))}))
ENTITY = Type("object", shape=Fixed({"type": Field(STRING), "id": Field(STRING), "version": Field(INT)}))
NAMES = ("context", "event", "params", "actor", "now", "occurred_at", "entity", "related")
FIXED_PARTS = frozenset({"actor.id", "actor.roles", "entity.type", "entity.id", "entity.version", "event.type"})
"""Fields that every decision has, so that reading them needs no look into an object."""


class Unknown(Struct, frozen=True):
    """There is no such variable here, and why."""

    sentence: str


def type_of_variable(name: str, scope: Scope) -> Type | Unknown | None:
    """The variable's type in that scope; None for a name that is none."""
    match name:
        case "context":
            return object_of_schema(scope.context)
        case "event":
            return _event(scope)
        case "params":
            if scope.params is None:
                return Unknown("params is known only in a named guard that is given some")
            return type_of_constant(dict(scope.params))
        case "actor":
            return ACTOR
        case "entity":
            return ENTITY
        case "now" | "occurred_at":
            return TIMESTAMP
        case _:
            return None


class _Event:
    """An event's payload and, beside it, its name as `type`."""

    def __init__(self, payload: Type) -> None:
        self._payload = payload.shape

    def field(self, name: str) -> Field | None:
        if name == "type":
            return Field(STRING)
        return self._payload.field(name) if self._payload is not None else None

    def names(self) -> tuple[str, ...]:
        return ("type", *(self._payload.names() if self._payload is not None else ()))


def _event(scope: Scope) -> Type:
    if scope.event == "dynamic":
        payload = Type("object", shape=Free(present=False))
    elif scope.event == "empty":
        payload = Type("object", shape=Fixed({}))
    else:
        payload = object_of_schema(scope.event)
    return Type("object", shape=_Event(payload))
