"""Events that people send from an entity's page: the forms, and what becomes of one that was sent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from statewright.catalog.principals import NotBelieved, actor_of, principal_of
from statewright.commands import Done, Failed, SendEvent, digest_of
from statewright.commands.names import fault_of_command_id
from statewright.machine.compile import Machine
from statewright.machine.explaining import Explained
from statewright.machine.record import Actor, Head, Record
from statewright.stores.words import Ref
from statewright_ui.entity.steps import Choices, Next
from statewright_ui.forms import Form, form_of, read_form, typed_of
from statewright_ui.needs import AskedFor, Needs
from statewright_ui.posting import field

_NAME = 200
_EVENT = 100
_ROLES = 100
_STATUS = {"not_allowed": 403, "unknown_entity": 404, "version_conflict": 412, "too_large": 413}
_CONFLICTS = ("not_in_this_state", "guard_refused", "final", "entity_exists")


class Offer(Struct, frozen=True):
    """An event that may be sent, with its form. `roles` are those of the definition, each with whether it is ticked."""

    next: Next
    form: Form
    actor: str
    roles: list[tuple[str, bool]]
    more_roles: str
    command: str
    open: bool
    trouble: str
    explanation: list[Explained]


class Turned(Struct, frozen=True):
    """A form whose event was not recorded: what was typed, what is wrong with it, and why it was refused."""

    event: str
    typed: Mapping[str, str]
    faults: Mapping[str, str]
    actor: str
    roles: tuple[str, ...]
    command: str
    trouble: str = ""
    why: str = ""
    explanation: tuple[Explained, ...] = ()
    status: int = 422


async def send(request: AskedFor, needs: Needs, ref: Ref, fields: list[tuple[str, Any]]) -> Record | Turned:
    """Send the event of a form. The form's own command id makes a second press of its button harmless."""
    turned, asked = _asked(request, needs, ref, fields, await needs.asking.head(ref))
    if asked is None:
        return turned
    answer = await needs.committer.send(asked)
    if isinstance(answer, Done):
        return answer.record
    if isinstance(answer, Failed):
        return msgspec.structs.replace(turned, trouble=f"{answer.detail} Send it again.", status=503)
    refused = answer.refused
    why = refused.why.value
    return msgspec.structs.replace(
        turned,
        trouble=refused.detail or f"It was refused: {why}.",
        why=why,
        explanation=tuple(refused.explanation),
        status=409 if why in _CONFLICTS else _STATUS.get(why, 422),
        command="",  # decided again when it is sent again, and then as another command
    )


def _asked(
    request: AskedFor, needs: Needs, ref: Ref, fields: list[tuple[str, Any]], head: Head | None
) -> tuple[Turned, SendEvent | None]:
    """What a form asks for; None where it cannot be read, with what is wrong."""
    event, typed = field(fields, "event")[:_EVENT], typed_of(fields)
    machine = None if head is None else needs.catalog.machine_of(ref.type, head.revision)
    schema = None if machine is None else machine.definition.schemas.events.get(event)
    data, faults = read_form(schema, typed)
    named = Actor(field(fields, "actor").strip()[:_NAME] or "anonymous", _roles(fields))
    command, expected = field(fields, "command"), field(fields, "expected")
    trouble = ""
    if fault_of_command_id(command) is not None:
        trouble = "This form is not whole. Load the page again."
    elif not (expected.isascii() and expected.isdigit() and len(expected) < 16):
        trouble = "This form does not say which version it was made for. Load the page again."
    try:
        actor = actor_of(principal_of(request.headers.get("authorization")), named)
    except NotBelieved as error:
        actor, trouble = named, f"{error}."
    turned = Turned(event, typed, faults, named.id, named.roles, "", trouble)
    if faults or trouble:
        return turned, None
    size = len(msgspec.json.encode(data))
    asked = SendEvent(ref, event, data, command, expected=int(expected), actor=actor, size=size, create=False)
    asked.digest = digest_of(asked)
    return turned, asked


def _roles(fields: list[tuple[str, Any]]) -> tuple[str, ...]:
    ticked = [str(value) for name, value in fields if name == "role" and value]
    more = [role.strip() for role in field(fields, "more_roles").split(",")]
    return tuple(dict.fromkeys(role[:_NAME] for role in (*ticked, *more) if role))[:_ROLES]


def offers_of(machine: Machine, head: Head, choices: Choices, turned: Turned | None) -> list[Offer]:
    """The forms of the events that may happen; the one that was turned back is open, as it was typed."""
    return [_offer(machine, head, each, turned) for each in choices.open]


def _offer(machine: Machine, head: Head, next: Next, turned: Turned | None) -> Offer:
    name = next.event.event
    mine = turned if turned is not None and turned.event == name else None
    moves = machine.moves(head.leaves, name)
    needed = {min(moves[0].allow)} if moves and moves[0].allow else set[str]()
    roles = set(mine.roles) if mine is not None else needed
    known = list(machine.definition.roles) or sorted(needed)
    return Offer(
        next,
        form_of(next.event.schema, None if mine is None else mine.typed, None if mine is None else mine.faults),
        "anonymous" if mine is None else mine.actor,
        [(role, role in roles) for role in known],
        ", ".join(sorted(roles.difference(known))),
        (mine.command if mine is not None else "") or f"page-{secrets.token_hex(10)}",
        mine is not None,
        "" if mine is None else mine.trouble,
        [] if mine is None else list(mine.explanation),
    )
