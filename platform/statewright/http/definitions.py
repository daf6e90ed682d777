"""Definitions over HTTP: registering and checking documents, reading them back, and saying which one is active."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.catalog import InvalidDefinition, Registration, Revision, TypeEntry, UnknownRevision
from statewright.http import shapes
from statewright.http.bodies import json_text
from statewright.http.calls import JSON, Answer, says
from statewright.http.parameters import Limit, RevisionNumber, TypeName
from statewright.http.rooms import Rooms
from statewright.http.strictness import LIMIT_DEFAULT, cut
from statewright.machine.definition import Definition
from statewright.machine.faults import EXACT
from statewright.machine.moments import text_of
from statewright.machine.problem import Problem

_BODY = {JSON: Definition}
_TYPE_AFTER = Annotated[str | None, QueryParameter(max_length=100, description="`next` of the part before.")]
Activate = Annotated[bool, QueryParameter(description="Make it the active one at once; refused when it has errors.")]


class Registered(Struct, frozen=True):
    """What registering a document came to; all its problems, warnings included."""

    type: str
    revision: int
    status: str
    digest: str
    problems: list[Problem]


class Checked(Struct, frozen=True):
    """What is wrong with a document; empty when nothing is."""

    problems: list[Problem]


class RevisionWithDocument(shapes.Revision):
    """A revision and its document, exactly as it was registered."""

    document: msgspec.Raw


@post(
    "/definitions",
    opt=says(
        {
            201: Answer("Kept as a new revision.", Registered, headers=("Location",)),
            200: Answer("The document was registered before; this is its revision.", Registered),
        },
        "malformed",
        "too_large",
        "unsupported_media_type",
        "too_slow",
        "invalid_definition",
        "too_many",
        body=_BODY,
    ),
)
async def register_definition(
    request: Request[Any, Any, Any], rooms: NamedDependency[Rooms], activate: Activate = False
) -> Response[Registered]:
    """Register a document as a new draft; with `activate=true` it becomes the active one at once.

    The same document registered again answers with the revision it has, so a service may do it at every start.
    """
    text = await json_text(request)
    found = await asyncio.to_thread(rooms.catalog.register, text, activate=activate)
    headers = {"Location": _path(found.type, found.revision)} if found.created else {}
    return Response(_registered(found), status_code=201 if found.created else 200, headers=headers)


@post(
    "/definitions/check",
    status_code=200,
    opt=says(
        Answer("All that is wrong with the document, in the order of its text.", Checked),
        "malformed",
        "too_large",
        "unsupported_media_type",
        "too_slow",
        body=_BODY,
    ),
)
async def check_definition(request: Request[Any, Any, Any], rooms: NamedDependency[Rooms]) -> Checked:
    """Say what is wrong with a document; nothing is stored."""
    problems = await asyncio.to_thread(rooms.catalog.check, await json_text(request))
    if problems and problems[0].code in ("malformed", "too_large", "too_costly"):
        raise InvalidDefinition(problems)  # no document at all, so it is answered like any other unreadable body
    return Checked(problems)


@get("/definitions", opt=says(Answer("The types, by name.", shapes.Page[TypeEntry])))
async def list_definitions(
    rooms: NamedDependency[Rooms], after: _TYPE_AFTER = None, limit: Limit = LIMIT_DEFAULT
) -> shapes.Page[TypeEntry]:
    """The registered types, each with its active revision (null where none is), its latest, and how many there are."""
    entries = await asyncio.to_thread(rooms.catalog.types)
    return shapes.page_of([entry for entry in entries if entry.type > (after or "")], cut(limit), lambda e: e.type)


@get(
    "/definitions/{type:str}",
    opt=says(
        Answer("The document as it was registered.", Definition, headers=("Content-Location",)),
        "unknown_type",
        "not_found",
    ),
)
async def read_active_definition(rooms: NamedDependency[Rooms], type: TypeName) -> Response[bytes]:
    """The active document of a type; 404 where none of its revisions is active."""
    revision, text = await asyncio.to_thread(active_document, rooms, type)
    return Response(text, media_type=JSON, headers={"Content-Location": _path(type, revision)})


@get(
    "/definitions/{type:str}/revisions",
    opt=says(Answer("The revisions, oldest first.", shapes.Page[shapes.Revision]), "unknown_type"),
)
async def list_revisions(
    rooms: NamedDependency[Rooms],
    type: TypeName,
    after: Annotated[int, QueryParameter(ge=0, le=EXACT, description="Only revisions above this number.")] = 0,
    limit: Limit = LIMIT_DEFAULT,
) -> shapes.Page[shapes.Revision]:
    """All revisions of a type, with the problems that each had when it was registered."""
    found = await asyncio.to_thread(rooms.catalog.revisions, type)
    shown = [_shown(revision) for revision in found if revision.revision > after]
    return shapes.page_of(shown, cut(limit), lambda revision: str(revision.revision))


@get(
    "/definitions/{type:str}/revisions/{revision:int}",
    opt=says(Answer("The revision.", RevisionWithDocument), "unknown_type", "not_found"),
)
async def read_revision(
    rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber
) -> RevisionWithDocument:
    """One revision, with its document."""
    found = await asyncio.to_thread(rooms.catalog.revision, type, revision)
    text = await asyncio.to_thread(rooms.catalog.document, type, revision)
    return RevisionWithDocument(**msgspec.structs.asdict(_shown(found)), document=msgspec.Raw(text))


@post(
    "/definitions/{type:str}/revisions/{revision:int}/activate",
    status_code=200,
    opt=says(Answer("It is active.", shapes.Revision), "unknown_type", "not_found", "invalid_definition"),
)
async def activate_revision(rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber) -> shapes.Revision:
    """Make a revision the one that new entities begin under; the one active before is retired."""
    return _shown(await asyncio.to_thread(rooms.catalog.activate, type, revision))


@post(
    "/definitions/{type:str}/revisions/{revision:int}/retire",
    status_code=200,
    opt=says(Answer("It is retired.", shapes.Revision), "unknown_type", "not_found", "wrong_status"),
)
async def retire_revision(rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber) -> shapes.Revision:
    """Let no new entity begin under a revision; those under way stay on it."""
    return _shown(await asyncio.to_thread(rooms.catalog.retire, type, revision))


@delete(
    "/definitions/{type:str}/revisions/{revision:int}",
    opt=says({204: Answer("It is gone.")}, "unknown_type", "not_found", "wrong_status"),
)
async def delete_draft(rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber) -> None:
    """Delete a draft; its number is not given again."""
    await asyncio.to_thread(rooms.catalog.delete_draft, type, revision)


def active_document(rooms: Rooms, type: str) -> tuple[int, bytes]:
    """The active revision's number and its document. Raises UnknownRevision where none is active."""
    for revision in rooms.catalog.revisions(type):
        if revision.status == "active":
            return revision.revision, rooms.catalog.document(type, revision.revision)
    raise UnknownRevision(type, None)


def _registered(found: Registration) -> Registered:
    return Registered(found.type, found.revision, found.status, found.digest, found.problems)


def _shown(revision: Revision) -> shapes.Revision:
    return shapes.Revision(
        type=revision.type,
        revision=revision.revision,
        status=revision.status,
        digest=revision.digest,
        problems=revision.problems,
        registered_at=text_of(revision.registered_at),
        activated_at=None if revision.activated_at is None else text_of(revision.activated_at),
        retired_at=None if revision.retired_at is None else text_of(revision.retired_at),
    )


def _path(type: str, revision: int) -> str:
    return f"/api/v1/definitions/{type}/revisions/{revision}"


HANDLERS = [
    register_definition,
    check_definition,
    list_definitions,
    read_active_definition,
    list_revisions,
    read_revision,
    activate_revision,
    retire_revision,
    delete_draft,
]
