"""The words of a decision: what is sent, in which circumstances, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, final

from msgspec import Struct

from statewright.machine.explaining import Explained, Tried
from statewright.machine.expressions import Moment, Related
from statewright.machine.record import ANONYMOUS, Actor, Kind, Leaves, Microstep, Timer

PAYLOAD_BYTES = 128 * 1024
DATA_BYTES = 256 * 1024
RECORD_BYTES = 512 * 1024
LEAVES = 64
TIMERS = 64
ACTIONS = 64
MICROSTEPS = 100
"""How many steps one event may set off; more never come to rest."""


class Why(StrEnum):
    """Why an event was not let through; each is a problem type of the API."""

    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_ENTITY = "unknown_entity"
    VERSION_CONFLICT = "version_conflict"
    FINAL = "final"
    UNKNOWN_EVENT = "unknown_event"
    NOT_IN_THIS_STATE = "not_in_this_state"
    INVALID_PAYLOAD = "invalid_payload"
    NOT_ALLOWED = "not_allowed"
    GUARD_ERROR = "guard_error"
    GUARD_REFUSED = "guard_refused"
    WRITE_CONFLICT = "write_conflict"
    UNSTABLE = "unstable"
    INVALID_DATA = "invalid_data"
    TOO_LARGE = "too_large"
    ENTITY_EXISTS = "entity_exists"
    ID_REUSED = "id_reused"
    IN_THE_FUTURE = "in_the_future"


class Event(Struct, gc=False):
    """What a service sends, and the circumstances in which it is decided.

    `name` None creates the entity with `payload` as its data. `expected` is the version the sender believes in, 0 for
    "must not exist yet". `create` is whether, and with which data, the entity may come to be with this event. `size` is
    an upper bound of the payload's bytes as JSON, 0 when it is not known.

    `now` and `occurred_at` (None: the same) are microseconds since 1970. `related` are the entities that the machine's
    `relations` name, as far as they exist, and `hidden` the personal fields of theirs (`related.customer.email`).
    `timer` is the one that fires: then `name` and `payload` are left alone. `moment` is what its expressions are given,
    once one has asked for it.
    """

    name: str | None
    payload: dict[str, Any] = {}
    actor: Actor = ANONYMOUS
    expected: int | None = None
    create: dict[str, Any] | bool = True
    size: int = 0
    now: int = 0
    occurred_at: int | None = None
    entity: str = ""
    related: Mapping[str, Related] = {}
    hidden: frozenset[str] = frozenset()
    timer: Timer | None = None
    moment: Moment | None = None


@final
class Accepted(Struct, gc=False):
    """What the event does: the configuration before and after, and the data with what differs in it.

    `size` is an upper bound of the data's bytes as JSON. The rest is as in the record; `steps` is empty for one step
    along the only branch there is.
    """

    kind: Kind
    from_: Leaves | None
    to: Leaves
    payload: dict[str, Any]
    data: dict[str, Any]
    changes: dict[str, Any]
    removed: tuple[str, ...]
    size: int
    steps: tuple[Microstep, ...] = ()
    history: dict[str, Leaves] = {}
    timers_started: tuple[Timer, ...] = ()
    timers_stopped: tuple[tuple[str, str], ...] = ()
    emits: tuple[dict[str, Any], ...] = ()
    sends: tuple[dict[str, Any], ...] = ()
    logs: tuple[list[Any], ...] = ()


@final
class Refused(Struct, gc=False):
    """Why the event may not happen, in a code and a sentence.

    `at` names the places that made it so, each with a sentence of its own: pointers into what was sent or, for a role,
    into the definition. `tried` are the guards that were asked, of which `explanation` is made.
    """

    why: Why
    detail: str
    at: Sequence[tuple[str, str]] = ()
    tried: Tried | None = None

    @property
    def explanation(self) -> list[Explained]:
        """What made guards false or fail, part by part; worked out when it is asked for. Empty for other refusals."""
        return [] if self.tried is None else self.tried.explained()


class Stopped(Exception):
    """Ends a run in the middle: the event is refused, and nothing of it happens."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def named(leaves: Leaves) -> str:
    """A configuration within a sentence."""
    return " + ".join(leaves)
