"""The modeler's pages: every edit is a form posted with the draft's number, answered by the parts that changed."""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct
from msgspec.structs import replace

from statewright.catalog import Conflict, Draft, DraftEdited, InvalidDefinition, UnknownType
from statewright.catalog.errors import TooManyDefinitions
from statewright.diagram.marks import transition_key
from statewright.diagram.svg import svg_of
from statewright.machine.chart import Arrow
from statewright.machine.completing import completions
from statewright.machine.definition import Definition, json_schema
from statewright.machine.editing import BranchAt, Edit, Edited, EditRefused, SetBranch, edited
from statewright.machine.editing.plan import KEYS, way_to
from statewright.machine.editing.sheet import steps
from statewright_ui import shown
from statewright_ui.modeler.forms import Form, edit_of
from statewright_ui.modeler.sight import Sight, field_rows, sight_of
from statewright_ui.modeler.values import guard_of
from statewright_ui.modeler.view import View, view_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import rendered, wanted_part
from statewright_ui.same_site import only_from_here

WINDOW = (820.0, 700.0)
"""The room for the diagram between outline and inspector, in pixels."""
_EMPTY = Definition(id="a", states={})
DRAWN_WITHIN_S = 0.06
"""How long an edit's answer waits for a new layout; one that takes longer is fetched by the page when it is there."""


class Told(Struct, frozen=True):
    """What an answer says besides showing the draft: a word on what was done, a refusal, or a conflict.

    `op` is what a conflict kept from being done, where that was no edit: `save` or `discard`.
    """

    done: str = ""
    refused: EditRefused | None = None
    conflict: Conflict | None = None
    others: tuple[Any, ...] = ()
    saved: int | None = None
    op: str = ""

    @property
    def status(self) -> int:
        """As HTTP says it."""
        if self.conflict is not None:
            return 412
        return 422 if self.refused is not None else 200


def modeler(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/definitions/{type:str}/edit", include_in_schema=False)
    async def page(request: AskedFor, type: FromPath[str]) -> Response[str]:
        draft = await ask(needs.catalog.drafts.of, type)
        return await _answer(needs, request, draft, view_of(request, type), Told())

    @get("/definitions/{type:str}/edit/canvas", include_in_schema=False)
    async def canvas(request: AskedFor, type: FromPath[str]) -> Response[str]:
        draft = await ask(needs.catalog.drafts.of, type)
        sight = await ask(sight_of, needs.catalog, draft, view_of(request, type))
        svg = await _drawing(sight)
        return rendered(request, "modeler/_canvas.html", sight=sight, svg=svg)

    @get("/definitions/{type:str}/edit/news", include_in_schema=False)
    async def news(request: AskedFor, type: FromPath[str], number: FromQuery[int] = 0) -> Response[str]:
        changes = await ask(needs.catalog.drafts.since, type, number)
        return rendered(request, "modeler/_news.html", changes=changes, view=view_of(request, type))

    @post("/definitions/{type:str}/edit/complete", include_in_schema=False, status_code=200)
    async def complete(request: AskedFor, type: FromPath[str]) -> Response[str]:
        only_from_here(request)
        form = await _form(request)
        draft = await ask(needs.catalog.drafts.of, type)
        found = await ask(_completed, needs, draft, form)
        return rendered(request, "modeler/_complete.html", **found)

    @post("/definitions/{type:str}/edit", include_in_schema=False, status_code=200)
    async def change(request: AskedFor, type: FromPath[str]) -> Response[Any]:
        only_from_here(request)
        form = await _form(request)
        view = view_of(request, type)
        if form.text("op") == "discard":
            conflict = await ask(needs.catalog.drafts.discard, type, _number(form))
            if conflict is None:
                return Redirect("/definitions", status_code=303)
            return await _answer(needs, request, conflict.draft, view, Told(conflict=conflict, op="discard"), form)
        draft, view, told = await ask(_changed, needs, type, form, view)
        if wanted_part(request) is None and told.status == 200:  # without scripts
            return Redirect(view.address() + (f"#saved-{told.saved}" if told.saved else ""), status_code=303)
        return await _answer(needs, request, draft, view, told, form)

    return [page, canvas, news, complete, change]


async def _form(request: AskedFor) -> Form:
    fields = await request.form()
    return Form(fields, lambda name: [str(value) for value in fields.getall(name, [])])


def _number(form: Form) -> int:
    """The number of the draft that a form was made for; one that no draft has where it says none."""
    written = form.text("number")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 16 else -1


def _changed(needs: Needs, type: str, form: Form, view: View) -> tuple[Draft, View, Told]:
    """Carry out what a form asks for; the draft afterwards, where the reader is then, and what to tell."""
    drafts = needs.catalog.drafts
    op, editor = form.text("op"), form.text("editor")[:40]
    number = _number(form)
    if op in ("undo", "redo"):
        turned = drafts.undo(type, number, editor) if op == "undo" else drafts.redo(type, number, editor)
        if isinstance(turned, Conflict):
            return turned.draft, view, Told(conflict=turned)
        return turned, view, Told(done="Undone" if op == "undo" else "Done again")
    if op == "save":
        found = drafts.at(type, number)
        if isinstance(found, Conflict):
            return found.draft, view, Told(conflict=found, op="save")
        return _saved(needs, found, view)
    draft = drafts.of(type)
    definition = needs.catalog.reader.definition(draft.sound.encode()).definition
    edit: Edit | EditRefused
    if definition is None and op != "rewrite":
        edit = EditRefused("The document is not of the language yet. Mend it in the JSON tab.")
    else:
        edit = edit_of(op, form, definition or _EMPTY)
    if isinstance(edit, EditRefused):
        return draft, view, Told(refused=edit)
    answer = drafts.edit(type, number, edit, editor)
    if isinstance(answer, EditRefused):
        return draft, view, Told(refused=answer)
    if isinstance(answer, Conflict):
        return answer.draft, view, Told(conflict=answer)
    return answer.draft, _following(view, answer, op), Told(done=answer.edited.words, others=answer.others)


def _following(view: View, answer: DraftEdited, op: str) -> View:
    """Where the reader is after an edit: at what it made or changed, unless it was one of a row of them."""
    selected = answer.edited.selected
    if op in ("add-way",) and isinstance(selected, BranchAt):
        return replace(view, sel=selected.source, to="")
    if isinstance(selected, BranchAt):
        return replace(view, sel=_key(answer.draft, selected), to="")
    if op in ("set-state", "shift-state", "delete-state", "delete-way", "add-state"):
        return replace(view, sel=selected or "", to="")
    return replace(view, to="")


def _key(draft: Draft, at: BranchAt) -> str:
    return transition_key(Arrow(source=at.source, trigger=at.trigger, kind=at.cause, index=at.index))


def _saved(needs: Needs, draft: Draft, view: View) -> tuple[Draft, View, Told]:
    """Register the draft as it is as a revision."""
    definition = needs.catalog.reader.definition(draft.text.encode()).definition
    if definition is not None and definition.id != view.type:
        sentence = f"The document's id is {definition.id!r}, and this is the draft of {view.type!r}. Set the id back."
        return draft, view, Told(refused=EditRefused(sentence))
    try:
        registered = needs.catalog.register(draft.text.encode())
    except (InvalidDefinition, TooManyDefinitions) as error:
        return draft, view, Told(refused=EditRefused(f"It cannot be saved yet: {error}."))
    needs.catalog.drafts.registered(view.type, registered.revision)
    word = "Saved as" if registered.created else "Already saved as"
    told = Told(done=f"{word} revision {registered.revision}", saved=registered.revision)
    return needs.catalog.drafts.of(view.type), view, told


async def _answer(
    needs: Needs, request: AskedFor, draft: Draft, view: View, told: Told, form: Form | None = None
) -> Response[str]:
    """The page, or the parts of it that changed."""
    sight = await ask(sight_of, needs.catalog, draft, view)
    whole = wanted_part(request) is None
    shown_there = form.text("shown") if form is not None else str(request.query_params.get("shown", ""))
    svg = None
    late = False
    if whole or shown_there != sight.digest:
        svg = await _drawing(sight, None if whole else DRAWN_WITHIN_S)
        late = svg is None
    context: dict[str, Any] = {
        "sight": sight,
        "svg": svg,
        "late": late,
        "told": told,
        "form": form,
        "editor": (form.text("editor") if form else "") or secrets.token_hex(6),
        "fields": field_rows,
        "kept": form is not None and form.text("op") in ("rewrite", "undo", "redo", "save") and view.tab == "json",
        "schema": _language() if view.tab == "json" else "",
        "registered": await ask(_registered, needs, view.type),
    }
    if not whole:
        answer = rendered(request, "modeler/_parts.html", status=told.status, **context)
        if form is not None:
            answer.headers["HX-Replace-Url"] = view.address()
        return answer
    context["here"], context["kind"] = "definitions", shown.kind(needs.catalog, view.type)
    return rendered(request, "modeler/page.html", status=told.status, **context)


@functools.cache
def _language() -> str:
    """The JSON Schema of the language, for the editor of the text."""
    return json.dumps(json_schema(), ensure_ascii=False)


def _registered(needs: Needs, type: str) -> bool:
    try:
        return bool(needs.catalog.revisions(type))
    except UnknownType:
        return False


async def _drawing(sight: Sight, within_s: float | None = None) -> str | None:
    """The diagram; None where its layout is not there within so many seconds: it is made all the same, and kept."""
    if not sight.chart.boxes:
        return ""
    drawing = asyncio.ensure_future(
        svg_of(
            sight.definition,
            f"draft:{sight.digest}",
            selected=sight.selected or None,
            links=sight.view.links,
            window=WINDOW,
            folded=sight.view.fold,
        )
    )
    done, _ = await asyncio.wait({drawing}, timeout=within_s)
    return drawing.result() if done else None


def _completed(needs: Needs, draft: Draft, form: Form) -> dict[str, Any]:
    """What fits at the caret of a guard, and what the checker would say of the guard as it is."""
    definition = needs.catalog.reader.definition(draft.sound.encode()).definition
    if definition is None:
        return {"options": [], "faults": [], "list_id": "options"}
    text = str(form.fields.get("guard", form.text("value")))
    caret = form.text("caret")
    place = int(caret) if caret.isascii() and caret.isdigit() else len(text)
    at = form.at
    event = at.trigger if at.cause == "event" else ""
    options = completions(definition, text, place, event)
    return {"options": options, "faults": _would_say(needs, draft, at, text), "list_id": "options"}


def _would_say(needs: Needs, draft: Draft, at: BranchAt, text: str) -> list[Any]:
    """The problems of a branch's guard if it were this text."""
    definition = needs.catalog.reader.definition(draft.sound.encode()).definition
    if definition is None or not text.strip() or form_is_new(at):
        return []
    answer = edited(draft.sound, SetBranch(at=at, changes={"guard": guard_of(text, definition)}))
    if not isinstance(answer, Edited):
        return []
    problems = needs.catalog.check(answer.text.encode())
    return [problem for problem in problems if "/guard" in problem.pointer and _about(problem.pointer, at)]


def form_is_new(at: BranchAt) -> bool:
    """Whether a form is about a branch that is not there yet."""
    return not at.source and not at.trigger and at.cause == "event"


def _about(pointer: str, at: BranchAt) -> bool:
    begin = steps((*way_to(at.source), KEYS[at.cause], *([at.trigger] if at.trigger else [])))
    rest = pointer.removeprefix(begin)
    return pointer.startswith(begin) and rest.startswith((f"/{at.index}/guard", "/guard"))
