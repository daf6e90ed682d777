"""Definitions: the list of them, and one with its diagram, its states in figures, its document and its revisions."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from statewright.catalog import Revision, TypeEntry
from statewright.diagram.svg import svg_of
from statewright_ui import shown
from statewright_ui.definition.figures import HEATS, figures_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import DIAGRAM_WINDOW, part_of, rendered

TABS = ("diagram", "json", "revisions")


class Row(Struct, frozen=True):
    """One type in the list."""

    entry: TypeEntry
    kind: shown.Kind
    latest: Revision


class Document(Struct, frozen=True):
    """One revision as it was registered, and what was found wrong with it."""

    revision: Revision
    text: str


def definitions(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/definitions", include_in_schema=False)
    async def index(request: AskedFor) -> Response[str]:
        rows = await ask(_rows, needs)
        drafts = await ask(needs.catalog.drafts.all)
        return rendered(request, "definition/index.html", here="definitions", rows=rows, drafts=drafts)

    @get("/definitions/{type:str}", include_in_schema=False)
    async def one(
        request: AskedFor,
        type: FromPath[str],
        tab: FromQuery[str] = "diagram",
        heat: FromQuery[str] = "now",
        revision: FromQuery[str] = "",
    ) -> Response[str]:
        revisions = await ask(needs.catalog.revisions, type)
        chosen = _chosen(revisions, revision)
        common: dict[str, Any] = {
            "here": "definitions",
            "kind": shown.kind(needs.catalog, type),
            "revision": chosen,
            "revisions": revisions,
            "heat": heat if heat in HEATS else "now",
            "tab": tab if tab in TABS else "diagram",
        }
        if tab == "json":
            text = (await ask(needs.catalog.document, type, chosen.revision)).decode()
            return rendered(request, "definition/json.html", document=Document(chosen, text), **common)
        if tab == "revisions":
            return rendered(request, "definition/revisions.html", **common)
        machine = await ask(shown.machine_of, needs.catalog, type, chosen.revision)
        if machine is None:  # none can be made of a draft with errors, but a picture can
            return rendered(request, "definition/page.html", figures=None, draft=await _draft(needs, chosen), **common)
        figures = await figures_of(needs, machine, common["heat"])
        template = "definition/_figures.html" if part_of(request, "figures") else "definition/page.html"
        return rendered(request, template, live=f"/live?type={type}", figures=figures, **common)

    return [index, one]


async def _draft(needs: Needs, revision: Revision) -> str:
    """The picture of a draft that has errors, as far as it can be drawn."""
    text = await ask(needs.catalog.document, revision.type, revision.revision)
    reading = await ask(needs.catalog.reader.definition, text)
    if reading.definition is None:
        return ""
    return await svg_of(reading.definition, revision.digest, window=DIAGRAM_WINDOW)


def _rows(needs: Needs) -> list[Row]:
    return [
        Row(entry, shown.kind(needs.catalog, entry.type), needs.catalog.revision(entry.type, entry.latest))
        for entry in needs.catalog.types()
    ]


def _chosen(revisions: list[Revision], asked: str) -> Revision:
    """The revision asked for, else the active one, else the latest."""
    named = [revision for revision in revisions if str(revision.revision) == asked]
    active = [revision for revision in revisions if revision.status == "active"]
    return [*named, *active, revisions[-1]][0]
