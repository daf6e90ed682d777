"""Creating an entity over HTTP: with an id of the caller's or of ours, and safe to send again."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter
from msgspec import UNSET, Struct, UnsetType

from statewright.catalog.principals import Principal
from statewright.commands import Done, SendEvent, digest_of
from statewright.commands.names import fault_of_entity_id
from statewright.http.answering import problem_of_answer, recorded
from statewright.http.bodies import json_text
from statewright.http.calls import JSON, Answer, says
from statewright.http.parameters import TypeName
from statewright.http.problems import ProblemFound, refuse
from statewright.http.reading import Unread, decode, explained
from statewright.http.rooms import Rooms
from statewright.http.sending import ActorIn, CommandIn, key_of, send_of
from statewright.http.shapes import Recorded, etag_of
from statewright.http.strictness import principal_behind
from statewright.stores.words import Ref

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="The command's id, 1 to 255 printable ASCII characters, quoted or bare: sent again, it gets the "
        "same answer and creates nothing more.",
    ),
]


class EntityIn(Struct, forbid_unknown_fields=True):
    """The body of creating an entity. Without `id` the server makes one, the same one for the same caller and key."""

    id: str | UnsetType = UNSET
    data: dict[str, Any] | None = None
    occurred_at: str | UnsetType = UNSET
    actor: ActorIn | UnsetType = UNSET
    correlation: str | UnsetType = UNSET
    causation: str | UnsetType = UNSET


_entity_in = msgspec.json.Decoder(EntityIn)
_HEADERS = ("ETag", "Location")


@post(
    "/entities/{type:str}",
    opt=says(
        {
            201: Answer("It exists, at version 1.", Recorded, headers=_HEADERS),
            200: Answer(
                "A repeat: the same command created it before.", Recorded, headers=(*_HEADERS, "Idempotent-Replay")
            ),
        },
        "malformed",
        "too_large",
        "unsupported_media_type",
        "too_slow",
        "unknown_type",
        "entity_exists",
        "invalid_data",
        "id_reused",
        "in_the_future",
        "overloaded",
        "outcome_unknown",
        body={JSON: EntityIn},
    ),
)
async def create_entity(
    request: Request[Any, Any, Any], rooms: NamedDependency[Rooms], type: TypeName, key: Key = None
) -> Response[Recorded]:
    """Create an entity under the active revision of its type.

    With an `Idempotency-Key` the call can be sent again. Without one, and without an `id`, two calls create two.
    """
    text = await json_text(request)
    try:
        sent = decode(text, _entity_in)
    except Unread as found:
        raise ProblemFound(await explained(found)) from None
    send = _asked(type, sent, key, principal_behind(request), len(text))
    answer = await rooms.committer.send(send)
    if not isinstance(answer, Done):
        raise ProblemFound(problem_of_answer(answer))
    record = answer.record
    headers = {"ETag": etag_of(record.version), "Location": f"/api/v1/entities/{type}/{quote(record.entity, safe='')}"}
    if answer.replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(recorded(answer), status_code=200 if answer.replayed else 201, headers=headers)


def _asked(type: str, sent: EntityIn, key: str | None, principal: Principal, size: int) -> SendEvent:
    command = None if key is None else key_of({b"idempotency-key": key.encode("latin-1", "replace")})
    id = _id_of(type, sent, principal, command)
    fault = fault_of_entity_id(id)
    if fault is not None:
        raise refuse("bad_parameter", f"The entity's id {fault}.", parameter="id")
    line = CommandIn(
        type=type,
        entity=id,
        event=None,
        data=sent.data,
        occurred_at=sent.occurred_at,
        actor=sent.actor,
        correlation=sent.correlation,
        causation=sent.causation,
    )
    send = send_of(line, Ref(type, id), principal, size)
    send.command = command
    if command is not None:
        send.digest = digest_of(send)
    return send


def _id_of(type: str, sent: EntityIn, principal: Principal, command: str | None) -> str:
    """The caller's id, or ours: from type, caller and key, so that a repeat finds the same entity, else by chance."""
    if sent.id is not UNSET:
        return sent.id
    if command is None:
        return secrets.token_hex(12)
    made_of = "\0".join((type, principal.id, command))  # none of the three can hold a zero byte
    return hashlib.blake2b(made_of.encode(), digest_size=12).hexdigest()


HANDLERS = [create_entity]
