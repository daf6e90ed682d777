"""Asking about one entity: read from the log, so the answer is current."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.machine.compile import Machine
from statewright.machine.decide import Why
from statewright.machine.moments import Micros
from statewright.machine.record import Actor, Head, Record, fold
from statewright.stores.words import EventStore, Place, Ref

_READ_AT_ONCE = 1_000


class AllowedEvent(Struct, frozen=True):
    """Whether an event may happen now: `yes`, `no` with the reason, or `depends` on what it would carry."""

    event: str
    allowed: Literal["yes", "no", "depends"]
    why: str | None
    detail: str | None
    schema: dict[str, Any] | None


class Asking:
    """Questions about one entity, answered from the log."""

    def __init__(self, store: EventStore, catalog: Catalog) -> None:
        self.store = store
        self.catalog = catalog

    async def head(self, ref: Ref) -> Head | None:
        """Where the entity stands now; None when it was never seen."""
        return (await self.store.heads([ref]))[0]

    async def head_as_of(
        self,
        ref: Ref,
        *,
        version: int | None = None,
        place: Place | None = None,
        at: Micros | None = None,
        basis: Literal["recorded", "occurred"] = "recorded",
    ) -> Head | None:
        """Where the entity stood at a version, a place or a moment (of recorded or of business time).

        None when it did not exist then, or never reached that version. Raises BadPlace.
        """
        head: Head | None = None
        async for record in self._life(ref):
            after = fold(head, record)
            beyond = (
                (version is not None and after.version > version)
                or (place is not None and self.store.compare_places(self.place_of(record), place) > 0)
                or (at is not None and (after.happened_at if basis == "occurred" else record.recorded_at) > at)
            )
            if beyond:
                break
            head = after
        if head is not None and version is not None and head.version != version:
            return None
        return head

    async def history(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """The entity's transitions above a version, oldest first; empty when it was never seen."""
        return await self.store.read_entity(ref, after_version, limit)

    async def transition(self, ref: Ref, version: int) -> Record | None:
        """The transition that made `version`; None when there is none."""
        found = await self.store.read_entity(ref, version - 1, 1) if version > 0 else ()
        return found[0] if found and found[0].version == version else None

    async def command(self, ref: Ref, command: str) -> Sequence[Record]:
        """The transitions a command made, looked up at its first entity; empty when it made none."""
        return await self.store.find_command(ref, command)

    def machine_of(self, ref: Ref, head: Head) -> Machine:
        """The machine that the entity lives by."""
        return self.catalog.machine_of(ref.type, head.revision)

    def allowed(self, ref: Ref, head: Head, actor: Actor | None = None) -> list[AllowedEvent]:
        """Every event that the definition names: first those that the state takes, then those it does not.

        With an `actor` its roles count; without one, a branch for certain roles is answered with `depends`.
        """
        machine = self.machine_of(ref, head)
        takes = machine.allowed(head.leaves)
        events = [*takes, *sorted(machine.named_events.difference(takes))]
        return [self._may(machine, head, event, actor) for event in events]

    def _may(self, machine: Machine, head: Head, event: str, actor: Actor | None) -> AllowedEvent:
        schema = machine.definition.schemas.events.get(event)
        state = " + ".join(head.leaves)
        if machine.is_final(head.leaves):
            return AllowedEvent(event, "no", Why.FINAL.value, f"the entity ended in {state}", schema)
        move = machine.move(head.leaves[0], event)
        if move is None or move.forbids:
            return AllowedEvent(event, "no", Why.NOT_IN_THIS_STATE.value, f"{event} is refused in {state}", schema)
        if move.allow is None:
            return AllowedEvent(event, "yes", None, None, schema)
        wanted = f"it takes the role {' or '.join(sorted(move.allow))}"
        if actor is None:
            return AllowedEvent(event, "depends", Why.NOT_ALLOWED.value, wanted, schema)
        if move.allow.isdisjoint(actor.roles):
            return AllowedEvent(event, "no", Why.NOT_ALLOWED.value, wanted, schema)
        return AllowedEvent(event, "yes", None, None, schema)

    def place_of(self, record: Record) -> Place:
        """The place just after a transition, in a log of one partition."""
        return str(record.position)

    async def _life(self, ref: Ref) -> AsyncIterator[Record]:
        version = 0
        while records := await self.store.read_entity(ref, version, _READ_AT_ONCE):
            for record in records:
                yield record
            version = records[-1].version
