"""The workload as groups for a store: the records and heads that the committer would hand it, made beforehand."""

from __future__ import annotations

import hashlib
import time

import msgspec

from benchmarks import workload
from statewright.machine.record import ANONYMOUS, Head, Record, fold
from statewright.stores.words import Append, Step


class Lives:
    """All entities of the workload as they stand, and the next thing that happens to them."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self.number = 0

    def groups(self, count: int, size: int) -> list[list[Append]]:
        """The next `count` groups of `size` commands, one transition each."""
        return [[self.next() for _ in range(size)] for _ in range(count)]

    def next(self) -> Append:
        """The next command: first the creation of each entity, then events."""
        new = self.number < workload.ENTITIES
        entity = workload.name(self.number) if new else workload.entity(self.number)
        before = self.heads.get(entity)
        record = created(entity, self.number) if before is None else moved(entity, self.number, before)
        after = fold(before, record)
        self.heads[entity] = after
        self.number += 1
        steps = [Step(record=record, before=before, after=after)]
        return Append(command=record.command, digest=record.digest, now=time.time_ns() // 1000, steps=steps)


def created(entity: str, number: int) -> Record:
    """The record that creates an entity."""
    command = workload.creation(number)
    return Record(
        type=workload.TYPE,
        entity=entity,
        version=1,
        revision=1,
        kind="created",
        to=(workload.STATES[0],),
        changes=command["data"],
        payload=command["data"],
        command=command["id"],
        digest=digest(command),
        actor=ANONYMOUS,
    )


def moved(entity: str, number: int, before: Head) -> Record:
    """The record of the event that takes an entity one state further."""
    command = workload.command(number)
    place = workload.STATES.index(before.leaves[0])
    return Record(
        type=workload.TYPE,
        entity=entity,
        version=before.version + 1,
        revision=1,
        event=workload.EVENT,
        from_=before.leaves,
        to=(workload.STATES[(place + 1) % len(workload.STATES)],),
        changes={"minutes": command["data"]["minutes"]},
        payload=command["data"],
        command=command["id"],
        digest=digest(command),
        actor=ANONYMOUS,
    )


def digest(command: dict[str, object]) -> str:
    """A digest of what was asked, as long as the committer's."""
    return hashlib.blake2b(msgspec.json.encode(command), digest_size=16).hexdigest()
