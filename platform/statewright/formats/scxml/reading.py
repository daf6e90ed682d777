"""Reading an SCXML document into a document of our language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from statewright.formats.ecmascript import constant_of
from statewright.formats.naming import event_name, type_name
from statewright.formats.notes import Imported, Ledger, Note, Unreadable
from statewright.formats.proposing import context_schema
from statewright.formats.scxml.content import Content
from statewright.formats.scxml.timers import Timers
from statewright.formats.scxml.transitions import Transitions, keys_in
from statewright.formats.scxml.tree import Node, Tree
from statewright.formats.scxml.words import ADDED, KEY, KINDS, OURS, ROOT, SCXML, START
from statewright.formats.written import in_order
from statewright.formats.xml import Element, read_xml
from statewright.machine.names import fault_of_state_name
from statewright.machine.reading import read_definition

_LABEL = 200
_INSIDE = frozenset((*KINDS, "onentry", "onexit", "transition", "initial", "datamodel", "invoke"))
_NO_PLACE = {
    "donedata": "keep what is needed in the data",
    "script": "the platform runs no code",
    "finalize": "keep what is needed by `keep`",
}


def read_scxml(text: bytes, *, name: str = "machine") -> Imported:
    """Read an SCXML document; `name` is what its machine is called where it has no name of its own.

    Raises Unreadable when the text is no XML, holds a document type or entities, or is no SCXML.
    """
    root = read_xml(text)
    if root.name != "scxml" or root.namespace not in (SCXML, ""):
        raise Unreadable(f"the root element is <{root.name}>, not <scxml> of {SCXML}", root.line, root.column)
    reader = _Document(root, name)
    document = in_order(reader.document())
    notes = tuple(sorted(_placed(reader.ledger.notes, root), key=lambda note: (note.line or 0, note.column or 0)))
    return Imported(document, notes, read_definition(orjson.dumps(document)))


def _placed(notes: list[Note], root: Element) -> Iterator[Note]:
    places = dict(_places(root))
    for note in dict.fromkeys(notes):
        line, column = places.get(note.pointer, (root.line, root.column))
        yield msgspec.structs.replace(note, line=line, column=column)


def _places(element: Element) -> Iterator[tuple[str, tuple[int, int]]]:
    yield element.way, (element.line, element.column)
    for each in element.children:
        yield from _places(each)


class _Document:
    def __init__(self, element: Element, name: str) -> None:
        self.whole = element
        self.ledger = Ledger()
        self.ours = keys_in(element)
        wrapped = next((each for each in element.named("state", "parallel") if each.get(ROOT)), None)
        self.element = element if wrapped is None else wrapped
        self.tree = Tree(self.element)
        self.tree.root.id = self.element.get("id")
        written = element.get("name") or name
        self.id = type_name(written)
        self.label = None if self.id == written or not element.get("name") else written[:_LABEL]
        self.data = dict(self._data())
        self.content = Content(self.ledger, set(self.data), self._path_of)
        self.transitions = Transitions(self.tree, self.ledger, self.content, self.id, ours=bool(self.ours))
        for node in (self.tree.root, *self.tree.root.below()):
            self._invocations_of(node)
        self.timers = Timers(self.tree, self.content, self.ledger)

    def _path_of(self, id: str) -> str | None:
        node = self.tree.by_id.get(id)
        return None if node is None or "'" in node.path or "\\" in node.path else node.path

    def document(self) -> dict[str, Any]:
        for node in self.tree.twice:
            self.ledger.lost(node.element.way, f"the id {node.id[:60]!r} comes twice: targets lead to the first")
        found: dict[str, Any] = {"id": self.id, **({"label": self.label} if self.label else {})}
        found |= self._state(self.tree.root)
        if self.element.name == "parallel":
            found["type"] = "parallel"
        elif found.get("type") == "compound":
            del found["type"]
        found.setdefault("states", {})
        if self.data:
            found["context"] = self.data
            found["schemas"] = {"context": context_schema(self.data)}
            if not self.ours:
                self.ledger.rewritten("/scxml", "a schema of the data is proposed from the data model: look it over")
        if self.transitions.guards:
            found["guards"] = self.transitions.guards
        if self.timers.delays:
            found["delays"] = self.timers.delays
        laid = {key: value for key, value in self.ours.items() if key != "language"}
        return {key: value for key, value in {**found, **laid}.items() if value is not None}

    # --- the data model

    def _data(self) -> Iterator[tuple[str, Any]]:
        for model in self._of_kind(self.whole, "datamodel"):
            for item in model.named("data"):
                id, text = item.get("id"), item.get("expr") or item.text
                constant = constant_of(text) if text.strip() else None
                if not id:
                    self.ledger.lost(item.way, "this <data> has no id")
                elif constant is not None:
                    yield id, constant.value
                else:
                    yield id, None
                    if text.strip() or item.get("src"):
                        self.ledger.lost(item.way, f"the first value of {id[:60]!r} is code: it begins as null")

    def _of_kind(self, element: Element, name: str) -> Iterator[Element]:
        for each in element.children:
            if each.namespace == self.whole.namespace and each.name == name:
                yield each
            elif each.name in KINDS:
                yield from self._of_kind(each, name)

    # --- states

    def _state(self, node: Node) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._name(node, found)
        if node.kind in ("parallel", "final", "history"):
            found["type"] = node.kind
        if node.kind == "history":
            self._history(node, found)
            return {key: value for key, value in {**found, **self._laid(node)}.items() if value is not None}
        for key, name in (("entry", "onentry"), ("exit", "onexit")):
            actions = [
                each for block in node.element.named(name) if not block.get(ADDED) for each in self._actions(block)
            ]
            if actions:
                found[key] = actions[0] if len(actions) == 1 else actions
        self._invoked(node, found)
        self._children(node, found)
        self.transitions.of(node, found)
        for key, branch in self.timers.branches(node).items():
            found.setdefault("after", {})[key] = branch
        self._leftovers(node)
        laid = self._laid(node)
        order = laid.pop("on", None)
        if isinstance(order, list):
            on = found.get("on", {})
            found["on"] = {key: on[key] for key in (*order, *on) if key in on}
        return {key: value for key, value in {**found, **laid}.items() if value is not None}

    def _laid(self, node: Node) -> dict[str, Any]:
        return {} if node.element is self.whole else keys_in(node.element)

    def _name(self, node: Node, found: dict[str, Any]) -> None:
        if node.parent is None or not node.id or node.element.get(KEY):
            return
        if fault_of_state_name(node.id.removeprefix(f"{node.parent.id}.")) is not None:
            found["label"] = node.id[:_LABEL]
            self.ledger.rewritten(node.element.way, f"the state is called {node.name!r} here, and its id is the label")

    def _actions(self, block: Element) -> list[Any]:
        left = [each for each in block.children if each not in self.timers.taken and not each.get(ADDED)]
        kept = Element(block.name, namespace=block.namespace).add(*left)
        return self.content.actions(kept)

    def _history(self, node: Node, found: dict[str, Any]) -> None:
        if node.element.get("type") == "deep":
            found["history"] = "deep"
        elif node.element.get("type") == "shallow":
            found["history"] = "shallow"
        transition = next(node.element.named("transition"), None)
        if transition is None or node.parent is None:
            return
        targets = [self.tree.by_id[id] for id in transition.get("target").split() if id in self.tree.by_id]
        if len(targets) == 1 and not transition.children:
            found["target"] = self.tree.target(targets[0], node, self.id)

    def _children(self, node: Node, found: dict[str, Any]) -> None:
        if not node.children:
            return
        states = {child.name: self._state(child) for child in node.children}
        for child in node.children:
            if child.kind == "history":
                self._history_of_several(child, states)
        if node.kind != "parallel":
            found["initial"] = self._initial(node, states)
        found["states"] = states

    def _initial(self, node: Node, states: dict[str, Any]) -> str:
        inner = next(node.element.named("initial"), None)
        transition = None if inner is None else next(inner.named("transition"), None)
        ids = node.element.get("initial").split() or (
            transition.get("target").split() if transition is not None else []
        )
        targets = [self.tree.by_id[id] for id in ids if id in self.tree.by_id]
        for id in (id for id in ids if id not in self.tree.by_id):
            self.ledger.lost(node.element.way, f"`initial` names {id[:60]!r}, which is no state of this document")
        actions = [] if transition is None else self.content.actions(transition)
        if not targets:
            return next((child.name for child in node.children if child.kind != "history"), node.children[0].name)
        if len(targets) == 1 and targets[0].parent is node and not actions:
            return targets[0].name
        return self._start(node.element.way, targets, actions, states)

    def _start(self, way: str, targets: list[Node], actions: list[Any], states: dict[str, Any]) -> str:
        name = START
        while name in states:
            name = f"_{name}"
        written = [f"#{self.id}.{target.path}" for target in targets]
        branch: dict[str, Any] = {"target": written[0] if len(written) == 1 else written}
        if actions:
            branch["actions"] = actions[0] if len(actions) == 1 else actions
        states[name] = {"always": branch}
        self.ledger.rewritten(way, f"one child is entered first here: the state {name!r} leads on from there at once")
        return name

    def _history_of_several(self, node: Node, states: dict[str, Any]) -> None:
        transition = next(node.element.named("transition"), None)
        if self.ours or transition is None or "target" in states[node.name]:
            return
        targets = [self.tree.by_id[id] for id in transition.get("target").split() if id in self.tree.by_id]
        if targets:
            actions = self.content.actions(transition)
            states[node.name]["target"] = self._start(node.element.way, targets, actions, states)

    # --- what is left

    def _invocations_of(self, node: Node) -> None:
        for index, element in enumerate(node.element.named("invoke")):
            src = self._src(element, index)
            if element.get("id"):
                id = element.get("id")
                self.transitions.answers[f"done.invoke.{id}"] = f"{src}.succeeded"
                self.transitions.answers[f"error.platform.{id}"] = f"{src}.failed"
            self.transitions.answers.setdefault("done.invoke", f"{src}.succeeded")
            self.ledger.rewritten(
                element.way,
                f"nothing is invoked here: on entry `{src}.requested` is emitted, and a service answers with "
                f"`{src}.succeeded` or `{src}.failed`",
            )
            for inner in element.children:
                if inner.namespace == element.namespace and inner.name != "param":
                    self.ledger.lost(inner.way, f"<{inner.name}> of an invocation has no place here")

    def _src(self, element: Element, index: int) -> str:
        written = element.get("id") or element.get("src").rpartition("/")[2].removesuffix(".scxml")
        return event_name((written or f"service_{index + 1}")[:80])

    def _invoked(self, node: Node, found: dict[str, Any]) -> None:
        requests: list[Any] = []
        for index, element in enumerate(node.element.named("invoke")):
            event: dict[str, Any] = {"type": f"{self._src(element, index)}.requested"}
            for param in element.named("param"):
                value = self.content.value(param.get("expr") or param.get("location"))
                if value is None or param.get("name") in ("", "type"):
                    self.ledger.lost(param.way, f"the field {param.get('name')[:60]!r} is code and not sent along")
                else:
                    event[param.get("name")] = value[0]
            requests.append({"type": "emit", "event": event})
        if requests:
            before = found.get("entry", [])
            found["entry"] = [*(before if isinstance(before, list) else [before]), *requests]

    def _leftovers(self, node: Node) -> None:
        for each in node.element.children:
            if each.namespace == OURS or each.get(ADDED):
                continue
            if each.namespace != node.element.namespace:
                self.ledger.lost(each.way, f"<{each.name}> is of another tool and not carried")
            elif each.name not in _INSIDE:
                why = _NO_PLACE.get(each.name, "SCXML has no such element here")
                self.ledger.lost(each.way, f"<{each.name}> is not carried: {why}")
