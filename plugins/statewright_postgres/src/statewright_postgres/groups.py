"""A group of commands as the arrays that a statement takes, and what its outcome writes into records and heads."""

from __future__ import annotations

import itertools
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
    """The transitions of a group, in order, and their columns as a statement takes them.

    `late` is None where no command is to be found by its index, `moments` and `clocks` where all were decided at one
    `moment`. Moments do not fall: what comes later in a group is stamped no earlier.
    """

    def __init__(self, group: Sequence[Append]) -> None:
        self.commands = group
        self.steps = [step for command in group for step in command.steps]
        self.moment = max(command.now for command in group)
        self.moments: Sequence[int] | None = None
        self.clocks: Sequence[int] | None = None
        if any(command.now != self.moment for command in group):
            self.clocks = [command.now for command in group for _ in command.steps]
            self.moments = list(itertools.accumulate(self.clocks, max))
        lines = []
        for step in self.steps:
            record = step.record
            record.position = record.recorded_at = 0  # they have columns of their own, as has `now`
            record.now = None
            lines.append(_encode(record))
        self.records = b"\n".join(lines).decode()  # no JSON of ours holds the end of a line
        self.versions = literal([step.record.version for step in self.steps])
        late = [step.record.command if step.record.version > COMMANDS_KEPT else None for step in self.steps]
        self.late = late if any(late) else None

    def known(self) -> tuple[list[int], list[Ref]] | None:
        """Of each transition the entity's key, and the entities that the group makes, whose keys are -1, -2 and so on.

        None where a head came without a key, so that it must be asked for; one that the group made needs none.
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

    def _entities(self) -> tuple[list[Ref], list[int]]:
        numbers: dict[Ref, int] = {}
        whose = [numbers.setdefault(Ref(step.record.type, step.record.entity), len(numbers) + 1) for step in self.steps]
        return list(numbers), whose

    def told(self) -> tuple[list[Ref], list[Any], list[int]]:
        """The entities of the group, each once; columns that say of each transition its command, the entity, version,
        moment and clock; and again which of the entities it moves, 1 the first.
        """
        refs, whose = self._entities()
        numbers = [number for number, command in enumerate(self.commands, 1) for _ in command.steps]
        same = [self.moment] * len(self.steps)
        columns = [numbers, whose, self.moments or same, self.clocks or same]
        return refs, [*map(literal, columns[:2]), self.versions, *map(literal, columns[2:])], whose

    def all_recorded(self, position: int, stamped: int, keys: Sequence[int], entities: int) -> list[Recorded]:
        """Stamp every transition, from `position` on; the log was stamped `stamped` last and had so many entities."""
        stamp = max(self.moment, stamped)
        for number, (key, step) in enumerate(zip(keys, self.steps, strict=True)):
            clock = self.moment
            if self.clocks is not None and self.moments is not None:
                clock, stamp = self.clocks[number], max(self.moments[number], stamped)
            stamp_step(step, position + number + 1, stamp, clock, key if key > 0 else entities - key)
        return [Recorded([step.record for step in command.steps]) for command in self.commands]


def literal(numbers: Sequence[int]) -> str:
    """An array of numbers as PostgreSQL reads it."""
    return f"{{{str(numbers)[1:-1]}}}"


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
