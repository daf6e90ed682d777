"""A recorded event log decided line by line into a log of ours, for comparison with an independent replay."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.moments import micros_of
from statewright.machine.reading import read_definition
from statewright.machine.record import Actor, Head, Record, fold
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Append, Ref, Step

RECORDED = 1_800_000_000_000_000
"""When the replay pretends to record: later than anything in the logs."""


def machines_of(logs: Path, name: str) -> dict[str, Machine]:
    """The machines of a log's definitions (`receipt.v1`), by entity type."""
    machines = {}
    for file in sorted((logs / "definitions").glob(f"{name}.*.json")):
        reading = read_definition(file.read_bytes())
        assert reading.definition is not None, reading.problems
        machine = compile_machine(reading.definition, revision=1, digest=reading.digest)
        machines[machine.type] = machine
    return machines


async def replayed(
    logs: Path,
    log: str,
    name: str,
    machines: Mapping[str, Machine] | None = None,
    sent: Iterable[dict[str, Any]] | None = None,
) -> MemoryStore:
    """A store with every accepted line of `log` (or `sent`), decided by the definitions `name` (or `machines`)."""
    machines = machines or machines_of(logs, name)
    store = MemoryStore()
    heads: dict[Ref, Head] = {}
    group: list[Append] = []
    for number, line in enumerate(sent or lines_of(logs, log)):
        step = _step(line, machines, heads, number)
        if step is None:
            continue
        group.append(Append(step.record.command, "", RECORDED + number, [step]))
        if len(group) == 1_000:
            await store.append(group)
            group = []
    await store.append(group)
    return store


def lines_of(logs: Path, log: str) -> Iterator[dict[str, Any]]:
    """The lines of a log, in order."""
    with gzip.open(logs / f"{log}.ndjson.gz", "rt") as lines:
        yield from map(json.loads, lines)


def _step(sent: dict[str, Any], machines: Mapping[str, Machine], heads: dict[Ref, Head], number: int) -> Step | None:
    ref = Ref(sent["entity_type"], sent["entity_id"])
    head = heads.get(ref)
    actor = sent.get("actor") or {}
    roles = (actor["role"],) if actor.get("role") else ()
    event = Event(sent["event"], sent.get("data") or {}, Actor(actor.get("id", "anonymous"), roles))
    decision = decide(machines[ref.type], head, event)
    if not isinstance(decision, Accepted):
        return None
    record = Record(
        type=ref.type,
        entity=ref.id,
        version=1 if head is None else head.version + 1,
        command=f"line-{number}",
        from_=decision.from_,
        to=decision.to,
        revision=1,
        event=sent["event"],
        kind=decision.kind,
        changes=decision.changes,
        removed=decision.removed,
        actor=event.actor,
        occurred_at=micros_of(sent["occurred_at"]),
    )
    heads[ref] = fold(head, record)
    return Step(record, head, heads[ref])


def oracle_of(logs: Path, name: str) -> dict[str, Any]:
    """What the independent replay found, by entity type."""
    found: dict[str, Any] = json.loads((logs / "oracle" / f"{name}.oracle.json").read_text())["entity_types"]
    return found
