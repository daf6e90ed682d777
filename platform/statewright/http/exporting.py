"""Whole lists over HTTP: how many entities fit a query, and all of them as a file, streamed as it is read."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct

from statewright.http.calls import JSON, NDJSON, Answer, says
from statewright.http.media import CSV, Cell, chosen, csv_cell
from statewright.http.parameters import MinPlace, OfType, Wait
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import State, state_of
from statewright.http.views import ByQuery, InState, Row, query_of, reach, row_of
from statewright.machine.moments import text_of
from statewright.views import EntityPage, EntityRow
from statewright.views.columns import BadColumns, Column, read_columns
from statewright.views.query import Query, narrowed

_AT_ONCE = 1_000
_TIMES = ("since", "created", "moved")
_DEFAULT = "state,since,version,revision,created,moved,actor"

TheColumns = Annotated[
    str,
    QueryParameter(
        max_length=2_000,
        description="Which columns, divided by commas: `state`, `since`, `data.amount` …; type and id are always "
        "there. Absent: all, with the data as JSON.",
    ),
]
ExportFormat = Annotated[
    Literal["csv", "json", "ndjson"] | None,
    QueryParameter(name="format", description="In which form to answer; wins over `Accept`."),
]


class TallyItem(Struct):
    """How many of the entities that fit rest in exactly this configuration."""

    type: str
    state: State
    count: int


class TallyShape(Struct):
    """How many entities fit a query, per type and configuration, the fullest first."""

    total: int
    items: list[TallyItem]


@get("/views/tally", opt=says(Answer("The counts.", TallyShape, headers=("Statewright-Place",)), "not_there_yet"))
async def tally_entities(
    rooms: NamedDependency[Rooms],
    of_type: OfType = None,
    states: InState = None,
    q: ByQuery = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[TallyShape]:
    """How many entities fit a query. One that takes long to count may be answered as it was a moment ago."""
    query = narrowed(query_of(q), of_type, states or [])
    await reach(rooms, "entities", min_place, wait)
    found = await asyncio.to_thread(rooms.views.tally, query)
    items = [TallyItem(each.type, _state(each.state), each.count) for each in found.items]
    return Response(TallyShape(found.total, items), headers={"Statewright-Place": found.place})


def _state(state: str | Sequence[str]) -> State:
    return state if isinstance(state, str) else state_of(tuple(state))


@get(
    "/views/export",
    opt=says(
        Answer("The entities.", {CSV: str, JSON: list[Row], NDJSON: Row}, (CSV, JSON, NDJSON), ("Statewright-Place",)),
        "not_acceptable",
        "not_there_yet",
    ),
)
async def export_entities(
    request: Request[Any, Any, Any],
    rooms: NamedDependency[Rooms],
    of_type: OfType = None,
    states: InState = None,
    q: ByQuery = None,
    columns: TheColumns = "",
    format: ExportFormat = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Stream:
    """All entities that fit, by type and id, as CSV, as a JSON array or as lines of JSON, sent as they are read.

    In this order nobody is missed or told twice who moves meanwhile; each entity is told as it is when it is read.
    """
    media = {"csv": CSV, "json": JSON, "ndjson": NDJSON}[format] if format else chosen(request, (CSV, JSON, NDJSON))
    query = narrowed(query_of(q), of_type, states or [])
    try:
        wanted = read_columns(columns)
    except BadColumns as error:
        raise refuse("bad_parameter", f"columns: {error}.", parameter="columns") from None
    await reach(rooms, "entities", min_place, wait)
    first = await asyncio.to_thread(_page, rooms, query, None)
    body = {CSV: _csv, JSON: _json, NDJSON: _lines}[media](rooms, _rows(rooms, query, first), wanted)
    extension = {CSV: "csv", JSON: "json", NDJSON: "ndjson"}[media]
    headers = {
        "Content-Disposition": f'attachment; filename="entities.{extension}"',
        "Statewright-Place": first.place,
        "Vary": "Accept",
    }
    return Stream(body, media_type=media, headers=headers)


def _page(rooms: Rooms, query: Query, after: str | None) -> EntityPage:
    return rooms.views.entities(query=query, order="id", after=after, limit=_AT_ONCE)


async def _rows(rooms: Rooms, query: Query, first: EntityPage) -> AsyncIterator[Sequence[EntityRow]]:
    """All rows, in pages of which each is a read of its own: no long read holds up the consolidators."""
    page = first
    yield page.items
    while page.next is not None:
        page = await asyncio.to_thread(_page, rooms, query, page.next)
        yield page.items


async def _csv(
    rooms: Rooms, pages: AsyncIterator[Sequence[EntityRow]], wanted: Sequence[Column]
) -> AsyncIterator[bytes]:
    columns = wanted or read_columns(_DEFAULT)
    names = ["type", "entity", *(column.name for column in columns if column.name != "type")]
    yield _table([[*names, *([] if wanted else ["data"])]])
    async for rows in pages:
        told = [
            [
                row.type,
                row.entity,
                *(_cell(column, column.value_of(row)) for column in columns if column.name != "type"),
                *([] if wanted else [_compact(_data(row))]),
            ]
            for row in rows
        ]
        yield await asyncio.to_thread(_table, told)


def _table(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(column: Column, value: Any) -> Cell:
    """Times in RFC 3339, several states with a plus between them, nested data as JSON."""
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return text_of(value) if column.name in _TIMES else value
    if column.name == "state":
        return " + ".join(value)
    return _compact(value)


def _compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _data(row: EntityRow) -> dict[str, Any]:
    return {**(row.data or {}), **(row.personal or {})}


async def _lines(
    rooms: Rooms, pages: AsyncIterator[Sequence[EntityRow]], wanted: Sequence[Column]
) -> AsyncIterator[bytes]:
    async for rows in pages:
        items = await asyncio.to_thread(_items, rooms, rows, wanted)
        yield b"".join(item + b"\n" for item in items)


async def _json(
    rooms: Rooms, pages: AsyncIterator[Sequence[EntityRow]], wanted: Sequence[Column]
) -> AsyncIterator[bytes]:
    between = b"["
    async for rows in pages:
        items = await asyncio.to_thread(_items, rooms, rows, wanted)
        if items:
            yield between + b"\n" + b",\n".join(items)
            between = b","
    yield b"\n]\n" if between == b"," else b"[]\n"


def _items(rooms: Rooms, rows: Sequence[EntityRow], wanted: Sequence[Column]) -> list[bytes]:
    if not wanted:
        return [msgspec.json.encode(row_of(rooms, row)) for row in rows]
    return [msgspec.json.encode({"type": row.type, "entity": row.entity, **_some(row, wanted)}) for row in rows]


def _some(row: EntityRow, wanted: Sequence[Column]) -> dict[str, Any]:
    found = {}
    for column in wanted:
        value = column.value_of(row)
        found[column.name] = text_of(value) if column.name in _TIMES and isinstance(value, int) else value
    return found


HANDLERS = [tally_entities, export_entities]
