"""Every recorded transition decided again, on the head and under the revision that it was decided on and under."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from statewright.catalog import Catalog, CatalogError
from statewright.keeping.findings import Finding, Findings
from statewright.machine.backtesting import given_of, past_of, timer_of
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Event, Refused, decide
from statewright.machine.expressions import Related
from statewright.machine.record import Head, Record, fold, merged
from statewright.stores.words import EventStore, LogDamaged, Ref

HEADS = 20_000
"""How many heads are kept in memory; others are read from the log again."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_NO_EVENT = ("migrated", "erased")
_PAGE = 1_000


class Decisions:
    """Decides again what is handed over in the order of the log."""

    def __init__(self, store: EventStore, catalog: Catalog, findings: Findings, heads: int = HEADS) -> None:
        self.again = 0
        self.undecidable = 0
        self._store = store
        self._catalog = catalog
        self._findings = findings
        self._room = heads
        self._heads: OrderedDict[Ref, Head] = OrderedDict()

    async def take(self, records: Sequence[Record]) -> None:
        """The next transitions of the log."""
        for record in records:
            try:
                await self._take(record)
            except LogDamaged:
                self.undecidable += 1  # said where the damage is

    async def _take(self, record: Record) -> None:
        ref = Ref(record.type, record.entity)
        head = await self._head_at(ref, record.version - 1)
        if record.version > 1 and head is None:
            self.undecidable += 1
            return
        difference = await self._decided(record, head)
        if difference is None:
            self.undecidable += 1
        else:
            self.again += 1
            if difference:
                self._add(record, difference)
        self._keep(ref, fold(head, record))

    async def _decided(self, record: Record, head: Head | None) -> str | None:
        """What comes out otherwise, "" when nothing does; None where the record does not tell enough."""
        if record.kind in _NO_EVENT:
            return None
        try:
            machine = self._catalog.machine_of(record.type, record.revision)
            related = await self._related(machine, record)
        except CatalogError:
            return None  # said of the first transition under it
        event = _event_of(record, head, machine)
        event.related = related
        outcome = decide(machine, head, event)
        if isinstance(outcome, Refused):
            if head is None and _begins_with_patches(machine):
                return None
            return f"decided again it is refused: {outcome.detail}"
        return _difference(record, outcome, creation=head is None)

    async def _related(self, machine: Machine, record: Record) -> Mapping[str, Related]:
        """The related entities as the decision saw them: at the versions that the record names."""
        found: dict[str, Related] = {}
        for name, (id, version) in record.reads.items():
            relation = machine.relations.get(name)
            if relation is None:
                continue
            head = await self._head_at(Ref(relation.entity, id), version)
            if head is not None:
                place = self._catalog.machine_of(relation.entity, head.revision).places.at(head.leaves)
                found[name] = Related(head.version, head.data, place.active)
        return found

    async def _head_at(self, ref: Ref, version: int) -> Head | None:
        """Where an entity stood at a version; None before its first, and where the log does not hold it."""
        if version == 0:
            return None
        head = self._heads.get(ref)
        if head is not None and head.version == version:
            return head
        head = None
        while (after := head.version if head else 0) < version:
            records = await self._store.read_entity(ref, after, min(_PAGE, version - after))
            if not records:
                return None
            for record in records:
                head = fold(head, record)
        return head

    def _keep(self, ref: Ref, head: Head) -> None:
        self._heads[ref] = head
        self._heads.move_to_end(ref)
        if len(self._heads) > self._room:
            self._heads.popitem(last=False)

    def _add(self, record: Record, sentence: str) -> None:
        self._findings.add(Finding.at(record, "decision", sentence))


def _event_of(record: Record, head: Head | None, machine: Machine) -> Event:
    """What was sent, as far as the record tells."""
    now = record.recorded_at if record.now is None else record.now
    event = Event(
        record.event,
        merged(record, "payload"),
        record.actor,
        entity=record.entity,
        now=now,
        occurred_at=record.occurred_at,
    )
    if record.kind == "timer":
        event.timer = timer_of(record.event, head)
    elif head is None:
        given = given_of(past_of(record), machine, machine)
        if record.kind == "created":
            event.payload = given
        else:
            event.create = given
    return event


def _begins_with_patches(machine: Machine) -> bool:
    """Whether initial states may write data of their own: then the record does not tell what a creation was given."""
    return not machine.flat


def _difference(record: Record, outcome: Accepted, *, creation: bool) -> str:
    """The first thing that came out otherwise, in a sentence; "" when all is as recorded."""
    pairs: list[tuple[str, Any, Any]] = [
        ("from", record.from_, outcome.from_),
        ("to", record.to, outcome.to),
        ("timers_stopped", record.timers_stopped, outcome.timers_stopped),
        ("history", record.history, outcome.history),
    ]
    if not creation:
        # Of a creation the record holds what became of it; what it was given can be worked out in part alone.
        pairs += [
            ("changes", merged(record, "changes"), outcome.changes),
            ("removed", record.removed, outcome.removed),
            ("steps", record.steps, outcome.steps),
            ("timers_started", record.timers_started, outcome.timers_started),
            ("emits", record.emits, outcome.emits),
            ("sends", record.sends, outcome.sends),
            ("logs", record.logs, outcome.logs),
        ]
    for name, recorded, again in pairs:
        if _encode(recorded) != _encode(again):  # 1 is not 1.0, and a list may have been a tuple
            return f"decided again, `{name}` comes out as {_shown(again)}; recorded is {_shown(recorded)}"
    return ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
