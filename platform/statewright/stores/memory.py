"""A log that lives in memory: the simplest thing that keeps every promise but surviving the process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from statewright.machine.record import COMMANDS_KEPT, Head, Record, fold
from statewright.stores.adopting import commands_of, require_following
from statewright.stores.waking import Waking
from statewright.stores.words import (
    START,
    Append,
    BadPlace,
    Batch,
    Conflict,
    Duplicate,
    EventStore,
    Limits,
    Outcome,
    Place,
    Recorded,
    Ref,
    Step,
    StoreUnavailable,
)

TRANSITIONS_PER_COMMAND = 1_000
_PLACE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.encode


class _Life(Struct):
    """All that is known of one entity: where it stands, its lines in the log, and which lines each command wrote."""

    head: Head
    lines: list[int] = []
    commands: dict[str, range] = {}


class MemoryStore(EventStore):
    """An EventStore for tests and trials, used from one event loop.

    Records are kept as the bytes they would have on disk, so whoever changes what he was given changes nothing here.
    `sole_writer=False` says that others may append behind the committer's back; hand this same object to them.
    """

    def __init__(self, *, sole_writer: bool = True) -> None:
        self._log_id = uuid4().hex
        self._limits = Limits(TRANSITIONS_PER_COMMAND, sole_writer)
        self._log: list[bytes] = []  # the transition at position n is line n - 1
        self._lives: dict[Ref, _Life] = {}
        self._last_stamp = 0
        self._waking = Waking()
        self._closed = False

    @property
    def log_id(self) -> str:
        """An id made with the log."""
        return self._log_id

    @property
    def limits(self) -> Limits:
        """What this store holds to."""
        return self._limits

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Record each command whole or not at all; one outcome per command, in order. Never waits on anything."""
        if self._closed:
            raise StoreUnavailable("this log is closed; open it again to append to it")
        before = len(self._log)
        lost: set[Ref] = set()  # entities of commands that were not recorded: whoever builds on them builds on nothing
        outcomes = [self._outcome(command, lost) for command in group]
        if len(self._log) > before:
            self._waking.wake()
        return outcomes

    def _outcome(self, command: Append, lost: set[Ref]) -> Outcome:
        made_before = self._made_by(_ref_of(command.steps[0]), command.command)
        outcome = Duplicate(made_before) if made_before else self._conflict(command, lost) or self._record(command)
        if not isinstance(outcome, Recorded):
            lost.update(map(_ref_of, command.steps))
        return outcome

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        """The first entity of `command` that does not stand where the command was decided, if any."""
        versions: dict[Ref, int] = {}
        for step in command.steps:
            ref, head = _ref_of(step), self._head(_ref_of(step))
            stands_at = versions.get(ref, head.version if head else 0)
            if ref in lost or step.record.version != stands_at + 1:
                return Conflict(ref, head)
            versions[ref] = step.record.version
        return None

    def _record(self, command: Append) -> Recorded:
        stamp = max(command.now, self._last_stamp)
        first = len(self._log)
        for position, step in enumerate(command.steps, first + 1):
            _stamp(step.record, position, stamp, command.now)
        lines = [_encode(step.record) for step in command.steps]  # what cannot be written fails here, before any trace

        self._last_stamp = stamp
        self._log += lines
        written = range(first, len(self._log))
        for line, step in zip(written, command.steps, strict=True):
            self._remember(step, line, command.command, written)
        return Recorded([step.record for step in command.steps])

    def _remember(self, step: Step, line: int, command: str, written: range) -> None:
        _fill(step.after, self._keep(_ref_of(step), line, command, written))

    def _keep(self, ref: Ref, line: int, command: str, written: range) -> Head:
        life = self._lives.get(ref)
        head = fold(life.head if life else None, _decode(self._log[line]))
        if life is None:
            life = self._lives[ref] = _Life(head)
        life.head = head
        life.lines.append(line)
        life.commands.setdefault(command, written)
        return head

    async def adopt(self, records: Sequence[Record]) -> None:
        """Append what another log recorded, as it stands there; raises CannotAdopt where something does not follow."""
        if self._closed:
            raise StoreUnavailable("this log is closed; open it again to append to it")
        require_following(
            records, {ref: head.version for ref in _refs(records) if (head := self._head(ref))}, self._last_stamp
        )
        for command in commands_of(records):
            first = len(self._log)
            written = range(first, first + len(command))
            lines = [replace(record, position=at + 1, partition=0) for at, record in zip(written, command, strict=True)]
            self._log += [_encode(line) for line in lines]
            for at, line in zip(written, lines, strict=True):
                self._keep(Ref(line.type, line.entity), at, line.command, written)
            self._last_stamp = lines[-1].recorded_at
        if records:
            self._waking.wake()

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        """The heads of `refs`, in their order; None for an entity that does not exist."""
        return [self._head(ref) for ref in refs]

    def _head(self, ref: Ref) -> Head | None:
        life = self._lives.get(ref)
        return life.head if life else None

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """One entity's transitions above `after_version`, oldest first; empty when it was never seen."""
        life = self._lives.get(ref)
        lines = life.lines[after_version:] if life else []  # version n is the n-th line
        return [_decode(self._log[line]) for line in lines[:limit]]

    async def read(self, after: Place, limit: int) -> Batch:
        """Up to `limit` transitions after a place, in position order. Raises BadPlace."""
        start = _position_of(after)
        lines = self._log[start : start + limit]
        return Batch([_decode(line) for line in lines], str(start + len(lines)))

    async def latest_place(self) -> Place:
        """The place after the last transition there is."""
        return str(len(self._log)) if self._log else START

    async def wait(self, place: Place, timeout_s: float) -> bool:
        """Return True as soon as something stands after `place`, False after `timeout_s` seconds."""
        position = _position_of(place)

        async def beyond() -> bool:
            return len(self._log) > position

        return await self._waking.until(beyond, timeout_s)

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        """The transitions that `command` made, oldest first, looked up at its first entity; empty when it made none."""
        return self._made_by(ref, command)

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> set[tuple[Ref, str]]:
        """Those of many commands that made a version of their entity beyond the first 64."""
        return {(ref, command) for ref, command in asked if self._is_late(ref, command)}

    def _is_late(self, ref: Ref, command: str) -> bool:
        made = self._made_by(ref, command)
        return any(ref == (record.type, record.entity) and record.version > COMMANDS_KEPT for record in made)

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        life = self._lives.get(ref)
        lines = life.commands.get(command, range(0)) if life else range(0)
        return [_decode(self._log[line]) for line in lines]

    def compare_places(self, one: Place, other: Place) -> int:
        """Negative, zero or positive as `one` is before, at or after `other`. Raises BadPlace."""
        return _position_of(one) - _position_of(other)

    async def close(self) -> None:
        """Take nothing more; what stands in the log can still be read."""
        self._closed = True


def _refs(records: Sequence[Record]) -> set[Ref]:
    return {Ref(record.type, record.entity) for record in records}


def _ref_of(step: Step) -> Ref:
    return Ref(step.record.type, step.record.entity)


def _stamp(record: Record, position: int, stamp: int, now: int) -> None:
    record.position = position
    record.recorded_at = stamp
    record.now = now if now != stamp else None


def _fill(after: Head, head: Head) -> None:
    """Put into the head that the caller made what could not be known before the stamp."""
    after.position = head.position
    after.recorded_at = head.recorded_at
    after.since = head.since
    after.happened_at = head.happened_at
    after.created_at = head.created_at


def _position_of(place: Place) -> int:
    if not _PLACE.fullmatch(place):
        raise BadPlace(f"{place[:40]!r} is no place of this log; hand places back as they came, or begin at {START!r}")
    return int(place)
