"""The words of this room: what is asked for, and the answers there are."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Literal, final

import msgspec
from msgspec import Struct

from statewright.machine.compile import Machine
from statewright.machine.decide import Refused
from statewright.machine.moments import Micros
from statewright.machine.record import ANONYMOUS, Actor, Head, Record, Timer
from statewright.stores.words import Ref

_encode = msgspec.json.Encoder(order="deterministic").encode


class SendEvent(Struct, gc=False):
    """Send `event` to an entity, or create it with `data` where `event` is None.

    `command` is the caller's id for this, None when it gave none; a repeat with the same id is answered from the log.
    `expected` is the version the caller believes in, 0 for "must not exist yet". `create` is whether, and with which
    data, the entity may come to be with this event. `size` is an upper bound of `data` in bytes of JSON. `timer` is one
    that is due: it fires instead of an event being sent, with its due time as `occurred_at`. One that runs no more is
    refused with `not_in_this_state`, `unknown_entity` or `final`, and no refusal is noted.
    """

    ref: Ref
    event: str | None
    data: dict[str, Any] = {}
    command: str | None = None
    digest: str = ""
    expected: int | None = None
    occurred_at: Micros | None = None
    create: dict[str, Any] | bool = True
    actor: Actor = ANONYMOUS
    correlation: str | None = None
    causation: str | None = None
    dry_run: bool = False
    size: int = 0
    timer: Timer | None = None


class SendTogether(Struct, gc=False):
    """Several events as one command: all are recorded or none; a later one sees the effect of the earlier."""

    command: str
    digest: str
    sends: Sequence[SendEvent]


class Done(Struct, gc=False):
    """The event is in the log, durably, as `record`; `replayed` when it was there before. Nothing is, on a dry run."""

    record: Record
    machine: Machine
    replayed: bool = False
    dry_run: bool = False


class NotDone(Struct, gc=False):
    """The event was refused, at `head` (None: no such entity); `machine` is None where the type is unknown."""

    refused: Refused
    send: SendEvent
    head: Head | None
    machine: Machine | None


@final
class Together(Struct, gc=False):
    """What became of several events sent as one: all done, or the refusal of the one at `failed` and nothing done."""

    done: Sequence[Done]
    refusal: NotDone | None = None
    failed: int | None = None


Failure = Literal["overloaded", "store_unavailable", "outcome_unknown"]


class Failed(Struct, gc=False):
    """No decision could be had. With `outcome_unknown`, send it again under `command` to learn what became of it."""

    code: Failure
    detail: str
    command: str | None


Answer = Done | NotDone | Failed


def digest_of(*sends: SendEvent) -> str:
    """A digest (BLAKE2b, 96 bits, hex) of what was asked, whatever the order of keys: the id of a command left out."""
    asked = [
        (
            send.ref.type,
            send.ref.id,
            send.event,
            send.data,
            send.expected,
            send.occurred_at,
            send.create,
            send.actor,
            send.correlation,
            send.causation,
        )
        for send in sends
    ]
    return blake2b(_encode(asked), digest_size=12).hexdigest()
