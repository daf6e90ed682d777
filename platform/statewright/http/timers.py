"""Timers over HTTP: what is due when, what could not fire, and having that tried again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.commands import Stuck
from statewright.http.calls import Answer, says
from statewright.http.entities import unknown
from statewright.http.parameters import AfterRow, EntityId, Limit, MinPlace, OfType, TypeName, Wait
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page
from statewright.http.strictness import LIMIT_DEFAULT, cut, moment
from statewright.http.views import reach
from statewright.machine.moments import text_of
from statewright.stores.words import Ref
from statewright.views import BEGINNING, Cursor, Deadline

_FOR_EVER = 2**62

Before = Annotated[
    str | None, QueryParameter(max_length=100, description="Only what is due by this moment: RFC 3339 with a zone.")
]


class StuckShape(Struct, frozen=True):
    """Why a timer could not fire when it was due. It is tried again when the entity changes, or when asked to."""

    why: str
    detail: str


class DeadlineShape(Struct, frozen=True):
    """A timer that runs: in which state, under which key of its `after`, started by which version, due when."""

    type: str
    entity: str
    state: str
    key: str
    version: int
    due: str
    stuck: StuckShape | None


class TriedAgain(Struct, frozen=True):
    """How many stuck timers of the entity are tried again."""

    timers: int


@get(
    "/views/deadlines",
    opt=says(
        Answer("The deadlines, the earliest first.", Page[DeadlineShape], headers=("Statewright-Place",)),
        "not_there_yet",
    ),
)
async def list_deadlines(
    rooms: NamedDependency[Rooms],
    of_type: OfType = None,
    before: Before = None,
    after: AfterRow = None,
    limit: Limit = LIMIT_DEFAULT,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[Page[DeadlineShape]]:
    """The timers that run, from the `deadlines` view, which may be a moment behind the log."""
    await reach(rooms, "deadlines", min_place, wait)
    until, start, most = moment("before", before), _cursor(after), cut(limit)
    page = await asyncio.to_thread(
        rooms.views.deadlines, _FOR_EVER if until is None else until, type=of_type, after=start, limit=most + 1
    )
    stuck = {(each.ref, each.timer): each for each in rooms.timers.stuck(of_type)} if rooms.timers else {}
    items = [_deadline(each, stuck.get((Ref(each.type, each.entity), each.timer))) for each in page.items[:most]]
    more = len(page.items) > most
    last = msgspec.json.encode(page.items[most - 1].cursor).decode() if more else None
    return Response(Page(items, last), headers={"Statewright-Place": page.place})


@post(
    "/entities/{type:str}/{id:str}/timers/retry",
    status_code=200,
    opt=says(Answer("What is tried again.", TriedAgain), "unknown_type", "unknown_entity"),
)
async def retry_timers(rooms: NamedDependency[Rooms], type: TypeName, id: EntityId) -> TriedAgain:
    """Have the stuck timers of an entity tried again, now."""
    ref = Ref(type, id)
    if await rooms.asking.head(ref) is None:
        raise await unknown(rooms, ref)
    return TriedAgain(rooms.timers.try_again(ref) if rooms.timers else 0)


def _cursor(after: str | None) -> Cursor:
    if after is None:
        return BEGINNING
    try:
        cursor: Cursor = msgspec.json.decode(after, type=Cursor)
        return cursor
    except msgspec.MsgspecError:
        raise refuse("bad_parameter", "after: hand back `next` as it came.", parameter="after") from None


def _deadline(each: Deadline, stuck: Stuck | None) -> DeadlineShape:
    timer = each.timer
    said = None if stuck is None else StuckShape(stuck.why, stuck.detail)
    return DeadlineShape(each.type, each.entity, timer.state, timer.key, timer.version, text_of(timer.due), said)


HANDLERS = [list_deadlines, retry_timers]
