"""How a draft begins: empty, from a template, from another tool's machine, or from a log of what happened."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Struct

from statewright.catalog import DraftThere, TooManyDrafts, UnknownType
from statewright.formats.eventlog import NoHistory, observed
from statewright.formats.imports import source_of
from statewright.formats.naming import type_name
from statewright.formats.notes import Note, Unreadable
from statewright.machine.chart import spaced
from statewright.machine.editing import Edited, SetDefinition, Sheet, edited, pretty_document
from statewright_ui import shown
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import rendered
from statewright_ui.same_site import only_from_here
from statewright_ui.words import address, counted

TEMPLATES = Path(__file__).parent / "templates"
LARGEST_LOG = 256 * 1024 * 1024
"""How large a log may be when unpacked, in bytes."""
LARGEST_UPLOAD = 64 * 1024 * 1024
_LONGEST_NAME = 100


class Template(Struct, frozen=True):
    """A definition to begin from."""

    key: str
    label: str
    words: str
    text: str


class Begun(Struct, frozen=True):
    """The text of a new draft, its type, what was done to make it, and what is worth knowing."""

    type: str
    text: str
    words: str
    notes: tuple[Note, ...] = ()


class CannotBegin(Exception):
    """Nothing can be made of what was sent; the message says why. `field` is the input that it is about."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def templates() -> list[Template]:
    """The templates that come along."""
    found = []
    for file in sorted(TEMPLATES.glob("*.json")):
        text = file.read_text(encoding="utf-8")
        document = orjson.loads(text)
        found.append(Template(file.stem, document["label"], document["description"], text))
    return found


def beginning(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of the page for new definitions."""

    @get("/new", include_in_schema=False)
    async def new(request: AskedFor) -> Response[str]:
        return await _page(needs, request, {}, None)

    @post("/new", include_in_schema=False, status_code=200, request_max_body_size=LARGEST_UPLOAD)
    async def begin(request: AskedFor) -> Response[Any]:
        only_from_here(request)
        fields = dict(await request.form())
        upload = fields.get("file")
        content = await upload.read() if isinstance(upload, UploadFile) else b""
        try:
            begun = await ask(_begun, needs, fields, content)
            await ask(needs.catalog.drafts.begin, begun.type, begun.text, begun.words)
        except (CannotBegin, DraftThere, TooManyDrafts) as trouble:
            return await _page(needs, request, fields, trouble)
        if begun.notes:
            return rendered(request, "modeler/imported.html", here="definitions", begun=begun)
        return Redirect(address("definitions", begun.type, "edit"), status_code=303)

    return [new, begin]


async def _page(needs: Needs, request: AskedFor, fields: dict[str, Any], trouble: Exception | None) -> Response[str]:
    kinds = [shown.kind(needs.catalog, entry.type) for entry in await ask(needs.catalog.types)]
    status = 200 if trouble is None else 422
    return rendered(
        request,
        "modeler/new.html",
        status=status,
        here="definitions",
        templates=templates(),
        kinds=kinds,
        sent={key: value for key, value in fields.items() if isinstance(value, str)},
        trouble=trouble,
    )


def _begun(needs: Needs, fields: dict[str, Any], content: bytes) -> Begun:
    """The draft that a form asks for. Raises CannotBegin."""
    label = " ".join(str(fields.get("name", "")).split())[:_LONGEST_NAME]
    how = str(fields.get("how", "empty"))
    if how == "import":
        begun = _imported(needs, content or str(fields.get("text", "")).encode(), label)
    elif how == "log":
        begun = _from_log(content, label, str(fields.get("entity_type", "")), str(fields.get("least", "1")))
    else:
        begun = _named(needs, label, how)
    _must_be_new(needs, begun.type)
    return begun


def _named(needs: Needs, label: str, how: str) -> Begun:
    if not label:
        raise CannotBegin("Give the definition a name.", "name")
    type = type_name(label)
    if how == "empty":
        about = {} if spaced(type) == label else {"label": label}
        return Begun(type, pretty_document({"id": type, **about, "states": {}}), "Begin empty")
    found = next((each.text for each in templates() if each.key == how), None)
    if found is None:
        try:
            found = needs.catalog.document(how.removeprefix("type:")).decode()
        except Exception as error:
            raise CannotBegin("That template is not there any more; choose another.", "how") from error
    return Begun(type, _called(found, type, label), f"Begin from {how.removeprefix('type:')}")


def _called(text: str, type: str, label: str) -> str:
    """A document under another name, its text otherwise as it was."""
    old = orjson.loads(text).get("id", "")
    sheet = Sheet(text)
    sheet.put(("id",), type)
    renamed = sheet.text.replace(f'"#{old}.', f'"#{type}.')
    done = edited(renamed, SetDefinition(changes={"label": label}))
    return done.text if isinstance(done, Edited) else renamed


def _imported(needs: Needs, content: bytes, label: str) -> Begun:
    if not content.strip():
        raise CannotBegin("Choose a file, or paste the machine's text.", "text")
    source = source_of(content)
    name = label or "machine"
    if source == "statewright":
        document = orjson.loads(content)
        type = type_name(label) if label else document["id"]
        text = content.decode()
        return Begun(type, _called(text, type, label) if label else text, "Begin from a file")
    try:
        imported = needs.catalog.reader.foreign(content, source, name=name)
    except Unreadable as error:
        raise CannotBegin(f"It cannot be read: {error}.", "text") from error
    document = dict(imported.document)
    if label:
        document["id"] = type_name(label)
    text = pretty_document(document)
    return Begun(str(document["id"]), text, f"Import from {source.upper()}", imported.notes)


def _from_log(content: bytes, label: str, entity_type: str, least: str) -> Begun:
    if not content:
        raise CannotBegin("Choose the file with the log: NDJSON, one event a line, gzipped or not.", "file")
    try:
        found = observed(_lines(content), entity_type.strip(), int(least) if least.isdigit() else 1)
    except NoHistory as error:
        raise CannotBegin(str(error), "file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise CannotBegin(f"The file cannot be unpacked: {error}.", "file") from error
    type = type_name(label) if label else found.type
    text = _called(found.document, type, label or spaced(type)) if label else found.document
    return Begun(type, text, f"Begin from {counted(found.lines, 'event', 'events')} of a log", _told(found))


def _told(found: Any) -> tuple[Note, ...]:
    said = [f"{found.lines:,} events of {found.entities:,} entities were read."]
    if found.unread:
        said.append(f"{found.unread:,} lines told no event and were passed over.")
    if found.left_out:
        said.append(f"{found.left_out:,} arrows were left out, being too rare or too many.")
    if found.others:
        named = ", ".join(f"{name} ({count:,})" for name, count in list(found.others.items())[:8])
        said.append(f"The log tells of other types, too: {named}. Begin again and name one to draw it.")
    said.append("Where one event led to several states, the rarer ways have the guard false, to be filled in.")
    return tuple(Note(severity="rewritten", pointer="", sentence=sentence) for sentence in said)


def _lines(content: bytes) -> Iterable[bytes]:
    if content[:2] != b"\x1f\x8b":
        return content.splitlines()
    with gzip.open(io.BytesIO(content)) as packed:
        text = packed.read(LARGEST_LOG + 1)
    if len(text) > LARGEST_LOG:
        raise CannotBegin(f"Unpacked the log has more than {LARGEST_LOG:,} bytes; send a part of it.", "file")
    return text.splitlines()


def _must_be_new(needs: Needs, type: str) -> None:
    try:
        needs.catalog.revisions(type)
    except UnknownType:
        return
    sentence = f"A definition of the type {type} is registered already; edit that, or choose another name."
    raise CannotBegin(sentence, "name")
