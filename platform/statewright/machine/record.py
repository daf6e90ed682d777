"""What is written down about an entity: the record of one transition, the head they add up to, and the fold between.

Replay applies records and never asks a definition again, so a later revision cannot rewrite the past.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

FORMAT = 1
"""The version of the record's format; `upcast` on reading is where older ones will be understood."""

Kind = Literal["created", "event", "timer", "migrated", "erased"]
Leaves = tuple[str, ...]
"""A configuration: the active leaves in document order, as dotted paths."""


class Actor(Struct, frozen=True, omit_defaults=True, gc=False):
    """Who sent an event, and in which roles."""

    id: str = "anonymous"
    roles: tuple[str, ...] = ()


ANONYMOUS = Actor()


class Microstep(Struct, frozen=True, omit_defaults=True, gc=False):
    """One step of the run that an event set off.

    `cause` is the event that was taken: the one sent, a raised one, `done.state.<path>`, `after.<key>.<path>`,
    `statewright.created` where the initial states are entered; empty for `always`. `exited` goes innermost first,
    `entered` in document order; `branches` are JSON pointers into the definition.
    """

    cause: str = ""
    exited: Leaves = ()
    entered: Leaves = ()
    branches: tuple[str, ...] = ()


class Timer(Struct, frozen=True, gc=False):
    """A timer that runs: of the state at `state`, under `key` of its `after`, started by `version`.

    `due` is in microseconds since 1970.
    """

    state: str
    key: str
    due: int
    version: int


class Record(Struct, omit_defaults=True, kw_only=True, gc=False, rename={"from_": "from"}):
    """One transition as it stands in the log. Times are microseconds since 1970-01-01T00:00:00Z.

    `position` and `recorded_at` are 0 until a store has given them. `changes` is what differs, whole top-level fields;
    `sealed` holds the personal values of `payload` and `changes`, under those two names, apart from everything else.
    `late`: its business time lies before one that the entity had already. `definition` is the digest of the document,
    on the first transition that a log holds under a revision.

    `steps` is empty where there was one step, on the event sent, along the only branch there is. `history` is the
    whole map of remembered configurations, by the path of the history state, where it changed. `timers_stopped` names
    timers by state and key; they stop before `timers_started` start. `reads` are the related entities that the
    decision saw: by the relation's name, id and version.
    """

    position: int = 0
    partition: int = 0
    type: str = ""
    entity: str = ""
    version: int = 0
    recorded_at: int = 0
    command: str = ""
    from_: Leaves | None = None
    to: Leaves = ()
    format: int = FORMAT
    revision: int
    event: str | None = None
    kind: Kind = "event"
    changes: dict[str, Any] = {}
    removed: tuple[str, ...] = ()
    payload: dict[str, Any] = {}
    sealed: dict[str, dict[str, Any]] = {}
    digest: str = ""
    actor: Actor = ANONYMOUS
    correlation: str | None = None
    causation: str | None = None
    occurred_at: int | None = None
    now: int | None = None
    late: bool = False
    definition: str | None = None
    steps: tuple[Microstep, ...] = ()
    history: dict[str, Leaves] = {}
    timers_started: tuple[Timer, ...] = ()
    timers_stopped: tuple[tuple[str, str], ...] = ()
    emits: tuple[dict[str, Any], ...] = ()
    sends: tuple[dict[str, Any], ...] = ()
    logs: tuple[list[Any], ...] = ()
    reads: dict[str, tuple[str, int]] = {}

    @property
    def own_time(self) -> int:
        """The caller's business time, or when it was recorded if the caller gave none; not yet made monotonic."""
        return self.recorded_at if self.occurred_at is None else self.occurred_at


class Head(Struct, omit_defaults=True, kw_only=True, gc=False):
    """An entity's latest state, data and version: everything a decision needs of it.

    `happened_at` is its business time, the greatest so far; `since` is the business time at which the configuration
    last changed, `since_version` the version that changed it. `personal` names the fields of `data` that are
    personal. `key` is the store's own handle and means nothing elsewhere. `size` is an upper bound of the bytes of
    `data` as JSON, 0 when it is not known. `commands` holds the commands of the
    first 64 versions, each on a line of its own (no id holds a line's end), so that a repeat is seen without a read.
    `history` remembers configurations by the path of a history state; `timers` are those that run, in the order in
    which they started. `erased` is the version that last erased personal data, 0 where none did.
    """

    version: int
    revision: int
    leaves: Leaves
    data: dict[str, Any] = {}
    since: int = 0
    since_version: int = 1
    happened_at: int = 0
    created_at: int = 0
    position: int = 0
    partition: int = 0
    recorded_at: int = 0
    personal: tuple[str, ...] = ()
    key: int = 0
    size: int = 0
    commands: str = "\n"
    history: dict[str, Leaves] = {}
    timers: tuple[Timer, ...] = ()
    erased: int = 0

    def remembers(self, command: str) -> bool:
        """Whether `command` made one of the first 64 versions."""
        return f"\n{command}\n" in self.commands


COMMANDS_KEPT = 64
"""How many commands a head remembers; later ones are found by the store's index."""


def fold(head: Head | None, record: Record) -> Head:
    """The head after `record`, whether it was decided a moment or a year ago. `head` itself is left alone."""
    happened_at = record.own_time
    if head is None:
        sealed = record.sealed.get("changes", {})
        return Head(
            version=record.version,
            revision=record.revision,
            leaves=record.to,
            data={**record.changes, **sealed},
            since=happened_at,
            since_version=record.version,
            happened_at=happened_at,
            created_at=happened_at,
            position=record.position,
            partition=record.partition,
            recorded_at=record.recorded_at,
            personal=tuple(sealed),
            commands=f"\n{record.command}\n",
            history=record.history,
            timers=record.timers_started,
        )
    happened_at = max(happened_at, head.happened_at)
    moved = record.to != head.leaves
    data = head.data
    personal = head.personal
    if record.changes or record.removed or record.sealed:
        sealed = record.sealed.get("changes", {})
        data = {**data, **record.changes, **sealed}
        for field in record.removed:
            data.pop(field, None)
        if sealed or personal:
            personal = tuple(dict.fromkeys(f for f in (*personal, *sealed) if f in data and f not in record.changes))
    commands = head.commands
    if record.version <= COMMANDS_KEPT:
        commands = f"{commands}{record.command}\n"
    return Head(
        version=record.version,
        revision=record.revision,
        leaves=record.to,
        data=data,
        since=happened_at if moved else head.since,
        since_version=record.version if moved else head.since_version,
        happened_at=happened_at,
        created_at=head.created_at,
        position=record.position,
        partition=record.partition,
        recorded_at=record.recorded_at,
        personal=personal,
        key=head.key,
        commands=commands,
        history=record.history or head.history,
        timers=timers_after(head.timers, record.timers_stopped, record.timers_started),
        erased=record.version if record.kind == "erased" else head.erased,
    )


def without_personal(head: Head) -> Head:
    """The head as if its personal data were erased; itself where it has none."""
    if not head.personal:
        return head
    data = {field: value for field, value in head.data.items() if field not in head.personal}
    return replace(head, data=data, personal=(), erased=head.version)


def timers_after(
    running: tuple[Timer, ...], stopped: tuple[tuple[str, str], ...], started: tuple[Timer, ...]
) -> tuple[Timer, ...]:
    """The timers that run once some were stopped and then others started."""
    if stopped:
        running = tuple(timer for timer in running if (timer.state, timer.key) not in stopped)
    return running + started if started else running


def merged(record: Record, part: Literal["payload", "changes"]) -> dict[str, Any]:
    """`payload` or `changes` with its personal values back in it, for readers who may see them."""
    sealed = record.sealed.get(part)
    plain: dict[str, Any] = getattr(record, part)
    return {**plain, **sealed} if sealed else plain
