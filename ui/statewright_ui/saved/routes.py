"""Saved views: lists under a name, kept for everybody; saved from the list, renamed and deleted on a page."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from statewright.catalog import BadName, NameTaken, SavedView, TooManyViews, UnknownView
from statewright_ui.entities.asked import ORDERS, Asked, asked_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import field, see_other, sent
from statewright_ui.rendering import rendered
from statewright_ui.shell.errors import Nowhere


class Line(Struct, frozen=True):
    """A saved view and the address of its list."""

    view: SavedView
    href: str


class Unsaved(Struct, frozen=True):
    """A list that could not be saved under this name, and why."""

    name: str
    asked: Asked
    trouble: str


def saved(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/saved-views", include_in_schema=False)
    async def index(request: AskedFor) -> Response[str]:
        return await _page(request, needs)

    @post("/saved-views", include_in_schema=False)
    async def save(request: AskedFor) -> Response[Any]:
        fields = await sent(request)
        asked = asked_of(field(fields, "q"), field(fields, "order"), field(fields, "columns"), "")
        name = field(fields, "name")
        if asked.faults:
            return await _page(request, needs, Unsaved(name, asked, f"The query: {asked.faults[0].sentence}."))
        try:
            columns = ",".join(column.name for column in asked.columns)
            await ask(needs.catalog.saved_views.save, name, asked.text, asked.order, columns)
        except (NameTaken, BadName, TooManyViews) as error:
            return await _page(request, needs, Unsaved(name, asked, _sentence(error)))
        return see_other(asked.but())

    @post("/saved-views/{view:int}", include_in_schema=False)
    async def change(request: AskedFor, view: FromPath[int]) -> Response[Any]:
        fields = await sent(request)
        views = needs.catalog.saved_views
        try:
            if field(fields, "do") == "delete":
                await ask(views.delete, view)
            else:
                await ask(lambda: views.change(view, name=field(fields, "name")))
        except UnknownView as error:
            raise Nowhere("No such view", _sentence(error)) from None
        except (NameTaken, BadName) as error:
            return await _page(request, needs, trouble=_sentence(error))
        return see_other("/saved-views")

    return [index, save, change]


async def _page(request: AskedFor, needs: Needs, unsaved: Unsaved | None = None, trouble: str = "") -> Response[str]:
    views = await ask(needs.catalog.saved_views.all)
    lines = [Line(view, asked_of(view.query, view.order, view.columns, "").but()) for view in views]
    return rendered(
        request,
        "saved/page.html",
        status=422 if unsaved or trouble else 200,
        here="entities",
        lines=lines,
        unsaved=unsaved,
        trouble=trouble,
        orders=ORDERS,
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
