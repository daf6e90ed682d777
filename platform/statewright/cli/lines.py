"""Lines of NDJSON that go to `POST /commands`, and recorded event logs read into them."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from statewright.machine.record import Actor

_NO_DATA = Raw(b"{}")


class Line(Struct, kw_only=True, omit_defaults=True):
    """One command as `POST /commands` takes it; `event` None creates the entity. `data` passes through unread."""

    type: str
    entity: str
    event: str | None
    id: str | UnsetType = UNSET
    data: Raw | dict[str, Any] | UnsetType = UNSET
    create: dict[str, Any] | bool | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    actor: Actor | UnsetType = UNSET


class _LoggedActor(Struct):
    id: str
    role: str | None = None


class _Logged(Struct):
    """One event of a recorded log; what else a line says (groups, relations) is no part of a command."""

    entity_type: str
    entity_id: str
    event: str
    occurred_at: str | UnsetType = UNSET
    actor: _LoggedActor | None = None
    data: Raw = _NO_DATA


class _Either(Struct):
    """Only looked at to tell the two forms apart, and to know whom a command is about."""

    entity_type: Raw | UnsetType = UNSET
    type: str = ""
    entity: str = ""
    id: str | UnsetType = UNSET


class Command(NamedTuple):
    """A line for `POST /commands`, newline included, and what it says about whom."""

    text: bytes
    type: str
    entity: str
    id: str


class BadLine(ValueError):
    """A line that is neither a recorded event nor a command; the message says why."""


_encode = msgspec.json.Encoder().encode
_either = msgspec.json.Decoder(_Either).decode
_logged = msgspec.json.Decoder(_Logged).decode
_raw_members = msgspec.json.Decoder(dict[str, Raw]).decode


def command_of(line: bytes, id: str) -> Command:
    """The command in a line of either form; it gets `id` where it has none of its own. Raises BadLine."""
    try:
        form = _either(line)
        if form.entity_type is not UNSET:
            logged = _logged(line)
            return Command(_encode(_line_of(logged, id)) + b"\n", logged.entity_type, logged.entity_id, id)
        if form.id is not UNSET:
            return Command(line.strip() + b"\n", form.type, form.entity, form.id)
        members = _raw_members(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLine(str(error)) from None
    members["id"] = Raw(_encode(id))
    return Command(_encode(members) + b"\n", form.type, form.entity, id)


def _line_of(logged: _Logged, id: str) -> Line:
    actor = logged.actor
    roles = (actor.role,) if actor is not None and actor.role is not None else ()
    return Line(
        type=logged.entity_type,
        entity=logged.entity_id,
        event=logged.event,
        id=id,
        data=logged.data,
        occurred_at=logged.occurred_at,
        actor=UNSET if actor is None else Actor(actor.id, roles),
    )
