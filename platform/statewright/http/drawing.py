"""Pictures over HTTP: of a definition, of what differs between two, and of an entity and the path it walked."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from statewright.diagram import svg_of
from statewright.diagram.marks import walks_of
from statewright.diagram.paint import Theme
from statewright.diagram.png import png_of
from statewright.formats.exports import EXPORTS, export
from statewright.http.calls import Answer, says
from statewright.http.changing import definition_of
from statewright.http.definitions import active_document
from statewright.http.entities import AtVersion, unknown
from statewright.http.parameters import EntityId, TypeName
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.machine.comparing import Comparison
from statewright.machine.definition import Definition
from statewright.machine.faults import EXACT
from statewright.machine.merging import merged_chart
from statewright.machine.record import Head
from statewright.stores.words import Ref

Image = Literal["svg", "png"]
Picture = Literal["svg", "png", "dot", "mermaid", "plantuml", "markdown", "xstate", "xstate-v6", "scxml"]
_IMAGES = {"svg": "image/svg+xml", "png": "image/png"}
MEDIA = {**_IMAGES, **{name: notation.media for name, notation in EXPORTS.items()}}
WALKED = 1_000
"""How many transitions of an entity are drawn at most, up to the one that is asked for."""

InTheme = Annotated[
    Theme,
    QueryParameter(description="`light`, `dark`, or `auto`: an SVG is then as its viewer prefers, and a PNG light."),
]
Scale = Annotated[
    float, QueryParameter(ge=0.1, le=8, description="How many pixels of a PNG there are to one of the picture.")
]


@get(
    "/definitions/{type:str}/diagram",
    opt=says(
        Answer("The picture, or the text of that notation.", str, tuple(dict.fromkeys(MEDIA.values()))),
        "unknown_type",
        "not_found",
    ),
)
async def draw_definition(
    rooms: NamedDependency[Rooms],
    type: TypeName,
    format: Annotated[
        Picture, QueryParameter(description="An SVG that stands alone, a PNG, or the notation of another tool.")
    ] = "svg",
    revision: Annotated[
        int | None, QueryParameter(ge=1, le=EXACT, description="Which revision; absent: the active one.")
    ] = None,
    from_: Annotated[
        int | None,
        QueryParameter(
            name="from", ge=1, le=EXACT, description="An earlier revision; the picture shows what was changed since."
        ),
    ] = None,
    theme: InTheme = "auto",
    scale: Scale = 2.0,
) -> Response[str | bytes]:
    """The definition as a picture, or in the notation of another tool.

    With `from` the picture is of both revisions, and shows what was added, removed and changed.
    """
    if revision is None:
        _, text = await asyncio.to_thread(active_document, rooms, type)
    else:
        text = await asyncio.to_thread(rooms.catalog.document, type, revision)
    reading = await asyncio.to_thread(rooms.catalog.reader.definition, text)
    if reading.definition is None:
        raise refuse(
            "not_found", f"Revision {revision} of {type} cannot be read any more, so there is no picture of it."
        )
    if format not in _IMAGES:
        if from_ is not None:
            raise refuse("bad_parameter", f"`from` is drawn as SVG or PNG only, not as {format}.", parameter="from")
        return _answer((await asyncio.to_thread(export, text, format)).text, format)
    theme = _settled(format, theme)
    if from_ is not None:
        picture = await _drawn_with(rooms, type, from_, reading.definition, reading.digest, theme)
    else:
        picture = await svg_of(reading.definition, reading.digest, standalone=True, theme=theme)
    return await _image(picture, format, theme, scale)


@get(
    "/entities/{type:str}/{id:str}/diagram",
    opt=says(Answer("The picture.", str, tuple(_IMAGES.values())), "unknown_type", "unknown_entity", "not_found"),
)
async def draw_entity(
    rooms: NamedDependency[Rooms],
    type: TypeName,
    id: EntityId,
    format: Annotated[Image, QueryParameter(description="An SVG that stands alone, or a PNG.")] = "svg",
    version: AtVersion = None,
    with_: Annotated[
        int | None,
        QueryParameter(
            name="with", ge=1, le=EXACT, description="Another version; the picture shows the path between the two."
        ),
    ] = None,
    theme: InTheme = "auto",
    scale: Scale = 2.0,
) -> Response[str | bytes]:
    """Where the entity stands, or stood at a version, in the picture of its definition, with the path it walked."""
    ref = Ref(type, id)
    newest = await rooms.asking.head(ref)
    if newest is None:
        raise await unknown(rooms, ref)
    first, last = sorted((version or newest.version, with_ or version or newest.version))
    heads = {newest.version: newest, **await rooms.asking.heads_at(ref, {first, last} - {newest.version})}
    if last not in heads:
        raise refuse("not_found", f"{type}/{id} has no version {last}.")
    theme = _settled(format, theme)
    picture = await _drawn_entity(rooms, ref, heads[first], heads[last], theme, compared=with_ is not None)
    return await _image(picture, format, theme, scale)


async def _drawn_entity(rooms: Rooms, ref: Ref, earlier: Head, later: Head, theme: Theme, *, compared: bool) -> str:
    begin = earlier.version if compared else 0
    after = max(begin, later.version - WALKED)
    records = await rooms.asking.history(ref, after, later.version - after) if later.version > after else ()
    definition, digest = await definition_of(rooms, ref.type, later.revision)
    return await svg_of(
        definition,
        digest,
        current=later.leaves,
        earlier=earlier.leaves if compared else (),
        walked=walks_of(records),
        standalone=True,
        theme=theme,
    )


async def _drawn_with(rooms: Rooms, type: str, earlier: int, after: Definition, digest: str, theme: Theme) -> str:
    before, first = await definition_of(rooms, type, earlier)
    chart = await asyncio.to_thread(lambda: merged_chart(Comparison(before, after)))
    return await svg_of(chart, f"{first}..{digest}", standalone=True, theme=theme)


def _settled(format: str, theme: Theme) -> Theme:
    """The theme to draw in: nobody is asked what they prefer when they look at a PNG."""
    return "light" if format == "png" and theme == "auto" else theme


async def _image(picture: str, format: str, theme: Theme, scale: float) -> Response[str | bytes]:
    if format == "svg":
        return _answer(picture, format)
    return _answer(await asyncio.to_thread(png_of, picture, theme, scale), format)


def _answer(picture: str | bytes, format: str) -> Response[str | bytes]:
    # opened by itself it is a page of this server: nothing in it may run
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return Response(picture, media_type=MEDIA[format], headers={"Content-Security-Policy": policy})


HANDLERS = [draw_definition, draw_entity]
