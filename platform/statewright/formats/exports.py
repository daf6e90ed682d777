"""All notations that a definition can be written in, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import orjson

from statewright.formats.dot import dot_of
from statewright.formats.drawn import not_drawn
from statewright.formats.markdown import markdown_of
from statewright.formats.mermaid import mermaid_of
from statewright.formats.notes import Exported
from statewright.formats.plantuml import plantuml_of
from statewright.formats.scxml.writing import write_scxml
from statewright.formats.xstate.writing import write_xstate
from statewright.machine.definition import Definition
from statewright.machine.rewriting import Rewritten


class Notation(NamedTuple):
    """One way to write a definition: its title, media type, ending of files, and how it is written."""

    title: str
    media: str
    ending: str
    write: Callable[[dict[str, Any]], Exported]


def _picture(title: str, write: Callable[[Definition], str]) -> Callable[[dict[str, Any]], Exported]:
    return lambda document: Exported(write(_definition(document)), not_drawn(document, title))


def _markdown(document: dict[str, Any]) -> Exported:
    shown = frozenset(("context", "keep", "actions", "entry", "exit"))
    return Exported(markdown_of(_definition(document), document), not_drawn(document, "the table", but=shown))


def _definition(document: dict[str, Any]) -> Definition:
    return msgspec.convert(document, Definition)


EXPORTS: dict[str, Notation] = {
    "xstate": Notation("XState 5", "application/json", ".xstate.json", lambda document: write_xstate(document, 5)),
    "xstate-v6": Notation("XState 6", "application/json", ".xstate6.json", lambda document: write_xstate(document, 6)),
    "scxml": Notation("SCXML", "application/scxml+xml", ".scxml", write_scxml),
    "mermaid": Notation("Mermaid", "text/plain", ".mmd", _picture("Mermaid", mermaid_of)),
    "dot": Notation("DOT", "text/vnd.graphviz", ".dot", _picture("DOT", dot_of)),
    "plantuml": Notation("PlantUML", "text/plain", ".puml", _picture("PlantUML", plantuml_of)),
    "markdown": Notation("Markdown", "text/markdown", ".md", _markdown),
}


def export(text: bytes, to: str) -> Exported:
    """The definition in `text`, which must be well formed, in the notation `to`, one of EXPORTS."""
    return EXPORTS[to].write(document_in(text))


def document_in(text: bytes) -> dict[str, Any]:
    """The document in a text that our reader takes, in the language's own spelling throughout."""
    document: dict[str, Any] = Rewritten(orjson.loads(text)).document
    return document
