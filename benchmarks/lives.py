"""The workload as groups for a store: decided and written down by the committer's own functions, made beforehand."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from benchmarks import workload
from statewright.commands.recording import step_of
from statewright.commands.words import SendEvent, digest_of
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Event, Refused, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Head
from statewright.stores.words import Append, Ref


class Lives:
    """All entities of the workload as they stand, and the next thing that happens to them."""

    def __init__(self) -> None:
        self.machine = machine()
        self.heads: dict[str, Head] = {}
        self.number = 0

    def groups(self, count: int, size: int) -> list[list[Append]]:
        """The next `count` groups of `size` commands, one transition each."""
        return [[self.next() for _ in range(size)] for _ in range(count)]

    def next(self) -> Append:
        """The next command: first the creation of each entity, then events."""
        create = workload.creation if self.number < workload.ENTITIES else workload.command
        asked: dict[str, Any] = create(self.number)
        send = SendEvent(Ref(asked["type"], asked["entity"]), asked["event"], asked["data"], asked["id"])
        send.digest = digest_of(send)
        head, now = self.heads.get(send.ref.id), time.time_ns() // 1000
        decided = decide(self.machine, head, Event(send.event, send.data))
        if isinstance(decided, Refused):
            raise RuntimeError(f"{asked} was refused: {decided.detail}")
        step = step_of(self.machine, send, asked["id"], send.digest, head, decided, now)
        self.heads[send.ref.id] = step.after
        self.number += 1
        return Append(command=asked["id"], digest=send.digest, now=now, steps=[step])


def machine() -> Machine:
    """The workload's definition, compiled as its first revision."""
    reading = read_definition(msgspec.json.encode(workload.definition()))
    if reading.definition is None:
        raise RuntimeError(f"the definition has problems: {reading.problems}")
    return compile_machine(reading.definition, revision=1, digest=reading.digest)
