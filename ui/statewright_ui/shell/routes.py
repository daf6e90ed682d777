"""What every page leans on: the search behind the palette, and the stream that says what is new."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Stream
from msgspec import Struct

from statewright.views import EntityRow, NotBuiltYet
from statewright_ui import shown
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import part_of, rendered

_HITS = 8
_LONGEST_Q = 200
_PAGES = (
    ("Overview", "/", "overview"),
    ("All entities", "/entities", "entities"),
    ("Saved views", "/saved-views", "entities"),
    ("Bulk events", "/bulk", "bulk"),
    ("Refusals", "/refusals", "refusals"),
    ("Metrics", "/metrics-by-type", "metrics"),
    ("All definitions", "/definitions", "definitions"),
    ("System", "/system", "system"),
    ("API documentation", "/api/docs", "api"),
)
_COMMANDS = (
    ("Switch between light and dark", "data-theme-toggle", "theme"),
    ("Keyboard help", "data-help", "keys"),
)


class EntityHit(Struct, frozen=True):
    """An entity that fits."""

    row: EntityRow
    states: list[shown.State]


class Hits(Struct, frozen=True):
    """What fits the words: entities, definitions, pages, and commands that the browser carries out itself."""

    q: str
    entities: list[EntityHit]
    kinds: list[shown.Kind]
    pages: list[tuple[str, str, str]]
    commands: list[tuple[str, str, str]]

    @property
    def none(self) -> bool:
        """Whether nothing fits."""
        return not (self.entities or self.kinds or self.pages or self.commands)


def shell(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers that belong to no page of their own."""

    @get("/search", include_in_schema=False)
    async def search(request: AskedFor, q: FromQuery[str] = "") -> Response[str]:
        hits = await ask(_hits, needs, q.strip()[:_LONGEST_Q])
        listbox = part_of(request, "hits") is not None
        template = "shell/_hits.html" if listbox else "shell/search.html"
        return rendered(request, template, here="", hits=hits, listbox=listbox)

    @get("/live", include_in_schema=False)
    async def live(request: AskedFor, type: FromQuery[str] = "", entity: FromQuery[str] = "") -> Stream:
        last = request.headers.get("last-event-id")
        stream = needs.pulse.stream(type or None, entity or None, last)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(stream, media_type="text/event-stream", headers=headers)

    return [search, live]


def _hits(needs: Needs, q: str) -> Hits:
    wanted = q.casefold()
    kinds = [shown.kind(needs.catalog, entry.type) for entry in needs.catalog.types()]
    found = [kind for kind in kinds if wanted in kind.type or wanted in kind.label.casefold()]
    pages, commands = ([item for item in items if wanted in item[0].casefold()] for items in (_PAGES, _COMMANDS))
    return Hits(q, _entities(needs, q), found[:_HITS], pages, commands)


def _entities(needs: Needs, q: str) -> list[EntityHit]:
    """Entities with `q` in their id; `order/42` looks among the orders only."""
    type, slash, id = q.partition("/")
    try:
        page = needs.views.entities(type if slash else None, q=(id if slash else q) or None, limit=_HITS)
    except NotBuiltYet:
        return []
    return [
        EntityHit(row, shown.states(shown.machine_of(needs.catalog, row.type, row.revision), row.leaves))
        for row in page.items
    ]
