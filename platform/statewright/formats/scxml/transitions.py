"""Transitions of SCXML under our keys, so that the same one is taken as there.

SCXML takes the first transition of a state whose descriptors match, in document order; here the more exact
descriptor comes first. So a descriptor gets, before its own branches, those of wider ones that stand before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from statewright.formats.naming import event_name
from statewright.formats.notes import Ledger
from statewright.formats.scxml.content import Content
from statewright.formats.scxml.timers import matches
from statewright.formats.scxml.tree import Node, Tree
from statewright.formats.scxml.words import ADDED, AFTER, EVENT, OURS
from statewright.formats.xml import Element
from statewright.machine.names import RESERVED_EVENTS


class _Branch(NamedTuple):
    written: Any
    descriptors: tuple[str, ...]
    element: Element


class Transitions:
    """Carries over the transitions of one document."""

    def __init__(self, tree: Tree, ledger: Ledger, content: Content, root: str, *, ours: bool) -> None:
        self.tree = tree
        self.ledger = ledger
        self.content = content
        self.root = root
        self.ours = ours
        self.guards: dict[str, Any] = {}
        self.answers: dict[str, str] = {}
        """The events by which services answer, for those that SCXML's invocations give."""

    def of(self, node: Node, found: dict[str, Any]) -> None:
        """Put all transitions of a state under the keys of `found`."""
        named: list[_Branch] = []
        for element in node.element.named("transition"):
            if element.namespace != node.element.namespace or element.get(ADDED):
                continue
            branch = self.branch(element, node)
            events = [element.get(EVENT)] if EVENT in element.attributes else element.get("event").split()
            if AFTER in element.attributes:
                _add(found.setdefault("after", {}), element.get(AFTER), branch)
            elif not events:
                _add(found, "always", branch)
            else:
                plain = tuple(self._named(events, node, element, branch, found))
                if plain:
                    named.append(_Branch(branch, plain, element))
        if named:
            found["on"] = self._on_ours(named) if self.ours else self._on(named)

    def _named(
        self, events: list[str], node: Node, element: Element, branch: Any, found: dict[str, Any]
    ) -> Iterator[str]:
        """The descriptors that are events; those that say that something is done are put under other keys."""
        for event in events:
            bare = event.removesuffix(".*").removesuffix(".")
            if bare.startswith("done.state."):
                if bare == f"done.state.{node.id}":
                    _add(found, "onDone", branch)
                else:
                    self.ledger.lost(
                        element.way, f"{bare[:60]!r} is not carried: write `onDone` in the state that is done"
                    )
            elif bare in self.answers:
                yield self.answers[bare]
            elif f"{bare}.".startswith(RESERVED_EVENTS):
                self.ledger.lost(
                    element.way, f"no event {bare[:60]!r} ever comes here: an error refuses the whole event"
                )
            elif event == "*" or self.ours:
                yield event
            else:
                name = event_name(bare)
                if name != bare:
                    self.ledger.rewritten(element.way, f"the event {bare[:60]!r} is called {name!r} here")
                yield name
                yield f"{name}.*"

    def _on_ours(self, branches: list[_Branch]) -> dict[str, Any]:
        on: dict[str, Any] = {}
        for branch in branches:
            for descriptor in branch.descriptors:
                _add(on, descriptor, branch.written)
        return on

    def _on(self, branches: list[_Branch]) -> dict[str, Any]:
        on: dict[str, Any] = {}
        for descriptor in dict.fromkeys(each for branch in branches for each in branch.descriptors):
            own = [index for index, branch in enumerate(branches) if descriptor in branch.descriptors]
            chosen = []
            for index, branch in enumerate(branches[: own[-1] + 1]):
                if index in own or any(_covers(wider, descriptor) for wider in branch.descriptors):
                    chosen.append(branch)
                    if _unguarded(branch.written):
                        break
            for branch in (branches[index] for index in own):
                if branch not in chosen and not any(
                    _covers(d, descriptor) for d in branch.descriptors if d != descriptor
                ):
                    self.ledger.lost(
                        branch.element.way, f"on {descriptor!r} an earlier transition is always taken instead"
                    )
            written = [branch.written for branch in chosen]
            on[descriptor] = written[0] if len(written) == 1 else written
        return on

    # --- one transition

    def branch(self, element: Element, holder: Node) -> Any:
        """One transition as a branch; the shorthand where it is nothing but a target."""
        found: dict[str, Any] = {}
        self._targets(element, holder, found)
        if "cond" in element.attributes:
            found["guard"] = self._guard(element)
        actions = self.content.actions(element)
        if actions:
            found["actions"] = actions[0] if len(actions) == 1 else actions
        found = {key: value for key, value in {**found, **keys_in(element)}.items() if value is not None}
        return found["target"] if set(found) == {"target"} and isinstance(found["target"], str) else found

    def _targets(self, element: Element, holder: Node, found: dict[str, Any]) -> None:
        ids = element.get("target").split()
        if not ids:
            return
        nodes = [self.tree.by_id.get(id) for id in ids]
        written = [
            f"#{id}" if node is None else self.tree.target(node, holder, self.root)
            for id, node in zip(ids, nodes, strict=True)
        ]
        for id in (id for id, node in zip(ids, nodes, strict=True) if node is None):
            self.ledger.lost(
                element.way, f"{id[:60]!r} is no state of this document; the target is kept for you to mend"
            )
        found["target"] = written[0] if len(written) == 1 else written
        internal = element.get("type") == "internal" and holder.kind == "state" and bool(holder.children)
        if all(node is not None and _may_lead_in(node, holder) for node in nodes) and not (
            internal and all(node is not None and _stays_in(node, holder) for node in nodes)
        ):
            found["reenter"] = True

    def _guard(self, element: Element) -> Any:
        text = element.get("cond").strip()
        said = self.content.value(text)
        if said is not None and isinstance(said[0], bool):
            return {"@expr": "true" if said[0] else "false"}
        if said is not None and isinstance(said[0], dict) and "@expr" in said[0]:
            if not self.ours and re.search(r"context\.|event\.", said[0]["@expr"]):
                self.ledger.rewritten(element.way, "this condition was written for another language: look it over")
            return said[0]
        keys = keys_in(element)
        if "guard" in keys:
            return keys["guard"]
        name = f"guard_{len(self.guards) + 1}"
        self.guards[name] = {"when": None}
        self.ledger.rewritten(element.way, f"the condition {text[:80]!r} is the guard {name!r} now: fill in its `when`")
        return name


def keys_in(element: Element) -> dict[str, Any]:
    """What only our language has, as our export wrote it into an element; empty without it."""
    for inner in element.children:
        if inner.namespace == OURS and inner.name == "keys":
            try:
                found = orjson.loads(inner.text)
            except orjson.JSONDecodeError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def _add(place: dict[str, Any], key: str, branch: Any) -> None:
    if key in place:
        before = place[key]
        place[key] = [*(before if isinstance(before, list) else [before]), branch]
    else:
        place[key] = branch


def _unguarded(branch: Any) -> bool:
    return isinstance(branch, str) or "guard" not in branch


def _covers(wider: str, descriptor: str) -> bool:
    """Whether a descriptor of ours takes whatever another takes, and more."""
    if wider == descriptor:
        return False
    if wider == "*":
        return True
    bare = descriptor.removesuffix(".*")
    return wider.endswith(".*") and bare != wider.removesuffix(".*") and matches(wider, bare)


def _may_lead_in(target: Node, holder: Node) -> bool:
    """Whether a target is a state or lies in it, or is a history that may turn out to lead there."""
    if target.kind != "history" or target.parent is None:
        return target.is_in(holder)
    return target.parent.is_in(holder) or holder.is_in(target.parent)


def _stays_in(target: Node, holder: Node) -> bool:
    """Whether a target certainly lies below a state; the children of those around it a shallow history may restore."""
    if target.kind == "history" and not target.is_in(holder):
        return target.element.get("type") == "deep"
    return target.is_in(holder) and target is not holder
