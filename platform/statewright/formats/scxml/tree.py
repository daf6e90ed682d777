"""The states of an SCXML document, with the names they get here."""

from __future__ import annotations

from collections.abc import Iterator

from statewright.formats.naming import Names, state_name
from statewright.formats.notes import Unreadable
from statewright.formats.scxml.words import ADDED, KEY, KINDS
from statewright.formats.xml import Element

STATES = 10_000


class Node:
    """One state, or the document itself (`parent` None)."""

    def __init__(self, element: Element, id: str, name: str, parent: Node | None) -> None:
        self.element = element
        self.id = id
        self.name = name
        self.parent = parent
        self.children: list[Node] = []

    @property
    def path(self) -> str:
        """Its path here; empty for the document itself."""
        if self.parent is None:
            return ""
        return f"{self.parent.path}.{self.name}" if self.parent.parent is not None else self.name

    @property
    def kind(self) -> str:
        """`scxml`, `state`, `parallel`, `final` or `history`."""
        return self.element.name

    def below(self) -> Iterator[Node]:
        """All states in it, in document order."""
        for child in self.children:
            yield child
            yield from child.below()

    def line_up(self) -> Iterator[Node]:
        """Itself, its parent and so on."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def is_in(self, other: Node) -> bool:
        """Whether it is `other` or lies in it."""
        return any(node is other for node in self.line_up())


class Tree:
    """All states by id."""

    def __init__(self, root: Element) -> None:
        self.root = Node(root, "", "", None)
        self.by_id: dict[str, Node] = {}
        self.twice: list[Node] = []
        self.count = 0
        self._grow(self.root)

    def _grow(self, parent: Node) -> None:
        names = Names()
        for element in parent.element.children:
            if element.name not in KINDS or element.namespace != parent.element.namespace or element.get(ADDED):
                continue
            self.count += 1
            if self.count > STATES:
                raise Unreadable(
                    f"more than {STATES:,} states; a definition may have 1,000", element.line, element.column
                )
            id = element.get("id").strip()
            wanted = element.get(KEY) or state_name(id.removeprefix(f"{parent.id}.") if parent.id else id) if id else ""
            node = Node(element, id, names.take(wanted or element.name), parent)
            parent.children.append(node)
            if id and id in self.by_id:
                self.twice.append(node)
            elif id:
                self.by_id[id] = node
            self._grow(node)

    def target(self, to: Node, holder: Node, root: str) -> str:
        """A target as it is written in `holder`: a sibling or a child by name, others by their paths from the root."""
        if to.parent is holder:
            return f".{to.name}"
        if to.parent is holder.parent and holder.parent is not None:
            return to.name
        return f"#{root}.{to.path}" if to.path else f"#{root}"
