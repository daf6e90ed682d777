"""The log over HTTP: all transitions in order, as JSON, as NDJSON, by long poll, and as server-sent events."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream

from statewright.http.calls import JSON, NDJSON, Answer, says
from statewright.http.media import chosen
from statewright.http.parameters import AfterPlace, Limit, OfType, Resume, Wait
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page, Transition, lines_of, transition_of, weight_of
from statewright.http.strictness import LIMIT_DEFAULT, cut
from statewright.stores.words import START, EventStore, Place

_STEP = 500
SCANNED = 50_000
"""How many transitions one call looks at in search of a type; what was not looked at is for the next call."""
ANSWER_BYTES = 16_000_000
"""About how large an answer grows before it ends early, however many items were asked for."""
_EVENTS = "text/event-stream"


@get(
    "/transitions",
    opt=says(
        Answer(
            "Transitions in the order of their positions. `next` is how far was read, also when nothing was found.",
            Page[Transition],
            (JSON, NDJSON),
            ("Statewright-Place",),
        ),
        "not_acceptable",
    ),
)
async def read_log(
    request: Request[Any, Any, Any],
    rooms: NamedDependency[Rooms],
    after: AfterPlace = None,
    limit: Limit = LIMIT_DEFAULT,
    of_type: OfType = None,
    wait: Wait = 0,
) -> Response[bytes]:
    """The log in order, after a place. With `wait`, the call waits for something to come when there is nothing yet.

    As `application/x-ndjson` each line is a transition, and how far was read stands in `Statewright-Place`. With
    `type`, an answer may be short or empty before the end of the log is reached: go on from `next`.
    """
    media = chosen(request, (JSON, NDJSON))
    place, found = await _read(rooms, after or START, cut(limit), of_type, wait)
    body = lines_of(found) if media == NDJSON else msgspec.json.encode(Page(found, place))
    return Response(body, media_type=media, headers={"Statewright-Place": place, "Vary": "Accept"})


@get(
    "/transitions/stream",
    opt=says(Answer("One event per transition, for as long as the caller listens.", Transition, (_EVENTS,))),
)
async def stream_log(
    rooms: NamedDependency[Rooms], after: AfterPlace = None, of_type: OfType = None, last_event_id: Resume = None
) -> Stream:
    """The log as server-sent events, from a place on and then live.

    Every event has the place after it as its `id`; a comment with the current `id` comes every 15 seconds. A reader
    more than 1 MB behind is closed; it resumes, as browsers do by themselves, with `Last-Event-ID`.
    """
    place = last_event_id or after or START
    await _require_reached(rooms.store, place)  # while there is still a status to say it with
    return Stream(
        rooms.broadcast.listen(place, of_type),
        media_type=_EVENTS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _require_reached(store: EventStore, place: Place) -> None:
    """Refuse a place beyond the log's end, as after it was restored from a backup.

    Waiting there would pass over all that comes until then. Raises ProblemFound.
    """
    if store.compare_places(place, await store.latest_place()) > 0:
        raise refuse("bad_parameter", f"The log does not reach to {place}; begin again without a place.")


async def _read(
    rooms: Rooms, place: Place, limit: int, type: str | None, wait_s: float
) -> tuple[Place, list[Transition]]:
    """How far was read, and what was found; waits while there is nothing."""
    await _require_reached(rooms.store, place)
    until = monotonic() + wait_s
    while True:
        place, found = await _find(rooms.store, place, limit, type)
        left_s = until - monotonic()
        if found or left_s <= 0 or not await rooms.patiently(rooms.store.wait(place, left_s)):
            return place, found


async def _find(store: EventStore, place: Place, limit: int, type: str | None) -> tuple[Place, list[Transition]]:
    found: list[Transition] = []
    scanned = size = 0
    while len(found) < limit and scanned < SCANNED and size < ANSWER_BYTES:
        # never more than are still missing: the place after the last one read is the only place there is
        batch = await store.read(place, min(_STEP, limit - len(found)))
        place = batch.place
        if not batch.records:
            break
        scanned += len(batch.records)
        for record in batch.records:
            if type is None or record.type == type:
                found.append(transition_of(record))
                size += weight_of(record)
        await asyncio.sleep(0)  # a long look through the log lets others have their turn
    return place, found


HANDLERS = [read_log, stream_log]
