"""The EventStore protocol and its words: what a log promises, whatever keeps it.

`statewright.testkit.store` says the same in code, one promise per function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from statewright.machine.record import Head, Record

Place = str
"""How far a reader is, as text: hand it back as it came. Only the store that made it can compare it."""

START: Place = "0"
"""The place before the first transition of any log."""


class Ref(NamedTuple):
    """An entity by name."""

    type: str
    id: str


class Step(Struct, gc=False):
    """One transition to append: its record, the head it was decided on (None when it creates), the head after it."""

    record: Record
    before: Head | None
    after: Head


class Append(Struct, gc=False):
    """What one command wants recorded, whole or not at all. Its first step's entity is where the command is looked up.

    `now` is the committer's clock in microseconds; the store stamps `recorded_at` with it, or with the last stamp
    where that is greater.
    """

    command: str
    digest: str
    now: int
    steps: Sequence[Step]


class Recorded(Struct, gc=False):
    """The command stands in the log: `steps` carry their positions and times now. Durable."""

    records: Sequence[Record]


class Duplicate(Struct, gc=False):
    """The command stood in the log already; these are the transitions it made then, oldest first."""

    records: Sequence[Record]


class Conflict(Struct, gc=False):
    """Another writer moved `ref` in between; nothing of the command was recorded. `head` is where it stands now."""

    ref: Ref
    head: Head | None


Outcome = Recorded | Duplicate | Conflict


class Batch(Struct, gc=False):
    """Transitions in position order, and the place after the last of them (or as far as was looked)."""

    records: Sequence[Record]
    place: Place


class Limits(Struct, frozen=True):
    """What a store holds to. `sole_writer`: no other process can append, so a cached head is never stale."""

    transitions_per_command: int
    sole_writer: bool


class StoreUnavailable(Exception):
    """The log cannot be written or read just now, and nothing was recorded; try again in a moment."""


class StoreUncertain(Exception):
    """It is not known whether the group was recorded; ask `find_command` before trying again."""


class StoreRefused(Exception):
    """The log will not be opened as things are: unsafe settings, too old a server, no such database, wrong credentials.

    The sentence says what to do; trying again without doing it is of no use.
    """


class StoreFailed(Exception):
    """The log's medium cannot be trusted any more (a failed fsync). The process must end and start afresh."""


@runtime_checkable  # so that the web framework can check what it injects
class EventStore(Protocol):
    """An append-only log of transitions. `statewright.testkit.store` says in code what each method promises."""

    @property
    def log_id(self) -> str:
        """An id made with the log; a checkpoint of another log is worth nothing here."""
        ...

    @property
    def limits(self) -> Limits:
        """What this store holds to."""
        ...

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Record each command whole or not at all; one outcome per command, in order.

        Durable before it returns. A command that conflicts takes with it the later ones of the group on the same
        entities: they were decided on its outcome, so they are conflicts too. Fills `position`, `recorded_at` and
        `partition` of the records and heads it was given (and `now` of the records, where the stamp differs from the
        committer's clock). Raises StoreUnavailable when nothing of the group was recorded, StoreUncertain when that is
        not known, StoreFailed when the process must end.
        """
        ...

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        """The heads of `refs` as of now, in their order; None for an entity that does not exist."""
        ...

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """One entity's transitions above `after_version`, oldest first; empty when it was never seen."""
        ...

    async def read(self, after: Place, limit: int) -> Batch:
        """Up to `limit` transitions after a place, in position order. Nothing ever appears below what was read.

        Raises BadPlace for a place no log of this kind could have given.
        """
        ...

    async def latest_place(self) -> Place:
        """The place after the last transition there is."""
        ...

    async def wait(self, place: Place, timeout_s: float) -> bool:
        """Return True as soon as something stands after `place`, False after `timeout_s` seconds."""
        ...

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        """The transitions that `command` made, oldest first, looked up at its first entity; empty when it made none."""
        ...

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> Collection[tuple[Ref, str]]:
        """Those of many commands that made a version of their entity beyond the first 64, which its head remembers.

        For who must know of a whole group that it holds no repeat: one look for all of them.
        """
        ...

    async def adopt(self, records: Sequence[Record]) -> None:
        """Append what another log recorded, as it stands there: the way in of `import`.

        All of a record is kept to the byte, `recorded_at`, `now` and the command's id and digest too, but `position`
        and `partition`, which are given anew (the records handed over are left as they are). The order given is kept,
        of each partition at least. Transitions of one command stand side by side and are handed over in one call,
        with as many other commands as the caller likes. Durable before it returns; readers are woken.

        For a log that nobody else appends to meanwhile. Raises CannotAdopt, and nothing of the call was recorded, where
        a record does not follow: its version is not the one after its entity's last, or its `recorded_at` is before
        the last one of its partition. Raises StoreUnavailable, StoreUncertain and StoreFailed as `append` does; after
        them some whole commands of the call may stand, and `heads` tells which.
        """
        ...

    def compare_places(self, one: Place, other: Place) -> int:
        """Negative, zero or positive as `one` is before, at or after `other`. Raises BadPlace."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of the log."""
        ...


class OpenStore(Protocol):
    """What a plugin brings: it opens the log at a URL whose scheme is its own, and makes it where there is none."""

    async def __call__(self, url: str, *, data: Path, read_only: bool = False) -> EventStore:
        """The log at `url`. `data` is the installation's folder, for what is kept beside the log; it may not be there.

        With `read_only` another process writes it; nothing is made. Raises StoreRefused and StoreUnavailable.
        """
        ...


T = TypeVar("T")


@runtime_checkable
class Skims(Protocol):
    """A store that reads some fields of many transitions for much less than a whole record of each costs."""

    async def skim(
        self,
        after: Place,
        limit: int,
        shape: type[T],
        kind: str,
        take: Callable[[Iterator[T]], None],
        part: tuple[int, int] = (0, 1),
    ) -> Place:
        """Hand `take` what entities of the type `kind` did among the next `limit` transitions; the place after them.

        `take` is called in the thread that reads, and gets each as it is read: one that is used while it is still in
        the processor's cache costs half of one that waited in a list.

        `shape` is a struct of some fields of a record, `position`, `recorded_at` and `size` (bytes at most, or 0)
        among them. Of `part` (k, n) entities are told apart in n groups by a rule that stays, and group k is given.
        An unchanged place is the end of the log.
        """
        ...


@runtime_checkable
class Spreads(Protocol):
    """A store whose log is in several partitions: the entities of one command must all be in one of them."""

    def partition_of(self, ref: Ref) -> int:
        """Where an entity is, whether it exists or not."""
        ...

    def place_of(self, record: Record) -> Place:
        """The place of a reader who has seen a transition, and what stands before it in its partition."""
        ...


class Stored(NamedTuple):
    """A transition as its bytes lie in a store, which is what seals cover.

    `text` is the record as it was written, without `position`, `partition` and `recorded_at`, which stand beside it.
    Where it cannot be read, or columns beside it say something else than it does, `fault` says so in a few words.
    """

    partition: int
    position: int
    recorded_at: int
    text: bytes
    fault: str = ""


@runtime_checkable
class Bares(Protocol):
    """A store that shows what it holds as it lies there, so that a proof need not trust its decoding.

    Of any other store a proof takes the records as `read` gives them, encoded anew.
    """

    async def stored(self, after: Place, limit: int) -> tuple[Sequence[Stored], Place]:
        """The next transitions after a place in position order, and the place after them; unchanged at the end.

        What is damaged is given with its `fault`, and reading goes on behind it: LogDamaged is never raised.
        """
        ...

    async def faults(self) -> Sequence[str]:
        """What is wrong with the medium apart from single transitions: broken pages or indexes, one sentence each."""
        ...


class CannotAdopt(Exception):
    """A record of another log does not follow what stands here; nothing of what was handed over was recorded."""

    def __init__(self, record: Record, why: str) -> None:
        super().__init__(f"version {record.version} of {record.type}/{record.entity} cannot be taken over: {why}")
        self.record = record
        self.why = why


class BadPlace(ValueError):
    """The place is not one that this log could have given; hand places back as they came."""


class LogDamaged(Exception):
    """What is stored is not what was written, or cannot be read back. `position` says where, 0 where that is not known.

    `statewright verify` tells all that is damaged.
    """

    def __init__(self, position: int, what: str) -> None:
        where = f" at position {position}" if position else ""
        super().__init__(f"the log is damaged{where}: {what}")
        self.position = position
        self.what = what
