"""Who is calling, and on whose behalf: the one place where a caller becomes a principal."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from statewright.machine.record import ANONYMOUS, Actor


class Principal(Struct, frozen=True, dict=True):
    """A caller known to the platform. `trusted`: it may name others as the actor of what it sends."""

    id: str
    roles: tuple[str, ...] = ()
    trusted: bool = False

    @cached_property
    def actor(self) -> Actor:
        """The caller itself as an actor."""
        return Actor(self.id, self.roles)


ANYONE = Principal(ANONYMOUS.id, ANONYMOUS.roles, trusted=True)
"""Every caller in the open mode, which is bound to loopback: anonymous, and believed when it names an actor."""


class NotBelieved(Exception):
    """The caller named an actor other than itself and is not trusted to speak for others."""

    def __init__(self, principal: Principal, actor: Actor) -> None:
        super().__init__(f"{principal.id} may not send events as {actor.id}; leave `actor` out, or ask to be trusted")
        self.principal = principal
        self.actor = actor


def principal_of(authorization: str | None) -> Principal:
    """The principal behind a request's `Authorization` header; without keys to check it against, anyone is welcome."""
    return ANYONE


def actor_of(principal: Principal, named: Actor | None) -> Actor:
    """The actor to decide and record by, when `principal` named this one (None: nobody).

    Raises NotBelieved when it may not speak for that actor.
    """
    if named is None:
        return principal.actor
    if principal.trusted or (named.id == principal.id and set(named.roles) <= set(principal.roles)):
        return named
    raise NotBelieved(principal, named)
