"""Bulk events over HTTP: one event for many entities, tried on each of them first, and then sent in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from statewright.bulk import BadBulkEvent, asked
from statewright.catalog import BulkEvent
from statewright.catalog.bulk import ENTITIES, Count, Outcome, Row
from statewright.commands.names import fault_of_entity_id
from statewright.http.bodies import body_of
from statewright.http.calls import JSON, Answer, says
from statewright.http.media import CSV, Format, csv_of, table_or_document
from statewright.http.parameters import Limit
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.sending import ActorIn, believed
from statewright.http.shapes import Page
from statewright.http.strictness import LIMIT_DEFAULT, LIMIT_GREATEST, cut, principal_behind
from statewright.http.views import known, query_of
from statewright.machine.faults import EXACT
from statewright.machine.moments import Micros, text_of

AnyRequest = Request[Any, Any, Any]
JobId = Annotated[int, PathParameter(ge=1, le=EXACT, description="The bulk event's number.")]
AfterNumber = Annotated[
    str | None, QueryParameter(pattern=r"^\d{1,15}$", description="`next` of the part before. Absent: from the start.")
]
OfOutcome = Annotated[
    Literal["accepted", "refused", "failed", "waiting"] | None,
    QueryParameter(
        description="Only those that came to this: by sending, or by the preview until they are sent. `waiting`: "
        "neither."
    ),
]
ForReason = Annotated[
    str | None, QueryParameter(name="why", max_length=100, description="Only those refused for this.")
]


class BulkEventIn(Struct, forbid_unknown_fields=True):
    """An event for many entities of one type: those that fit the query `q`, or the ids in `entities`.

    `unmoved`: it is sent only to those that have not moved since the preview.
    """

    type: str
    event: str
    data: dict[str, Any] | None = None
    q: str | None = None
    entities: list[str] | None = None
    actor: ActorIn | UnsetType = UNSET
    unmoved: bool = True


class CountShape(Struct):
    """How many entities came to the same."""

    foreseen: Outcome | None
    became: Outcome | None
    why: str | None
    count: int


class BulkEventShape(Struct):
    """A bulk event as far as it is.

    `status`: `gathering` those who are meant, `trying` the event on each, `ready` to be sent, `sending`, `done`,
    `cancelled` or `failed` (with `error`). `counts` tell what the preview foresaw and what became of how many.
    """

    id: int
    type: str
    event: str
    data: dict[str, Any]
    q: str | None
    actor: ActorIn
    unmoved: bool
    status: Literal["gathering", "trying", "ready", "sending", "done", "cancelled", "failed"]
    total: int
    counts: list[CountShape]
    command: str
    asked_at: str
    sent_at: str | None
    finished_at: str | None
    error: str | None


class BulkRowShape(Struct):
    """One entity of a bulk event; `foreseen` and `became` are null while they are not known."""

    number: int
    entity: str
    foreseen: Outcome | None
    became: Outcome | None
    why: str | None
    detail: str | None
    version: int | None


_bulk_event_in = msgspec.json.Decoder(BulkEventIn)
_ANSWER = Answer("The bulk event as far as it is.", BulkEventShape)


@post(
    "/bulk-events",
    status_code=202,
    opt=says(
        {202: Answer("Its preview is being made.", BulkEventShape, headers=("Location",))},
        *("malformed", "unknown_type", "unknown_event", "too_large", "too_many", "unsupported_media_type"),
        body={JSON: BulkEventIn},
    ),
)
async def ask_for_bulk_event(request: AnyRequest, rooms: NamedDependency[Rooms]) -> Response[BulkEventShape]:
    """Have an event tried on many entities, which records nothing; `POST …/send` sends it when the preview is ready.

    It outlives the call, and a restart of the server.
    """
    sent = await body_of(request, _bulk_event_in)
    await known(rooms, sent.type)
    principal = principal_behind(request)
    actor = principal.actor if sent.actor is UNSET else believed(principal, sent.actor)
    query = None if sent.q is None else query_of(sent.q)
    entities = _named(sent.entities or ())
    try:
        event = await asyncio.to_thread(
            lambda: asked(
                rooms.catalog,
                sent.type,
                sent.event,
                sent.data or {},
                actor,
                query=query,
                entities=entities,
                unmoved=sent.unmoved,
            )
        )
    except BadBulkEvent as error:
        code = "unknown_event" if error.parameter == "event" else "bad_parameter"
        raise refuse(code, f"{error}.", parameter=error.parameter) from None
    rooms.bulk()
    headers = {"Location": f"/api/v1/bulk-events/{event.id}"}
    return Response(await _shown(rooms, event), status_code=202, headers=headers)


def _named(entities: Sequence[str]) -> Sequence[str]:
    if len(entities) > ENTITIES:
        raise refuse("too_many", f"A bulk event goes to at most {ENTITIES:,} entities.")
    for at, entity in enumerate(entities):
        fault = fault_of_entity_id(entity)
        if fault is not None:
            raise refuse("bad_parameter", f"entities[{at}]: the id {fault}.", parameter="entities")
    return entities


@get("/bulk-events", opt=says(Answer("The bulk events, the latest first.", Page[BulkEventShape])))
async def list_bulk_events(rooms: NamedDependency[Rooms]) -> Page[BulkEventShape]:
    """The bulk events; the latest 100 are kept, and those that are not over."""
    found = await asyncio.to_thread(rooms.catalog.bulk_events.all)
    return Page([await _shown(rooms, event) for event in found], None)


@get("/bulk-events/{job:int}", opt=says(_ANSWER, "not_found"))
async def read_bulk_event(rooms: NamedDependency[Rooms], job: JobId) -> BulkEventShape:
    """One bulk event: how far it is, and what it has come to so far."""
    return await _shown(rooms, await asyncio.to_thread(rooms.catalog.bulk_events.one, job))


@get(
    "/bulk-events/{job:int}/rows",
    opt=says(
        Answer("The entities, by number.", {JSON: Page[BulkRowShape], CSV: str}, (JSON, CSV)),
        "not_found",
        "not_acceptable",
    ),
)
async def list_bulk_rows(
    request: AnyRequest,
    rooms: NamedDependency[Rooms],
    job: JobId,
    outcome: OfOutcome = None,
    why: ForReason = None,
    after: AfterNumber = None,
    limit: Limit = LIMIT_DEFAULT,
    format: Format = None,
) -> Response[Any]:
    """What the preview foresaw for each entity, and what became of it. As CSV it is up to 10,000 lines, unless told."""
    media = table_or_document(request, format)
    most = cut(limit if media == JSON or limit != LIMIT_DEFAULT else LIMIT_GREATEST)
    await asyncio.to_thread(rooms.catalog.bulk_events.one, job)
    find = rooms.catalog.bulk_events.rows
    rows = await asyncio.to_thread(lambda: find(job, outcome=outcome, why=why, after=int(after or 0), limit=most + 1))
    more, rows = len(rows) > most, rows[:most]
    if media == CSV:
        names = BulkRowShape.__struct_fields__
        table = csv_of(names, [[getattr(row, name) for name in names] for row in rows])
        return Response(table, media_type=CSV, headers={"Vary": "Accept"})
    page = Page([_row(row) for row in rows], str(rows[-1].number) if more else None)
    return Response(page, headers={"Vary": "Accept"})


@post(
    "/bulk-events/{job:int}/send",
    status_code=202,
    opt=says({202: Answer("It is being sent, or was.", BulkEventShape)}, "not_found", "not_ready"),
)
async def send_bulk_event(rooms: NamedDependency[Rooms], job: JobId) -> Response[BulkEventShape]:
    """Send it to those that the preview said would accept it; each is decided anew, and each gets it once.

    One that is being sent, or was sent, is answered with itself.
    """
    event = await asyncio.to_thread(rooms.catalog.bulk_events.send, job)
    rooms.bulk()
    return Response(await _shown(rooms, event), status_code=202)


@post("/bulk-events/{job:int}/cancel", status_code=200, opt=says(_ANSWER, "not_found"))
async def cancel_bulk_event(rooms: NamedDependency[Rooms], job: JobId) -> BulkEventShape:
    """End it; what was sent stays sent. One that is over stays as it is."""
    event = await asyncio.to_thread(rooms.catalog.bulk_events.cancel, job)
    rooms.bulk()
    return await _shown(rooms, event)


async def _shown(rooms: Rooms, event: BulkEvent) -> BulkEventShape:
    counts: list[Count] = await asyncio.to_thread(rooms.catalog.bulk_events.counts, event.id)
    return BulkEventShape(
        id=event.id,
        type=event.type,
        event=event.event,
        data=event.data,
        q=event.query,
        actor=ActorIn(event.actor.id, event.actor.roles),
        unmoved=event.unmoved,
        status=event.status,
        total=event.total,
        counts=[CountShape(each.foreseen, each.became, each.why, each.count) for each in counts],
        command=event.command,
        asked_at=text_of(event.asked_at),
        sent_at=_time(event.sent_at),
        finished_at=_time(event.finished_at),
        error=event.error,
    )


def _time(micros: Micros | None) -> str | None:
    return None if micros is None else text_of(micros)


def _row(row: Row) -> BulkRowShape:
    return BulkRowShape(row.number, row.entity, row.foreseen, row.became, row.why, row.detail, row.version)


HANDLERS = [
    ask_for_bulk_event,
    list_bulk_events,
    read_bulk_event,
    list_bulk_rows,
    send_bulk_event,
    cancel_bulk_event,
]
