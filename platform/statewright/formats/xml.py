"""XML read so that nothing in it can do harm: no DTD, no entities of its own, no outside, bounded in size and depth.

Python's expat is used directly: it says where each element stands, and refuses a declaration before anything is
expanded. Without a document type there are no entities but the five that XML knows, so nothing can grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from statewright.formats.notes import Unreadable

SIZE = 2 * 1024 * 1024
"""The largest text that is read, in bytes."""
DEPTH = 100
ELEMENTS = 100_000


class Element:
    """One element: its namespace and local name, what stands in it, and where it stands.

    `attributes` without a namespace go by their names, others by `{namespace}name`. `way` leads to it from the
    root, as in `/scxml/state[2]`.
    """

    __slots__ = ("attributes", "children", "column", "line", "name", "namespace", "text", "way")

    def __init__(
        self, name: str, attributes: dict[str, str] | None = None, namespace: str = "", text: str = ""
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.attributes = attributes or {}
        self.children: list[Element] = []
        self.text = text
        self.way = ""
        self.line = 1
        self.column = 1

    def get(self, attribute: str, default: str = "") -> str:
        """An attribute's value, or `default`."""
        return self.attributes.get(attribute, default)

    def named(self, *names: str) -> Iterator[Element]:
        """The children of these names, in order."""
        return (child for child in self.children if child.name in names)

    def add(self, *children: Element) -> Element:
        """Itself, with `children` after those it has."""
        self.children.extend(children)
        return self


def read_xml(text: bytes) -> Element:
    """The root element of a document. Raises Unreadable at the first thing that is wrong or not allowed."""
    if len(text) > SIZE:
        raise Unreadable(f"the text has {len(text):,} bytes; at most {SIZE:,} are read")
    return _Reader().read(text)


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype
        self.parser.ExternalEntityRefHandler = self.doctype
        self.open: list[Element] = []
        self.counts: list[dict[str, int]] = [{}]
        self.root: Element | None = None
        self.elements = 0

    def read(self, text: bytes) -> Element:
        try:
            self.parser.Parse(text, True)
        except expat.ExpatError as error:
            sentence = expat.errors.messages.get(error.code, "") and expat.ErrorString(error.code)
            raise Unreadable(f"this is no XML: {sentence or error}", error.lineno, error.offset + 1) from None
        except (LookupError, ValueError) as error:
            raise Unreadable(f"this is no XML: {error}") from None
        if self.root is None:
            raise Unreadable("the document is empty")
        return self.root

    def fault(self, sentence: str) -> Unreadable:
        return Unreadable(sentence, self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)

    def doctype(self, *_: Any) -> int:
        raise self.fault("a document type or an entity is declared here; take the declaration out, nothing needs it")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if self.elements > ELEMENTS:
            raise self.fault(f"more than {ELEMENTS:,} elements")
        if len(self.open) >= DEPTH:
            raise self.fault(f"elements nest deeper than {DEPTH}")
        namespace, _, local = name.rpartition(" ")
        element = Element(local, {_attribute(key): value for key, value in attributes.items()}, namespace)
        element.line, element.column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        number = self.counts[-1][local] = self.counts[-1].get(local, 0) + 1
        element.way = f"{self.open[-1].way}/{local}[{number}]" if self.open else f"/{local}"
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.counts.append({})

    def end(self, _: str) -> None:
        self.open.pop()
        self.counts.pop()

    def characters(self, text: str) -> None:
        self.open[-1].text += text


def _attribute(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local


def write_xml(root: Element, prefixes: dict[str, str]) -> str:
    """A document as text, indented. `prefixes` gives namespaces by prefix; the empty prefix is the default one."""
    by_namespace = {namespace: prefix for prefix, namespace in prefixes.items()}
    declared = {f"xmlns:{prefix}" if prefix else "xmlns": namespace for prefix, namespace in prefixes.items()}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write(root, by_namespace, declared, "", lines)
    return "\n".join(lines) + "\n"


def _write(element: Element, by_namespace: dict[str, str], more: dict[str, str], indent: str, lines: list[str]) -> None:
    prefix = by_namespace.get(element.namespace, "")
    name = f"{prefix}:{element.name}" if prefix else element.name
    attributes = {**more, **{_prefixed(key, by_namespace): value for key, value in element.attributes.items()}}
    opening = "".join(f" {key}={quoteattr(_sound(value))}" for key, value in attributes.items())
    if not element.children and not element.text:
        lines.append(f"{indent}<{name}{opening}/>")
    elif not element.children:
        lines.append(f"{indent}<{name}{opening}>{escape(_sound(element.text))}</{name}>")
    else:
        lines.append(f"{indent}<{name}{opening}>")
        for child in element.children:
            _write(child, by_namespace, {}, indent + "  ", lines)
        lines.append(f"{indent}</{name}>")


def _prefixed(attribute: str, by_namespace: dict[str, str]) -> str:
    if not attribute.startswith("{"):
        return attribute
    namespace, _, local = attribute[1:].rpartition("}")
    return f"{by_namespace[namespace]}:{local}"


def _sound(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold, which become spaces."""
    return "".join(sign if _holds(ord(sign)) else " " for sign in text)


def _holds(point: int) -> bool:
    return point in (9, 10, 13) or 32 <= point < 0xD800 or 0xE000 <= point < 0xFFFE or point > 0xFFFF
