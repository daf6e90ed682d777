"""Saved views over HTTP: lists of entities under a name, kept by the server for everybody."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Struct

from statewright.catalog import SavedView
from statewright.http.bodies import body_of
from statewright.http.calls import JSON, Answer, says
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page
from statewright.http.views import query_of
from statewright.machine.faults import EXACT
from statewright.machine.moments import text_of
from statewright.views.columns import BadColumns, read_columns

AnyRequest = Request[Any, Any, Any]
ListOrder = Literal["newest", "oldest", "longest", "shortest", "id"]
ViewId = Annotated[int, PathParameter(ge=1, le=EXACT, description="The saved view's number.")]


class SavedViewIn(Struct, forbid_unknown_fields=True):
    """A list to save: a query as `GET /entities` takes it in `q`, an order, and columns divided by commas."""

    name: str
    q: str = ""
    order: ListOrder = "newest"
    columns: str = ""


class SavedViewShape(Struct):
    """A saved list."""

    id: int
    name: str
    q: str
    order: str
    columns: str
    changed_at: str


_saved_view_in = msgspec.json.Decoder(SavedViewIn)
_TAKES = {JSON: SavedViewIn}


@get("/saved-views", opt=says(Answer("The saved views, by name.", Page[SavedViewShape])))
async def list_saved_views(rooms: NamedDependency[Rooms]) -> Page[SavedViewShape]:
    """All saved views."""
    return Page([_shown(view) for view in await asyncio.to_thread(rooms.catalog.saved_views.all)], None)


@post(
    "/saved-views",
    status_code=201,
    opt=says(
        {201: Answer("It is saved.", SavedViewShape, headers=("Location",))},
        *("malformed", "name_taken", "too_large", "too_many", "unsupported_media_type"),
        body=_TAKES,
    ),
)
async def save_view(request: AnyRequest, rooms: NamedDependency[Rooms]) -> Response[SavedViewShape]:
    """Save a list of entities under a name that no other has."""
    sent = await _sent(request)
    view = await asyncio.to_thread(rooms.catalog.saved_views.save, sent.name, sent.q, sent.order, sent.columns)
    return Response(_shown(view), status_code=201, headers={"Location": f"/api/v1/saved-views/{view.id}"})


@get("/saved-views/{view:int}", opt=says(Answer("The saved view.", SavedViewShape), "not_found"))
async def read_saved_view(rooms: NamedDependency[Rooms], view: ViewId) -> SavedViewShape:
    """One saved view."""
    return _shown(await asyncio.to_thread(rooms.catalog.saved_views.one, view))


@put(
    "/saved-views/{view:int}",
    opt=says(
        Answer("It is changed.", SavedViewShape),
        *("malformed", "not_found", "name_taken", "too_large", "unsupported_media_type"),
        body=_TAKES,
    ),
)
async def change_saved_view(request: AnyRequest, rooms: NamedDependency[Rooms], view: ViewId) -> SavedViewShape:
    """Put another list, or another name, in the place of a saved view."""
    sent = await _sent(request)
    change = rooms.catalog.saved_views.change
    return _shown(
        await asyncio.to_thread(
            lambda: change(view, name=sent.name, query=sent.q, order=sent.order, columns=sent.columns)
        )
    )


@delete("/saved-views/{view:int}", opt=says({204: Answer("It is deleted.")}, "not_found"))
async def delete_saved_view(rooms: NamedDependency[Rooms], view: ViewId) -> None:
    """Forget a saved view."""
    await asyncio.to_thread(rooms.catalog.saved_views.delete, view)


async def _sent(request: AnyRequest) -> SavedViewIn:
    """The body, with a query and columns that can be read. Raises ProblemFound."""
    sent = await body_of(request, _saved_view_in)
    query_of(sent.q)
    try:
        read_columns(sent.columns)
    except BadColumns as error:
        raise refuse("bad_parameter", f"columns: {error}.", parameter="columns") from None
    return sent


def _shown(view: SavedView) -> SavedViewShape:
    return SavedViewShape(view.id, view.name, view.query, view.order, view.columns, text_of(view.changed_at))


HANDLERS = [list_saved_views, save_view, read_saved_view, change_saved_view, delete_saved_view]
