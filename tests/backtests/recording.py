"""A log made by sending, as a server would record it: payloads, actors and both times stand in every record."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.moments import micros_of
from statewright.machine.playing import record_of
from statewright.machine.reading import read_definition
from statewright.machine.record import Actor, Head, fold
from statewright.stores.words import Append, EventStore, Step

BEGAN = 1_800_000_000_000_000
Sent = tuple[str, Event]


def machine_of(document: dict[str, Any] | bytes, revision: int = 1) -> Machine:
    """The machine of a definition without errors."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    reading = read_definition(text)
    assert reading.definition is not None, reading.problems
    return compile_machine(reading.definition, revision=revision, digest=reading.digest)


async def record(store: EventStore, machine: Machine, sent: Iterable[Sent]) -> int:
    """Send each event to its entity, a millisecond after the other; how many were let through."""
    heads: dict[str, Head] = {}
    group: list[Append] = []
    count = 0
    for number, (entity, event) in enumerate(sent):
        event.entity = entity
        event.now = event.now or BEGAN + number * 1_000
        before = heads.get(entity)
        outcome = decide(machine, before, event)
        if not isinstance(outcome, Accepted):
            continue
        recorded = record_of(machine, before, event, outcome)
        recorded.entity, recorded.command, recorded.recorded_at = entity, f"c-{number}", 0
        heads[entity] = fold(before, recorded)
        group.append(Append(recorded.command, "", event.now, [Step(recorded, before, heads[entity])]))
        count += 1
        if len(group) == 500:
            await store.append(group)
            group = []
    await store.append(group)
    return count


def lines_of(log: Path) -> Iterator[Sent]:
    """The events of a recorded log, in the order in which they are to be sent."""
    with gzip.open(log, "rt") as lines:
        for line in lines:
            sent = json.loads(line)
            actor = sent.get("actor") or {}
            roles = (actor["role"],) if actor.get("role") else ()
            event = Event(sent["event"], sent.get("data") or {}, Actor(actor.get("id", "anonymous"), roles))
            event.occurred_at = micros_of(sent["occurred_at"])
            yield sent["entity_id"], event
