"""Machines of other tools over HTTP: what would become of one here, and what that costs. Nothing is stored."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.formats.notes import Note, Unreadable
from statewright.http.bodies import body_text
from statewright.http.calls import JSON, Answer, says
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.machine.problem import Problem

_MEDIA = {"xstate": (JSON,), "scxml": ("application/scxml+xml", "application/xml", "text/xml")}


class Imported(Struct, frozen=True):
    """A document in our language, what was done to make it one, and what our checks say of it.

    `notes` point into what was sent, `problems` into `document`.
    """

    document: dict[str, Any]
    notes: list[Note]
    problems: list[Problem]


@post(
    "/definitions/import",
    status_code=200,
    opt=says(
        Answer("The document to look over, complete and register.", Imported),
        "malformed",
        "too_large",
        "unsupported_media_type",
        "too_slow",
        body={JSON: dict[str, Any], "application/scxml+xml": str, "application/xml": str, "text/xml": str},
    ),
)
async def import_definition(
    request: Request[Any, Any, Any],
    rooms: NamedDependency[Rooms],
    format: Annotated[
        Literal["xstate", "scxml"], QueryParameter(description="XState machine JSON (4, 5, 6), or SCXML.")
    ],
    name: Annotated[
        str, QueryParameter(min_length=1, max_length=100, description="What it is called where it has no name.")
    ] = "machine",
) -> Imported:
    """Read a machine of another tool into a document of our language. Nothing is stored: register the document next."""
    text = await body_text(request, _MEDIA[format])
    try:
        found = await asyncio.to_thread(rooms.catalog.reader.foreign, text, format, name=name)
    except Unreadable as fault:
        sentence = f"Line {fault.line}, column {fault.column}: {fault.sentence}."
        raise refuse("malformed", sentence, line=fault.line, column=fault.column) from None
    return Imported(found.document, list(found.notes), list(found.reading.problems))


HANDLERS = [import_definition]
