"""The states of an XState machine with the names they get here, and what its targets mean in XState."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from statewright.formats.naming import Names, state_name, type_name
from statewright.formats.notes import Unreadable
from statewright.machine.problem import pointer_of

STATES = 10_000
"""More states than this are not read at all; ten times what a definition may have."""


class Node:
    """One state of the machine, or the machine itself: as it is written there, and by what name it goes here."""

    def __init__(self, raw: dict[str, Any], key: str, name: str, parent: Node | None, pointer: str) -> None:
        self.raw = raw
        self.key = key
        self.name = name
        self.parent = parent
        self.pointer = pointer
        self.children: dict[str, Node] = {}
        self.id: str | None = None
        """The id that it has here; of the machine itself, its entity type."""

    @property
    def path(self) -> str:
        """Its path here; empty for the machine itself."""
        if self.parent is None:
            return ""
        return f"{self.parent.path}.{self.name}" if self.parent.parent is not None else self.name

    def below(self) -> Iterator[Node]:
        """All states in it, in document order."""
        for child in self.children.values():
            yield child
            yield from child.below()

    def is_in(self, other: Node) -> bool:
        """Whether it is `other` or lies in it."""
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False


class Tree:
    """All states, and the ids by which XState knows them."""

    def __init__(self, raw: dict[str, Any], name: str) -> None:
        written = raw.get("id")
        self.old_id = written if isinstance(written, str) and written else str(raw.get("key") or name)
        self.root = Node(raw, self.old_id, "", None, "")
        self.root.id = type_name(self.old_id)
        delimiter = raw.get("delimiter")
        self.delimiter = delimiter if isinstance(delimiter, str) and delimiter else "."
        self.count = 0
        self._by_id: dict[str, Node] = {self.old_id: self.root}
        self._ids = Names([self.root.id])
        self._grow(self.root, self.old_id)

    def _grow(self, node: Node, full: str) -> None:
        written = node.raw.get("states")
        names = Names()
        for key, raw in written.items() if isinstance(written, dict) else ():
            self.count += 1
            if self.count > STATES:
                raise Unreadable(f"more than {STATES:,} states; a definition may have 1,000")
            raw = raw if isinstance(raw, dict) else {}
            child = Node(raw, key, names.take(state_name(key)), node, node.pointer + pointer_of("states", key))
            node.children[key] = child
            own = f"{full}{self.delimiter}{key}"
            self._by_id.setdefault(own, child)
            if isinstance(id := raw.get("id"), str) and id and id != own:
                self._by_id.setdefault(id, child)
                child.id = self._ids.take(state_name(id))
            self._grow(child, own)

    def own_id(self, node: Node) -> str:
        """The id that XState gives a state: its own, or the keys that lead to it."""
        written = node.raw.get("id")
        if isinstance(written, str) and written and node.parent is not None:
            return written
        return self.old_id if node.parent is None else f"{self._full(node.parent)}{self.delimiter}{node.key}"

    def _full(self, node: Node) -> str:
        return self.old_id if node.parent is None else f"{self._full(node.parent)}{self.delimiter}{node.key}"

    def by_id(self, id: str) -> tuple[Node, list[str]] | None:
        """The state with an id and the keys that follow, where they lead to a state.

        The shortest id is tried first, as XState 5 does; in version 4 ids may hold dots.
        """
        steps = self._steps(id)
        for length in range(1, len(steps) + 1):
            found = self._by_id.get(self.delimiter.join(steps[:length]))
            if found is not None and _down(found, steps[length:]) is not None:
                return found, steps[length:]
        return None

    def resolve(self, target: str, holder: Node) -> Node | None:
        """The state that a target means where `holder` writes it; None where there is none."""
        found = self._base(target, holder)
        return None if found is None else _down(*found)

    def _base(self, target: str, holder: Node) -> tuple[Node, list[str]] | None:
        if target.startswith("#"):
            return self.by_id(target[1:])
        if target.startswith(self.delimiter):
            return self._below(holder, target[len(self.delimiter) :])
        return self._below(holder.parent or holder, target)

    def _below(self, base: Node, keys: str) -> tuple[Node, list[str]]:
        """The keys of a path; a key that holds the delimiter itself is taken whole where it could be nothing else."""
        steps = self._steps(keys)
        return base, [keys] if _down(base, steps) is None and keys in base.children else steps

    def _steps(self, keys: str) -> list[str]:
        """The keys, parted at the delimiters that no backslash stands before."""
        if "\\" not in keys:
            return keys.split(self.delimiter)
        parts = re.split(rf"(?<!\\){re.escape(self.delimiter)}", keys)
        return [part.replace(f"\\{self.delimiter}", self.delimiter) for part in parts]

    def written(self, target: str, holder: Node) -> str | None:
        """The same target in the names used here and in the same form; None where it means no state."""
        found = self._base(target, holder)
        if found is None or (to := _down(*found)) is None:
            return None
        base, keys = found
        names, node = [], base
        for key in keys:
            node = node.children[key]
            names.append(node.name)
        if target.startswith("#"):
            while base.id is None and base.parent is not None:
                names.insert(0, base.name)
                base = base.parent
            return "#" + ".".join([base.id or "", *names])
        if target.startswith(self.delimiter) or (holder.parent is None and to is not holder):
            return "." + ".".join(names)
        return ".".join(names)


def _down(node: Node, keys: list[str]) -> Node | None:
    for key in keys:
        child = node.children.get(key)
        if child is None:
            return None
        node = child
    return node
