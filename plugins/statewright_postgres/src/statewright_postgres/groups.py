"""A group of commands as the arrays that a statement takes, and what its outcome writes into records and heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from statewright.machine.record import COMMANDS_KEPT, Head, fold
from statewright.stores.sealing import apart
from statewright.stores.words import Append, Recorded, Ref, Step

SNAPSHOT_EVERY = 16
"""A head that is read is a snapshot and less than so many transitions after it."""
_encode = msgspec.json.Encoder().encode


class Group:
    """The transitions of a group, an array for each column. `moments` never fall: later ones are stamped no earlier.

    `keys` are the entities' own, or -1, -2, … for the first, the second of those that the group makes.
    """

    def __init__(self, group: Sequence[Append]) -> None:
        self.commands = group
        self.steps: list[Step] = []
        self.numbers: list[int] = []  # of the command, 1 the first
        self.versions: list[int] = []
        self.moments: list[int] = []
        self.clocks: list[int] = []
        self.late: list[str | None] = []
        self.records: list[str] = []
        moment = 0
        for number, command in enumerate(group, 1):
            moment = max(moment, command.now)
            for step in command.steps:
                self._take(step, number, moment, command)

    def _take(self, step: Step, number: int, moment: int, command: Append) -> None:
        record = step.record
        record.position = record.recorded_at = 0  # they have columns of their own, as has `now`
        record.now = None
        self.steps.append(step)
        self.numbers.append(number)
        self.versions.append(record.version)
        self.moments.append(moment)
        self.clocks.append(command.now)
        self.late.append(command.command if record.version > COMMANDS_KEPT else None)
        self.records.append(_encode(record).decode())

    def known(self) -> tuple[list[int], list[Ref]] | None:
        """The keys and the entities that the group makes; None where a head came without a key, so it must be asked for.

        A head of an entity that the group moved before has none yet, and none is needed.
        """
        keys: list[int] = []
        made: list[Ref] = []
        held: dict[Ref, int] = {}
        for step in self.steps:
            before, record = step.before, step.record
            ref = Ref(record.type, record.entity)
            key = before.key if before is not None and before.key else held.get(ref)
            if key is None:
                if before is not None:
                    return None
                made.append(ref)
                key = -len(made)
            held[ref] = key
            keys.append(key)
        return keys, made

    def entities(self) -> tuple[list[Ref], list[int]]:
        """The entities of the group, each once, and for each transition which of them it moves, 1 the first."""
        numbers: dict[Ref, int] = {}
        whose = [numbers.setdefault(Ref(step.record.type, step.record.entity), len(numbers) + 1) for step in self.steps]
        return list(numbers), whose

    def all_recorded(self, position: int, stamped: int, keys: Sequence[int], entities: int) -> list[Recorded]:
        """Stamp every transition: the log stood at `position` and was stamped `stamped`, and had so many entities."""
        for number, step in enumerate(self.steps):
            key = keys[number]
            clock = self.clocks[number]
            stamp_step(
                step,
                position + number + 1,
                max(self.moments[number], stamped),
                clock,
                key if key > 0 else entities - key,
            )
        return [Recorded([step.record for step in command.steps]) for command in self.commands]


def stamp_step(step: Step, position: int, stamp: int, clock: int, key: int) -> None:
    """Write into a record and the head after it what could not be known before."""
    record, after = step.record, step.after
    record.position = after.position = position
    record.recorded_at = after.recorded_at = stamp
    after.key = key
    if stamp != clock:
        record.now = clock
        folded = fold(step.before, record)
        after.since, after.happened_at, after.created_at = folded.since, folded.happened_at, folded.created_at


def snapshot(head: Head) -> tuple[str, str | None]:
    """A head as it is kept: what anyone who reads the log may see, and the personal values apart."""
    if not head.personal:
        return _encode(head).decode(), None
    plain, sealed = apart(head.data, head.personal)
    return _encode(msgspec.structs.replace(head, data=plain)).decode(), _encode(sealed).decode()


class Snapshots:
    """Heads that are to be kept, until the next group's statement takes them along: no statement is made for them."""

    def __init__(self) -> None:
        self._heads: dict[int, Head] = {}

    def note(self, steps: Sequence[Step]) -> None:
        """Take note of the heads at every sixteenth version among those just recorded."""
        for step in steps:
            if step.record.version % SNAPSHOT_EVERY == 0:
                self._heads[step.after.key] = step.after

    def columns(self) -> list[list[Any]] | None:
        """Keys, versions, heads and their personal values, to be kept; None for none."""
        if not self._heads:
            return None
        kept = [(key, head.version, *snapshot(head)) for key, head in self._heads.items()]
        return [list(column) for column in zip(*kept, strict=True)]

    def forget(self) -> None:
        """They were kept, or the log they come from is no longer sure."""
        self._heads.clear()
