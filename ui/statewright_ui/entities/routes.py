"""The list of entities: asked for by a query that chips and people write, a page at a time."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from msgspec import Struct

from statewright.catalog import SavedView
from statewright.views import EntityPage, EntityRow, NotBuiltYet
from statewright.views.columns import BadColumns, Column
from statewright.views.query import QUERY_CHARACTERS, BadQuery, completions
from statewright_ui import shown, words
from statewright_ui.entities.asked import OPERATORS, ORDERS, Asked, added, all_columns, asked_of
from statewright_ui.entities.filters import Facets, facets, hints_of, paths_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import see_other
from statewright_ui.rendering import part_of, rendered
from statewright_ui.shell.errors import Nowhere

PAGE = 50
_CELL = 120
"""How much of a value of the data a row shows, in characters."""


_UNCHANGED: Response[Any] = Response(None, status_code=204)
"""While somebody is typing, what is half typed changes nothing: what is there stays."""


class Line(Struct, frozen=True):
    """One entity in the list; `cells` are the chosen fields of its data, as text."""

    row: EntityRow
    states: list[shown.State]
    ended: bool
    cells: dict[str, str]


class Listing(Struct, frozen=True):
    """The page: what may be chosen, with counts, and the lines. `next` is None on the last page."""

    kind: shown.Kind | None
    facets: Facets | None
    lines: list[Line]
    next: str | None
    views: list[SavedView]
    choices: list[Column]
    building: bool = False


def entities(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/entities", include_in_schema=False)
    async def index(
        request: AskedFor,
        q: FromQuery[str] = "",
        order: FromQuery[str] = "newest",
        columns: Annotated[list[str] | None, QueryParameter(name="columns")] = None,
        after: FromQuery[str] = "",
        type: FromQuery[str] = "",
        states: Annotated[list[str] | None, QueryParameter(name="state")] = None,
    ) -> Response[Any]:
        asked = asked_of(q.strip()[: QUERY_CHARACTERS + 1], order, ",".join(columns or []), after, type, states or [])
        part = part_of(request, "list", "facets")
        if part == "facets" and not asked.faults:
            found = await ask(facets, needs, asked, count=True)
            return rendered(request, "entities/_facets.html", asked=asked, facets=found)
        if part == "list" and asked.faults:
            return _UNCHANGED
        try:
            listing = await ask(_listing, needs, asked)
        except Nowhere:
            if part == "list" and not after:
                return _UNCHANGED
            raise
        template = "entities/_list.html" if part else "entities/page.html"
        live = words.address("live", type=asked.query.type or "")
        return rendered(
            request,
            template,
            status=400 if asked.faults else 200,
            here="entities",
            live=live,
            asked=asked,
            listing=listing,
            orders=ORDERS,
            operators=OPERATORS,
            fields=await ask(paths_of, needs, asked.query),
        )

    @get("/entities/filter", include_in_schema=False)
    async def filtered(
        q: FromQuery[str] = "",
        order: FromQuery[str] = "newest",
        columns: FromQuery[str] = "",
        field: FromQuery[str] = "word",
        operator: FromQuery[str] = "is",
        value: FromQuery[str] = "",
    ) -> Response[None]:
        """Add a filter that was chosen in a form to the query, and go on to the list."""
        asked = asked_of(q, order, columns, "")
        if asked.faults or not value.strip():
            return see_other(asked.but())
        try:
            return see_other(asked.with_query(added(asked.query, field, operator, value)))
        except (BadQuery, BadColumns):
            op = OPERATORS.get(operator, OPERATORS["is"])
            term = f"{'-' if op[2] else ''}{field}:{'' if op[1] == 'is' else op[1]}{value.strip()}"
            return see_other(asked.but(q=f"{asked.text} {term}".strip()))  # the list says what is wrong with it

    @get("/entities/complete", include_in_schema=False)
    async def complete(request: AskedFor, q: FromQuery[str] = "", at: FromQuery[int] = 0) -> Response[str]:
        """What may stand where the caret is."""
        text = q[:QUERY_CHARACTERS]
        found = await ask(completions, text, min(max(at, 0), len(text)), hints_of(needs))
        return rendered(request, "entities/_completions.html", completions=found)

    @get("/entities/{type:str}", include_in_schema=False, sync_to_thread=False)
    def of_type(type: FromPath[str]) -> Redirect:
        return Redirect(words.address("entities", type=type))

    return [index, filtered, complete, of_type]


def _listing(needs: Needs, asked: Asked) -> Listing:
    type = asked.query.type
    kind = shown.kind(needs.catalog, type) if type else None
    views, choices = needs.catalog.saved_views.all(), all_columns(path for path, _ in paths_of(needs, asked.query))
    if asked.faults:
        return Listing(kind, None, [], None, views, choices)
    try:
        found = _page(needs, asked)
        chips = facets(needs, asked, count=False)
    except NotBuiltYet:
        if type:
            _must_be_known(needs, type)
        return Listing(kind, None, [], None, views, choices, building=True)
    if (
        type and not chips.everybody and chips.counted
    ):  # a log may have entities of a type whose definition is elsewhere
        _must_be_known(needs, type)
    lines = [_line(needs, row, asked.columns) for row in found.items]
    return Listing(kind, chips, lines, found.next, views, choices)


def _must_be_known(needs: Needs, type: str) -> None:
    if type not in {entry.type for entry in needs.catalog.types()}:
        raise Nowhere("No such type", f"No definition is called {type}, and the log holds no entity of it.")


def _page(needs: Needs, asked: Asked) -> EntityPage:
    try:
        return needs.views.entities(query=asked.query, order=asked.order, after=asked.after or None, limit=PAGE)
    except ValueError:
        raise Nowhere("No such page", "This list was never paged to here; begin again from its first page.") from None


def _line(needs: Needs, row: EntityRow, columns: tuple[Column, ...]) -> Line:
    machine = shown.machine_of(needs.catalog, row.type, row.revision)
    cells = {column.name: _text(column.value_of(row)) for column in columns if column.path}
    ended = machine is not None and machine.is_final(row.leaves)
    return Line(row, shown.states(machine, row.leaves), ended, cells)


def _text(value: object) -> str:
    text = "" if value is None else words.json_line(value)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"
