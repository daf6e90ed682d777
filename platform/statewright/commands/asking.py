"""Asking about one entity: read from the log, so the answer is current."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.commands.relating import Seen, refs_of, seen_of
from statewright.machine.asking import may
from statewright.machine.compile import Machine
from statewright.machine.decide import Event
from statewright.machine.explaining import Explained
from statewright.machine.moments import Micros
from statewright.machine.record import ANONYMOUS, Actor, Head, Record, fold
from statewright.stores.words import EventStore, Place, Ref, Spreads

_READ_AT_ONCE = 1_000


class AllowedEvent(Struct, frozen=True):
    """Whether an event may happen now: `yes`, `no` with the reason, or `depends` on what it would carry.

    `explanation` names the parts of guards that are false whatever it carries.
    """

    event: str
    allowed: Literal["yes", "no", "depends"]
    why: str | None
    detail: str | None
    schema: dict[str, Any] | None
    explanation: tuple[Explained, ...] = ()


class Asking:
    """Questions about one entity, answered from the log."""

    def __init__(
        self, store: EventStore, catalog: Catalog, clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000
    ) -> None:
        self.store = store
        self.catalog = catalog
        self._clock = clock

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

    async def heads_at(self, ref: Ref, versions: Iterable[int]) -> dict[int, Head]:
        """The entity as it was at each of these versions, by one reading of its life; those it never had are left out.

        Reads from the beginning up to the latest of them: some 10 µs a transition.
        """
        wanted = frozenset(versions)
        last = max(wanted, default=0)
        found: dict[int, Head] = {}
        head: Head | None = None
        if last < 1:
            return found
        async for record in self._life(ref):
            head = fold(head, record)
            if head.version in wanted:
                found[head.version] = head
            if head.version >= last:
                break
        return found

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

    async def allowed(self, ref: Ref, head: Head, actor: Actor | None = None) -> list[AllowedEvent]:
        """Every event that the definition names: first those that the state takes, then those it does not.

        With an `actor` its roles count; without one, a branch for certain roles is answered with `depends`.
        """
        machine = self.machine_of(ref, head)
        seen = await self._seen(machine, head)
        takes = machine.allowed(head.leaves)
        events = [*takes, *sorted(machine.named_events.difference(takes))]
        now = self._clock()
        return [
            self._may(
                machine,
                head,
                Event(name, actor=actor or ANONYMOUS, now=now, entity=ref.id, related=seen.related, hidden=seen.hidden),
                actor is not None,
            )
            for name in events
        ]

    async def _seen(self, machine: Machine, head: Head) -> Seen:
        refs = refs_of(machine, head.data)
        wanted = list(dict.fromkeys(refs.values()))
        heads = dict(zip(wanted, await self.store.heads(wanted), strict=True)) if wanted else {}
        return seen_of(self.catalog, refs, heads)

    def _may(self, machine: Machine, head: Head, event: Event, known: bool) -> AllowedEvent:
        name = event.name or ""
        schema = machine.definition.schemas.events.get(name)
        found = may(machine, head, event, known=known)
        why = None if found.why is None else found.why.value
        return AllowedEvent(name, found.answer, why, found.detail, schema, found.explanation)

    def place_of(self, record: Record) -> Place:
        """The place just after a transition."""
        return self.store.place_of(record) if isinstance(self.store, Spreads) else str(record.position)

    async def _life(self, ref: Ref) -> AsyncIterator[Record]:
        version = 0
        while records := await self.store.read_entity(ref, version, _READ_AT_ONCE):
            for record in records:
                yield record
            version = records[-1].version
